"""What is written, and what was: the target, its rows judged, and what the gate asks of files that
no commit names yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema

from strata.declare.contract import Contract, struct_type
from strata.declare.suite import Expectation, Suite
from strata.errors import CommitUnknown, StrataError
from strata.gate import arrow_judging, arrow_rules, counting, gate, judging
from strata.gate.counting import Tally
from strata.gate.judging import Rule
from strata.kit import row_ids
from strata.kit.groups import Groups, Keys
from strata.kit.table import Rows
from strata.lake.data_file import DataFile
from strata.lake.exchange import Exchange
from strata.lake.shape import check_columns
from strata.lake.versions import Commit
from strata.ledger.publication import TableState
from strata.run.bronze import files as bronze_files
from strata.run.seen import Seen
from strata.run.state import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_ASKED_HERE = 5_000_000
"""Rows of new files that this process reads to ask the rules of them, a file at a time."""


@dataclass(frozen=True)
class Target:
    """The table that is written, as it stood before."""

    contract: Contract
    suite: Suite
    previous: TableState | None

    @property
    def table(self) -> str:
        """The name of the table."""
        return self.contract.table

    @property
    def row_rules(self) -> list[Expectation]:
        """The suite's expectations of single rows."""
        return [e for e in self.suite.expectations if gate.is_row_expectation(e)]

    @property
    def schema(self) -> pa.Schema:
        """The table's columns, as Arrow has them."""
        return to_arrow_schema(struct_type(self.contract.fields, enforce_required=False))


@dataclass(frozen=True)
class Split:
    """A candidate's rows, each judged by the rules; nothing is computed yet."""

    judged: DataFrame
    rules: list[Rule]


@dataclass(frozen=True)
class Written:
    """The accepted rows as they were written, and every row counted."""

    commit: Commit
    tally: Tally
    rules: list[Rule]
    judged: DataFrame | pa.Table
    """Rows with their verdicts, as a table where they were fetched; of records written by Arrow,
    only those that were not written."""
    exchange: Exchange | None = None
    """What was put in the place of the touched groups' rows."""
    frame: DataFrame | None = None
    """The judged rows as Spark's, where they were fetched and Spark goes on with them."""
    whole: pa.Table | None = None
    """Every row of the table, where it is small and was written whole."""
    groups: pa.Table | None = None
    """Every row of the touched groups, where they are few, as it lies in the table now."""
    rejects: DataFrame | None = None
    """The rejected rows with their verdicts, made more cheaply than `judged`, where the table says
    how."""
    is_single: bool = False
    """Whether every key of the table, by each rule of uniqueness, was found to be single."""


@dataclass(frozen=True)
class Asked:
    """What a gate asks of files that no commit names yet."""

    rows: int
    identity: int
    """The order-free hash of their ids."""
    broken: list[int]
    """How many break each row rule."""
    lying: pa.Table | None = None
    """The rows, where they were fetched."""


@dataclass(frozen=True)
class Rejected:
    """The quarantine after the run, and why rows are in it."""

    state: TableState
    """The table's state as it was, but for its quarantine."""
    reasons: dict[str, int]
    """Of the rows that this run rejects."""
    commit: Commit | None = None


def split(frame: DataFrame, rows: Rows, suite: Suite) -> Split:
    """Judges each row of a candidate by the suite's row rules."""
    rules = gate.row_rules(frame, suite)
    return Split(judging.judge(frame, rules, rows), rules)


def fetch_judged(frame: DataFrame, rows: Rows, target: Target) -> tuple[pa.Table, list[Rule]]:
    """Few rows of a candidate, each judged by the suite's row rules, in this process: one job."""
    check_columns(frame, target.contract)
    return arrow_judging.fetch(frame, rows, target.suite, target.contract.columns)


def ask_files(
    context: Context, target: Target, added: list[DataFile], fetches: bool | None = None
) -> Asked:
    """What a gate asks of files that no commit names yet. Where Arrow can answer, few rows are
    fetched, and more are asked file by file; `fetches` decides whatever their number.
    """
    rows, rules = sum(file.rows for file in added), target.row_rules
    by_arrow = arrow_rules.can_ask(rules, target.schema)
    if fetches is None:
        fetches = by_arrow and rows <= context.options.most_rows_here
    if not added:
        return Asked(0, 0, [0] * len(rules))
    folder = context.store.warehouse.path(target.table)
    if fetches:
        lying = bronze_files.read_written(folder, added)
        broken = arrow_rules.count_broken(lying, rules)
        asked = Asked(lying.num_rows, row_ids.identity_of(lying), broken, lying)
    elif by_arrow and (rows <= _MOST_ASKED_HERE or context.plan.is_here):
        seen = Seen(rules)
        for file in added:
            seen.add(file, seen.read(folder, file, target.schema))
        asked = Asked(seen.rows, seen.identity, seen.broken)
    else:
        frame = context.store.read_files(target.contract, added)
        asked = Asked(*counting.count_written(frame, gate.row_rules(frame, target.suite)))
    if asked.rows != rows:
        raise CommitUnknown(
            f"{target.table}: its files must hold what was written; {rows} rows were, "
            f"they hold {asked.rows}: run again"
        )
    return asked


def would_reject(broken: Sequence[int], asked: Sequence[Expectation]) -> bool:
    """Whether files that no commit names yet hold a row that the gate rejects."""
    return any(n and e.severity == "critical" for n, e in zip(broken, asked, strict=True))


def assert_touched(table: str, accepted: DataFrame, touched: Groups) -> None:
    """A row of another group would stand beside the one that it should replace."""
    if touched.rows_without(accepted).select(*touched.columns).limit(1).count():
        raise _stray(table, touched.columns)


def assert_among(table: str, accepted: pa.Table, keys: Keys) -> None:
    """The same of rows in this process."""
    if not pc.all(keys.lie_in(accepted[keys.column])).as_py() and accepted.num_rows:
        raise _stray(table, (keys.column,))


def _stray(table: str, columns: tuple[str, ...]) -> StrataError:
    return StrataError(
        f"the rows of an increment belong to the groups that it touches; {table} gives "
        f"rows of others, for its transform changes {', '.join(columns)}: tell by the table's "
        "`add_group` what a raw record's group is"
    )


def assert_written(table: str, counted: int, commit: Commit) -> None:
    """CommitUnknown where a commit tells other rows than were counted."""
    if commit.rows_written is not None and commit.rows_written != counted:
        raise CommitUnknown(
            f"{table}: Delta must write what the gate counted; {counted} rows were counted, "
            f"{commit.rows_written} written: run again"
        )
