"""A rejected row's life: it waits with its reasons, is judged again, discarded, and never leaves
unaccounted.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata import failpoint
from strata.cli import command as cli
from strata.failpoint import Crash
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger

from tests.conftest import forget_declarations
from tests.faults.cases import CASES
from tests.faults.oracle import answers_of, assert_conserved, published

pytestmark = pytest.mark.spark

RIGHT, WRONG = "max_value: 1000}", "max_value: 5}"


class Place:
    """A raw folder and a warehouse, worked on by the command line."""

    def __init__(self, root: Path) -> None:
        self.raw, self.warehouse = root / "raw", Warehouse(str(root / "warehouse"))
        CASES["toy"].deliver(self.raw, CASES["toy"].files())

    def strata(self, *command: str) -> int:
        given = [
            "--warehouse",
            self.warehouse.root,
            *(
                ["--raw", str(self.raw)]
                if command[:2] in (("run", "toy"), ("quarantine", "replay"))
                else []
            ),
        ]
        return cli.main([*command, *given])

    def sql_rows(self, table: str) -> int:
        state = ledger.read(self.warehouse, "toy")[-1].state(table)
        assert state is not None
        return state.rows

    def waiting(self, capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], tuple[int, int]]:
        """(rows, discarded) by table and reason, as `quarantine list` tells them."""
        capsys.readouterr()
        assert self.strata("quarantine", "list", "--format", "json") == 0
        return {
            (row["table"], row["reason"]): (row["rows"], row["discarded"])
            for row in json.loads(capsys.readouterr().out)
        }


def rule(project: Path, old: str, new: str) -> None:
    suite = project / "expectations" / "silver" / "toy_sales.yaml"
    text = suite.read_text()
    assert old in text
    suite.write_text(text.replace(old, new))
    forget_declarations()


def test_a_replay_after_a_fixed_rule_gives_what_it_would_have_given_from_the_start_however_often_it_dies(
    spark: SparkSession, toy_project: Path, tmp_path: Path
) -> None:
    right, place = Place(tmp_path / "right"), Place(tmp_path / "place")
    assert right.strata("run", "toy", "--quiet") == 0
    rule(toy_project, RIGHT, WRONG)
    assert place.strata("run", "toy", "--quiet") == 0
    wrong = published(place.warehouse, "toy")
    assert answers_of(place.warehouse, "toy") != answers_of(right.warehouse, "toy")
    rule(toy_project, WRONG, RIGHT)
    # Not for a replay to take: the next run's.
    (place.raw / "toy" / "sales" / "late.csv").write_text(
        "id,shop,day,amount\nz1,s1,2024-02-01,1\n"
    )

    for point in (
        "commit.after@silver.toy_sales",
        "commit.after@quarantine.silver_toy_sales",
        "publication.before",
    ):
        failpoint.armed = failpoint.parse(f"{point}=crash")
        with pytest.raises(Crash):
            place.strata("quarantine", "replay")
        failpoint.armed = None
        assert published(place.warehouse, "toy") == wrong, f"a replay that died at {point} is seen"
    assert place.strata("quarantine", "replay") == 0
    assert answers_of(place.warehouse, "toy") == answers_of(right.warehouse, "toy")
    assert_conserved(place.warehouse, "toy")

    # Again, with the raw files gone: bronze is the archive.
    for path in (place.raw / "toy").rglob("*.csv"):
        path.unlink()
    before = published(place.warehouse, "toy")
    assert place.strata("quarantine", "replay") == 0
    assert published(place.warehouse, "toy") == before
    assert_conserved(place.warehouse, "toy")


def test_a_discard_is_remembered_and_the_row_stays_accounted_for(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    assert place.strata("run", "toy", "--quiet") == 0
    orphan = ("silver.toy_sales", "its shop is not known yet")
    waiting = place.waiting(capsys)
    assert waiting[orphan] == (2, 0)
    accepted, rejected = (
        place.sql_rows("silver.toy_sales"),
        published(place.warehouse, "toy")["quarantine.silver_toy_sales"],
    )

    told = [
        "quarantine",
        "discard",
        "silver.toy_sales",
        "--reason",
        orphan[1],
        "--why",
        "a test shop",
    ]
    assert place.strata(*told) == 0
    assert place.waiting(capsys)[orphan] == (2, 2)
    (place.raw / "toy" / "sales" / "more.csv").write_text(
        "id,shop,day,amount\nz1,s1,2024-02-01,1\nz2,s9,2024-02-01,1\n"
    )
    for command in (
        ("quarantine", "replay"),
        ("run", "toy", "--quiet"),
        ("run", "toy", "--quiet", "--full"),
    ):
        assert place.strata(*command) == 0
    # The discarded rows stay and stay discarded; the new one of the same reason was not decided
    # upon.
    assert place.waiting(capsys)[orphan] == (3, 2)
    assert place.sql_rows("silver.toy_sales") == accepted + 1
    assert published(place.warehouse, "toy")["quarantine.silver_toy_sales"][0] == rejected[0] + 1
    assert_conserved(place.warehouse, "toy")

    # The fix of the data: the shop arrives. What was discarded is judged like any row, and all is
    # accounted for.
    (place.raw / "toy" / "shops" / "late.csv").write_text("shop,name\ns9,Late\n")
    assert place.strata("run", "toy", "--quiet") == 0
    assert place.waiting(capsys)[orphan] == (1, 1)
    assert_conserved(place.warehouse, "toy")
