"""The residents feed from raw files to published tables, against the oracle: a first run, later and
late deliveries, and a new key.

Records of the later deliveries carry sentinels in every field, in records that do not parse and in
files that are refused; then every file under the warehouse is searched for them, Parquet decoded.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import parquet
from pyspark.sql import SparkSession
from strata.declare import pseudonyms
from strata.declare.contract import load_contract
from strata.declare.feed import load_feed
from strata.errors import GateFailed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed

from tests.feeds import oracle_residents as oracle
from tests.samples import KEY, KEY_ID, Samples, newest

pytestmark = [pytest.mark.spark, pytest.mark.samples("residents")]

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples" / "residents"
KEYS = {KEY_ID: KEY, "k2": "another-key-of-the-tests-9876543210"}
SENTINEL = "sentinel"
GOLD = (
    "gold.residents_history_internal",
    "gold.residents_by_authority_internal",
    "gold.residents_by_authority",
    "gold.residents_moves",
    "gold.residents_by_age_and_sex",
    "gold.residents_moves_by_month",
    "gold.residents_lookup_coverage",
)


# --- raw files -----------------------------------------------------------------------------------


def user(email: str, postcode: str | None = None, **more: Any) -> dict[str, Any]:
    return {"email": email, "address": {"postcode": postcode} if postcode else {}, **more}


SENTINELS = [
    {**user("sentinel.one@example.org", "SW1A 2AA"), "givenName": "Sentinelgiven", "familyName": "Sentinelfamily",
     "dateOfBirth": "1971-11-13", "sex": "Sentinelsex"},
    user("sentinel.two@example.org", "Sentinelcode", phone="Sentinelphone", sex={"told": "Sentinelobject"}, other=["Sentinelstreet"]),
    user("sentinel.three@example.org", "SW1A 2AA", deleted="Sentineldeleted"),
    user("sentinel.four@example.org", "SW1A 2AA", asOf="Sentineldate"),
    user("sentinel at no address", "SW1A 2AA"),
    {"email": "sentinel.five@example.org", "address": "1 Sentinelroad", "sentinel.field@example.org": 1},
]  # fmt: skip


def put(
    raw: Path, path: str, records: list[dict[str, Any]], tail: str = "", indent: int | None = None
) -> None:
    file = raw / "residents" / "users" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "\n".join(json.dumps(record, indent=indent, ensure_ascii=False) for record in records)
        + "\n"
        + tail,
        encoding="utf-8",
    )


def put_later_deliveries(raw: Path) -> None:
    """Moves, a person who leaves, one who comes back to the old state, a conflict; and, late, an
    older delivery.
    """
    now = oracle.people(raw / "residents")
    homes = Counter(own[-1].authority for own in now.values() if own[-1].authority)
    (old, _), (new, _) = homes.most_common(2)
    movers = sorted(address for address, own in now.items() if own[-1].authority == old)
    target = next(own[-1].state.place for _, own in sorted(now.items()) if own[-1].authority == new)
    moved = [user(address.upper(), target, sex="F") for address in movers[:14]]
    stays = sorted(address for address, own in now.items() if own[-1].authority == new)
    left, claimed = (
        user(stays[0], deleted=True),
        [user(stays[1], target, givenName="Ann"), user(stays[1], target, givenName="Bea")],
    )
    put(raw, "delivery=2025-03-01/moves.json", [*moved, left, *claimed, *SENTINELS], indent=2)
    late = [user(address, target, sex="F") for address in movers[5:8]] + [
        user(movers[20], target, asOf="2023-12-24")
    ]
    put(
        raw,
        "delivery=2024-03-01/late.json",
        late,
        tail='{"email": "sentinel.broken@example.org", "givenName": \n',
    )
    put(raw, "refused_fields.json", [{"sentinel.key@example.org": "Sentinelvalue"}])
    put(raw, "refused_end.json", [], tail='[{"email": "sentinel.cut@example.org"')


# --- running -------------------------------------------------------------------------------------


@dataclass
class Town:
    """Raw files, a warehouse, and what each run published."""

    spark: SparkSession
    root: Path
    told: list[str] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def run(self, key_id: str, **options: Any) -> Publication:
        feed, chosen = load_feed("residents"), Options(str(self.raw), **options)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(pseudonyms.KEY, KEYS[key_id])
            patch.setenv(pseudonyms.KEY_ID, key_id)
            # The session's Python workers took their environment from a JVM that has another key.
            patch.setitem(self.spark.sparkContext.environment, pseudonyms.KEY, KEYS[key_id])
            patch.setitem(self.spark.sparkContext.environment, pseudonyms.KEY_ID, key_id)
            plan = make_plan(feed, feed.default_params(), self.warehouse, chosen)
            self.told += [entry.detail for entry in plan.looked.entries]
            report = run_feed(self.spark, self.warehouse, plan, chosen, self.told.append)
        assert report.publication is not None
        return report.publication

    def rows(self, publication: Publication, table: str) -> list[dict[str, Any]]:
        state = publication.state(table)
        assert state is not None
        found = read_arrow(
            self.warehouse, table, state.version, list(load_contract(table).business_columns)
        ).to_pylist()
        return sorted(found, key=repr)


@dataclass
class Story:
    """The town after all its runs."""

    town: Town
    first: Publication
    expected_first: dict[str, list[oracle.Period]]
    refused: GateFailed
    second: Publication
    rotated: Publication
    expected: dict[str, list[oracle.Period]]


@pytest.fixture(scope="module")
def story(spark: SparkSession, samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Story:
    town = Town(spark, tmp_path_factory.mktemp("residents"))
    shutil.copytree(SAMPLES, town.raw / "residents")
    expected_first = oracle.people(town.raw / "residents")
    samples.copy("residents", Path(town.warehouse.root))
    first = newest(town.warehouse, "residents")
    put_later_deliveries(town.raw)
    with pytest.raises(GateFailed) as refused:
        town.run("k2")
    # By the ways of large inputs, as far as they go; the first run was by those of small ones.
    second = town.run("k1", fewest_plain_rows=0)
    rotated = town.run("k2", full=True, fewest_plain_rows=0)
    return Story(
        town,
        first,
        expected_first,
        refused.value,
        second,
        rotated,
        oracle.people(town.raw / "residents"),
    )


def people_of(story: Story, publication: Publication) -> dict[str, list[tuple[Any, ...]]]:
    """silver.residents_people as the oracle tells it, by pseudonym."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in sorted(
        story.town.rows(publication, "silver.residents_people"), key=lambda row: row["valid_from"]
    ):
        named = (
            "valid_from",
            "valid_to",
            "is_resident",
            "sex",
            "birth_year",
            "authority_code",
            "unplaced",
        )
        found.setdefault(row["person_token"], []).append(tuple(row[name] for name in named))
    return found


