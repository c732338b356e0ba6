#!/bin/sh
# @dsnp/parquetjs reads unsigned numbers as negative ones, and of a timestamp as Spark writes it
# only the time of the day. Found with @dsnp/parquetjs 1.8.8 (npm; needs node) and pyarrow 26.0.1;
# exits non-zero if that changes.
#
# Expected: Parquet's LogicalTypes.md: INT(32, false) and INT(64, false) are unsigned, stored in
# INT32 and INT64. parquetjs lists UINT_32 and UINT_64 among its types. INT96, Spark's default for
# timestamps, is eight bytes of nanoseconds of the day and four of the Julian day.
# Seen: 4294967295 is -1, and an S2 cell of face 4, above 2^63, is negative. Of INT96 the day is
# dropped: 12:00 of any day is 43200000000000. hyparquet reads all of them right. A reader opened
# with treatInt96AsTimestamp: true gives dates; its README does not name that option.
# Strata's tables have no unsigned numbers.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyarrow==26.0.1"
cd "$work"
npm install --silent --no-audit --no-fund "@dsnp/parquetjs@1.8.8" "hyparquet@1.31.5"
"$work/venv/bin/python" - <<'PYTHON'
import datetime

import pyarrow
from pyarrow import parquet

print("pyarrow", pyarrow.__version__)
table = pyarrow.table(
    {
        "u32": pyarrow.array([4294967295, 7, 7], pyarrow.uint32()),
        "u64": pyarrow.array([9749618446378729472, 7, 7], pyarrow.uint64()),
        "at": pyarrow.array(
            [
                datetime.datetime(2024, 2, 29, 12),
                datetime.datetime(1999, 12, 31, 12),
                datetime.datetime(2024, 2, 29),
            ],
            pyarrow.timestamp("us"),
        ),
    }
)
parquet.write_table(table, "fixes.parquet", use_deprecated_int96_timestamps=True)
PYTHON
cat > show.mjs <<'JAVASCRIPT'
import fs from "node:fs";
import parquetjs from "@dsnp/parquetjs";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";

const manifest = JSON.parse(fs.readFileSync("node_modules/@dsnp/parquetjs/package.json"));
console.log("@dsnp/parquetjs", manifest.version);

async function read(options) {
  const reader = await parquetjs.ParquetReader.openFile("fixes.parquet", options);
  const cursor = reader.getCursor();
  const rows = [];
  for (let row = await cursor.next(); row; row = await cursor.next()) rows.push(row);
  await reader.close();
  return rows;
}
const text = (value) => (value instanceof Date ? value.toISOString() : String(value));
const names = ["u32", "u64", "at"];
const columns = (rows) =>
  Object.fromEntries(names.map((name) => [name, rows.map((row) => text(row[name]))]));

const file = await asyncBufferFromFile("fixes.parquet");
const witness = columns(await parquetReadObjects({ file }));
const found = columns(await read({}));
const asked = columns(await read({ treatInt96AsTimestamp: true }));
console.log("hyparquet:", witness);
console.log("parquetjs:", found);
console.log("parquetjs, treatInt96AsTimestamp:", asked.at);
const days = ["2024-02-29T12:00:00.000Z", "1999-12-31T12:00:00.000Z", "2024-02-29T00:00:00.000Z"];
const expected = [
  { u32: ["4294967295", "7", "7"], u64: ["9749618446378729472", "7", "7"], at: days },
  {
    u32: ["-1", "7", "7"],
    u64: ["-8697125627330822144", "7", "7"],
    at: ["43200000000000", "43200000000000", "0"],
  },
  days,
];
if (JSON.stringify([witness, found, asked.at]) !== JSON.stringify(expected)) {
  console.error("the behaviour has changed");
  process.exit(1);
}
JAVASCRIPT
node show.mjs
