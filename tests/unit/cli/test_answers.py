"""What a run prints of a feed: its answers, and what is to be known of them."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from strata.cli.answers import print_answers
from strata.declare.feed import load_feed
from strata.kit.table import Answer
from strata.lake.versions import Warehouse
from strata.ledger.book import Book

from tests.unit.cli.test_mistakes import FIXTURE

FLIGHTS = (
    "warning: silver.launches_flights: 2 rows: date_unix and date_utc should be the same instant"
)
CORES = (
    "warning: gold.launches_core_reuse: 2 rows: the source's flight and reused should agree with "
    "the order of the core's flights"
)


def test_a_warning_is_told_once_and_then_only_whose_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    asked = tuple(
        Answer(table, table)
        for table in ("gold.launches_core_reuse", "gold.launches_landing_years")
    )
    feed = replace(load_feed("launches"), answers=asked)
    print_answers(Book(Warehouse(str(tmp_path))), feed)
    answers = capsys.readouterr().out.split("\n\n")
    told = [[x for x in one.splitlines() if x.startswith("warning: ")] for one in answers]
    assert told == [[FLIGHTS, CORES], ["warning: as above, of silver.launches_flights"], []]
