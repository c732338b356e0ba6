"""The commands of the playbook, as people type them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from strata.cli import main

from tests.unit.light.cloud.world import HEADER, World

CAR = {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}
DAY = "fleet/events/delivery=2026-10-02/"
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
