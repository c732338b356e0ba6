"""The commands of the playbook, as people type them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.cli import main
from strata.declare.contract import load_contract, quarantine_contract
from strata.lake.versions import Warehouse
from strata.light.cloud.dead import Letter, send_letters
from strata.serve.export.types import arrow_type

from tests.unit.light.cloud.world import HEADER, World
from tests.unit.serve import small

CAR = {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}
DAY, LATER = "fleet/events/delivery=2026-10-02/", "fleet/events/delivery=2026-10-03/"
FIXES = "silver.fleet_fixes"
ROW = "v,2026-10-01 06:00:00,1,2,50,moving,60\n"


def test_a_dead_letter_is_shown_sent_back_and_a_day_replayed(world: World, capsys: Any) -> None:
    world.load("fleet/vehicles/m.json", {"v": CAR})
    world.arrive(world.put(f"{DAY}bad.csv", "a,b\n1,2\n"))
    world.drain()
    capsys.readouterr()
    assert main(["light", "redrive", "--list", "--format", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["file"] == f"s3://raw/{DAY}bad.csv"
    assert "known layout" in told["reason"]
    world.put(f"{DAY}bad.csv", HEADER + ROW)
    assert main(["light", "redrive", "--file", "other"]) == 0
    assert main(["light", "replay", "raw", DAY]) == 0
    assert "1 files are read again" in capsys.readouterr().err
    world.drain()
    assert len(world.fixes()) == 1


def test_dead_letters_go_back_by_reason_by_file_or_all_of_them(world: World, capsys: Any) -> None:
    world.load("fleet/vehicles/m.json", {"v": CAR})
    places = [f"{DAY}fields.csv", f"{DAY}bytes.csv", f"{LATER}fields.csv"]
    contents = [b"a,b\n1,2\n", HEADER.encode() + b"\xff\xfe\n", b"a,b\n1,2\n"]
    for place, content in zip(places, contents, strict=True):
        world.arrive(world.put(place, content))
    world.drain()
    refused = Letter("{}", "An error occurred (ValidationException): key too long", queue="idle")
    send_letters(world.clients, [refused])

    def redriven(*options: str) -> str:
        capsys.readouterr()
        assert main(["light", "redrive", *options]) == 0
        return str(capsys.readouterr().err)

    assert redriven("--reason", "ValidationException") == told(1, 3)
    (body,) = [record["body"] for record in world.receive(world.settings.idle)["Records"]]
    assert body == "{}"
    # What stays is seen by the next command at once.
    assert redriven("--file", DAY, "--reason", "known layout") == told(1, 2)
    for number, place in enumerate(places):
        world.put(place, HEADER + ROW.replace("06:00:00", f"06:00:0{number}"))
    world.drain()
    assert [instant for _, instant, *_ in world.fixes()] == ["06:00:00"]
    assert redriven("--file", LATER.strip("/").rpartition("/")[2]) == told(1, 1)
    assert redriven() == told(1, 0)
    world.drain()
    assert [instant for _, instant, *_ in world.fixes()] == ["06:00:00", "06:00:01", "06:00:02"]
    assert world.dead() == []


def told(back: int, stay: int) -> str:
    return f"{back} letters went back to their queues; {stay} stay\n"


def test_both_paths_are_reconciled_and_differences_name_their_records(
    world: World, tmp_path: Path, capsys: Any
) -> None:
    content = HEADER + ROW + ROW.replace("06:00:00", "06:00:01") + ROW.replace(",50,", ",101,")
    world.load("fleet/vehicles/m.json", {"v": CAR})
    world.arrive(world.put(f"{DAY}a.csv", content))
    world.drain()
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    at = dt.datetime(2026, 10, 1, 6, tzinfo=dt.timezone.utc)
    same = {"vehicle_id": "v", "lat_deg": 1.0, "lon_deg": 2.0, "speed_kmh": 50.0, "engine_status": "moving",
            "fuel_level_pct": 60.0, "max_speed_kmh": 100.0, "distance_from_depot_m": 0.0, "versions": 1,
            "_file_sha256": sha256}  # fmt: skip
    fixes = [{**same, "fixed_at": at, "_record_number": 1},
             {**same, "fixed_at": at.replace(second=1), "_record_number": 2}]  # fmt: skip
    reasons = ["speed must not exceed the vehicle's own maximum"]
    rejected = [
        {**same, "fixed_at": at, "speed_kmh": 101.0, "_record_number": 3, "_reasons": reasons}
    ]

    def reconciled(form: str, exit_code: int) -> str:
        small.publish(
            Warehouse(str(tmp_path)),
            {FIXES: as_table(load_contract(FIXES), fixes)},
            {FIXES: as_table(quarantine_contract(load_contract(FIXES)), rejected)},
            feed="fleet",
        )
        capsys.readouterr()
        command = ["light", "reconcile", "--warehouse", str(tmp_path), "--format", form]
        assert main(command) == exit_code
        return str(capsys.readouterr().out)

    assert json.loads(reconciled("json", 0)) == {
        "fixes": 2, "same": 3, "differences": {}, "records": [],
    }  # fmt: skip
    fixes[1]["speed_kmh"] = 51.0
    rejected[0]["_record_number"] = 4
    answer = json.loads(reconciled("json", 1))
    where = {"vehicle_id": "v", "fixed_at": "2026-10-01T06:00:01Z", "file": sha256, "record": 2}
    assert answer == {
        "fixes": 2, "same": 1,
        "differences": {"values differ": 1, "rejected only in the warehouse": 1, "rejected only in the table": 1},
        "records": [
            {"difference": "values differ", **where, "values": {"speed_kmh": [50.0, 51.0]}},
            {"difference": "rejected only in the warehouse", "file": sha256, "record": 4, "reasons": reasons},
            {"difference": "rejected only in the table", "file": sha256, "record": 3, "reasons": reasons},
        ],
    }  # fmt: skip
    assert "differences: values differ" in reconciled("table", 1)


def as_table(contract: Any, rows: list[dict[str, Any]]) -> pa.Table:
    fields = [pa.field(f.name, arrow_type(f.type), not f.required) for f in contract.fields]
    return pa.Table.from_pylist(rows, pa.schema(fields))


@pytest.mark.parametrize(
    "command", [["redrive"], ["replay", "raw", "x"], ["reconcile", "--warehouse", "w"]]
)
def test_without_names_of_queues_and_tables_it_is_one_sentence(
    command: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEAD", "ARRIVALS", "FIXES"):
        monkeypatch.delenv(f"STRATA_FLEET_{name}", raising=False)
    assert main(["light", *command]) == 2
    said = capsys.readouterr().err
    assert "STRATA_FLEET_" in said
    assert said.count("\n") == 1


def test_a_replay_of_nothing_is_a_mistake(world: World, capsys: Any) -> None:
    assert main(["light", "replay", "raw", "none/"]) == 2
    assert "some object must lie at s3://raw/none/" in capsys.readouterr().err
