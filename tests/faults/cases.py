"""The feeds that the harness holds, a line each, and their input: cut into records, so that it may
arrive in any way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.conftest import TOY

SAMPLES = TOY.parents[1] / "samples"


@dataclass(frozen=True)
class RawFile:
    """A raw file as records, with what stands around them."""

    source: str
    name: str
    """Its path in the source's folder: a delivery's date stands there."""
    records: tuple[str, ...]
    head: str = ""
    between: str = "\n"
    tail: str = "\n"

    def text(self, records: tuple[str, ...]) -> str:
        return self.head + self.between.join(records) + self.tail


@dataclass(frozen=True)
class Case:
    """One feed's input for the harness."""

    feed: str
    parted: tuple[str, ...]
    """The files of the samples whose records may arrive in any parts; the others come whole, and
    first.
    """
    counted: tuple[str, ...] = ()
    """Those of which a record that stands twice in one file tells something: two equal lines of a
    sale without ids may both have been sold, so their copies are counted and told.
    """
    keep: Callable[[str], bool] = bool
    """Which of the samples' records are used: few, so that a run is short."""

    def files(self) -> list[RawFile]:
        folder = OWN / self.feed if (OWN / self.feed).is_dir() else SAMPLES / self.feed
        sources = [
            path for path in sorted(folder.iterdir()) if path.name != "licences" and path.is_dir()
        ]
        found = [
            read(source, path)
            for source in sources
            for path in sorted(source.rglob("*"))
            if path.is_file()
        ]
        kept = [
            RawFile(
                f.source, f.name, tuple(filter(self.keep, f.records)), f.head, f.between, f.tail
            )
            for f in found
        ]
        return [file for file in kept if file.records]

    def deliver(self, raw: Path, files: list[RawFile]) -> None:
        for file in files:
            path = raw / self.feed / file.source / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text(file.records), encoding="utf-8", newline="")

    def halves(self) -> tuple[list[RawFile], list[RawFile]]:
        """Two deliveries: every other record, and the rest."""
        first, second = [], []
        for file in self.files():
            if Path(file.name).name in self.parted and len(file.records) > 1:
                first.append(_part(file, "1", file.records[::2]))
                second.append(_part(file, "2", file.records[1::2]))
            else:
                first.append(file)
        return first, second

    def disorder(self, chance: Random, deliveries: int) -> Iterator[list[RawFile]]:
        """The same records shuffled, cut anywhere, some twice, some files sent again under another
        name.
        """
        cut: list[list[RawFile]] = [[] for _ in range(deliveries)]
        for file in self.files():
            if Path(file.name).name not in self.parted:
                cut[0].append(file)
                continue
            records = list(file.records)
            chance.shuffle(records)
            places = sorted(chance.randrange(len(records) + 1) for _ in range(deliveries - 1))
            for number, (start, end) in enumerate(
                zip([0, *places], [*places, len(records)], strict=True)
            ):
                again = (
                    chance.sample(file.records, min(2, len(file.records)))
                    if chance.random() < 0.5
                    else []
                )
                part = (*records[start:end], *again)
                if again and Path(file.name).name in self.counted:
                    part = tuple(records[start:end])
                    cut[number].append(_part(file, f"{number}-some", tuple(again)))
                if part:
                    cut[number].append(_part(file, f"{number}", part))
                if part and chance.random() < 0.5:
                    cut[chance.randrange(number, deliveries)].append(
                        _part(file, f"{number}-again", part)
                    )
        yield from cut


def _part(file: RawFile, name: str, records: tuple[str, ...]) -> RawFile:
    path = Path(file.name)
    return RawFile(
        file.source,
        str(path.with_stem(f"{path.stem}-{name}")),
        records,
        file.head,
        file.between,
        file.tail,
    )


def read(folder: Path, path: Path) -> RawFile:
    """Cuts a CSV, a JSON array, a GeoJSON collection or a stream of JSON objects into records."""
    text = path.read_text(encoding="utf-8-sig")
    source, name = folder.name, str(path.relative_to(folder))
    if path.suffix == ".csv":
        header, *lines = text.splitlines()
        assert all(line.count('"') % 2 == 0 for line in lines), (
            f"{path}: records with line ends in them are not cut here"
        )
        return RawFile(source, name, tuple(lines), header + "\n")
    objects = list(_objects(text))
    if len(objects) == 1 and isinstance(objects[0], list):
        return RawFile(source, name, tuple(map(json.dumps, objects[0])), "[", ",\n", "]\n")
    if len(objects) == 1 and "features" in objects[0]:
        features = tuple(map(json.dumps, objects[0]["features"]))
        return RawFile(
            source, name, features, '{"type": "FeatureCollection", "features": [', ",\n", "]}\n"
        )
    return RawFile(source, name, tuple(map(json.dumps, objects)))


def _objects(text: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(), 0
    while place < len(text.rstrip()):
        found, place = decoder.raw_decode(
            text, place + len(text[place:]) - len(text[place:].lstrip())
        )
        yield found


OWN = Path(__file__).parent / "raw"
"""Input made for the harness, where the samples are too many or do not hold every source."""


# One line a feed: its name, the files whose records come in parts, and, where they are many, which
# of them to use.
CASES = {
    case.feed: case
    for case in (
        Case("toy", ("shops.csv", "sales.csv")),
        Case(
            "commerce",
            ("states.csv", "order_items.csv", "invoices.csv"),
            counted=("invoices.csv",),
        ),
        Case(
            "launches",
            ("spacex_launches_v5.json",),
            keep=lambda record: '"date_utc": "2021' in record,
        ),
        Case(
            "fleet",
            ("generated_hour_1.csv", "capmetro_2016-05-30.csv"),
            keep=lambda record: "VH_0001" in record or "2221" in record,
        ),
        Case("residents", ("users_made_up.json",)),
        Case("soil", ("limesoda_europe_soc_clay.csv",)),
    )
}
