"""Erasure of a person of whom records lie in the archive: killed twice on the way, then proven."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import strata.feeds
from pyspark.sql import SparkSession
from strata.declare.feed import Feed, load_feed
from strata.upkeep import archive, doctor

from tests.conftest import TOY, forget_declarations, people_project
from tests.engine.test_forget import ANN, BOB, People, holding, identify
from tests.faults import images

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

SINCE = 'F.expr("try_cast(since as date)").alias("since_date"),\n        "_file_sha256",'
SOURCE = (
    'Source("users", day="try_cast(since as date)", day_column="silver.people_members.since_date")'
)
FIELD = "      - {name: since_date, logicalType: date, physicalType: date, description: Its day.}\n"


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    """The feed of persons, whose records have days."""
    project = people_project(tmp_path / "own")
    module = project / "feeds" / "people.py"
    text = module.read_text().replace('Source("users")', SOURCE)
    # In the select alone: the window names the column too.
    text = text.replace(
        '        "town",\n        F.when', f'        "town",\n        {SINCE}\n        F.when'
    )
    module.write_text(text.replace('alias("_fold"),\n        "_file_sha256",', 'alias("_fold"),'))
    contract = project / "schemas" / "silver" / "people_members.yaml"
    town = next(line for line in contract.read_text().splitlines(True) if "name: town" in line)
    contract.write_text(contract.read_text().replace(town, town + FIELD))
    os.environ["STRATA_PROJECT"] = str(project)
    strata.feeds.__path__.insert(0, str(project / "feeds"))
    forget_declarations()
    yield load_feed("people")
    strata.feeds.__path__.remove(str(project / "feeds"))
    os.environ["STRATA_PROJECT"] = str(TOY)
    forget_declarations()


def test_a_person_is_forgotten_in_the_archive_too(
    spark: SparkSession, tmp_path: Path, feed: Feed
) -> None:
    people = People(spark, feed, tmp_path / "people")
    people.users(
        "a.csv",
        f"{ANN},Ann A,Leith,2024-01-01",
        f"{BOB},Bob B,Leith,2024-01-02",
        f"{BOB},Bob B,Perth,2024-02-01",
    )
    people.run()
    (moved,) = archive.archive(spark, people.warehouse, "people", 1, print)
    assert moved.rows == 2
    ann = identify(feed, ANN)
    assert "archive/bronze_people_users" in holding(people, ann)

    for place in ("publication.before", "vacuum.before"):
        images.crash(people.warehouse, f"point:{place}", lambda: people.forget(ANN))
    people.forget(ANN)
    assert holding(people, ann) == set()
    assert people.towns() == {"Perth": 1}
    assert doctor.examine(people.warehouse, ["people"]).damage == []
    # Archived again, she does not come back with what is left.
    archive.archive(spark, people.warehouse, "people", 1, print)
    people.run()
    assert (holding(people, ann), people.towns()) == (set(), {"Perth": 1})
