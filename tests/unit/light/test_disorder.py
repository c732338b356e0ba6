"""Made-up files with a known number of faults, in any order, split and sent again, without Spark."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from random import Random

import pytest
from strata.light.local.run import Report, run

from bench.fleet_data import Faults, Fleet, write

FAULTS = Faults(**{each.name: 3 for each in fields(Faults)})
FLEET = Fleet(rows=3000, vehicles=50, span_s=7200, files=3, faults=FAULTS)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write(folder, FLEET)
    return folder


def judge(raw: Path, events: Path, out: Path) -> tuple[Report, set[tuple[str, ...]]]:
    report = run([str(events)], [str(raw / "vehicles")], out)
    with (out / "accepted.csv").open(newline="") as file:
        # Where a fix was told is how the files arrived.
        return report, {tuple(list(row.values())[:9]) for row in csv.DictReader(file)}


def test_every_planted_fault_is_found_and_no_other(raw: Path, tmp_path: Path) -> None:
    report, _ = judge(raw, raw / "events", tmp_path)
    assert (report.rejected, report.folded) == (FAULTS.rejected, FAULTS.repeats)
    # A record without a vehicle has an unknown one too, and so has two reasons.
    assert sum(report.reasons.values()) == FAULTS.rejected + FAULTS.vehicle_missing
    assert report.reasons["lat must be in [-90, 90]"] == 3
    assert report.reasons["fuel_level must be a number in [0, 100]"] == 6


def test_the_same_seed_makes_the_same_files(raw: Path, tmp_path: Path) -> None:
    write(tmp_path, FLEET)
    for path in raw.rglob("*.*"):
        assert (tmp_path / path.relative_to(raw)).read_bytes() == path.read_bytes()


def disorder(raw: Path, chance: Random) -> Iterator[list[str]]:
    """The records shuffled over five files, a third of them twice."""
    records = [
        line
        for path in sorted((raw / "events").rglob("*.csv"))
        for line in path.read_text().splitlines()[1:]
    ]
    records += chance.sample(records, len(records) // 3)
    chance.shuffle(records)
    yield from (records[number::5] for number in range(5))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_records_and_files_does_not_matter(
    raw: Path, tmp_path: Path, seed: int
) -> None:
    _, expected = judge(raw, raw / "events", tmp_path / "one")
    events = tmp_path / "events" / f"delivery={FLEET.delivery}"
    events.mkdir(parents=True)
    header = "vehicle_id,timestamp,lat,lon,speed_kmh,engine_status,fuel_level"
    for number, records in enumerate(disorder(raw, Random(seed))):
        (events / f"{number}.csv").write_text("\n".join([header, *records]) + "\n")
    report, found = judge(raw, events, tmp_path / "other")
    assert found == expected
    assert report.accepted + report.rejected + report.folded == report.records