def told_by(
    expected: dict[str, list[oracle.Period]], key_id: str
) -> dict[str, list[tuple[Any, ...]]]:
    return {
        oracle.pseudonym(KEYS[key_id], key_id, "person_token", address): [
            (
                p.start,
                p.end,
                p.state.is_resident,
                p.state.sex,
                p.state.birth_year,
                p.authority,
                p.unplaced,
            )
            for p in own
        ]
        for address, own in expected.items()
    }


# --- against the oracle --------------------------------------------------------------------------


def test_histories_are_those_of_the_independent_program_after_each_run(story: Story) -> None:
    assert people_of(story, story.first) == told_by(story.expected_first, "k1")
    assert people_of(story, story.second) == told_by(story.expected, "k1")
    # With the new key and computed whole: other pseudonyms, the same people.
    assert people_of(story, story.rotated) == told_by(story.expected, "k2")


@pytest.mark.parametrize("run", ["first", "second"])
def test_people_by_authority_are_those_of_the_independent_program(story: Story, run: str) -> None:
    publication, histories = (
        (story.first, story.expected_first) if run == "first" else (story.second, story.expected)
    )
    day = dt.date(2024, 10, 1) if run == "first" else dt.date(2025, 3, 1)
    rows = story.town.rows(publication, "gold.residents_by_authority_internal")
    expected = oracle.by_authority(histories, day)
    figures = [name for name in rows[0] if name.startswith("people")]
    assert {
        row["authority_code"]: {name: row[name] for name in figures if row[name]} for row in rows
    } == expected
    assert {row["as_of_date"] for row in rows} == {day}
    assert (
        sum(row["people"] for row in rows)
        == len(oracle.held(histories, day))
        == (598 if run == "first" else 600)
    )
    names = json.loads((SAMPLES / "authorities" / "local_authority_names.json").read_text())
    assert {row["authority_code"]: row["authority_name"] for row in rows} == {
        code: names.get(code) for code in expected
    }
    assert {code for code in expected if code not in names and code.startswith("E0")} == {
        "E07000169"
    }, "merged since 2014, and not lost"


def test_groups_of_people_without_an_authority_are_named(story: Story) -> None:
    rows = story.town.rows(story.first, "gold.residents_by_authority_internal")
    groups = {row["authority_code"]: row["people"] for row in rows if not row["is_authority"]}
    assert groups == {
        "postcode_missing": 60,
        "postcode_malformed": 7,
        "postcode_outward_only": 75,
        "postcode_unknown": 5,
        "postcode_terminated": 4,
        "northern_ireland": 21,
        "channel_islands": 7,
        "isle_of_man": 7,
    }


