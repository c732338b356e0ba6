"""`strata light run` on the samples, against an independent program; what it leaves behind."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strata.errors import BadFile
from strata.light.local.bloom import Seen
from strata.light.local.run import run
from strata.light.order import CONFLICT, REPEATED, SUPERSEDED

from tests.feeds import oracle_fleet as oracle

SAMPLES = Path(__file__).parents[3] / "samples" / "fleet"
HEADER = "vehicle_id,timestamp,lat,lon,speed_kmh,engine_status,fuel_level\n"
CAR = {"v": {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_samples_come_out_as_an_independent_program_says(tmp_path: Path) -> None:
    report = run([str(SAMPLES / "events")], [str(SAMPLES / "vehicles")], tmp_path)
    found = oracle.read(SAMPLES)
    with (tmp_path / "accepted.csv").open(newline="") as file:
        accepted = {
            (row["vehicle_id"], dt.datetime.fromisoformat(row["fixed_at"].replace("Z", "+00:00"))): row
            for row in csv.DictReader(file)
        }  # fmt: skip
    assert accepted.keys() == found.fixes.keys()
    assert (report.accepted, report.rejected, report.folded) == (
        len(found.fixes),
        found.rejected,
        found.folded,
    )
    assert report.records == report.accepted + report.rejected + report.folded
    assert len(lines(tmp_path / "rejected.jsonl")) == report.rejected
    far = [
        (key, float(row["distance_from_depot_m"]), found.depots_m[key])
        for key, row in accepted.items()
        if abs(float(row["distance_from_depot_m"]) - found.depots_m[key]) > 1e-6
    ]
    assert far == []


def write(folder: Path, *rows: str, vehicles: dict[str, Any] | None = None) -> tuple[str, str]:
    """A file of events in a delivery, and one of metadata; their places."""
    events = folder / "delivery=2026-10-02" / "events.csv"
    events.parent.mkdir(exist_ok=True)
    events.write_text(HEADER + "".join(row + "\n" for row in rows))
    metadata = folder / "vehicles.json"
    metadata.write_text(json.dumps(CAR if vehicles is None else vehicles))
    return str(folder / "delivery=2026-10-02"), str(metadata)


def test_one_at_most_stands_of_an_instant_and_a_late_delivery_wins(tmp_path: Path) -> None:
    events, vehicles = write(
        tmp_path,
        "v,2026-10-01 06:00:00,1,2,50,moving,60",
        "v,2026-10-01T08:00:00+02:00,1,2,50.0,moving,60",
        "v,2026-10-01 06:01:00,1,2,50,moving,60",
        "v,2026-10-01 06:01:00,1,2,51,moving,60",
        "v,2026-10-01 06:02:00,1,2,50,moving,60",
        "v,2026-10-01 06:03:00,1,2",
    )
    later = tmp_path / "delivery=2026-10-03" / "events.csv"
    later.parent.mkdir()
    later.write_text(HEADER + "v,2026-10-01 06:02:00,1,2,55,moving,60\n")
    report = run([events, str(later.parent)], [vehicles], tmp_path / "out")
    assert report.folds == {REPEATED: 1, SUPERSEDED: 1}
    assert report.reasons == {CONFLICT: 2, "the record does not parse by its layout": 1}
    told = (tmp_path / "out" / "accepted.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[1::3][:2] for line in told) == [
        ["2026-10-01T06:00:00Z", "50"],
        ["2026-10-01T06:02:00Z", "55"],
    ]


def test_a_vehicle_has_the_state_of_its_latest_delivery_that_agrees(tmp_path: Path) -> None:
    events, first = write(tmp_path, "v,2026-10-01 06:00:00,1,2,110,moving,60")
    assert run([events], [first], tmp_path / "a").rejected == 1
    for day, speeds in (("2026-10-03", (120,)), ("2026-10-04", (80, 90))):
        for number, speed in enumerate(speeds):
            path = tmp_path / "metadata" / f"delivery={day}" / f"{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"v": CAR["v"] | {"max_speed": speed}}))
    assert run([events], [first, str(tmp_path / "metadata")], tmp_path / "b").accepted == 1


def test_a_run_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    events, vehicles = write(tmp_path, "v,2026-10-01 06:00:00,1,2,50,moving,60")
    run([events], [vehicles], tmp_path / "out")
    before = (tmp_path / "out" / "accepted.csv").read_bytes()
    (tmp_path / "delivery=2026-10-02" / "more.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadFile, match="known layout"):
        run([events], [vehicles], tmp_path / "out")
    assert (tmp_path / "out" / "accepted.csv").read_bytes() == before


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`strata light run` in a process of its own, which last tells its peak of memory in MiB, its
    exit code, and which heavy libraries it loaded."""
    code = (
        "import sys; from strata.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'pyspark', 'pandas', 'great_expectations'};"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'));"
        "print(int(peak.split()[1]) // 1024, code, "
        "sorted(name for name in heavy if sys.modules.get(name)), file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "light", "run", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_prints_the_counts_in_bounded_memory_without_spark(tmp_path: Path) -> None:
    metadata = str(SAMPLES / "vehicles")
    options = ("--vehicles", metadata, "--out", str(tmp_path), "--format", "json")
    ended = command(str(SAMPLES / "events"), *options)
    told = json.loads(ended.stdout)
    assert (told["records"], told["rejected"] + told["accepted"] + told["folded"]) == (6261, 6261)
    peak, exit_code, heavy = ended.stderr.splitlines()[-1].split(" ", 2)
    assert (exit_code, heavy) == ("0", "[]")
    assert int(peak) < 250


def test_a_place_without_files_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    ended = command(str(tmp_path / "none"), "--vehicles", "x", "--out", str(tmp_path / "out"))
    sentence, last = ended.stderr.splitlines()
    assert sentence.startswith("strata: ")
    assert last.split(" ")[1] == "2"


def some_keys(chance: random.Random, count: int) -> np.ndarray:
    return np.frombuffer(chance.randbytes(8 * count), np.uint64)


def add_in_blocks(seen: Seen, keys: np.ndarray) -> None:
    """As a file's blocks come: keys of one call are told from each other exactly."""
    for start in range(0, len(keys), 1000):
        seen.add_all(keys[start : start + 1000])


def test_keys_that_come_together_are_told_exactly() -> None:
    seen, keys = Seen(mebibytes=1), some_keys(random.Random(5), 20_000)
    seen.add_all(np.concatenate([keys, keys[:7]]))
    assert (seen.asked, seen.known) == (20_007, 7)
    assert seen.twice(keys).tolist() == [True] * 7 + [False] * 19_993


def test_the_filter_knows_every_key_that_came_twice_and_few_others() -> None:
    seen = Seen(mebibytes=1)
    keys = some_keys(random.Random(3), 100_000)
    add_in_blocks(seen, np.concatenate([keys, keys[:50]]))
    assert seen.twice(keys[:50]).all()
    # 100,000 keys in 131,072 words of 64 bits: a key finds its three bits set by 0.4 others in the
    # mean, or by the fifty that are asked again.
    assert 50 <= seen.known <= 50 + 100
    assert seen.twice(keys).sum() <= 2 * seen.known


def test_the_filter_is_wrong_as_often_as_the_formula_says() -> None:
    chance, words, load = random.Random(7), 1 << 17, 3
    seen = Seen(mebibytes=1)
    add_in_blocks(seen, some_keys(chance, load * words))
    filling, asked = seen.known, 50_000
    # While it fills, and at its end: 0.14 % and 0.4 %.
    mean = sum(wrong_at(load * (n + 0.5) / 200) for n in range(200)) / 200
    assert filling == pytest.approx(mean * load * words, rel=0.15)
    add_in_blocks(seen, some_keys(chance, asked))
    at_end = wrong_at(load + asked / words / 2)
    assert seen.known - filling == pytest.approx(at_end * asked, rel=0.25)


def wrong_at(load: float) -> float:
    """The share of new keys whose three bits are set, by Poisson's law of keys in a word."""
    chances = (math.exp(-load) * load**k / math.factorial(k) for k in range(60))
    return sum(chance * (1 - (61 / 64) ** k) ** 3 for k, chance in enumerate(chances))
