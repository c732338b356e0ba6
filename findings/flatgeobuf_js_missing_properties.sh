#!/bin/sh
# flatgeobuf's JavaScript writer turns a property that a feature lacks into false or NaN, and
# leaves out a property that the first feature lacks. Found with flatgeobuf 4.5.0 (npm; needs
# node); exits non-zero if that changes.
#
# Expected: RFC 7946, section 3.2: the properties of a feature are any JSON object, so features
# may differ in theirs. FlatGeobuf's own reader in Rust and GDAL take a property that is not
# written as NULL, and the writer itself leaves out what is null.
# Seen: the columns are those of the first feature, by the type of its values. A later feature
# without them has false, NaN and "" there; what only it has is lost; the text "no" in a column of
# booleans is false, "12,5" in one of numbers is NaN. Nothing is told. Who gives every feature
# every property, with null where there is none, gets the nulls back.
# Strata takes NaN in a FlatGeobuf as a gap (docs/FIELD_CASES.md); false cannot be told from
# false.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund "flatgeobuf@4.5.0"
cat > show.mjs <<'JAVASCRIPT'
import fs from "node:fs";
import { geojson } from "flatgeobuf";

const manifest = JSON.parse(fs.readFileSync("node_modules/flatgeobuf/package.json"));
console.log("flatgeobuf", manifest.version);
const point = { type: "Point", coordinates: [5.9, 50.1] };

async function roundTrip(...rows) {
  const features = rows.map((properties) => ({ type: "Feature", properties, geometry: point }));
  const bytes = geojson.serialize({ type: "FeatureCollection", features });
  const read = [];
  for await (const feature of geojson.deserialize(bytes)) read.push(feature.properties);
  const show = ([name, value]) => `${name}=${Number.isNaN(value) ? "NaN" : JSON.stringify(value)}`;
  const text = read.map((row) => Object.entries(row).map(show).join(" "));
  console.log(JSON.stringify(rows), "is read as", text.join(" | "));
  return text[1];
}

const seen = [
  await roundTrip({ limed: true, clay: 21.5, name: "a" }, { name: "b" }),
  await roundTrip({ name: "a" }, { name: "b", clay: 30.5 }),
  await roundTrip({ limed: true, clay: 21.5 }, { limed: "no", clay: "12,5" }),
  await roundTrip({ limed: true, clay: 21.5 }, { limed: null, clay: null }),
];
const expected = [
  'limed=false clay=NaN name="b"',
  'name="b"',
  "limed=false clay=NaN",
  "",
];
if (JSON.stringify(seen) !== JSON.stringify(expected)) {
  console.error("the behaviour has changed", seen);
  process.exit(1);
}
JAVASCRIPT
node show.mjs