def test_the_published_figures_are_true_and_none_is_small(story: Story) -> None:
    for publication in (story.first, story.second):
        true = {
            row["authority_code"]: row
            for row in story.town.rows(publication, "gold.residents_by_authority_internal")
        }
        rows = story.town.rows(publication, "gold.residents_by_authority")
        assert {row["authority_code"] for row in rows} == set(true)
        shown = [
            (row[name], true[row["authority_code"]][name])
            for row in rows
            for name in row
            if name.startswith("people") and row[name] is not None
        ]
        assert all(one == other for one, other in shown)
        assert all(one == 0 or one >= 10 for one, _ in shown)
        assert sum(row["people"] is None for row in rows) > 1
        assert sum(row["people"] is not None for row in rows) > 5


def test_people_as_of_any_date_are_one_line_of_sql(story: Story) -> None:
    state = story.second.state("gold.residents_history_internal")
    assert state is not None
    history = read_arrow(story.town.warehouse, state.table, state.version)
    for day in (
        "2023-12-23",
        "2023-12-24",
        "2024-03-01",
        "2024-06-30",
        "2024-07-01",
        "2024-08-31",
        "2024-09-30",
        "2024-10-01",
        "2025-03-01",
        "2030-01-01",
    ):
        holds = f"valid_from <= DATE '{day}' AND DATE '{day}' < valid_to"
        line = (
            f"SELECT authority_code, sum(people)::int FROM history WHERE {holds} GROUP BY "
            "authority_code"
        )
        expected = Counter(
            p.authority or p.unplaced
            for p in oracle.held(story.expected, dt.date.fromisoformat(day))
        )
        with duckdb.connect() as connection:
            connection.register("history", history)
            assert dict(connection.sql(line).fetchall()) == expected, day


def test_moves_are_those_of_the_independent_program(story: Story) -> None:
    for publication, histories in (
        (story.first, story.expected_first),
        (story.second, story.expected),
    ):
        expected = oracle.moves(histories)
        found = {
            (row["from_authority_code"], row["to_authority_code"]): (row["moves"], row["people"])
            for row in story.town.rows(publication, "gold.residents_moves")
        }
        small = {pair for pair, (_, people) in expected.items() if people < 10}
        assert max(people for _, people in expected.values()) >= 10
        assert small
        assert set(found) == set(expected)
        assert all(found[pair] in (expected[pair], (None, None)) for pair in found)
        assert all(found[pair] == (None, None) for pair in small)


def test_ages_and_months_are_those_of_the_independent_program(story: Story) -> None:
    for publication, histories, day in (
        (story.first, story.expected_first, dt.date(2024, 10, 1)),
        (story.second, story.expected, dt.date(2025, 3, 1)),
    ):
        true = oracle.by_age_and_sex(histories, day)
        rows = story.town.rows(publication, "gold.residents_by_age_and_sex")
        assert len(rows) == 27
        for row in rows:
            expected = true[row["age_band"], row["sex"]]
            assert row["people"] in (None, expected)
            assert (row["people"] is None) or expected == 0 or expected >= 10
        months = oracle.moves_by_month(histories)
        found = story.town.rows(publication, "gold.residents_moves_by_month")
        told = {row["month_start"]: (row["moves"], row["people"]) for row in found}
        assert told.keys() == months.keys()
        assert all(told[month] in (months[month], (None, None)) for month in told)


def test_the_lookups_coverage_shows_the_published_people_and_no_others(story: Story) -> None:
    public = {
        r["authority_code"]: r for r in story.town.rows(story.first, "gold.residents_by_authority")
    }
    rows = story.town.rows(story.first, "gold.residents_lookup_coverage")
    assert sum(row["postcodes_in_use"] + row["postcodes_terminated"] for row in rows) == 335
    assert {row["addresses"] for row in rows} == {None}, "Code-Point Open and NSPL count none"
    placed = {code for code, row in public.items() if row["is_authority"]}
    for row in rows:
        code = row["authority_code"]
        assert row["people"] == (public[code]["people"] if code in placed else 0)
    assert placed <= {row["authority_code"] for row in rows}


# --- conflicts, keys -----------------------------------------------------------------------------


def test_each_gate_accounts_for_every_record_and_conflicts_are_told(story: Story) -> None:
    gates = {gate.table: gate for gate in story.first.gates}
    people = gates["silver.residents_people"]
    assert (people.rows_in, people.accepted, people.quarantined, people.folded) == (660, 644, 8, 8)
    assert people.reasons["different people claim its e-mail address on one date"] == 6
    assert people.reasons["the e-mail address must be told, as name@domain"] == 2
    assert people.folds == {
        "same statement as another record of its person and date": 2,
        "nothing has changed since the person's earlier record": 6,
    }


