"""Erasure: a person leaves every layer, quarantine and old version, provably, and no later file
brings them back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import strata.feeds
from pyspark.sql import SparkSession
from strata.cli import main
from strata.declare import protection as protect
from strata.declare import pseudonyms
from strata.declare.feed import Feed, load_feed
from strata.errors import StrataError, UsageError
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import erasures as erasure
from strata.ledger import publication as ledger
from strata.run.decisions import rollback
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import Report, run_feed
from strata.upkeep import doctor
from strata.upkeep.forget import Forgotten, forget, prove
from strata.upkeep.person import Person, identify

from tests.conftest import TOY, forget_declarations, people_project
from tests.faults import images

ANN, BOB = "Ann@Example.org", "bob@example.org"
HEADER = "email,name,town,since"


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    """The feed of persons, laid over a copy of the toy project."""
    project = people_project(tmp_path_factory.mktemp("project") / "own")
    os.environ["STRATA_PROJECT"] = str(project)
    strata.feeds.__path__.append(str(project / "feeds"))
    forget_declarations()
    yield load_feed("people")
    strata.feeds.__path__.remove(str(project / "feeds"))
    os.environ["STRATA_PROJECT"] = str(TOY)
    forget_declarations()


@dataclass
class People:
    """A raw folder and a warehouse of the people feed."""

    spark: SparkSession
    feed: Feed
    root: Path

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    @property
    def options(self) -> Options:
        return Options(str(self.root / "raw"))

    def users(self, name: str, *rows: str) -> None:
        path = self.root / "raw" / "people" / "users" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([HEADER, *rows]) + "\n")

    def run(self, **options: Any) -> Report:
        chosen = Options(str(self.root / "raw"), **options)
        return run_feed(
            self.spark,
            self.warehouse,
            make_plan(self.feed, {}, self.warehouse, chosen),
            chosen,
            print,
        )

    def forget(self, who: str) -> Forgotten:
        return forget(
            self.spark, self.warehouse, self.feed, identify(self.feed, who), self.options, print
        )

    def published(self) -> ledger.Publication:
        latest = ledger.newest(ledger.read(self.warehouse, "people"))
        assert latest is not None
        return latest

    def gate(self, table: str) -> tuple[int, int, int, dict[str, int]]:
        entry = next(g for g in self.published().gates if g.table == table)
        return entry.rows_in, entry.accepted, entry.quarantined, entry.folds

    def towns(self) -> dict[str, int]:
        state = self.published().state("gold.people_towns")
        assert state is not None
        return {
            row["town"]: row["people"]
            for row in read_arrow(self.warehouse, state.table, state.version).to_pylist()
        }


def holding(people: People, person: Person) -> set[str]:
    """The folders below the warehouse in whose files the person is found."""
    nothing = Forgotten(erasure.Erasure("-", ("-",), "-"))
    try:
        prove(people.warehouse, person, nothing)
    except StrataError as error:
        return {"/".join(name.split("/")[:2]) for name in error.facts["files"]}
    return set()


@dataclass
class Story:
    """What was seen on the way: each scene costs a run, so that all tests share one telling."""

    people: People
    before: set[str]
    stopped: dict[str, tuple[int, int]]
    """Killed at each place: the newest publication, and how many erasures were not finished."""
    noted: list[str]
    done: Forgotten
    again: Forgotten


@pytest.fixture(scope="module")
def story(spark: SparkSession, feed: Feed, tmp_path_factory: pytest.TempPathFactory) -> Story:
    people = People(spark, feed, tmp_path_factory.mktemp("people"))
    # Ann lives in Leith, then tells a town no more (silver's quarantine), and once no date
    # (bronze's).
    people.users(
        "a.csv",
        f"{ANN},Ann A,Leith,2024-01-01",
        f"{BOB},Bob B,Leith,2024-01-01",
        "cyd@example.org,Cyd C,Perth,2024-01-01",
    )
    people.run()
    people.users(
        "b.csv",
        " ann@EXAMPLE.org,Ann A,,2024-02-01",
        f"{ANN},Ann A,Perth,",
        f"{BOB},Bob B,Perth,2024-02-01",
    )
    people.run()
    before = holding(people, identify(feed, ANN))
    stopped: dict[str, tuple[int, int]] = {}
    for place in ("publication.before", "vacuum.before"):
        images.crash(people.warehouse, f"point:{place}", lambda: people.forget(ANN))
        stopped[place] = (
            people.published().publication,
            len(erasure.pending(people.warehouse, "people")),
        )
    noted = [f.what for f in doctor.examine(people.warehouse, ["people"]).findings]
    done = people.forget(ANN)
    return Story(people, before, stopped, noted, done, people.forget("ann@example.org"))


pytestmark = pytest.mark.spark


def test_the_person_was_in_every_layer_and_quarantine_before(story: Story) -> None:
    assert story.before == {
        "bronze/people_users",
        "silver/people_members",
        "quarantine/bronze_people_users",
        "quarantine/silver_people_members",
    }


def test_an_erasure_killed_twice_on_the_way_says_so_and_is_finished_when_asked_again(
    story: Story,
) -> None:
    assert story.stopped == {"publication.before": (2, 1), "vacuum.before": (3, 1)}
    assert any("is not finished" in what for what in story.noted)
    assert story.done.publication is None, "the purge stood already: it is not done twice"
    assert story.people.published().publication == 3
    assert erasure.pending(story.people.warehouse, "people") == []
    assert story.again.freed.files == 0


def test_no_file_holds_the_person_and_the_others_are_untouched(story: Story) -> None:
    people = story.people
    assert holding(people, identify(people.feed, ANN)) == set()
    assert story.done.files > 20
    assert people.towns() == {"Perth": 2}
    report = doctor.examine(people.warehouse, ["people"])
    assert report.damage == []


def test_rows_balance_with_a_declared_reason(story: Story) -> None:
    # Three of the six records are Ann's.
    rows_in, accepted, quarantined, folds = story.people.gate("bronze.people_users")
    assert (rows_in, accepted, quarantined, folds) == (6, 3, 0, {erasure.FOLDED: 3})


def test_the_ledger_tells_that_it_happened_and_not_whom(story: Story) -> None:
    people = story.people
    publication = people.published()
    assert (publication.kind, publication.erasures, publication.ends) == (
        "erasure",
        (story.done.erasure.id,),
        2,
    )
    person = identify(people.feed, ANN)
    text = repr(ledger.read(people.warehouse, "people"))
    assert not any(needle.decode() in text for needle in person.needles)
    entries = erasure.read(people.warehouse, "people")[0].entries
    assert set(entries).isdisjoint(token for _, _, token in person.tokens)


def test_nobody_rolls_back_to_where_the_person_still_was(story: Story) -> None:
    with pytest.raises(UsageError, match="publication 1 of people has ended"):
        rollback(story.people.warehouse, "people", 1)


def test_raw_files_that_still_hold_the_person_are_told(story: Story) -> None:
    assert story.done.still_raw == {"users/a.csv": 1, "users/b.csv": 2}


def test_neither_a_later_file_nor_a_full_run_brings_the_person_back(story: Story) -> None:
    people = story.people
    people.users(
        "c.csv", "ANN@example.org ,Ann A,Leith,2024-03-01", "dan@example.org,Dan D,Leith,2024-03-01"
    )
    people.run()
    assert people.gate("bronze.people_users") == (2, 1, 0, {erasure.FOLDED: 1})
    people.run(full=True)
    assert people.gate("bronze.people_users") == (8, 4, 0, {erasure.FOLDED: 4})
    assert people.towns() == {"Perth": 2, "Leith": 1}
    assert holding(people, identify(people.feed, ANN)) == set()


# --- without Spark -------------------------------------------------------------------------------


def test_an_entry_is_recognised_by_a_former_key_and_a_missing_one_is_an_error(
    monkeypatch: pytest.MonkeyPatch, feed: Feed
) -> None:
    old = identify(feed, ANN)
    key, key_id = os.environ[pseudonyms.KEY], os.environ[pseudonyms.KEY_ID]
    monkeypatch.setenv(pseudonyms.KEY, key[::-1])
    monkeypatch.setenv(pseudonyms.KEY_ID, "next")
    with pytest.raises(
        UsageError, match=rf"{key_id}\.\w+ is missing: add it to STRATA_PSEUDONYM_FORMER_KEYS"
    ):
        protect.check_suppressed(frozenset(old.entries))
    monkeypatch.setenv(pseudonyms.FORMER_KEYS, f"{key_id}={key}")
    protect.check_suppressed(frozenset(old.entries))
    new = identify(feed, ANN)
    assert set(old.entries) < set(new.entries)
    assert set(old.tokens) < set(new.tokens)


def test_whom_to_forget_must_be_an_identifier_and_the_feed_must_know_persons(feed: Feed) -> None:
    with pytest.raises(UsageError, match="what was given is none") as refused:
        identify(feed, "nobody in particular")
    assert "nobody in particular" not in str(refused.value)
    with pytest.raises(UsageError, match="toy has no such field"):
        identify(load_feed("toy"), ANN)
    assert ANN not in repr(identify(feed, ANN))


@pytest.mark.usefixtures("feed")
def test_the_command_needs_whom_and_lists_what_was_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["people", "forget", "--warehouse", str(tmp_path)]) == 2
    assert "forget needs to know whom" in capsys.readouterr().err
    erasure.write(
        Warehouse(str(tmp_path)), "people", erasure.Erasure("e1", ("test.000000:ff",), "2024-01-01")
    )
    assert main(["forget", "people", "--list", "--warehouse", str(tmp_path)]) == 0
    assert "not finished: ask again" in capsys.readouterr().out