def test_a_new_key_without_full_is_refused_and_nothing_is_published(story: Story) -> None:
    assert "one key must have made all pseudonyms" in str(story.refused)
    assert story.second.builds_on == story.first.publication


def test_a_new_key_with_full_replaces_every_pseudonym_and_changes_no_figure(story: Story) -> None:
    for table in GOLD:
        assert story.town.rows(story.second, table) == story.town.rows(story.rotated, table), table
    label = pseudonyms.Pseudonyms(KEYS["k1"].encode(), "k1").label
    for state in story.rotated.tables:
        rows = read_arrow(story.town.warehouse, state.table, state.version).to_pylist()
        assert label not in repr(rows), state.table


# --- privacy -------------------------------------------------------------------------------------


def searched_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file's bytes as text, in lower case, and of Parquet also what is in it."""
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        text = path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            text += repr(parquet.read_table(path).to_pylist())
        yield path, text.lower()


def identifiers(raw: Path) -> list[str]:
    """What must be nowhere: sentinels, and the addresses, dates of birth and full postcodes of all
    people.
    """
    said = oracle.statements(raw / "residents" / "users")
    states = [state for own in said.values() for _, state in own if state.is_resident]
    born = {str(state.identity[2]) for state in states if state.identity[2]}
    # With a digit: "not known" is what people write for a postcode, and what contracts say of much
    # else.
    places = {
        place
        for state in states
        if " " in (place := str(state.place).lower()) and any(map(str.isdigit, place))
    }
    return [
        SENTINEL,
        "example.co",
        "example.org",
        "1971-11-13",
        *said,
        *born,
        *places,
        *KEYS.values(),
    ]


def test_no_file_under_the_warehouse_holds_a_raw_identifier(story: Story) -> None:
    wanted = identifiers(story.town.raw)
    assert len(wanted) > 1200
    files = list(searched_files(Path(story.town.warehouse.root)))
    assert any("quarantine" in path.parts for path, _ in files)
    assert sum(path.suffix == ".parquet" for path, _ in files) > 20
    # The dates of deliveries stand in paths; nobody was born on one.
    assert [(str(path), text) for path, body in files for text in wanted if text in body] == []
    assert [line for line in story.town.told if SENTINEL in line.lower()] == []


def test_refused_files_and_dropped_fields_are_told_without_their_content(story: Story) -> None:
    told = " ".join(story.town.told)
    assert "also needs 'email'; found 1 fields" in told
    assert "not named by the layout, and dropped: 4 fields" in told


def test_no_statistics_of_pseudonyms_stand_in_any_log(story: Story) -> None:
    labels = [
        pseudonyms.Pseudonyms(key.encode(), key_id).label + ":" for key_id, key in KEYS.items()
    ]
    logs = list(Path(story.town.warehouse.root).rglob("_delta_log/*.json"))
    assert len(logs) > 20
    assert [path for path in logs if any(label in path.read_text() for label in labels)] == []


def test_spark_event_logs_hold_no_raw_identifier_and_no_key(tmp_path: Path) -> None:
    put(tmp_path / "raw", "delivery=2024-09-01/users.json", SENTINELS, indent=2)
    shutil.copytree(SAMPLES / "postcodes", tmp_path / "raw" / "residents" / "postcodes")
    (tmp_path / "events").mkdir()
    logged = (
        "--conf spark.eventLog.enabled=true --conf "
        f"spark.eventLog.dir={(tmp_path / 'events').as_uri()}"
    )
    # Spark 4 compresses event logs by a codec that Python lacks.
    settings = f"{logged} --conf spark.eventLog.compress=false pyspark-shell"
    mine = {
        pseudonyms.KEY: KEYS["k1"],
        pseudonyms.KEY_ID: "k1",
        "PYSPARK_SUBMIT_ARGS": settings,
        "TMPDIR": str(tmp_path / "events"),
    }
    environment = {k: v for k, v in os.environ.items() if k != "STRATA_PROJECT"} | mine
    command = "import sys; from strata.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = [
        "run",
        "residents",
        "--raw",
        str(tmp_path / "raw"),
        "--warehouse",
        str(tmp_path / "warehouse"),
        "--layer",
        "silver",  # Of bronze alone Spark is asked nothing.
        "--override",
        "silver.residents_people=half of the records are odd",
    ]
    told = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        env=environment,
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=900,
    )
    assert told.returncode == 0, told.stderr
    assert len(ledger.read(Warehouse(str(tmp_path / "warehouse")), "residents")) == 1
    events = list(searched_files(tmp_path / "events"))
    assert any("sparklistenersqlexecutionstart" in text for _, text in events)
    found = [
        str(path)
        for path, text in events
        if any(word in text for word in ("example.org", "sentinelgiven", KEYS["k1"]))
    ]
    assert found == []
    assert SENTINEL not in (told.stdout + told.stderr).lower()
