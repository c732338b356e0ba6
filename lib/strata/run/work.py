"""The tables of one run, one after the other: compute, gate, write, audit.

`Work` holds what the run knows so far: the state of every table of the feed, published or
candidate, and how each candidate differs from what was published.
"""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pyspark.sql import Observation

from strata import __version__, failpoint
from strata.declare.contract import Contract, quarantine_contract, quarantine_name, split_name
from strata.declare.suite import UNIQUENESS, Suite
from strata.errors import CommitUnknown, GateFailed, StrataError
from strata.gate import gate, judging
from strata.gate.gate import Verdict
from strata.gate.judging import Tally
from strata.kit import keys
from strata.lake import store as storage
from strata.lake import versions
from strata.lake.store import Store, conform
from strata.lake.versions import Commit
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.publication import GateEntry, Publication, TableState
from strata.run import bronze
from strata.run.candidate import (
    Candidate,
    Change,
    add_reader_verdict,
    bronze_candidate,
    table_candidate,
)
from strata.run.plan import FOLDED_FILE, Options, Plan, Step, published_state

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from strata.kit.groups import Groups

Say = Callable[[str], None]


@dataclass
class Work:
    """The tables of one run, one after the other."""

    spark: SparkSession
    store: Store
    plan: Plan
    options: Options
    say: Say
    states: dict[str, TableState] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    gates: list[GateEntry] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)
    kept: list[DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.plan.base:
            self.states = {state.table: state for state in self.plan.base.tables}

    # --- one table ---

    def do(self, step: Step) -> None:
        started = time.monotonic()
        self.say(f"{step.table}: {step.why}")
        make = bronze_candidate if step.table in self.plan.feed.bronze_tables else table_candidate
        candidate = make(self, step)
        contract, suite = self.plan.feed.contract(step.table), self.plan.feed.suite(step.table)
        tally, rules, commit = self._write(candidate, contract, suite)
        judging.assert_conserved(step.table, tally, candidate.identity_in)
        quarantine, reasons = self._write_quarantine(candidate, contract, tally, rules)
        self._judge(
            step, candidate, contract, suite, tally, rules, commit, quarantine, reasons, started
        )

    def _write(
        self, candidate: Candidate, contract: Contract, suite: Suite
    ) -> tuple[Tally, list[judging.Rule], Commit]:
        """Writes the accepted rows, and counts every row on the way."""
        previous = self.states.get(contract.table)
        self.store.open_for_write(contract, previous.version if previous else None)
        if candidate.records and bronze.can_write(contract) and self.store.can_add_files(contract):
            done = self._write_records(candidate, candidate.records, contract, suite)
            if done is not None:
                return done
        rules = gate.row_rules(candidate.frame, suite)
        judged = judging.judge(candidate.frame, rules, candidate.rows)
        if candidate.touched is not None:
            return self._write_groups(candidate, judged, rules, contract, candidate.touched)
        # Nothing to replace in a table that is still empty: appending is several times quicker.
        write = self.store.append if candidate.appends or previous is None else self.store.overwrite
        # The filter stands above the count, where Spark leaves it.
        observation = Observation(f"gate of {contract.table}")
        observed = judging.observed(judged, observation, contract.columns, rules, candidate.folds)
        commit = write(contract, conform(observed.where(judging.is_accepted()), contract))
        measured = observation.get
        candidate.judged = (
            judging.marked(judged, measured["marks"]) if "marks" in measured else judged
        )
        self.written[contract.table] = commit.version
        tally = judging.read_tally(measured, candidate.rows_in, rules, candidate.folds)
        _assert_written(contract.table, tally.rows_written, commit)
        return tally, rules, commit

    def _write_groups(
        self,
        candidate: Candidate,
        judged: DataFrame,
        rules: list[judging.Rule],
        contract: Contract,
        touched: Groups,
    ) -> tuple[Tally, list[judging.Rule], Commit]:
        """Puts the accepted rows in the place of those that the touched groups had."""
        # Counted first, for the count tells how many files they need.
        candidate.judged = judged = self.keep(judged)
        tally = judging.read_tally(
            judging.count(judged, rules, candidate.folds), candidate.rows_in, rules, candidate.folds
        )
        accepted = conform(judged.where(judging.is_accepted()), contract)
        _assert_touched(contract.table, accepted, touched)
        candidate.exchange = exchange = self.store.replace_groups(
            contract, accepted, tally.rows_written, touched
        )
        self.written[contract.table] = exchange.commit.version
        _assert_written(contract.table, tally.rows_written + exchange.rows_kept, exchange.commit)
        return tally, rules, exchange.commit

    def _write_records(
        self, candidate: Candidate, records: bronze.Records, contract: Contract, suite: Suite
    ) -> tuple[Tally, list[judging.Rule], Commit] | None:
        """Writes a bronze table's records by Arrow, and asks the suite of the files before a commit
        names them.

        None, and nothing done, where a rule takes out some of the rows that were written: then
        every row must be judged on its way.
        """
        folder = self.store.warehouse.path(contract.table)
        told = self.keep(
            bronze.write(
                self.spark, records, contract, folder, storage.columns_with_statistics(contract)
            )
        )
        added = bronze.written(told)
        rest = add_reader_verdict(
            told.where(told[bronze.WRITTEN].isNull()).drop(bronze.WRITTEN), records
        )
        rules = gate.row_rules(rest, suite)
        rows, identity, broken = 0, 0, [0] * len(rules)
        if added:
            frame = self.store.read_files(contract, added)
            rows, identity, broken = judging.count_written(frame, gate.row_rules(frame, suite))
        if any(
            n and rule.expectation.severity == "critical"
            for n, rule in zip(broken, rules, strict=True)
        ):
            bronze.remove(folder, added)
            return None
        if rows != sum(file.rows for file in added):
            raise CommitUnknown(
                f"{contract.table}: its files must hold what was written; "
                f"{sum(file.rows for file in added)} rows were, "
                f"they hold {rows}: run again"
            )
        candidate.judged = judging.judge(rest, rules, candidate.rows)
        measured = judging.count(candidate.judged, rules, candidate.folds)
        tally = judging.read_tally(measured, candidate.rows_in, rules, candidate.folds)
        judging.add_written(tally, rows, identity, broken)
        commit = self.store.append_files(contract, added)
        self.written[contract.table] = commit.version
        return tally, rules, commit

    def _write_quarantine(
        self, candidate: Candidate, contract: Contract, tally: Tally, rules: list[judging.Rule]
    ) -> tuple[TableState, dict[str, int]]:
        """Writes the rejected rows, where there are any or were some before; counts them by
        reason."""
        table, previous = contract.table, self.states.get(contract.table)
        own = quarantine_contract(contract)
        held = previous.rejected if previous else 0
        version = previous.quarantine_version if previous else None
        unchanged = replace(
            previous or TableState(table, 0, 0), quarantine_version=version, rejected=held
        )
        if tally.rows_rejected == 0 and (held == 0 or candidate.appends):
            return unchanged, {}
        marked = self.keep(
            candidate.judged.where(judging.is_rejected()).select(
                *own.columns, *judging.broken_columns(rules)
            )
        )
        reasons = judging.count_rejected(tally, marked, rules)
        rejected = marked.select(*own.columns)
        self.store.open_for_write(own, version)
        added, total, rewritten = tally.rows_rejected, tally.rows_rejected, 0
        if candidate.appends and version is not None:
            commit = self.store.append(own, rejected)
            total += held
        elif candidate.touched is not None and held and version is not None:
            exchange = self.store.replace_groups(own, rejected, added, candidate.touched)
            commit, rewritten = exchange.commit, exchange.rows_kept
            total += held - exchange.rows_gone
        else:
            write = self.store.append if version is None else self.store.overwrite
            commit = write(own, rejected)
        self.written[own.table] = commit.version
        _assert_written(own.table, added + rewritten, commit)
        return replace(unchanged, quarantine_version=commit.version, rejected=total), reasons

    def _judge(
        self,
        step: Step,
        candidate: Candidate,
        contract: Contract,
        suite: Suite,
        tally: Tally,
        rules: list[judging.Rule],
        commit: Commit,
        quarantine: TableState,
        reasons: dict[str, int],
        started: float,
    ) -> None:
        """Audits the candidate, and takes it up into the run's state when it passes."""
        table = contract.table
        whole = self.store.read(table, commit.version)
        previous = self.states.get(table)
        total_rows, identity = _totals(candidate, contract, tally, previous)
        outcomes = gate.row_outcomes(rules, tally)
        outcomes += gate.audit(
            whole,
            total_rows,
            suite,
            contract,
            self._views(suite, whole),
            self._exchanged(candidate, contract, tally),
        )
        discarded = self._discarded(table, quarantine)
        verdict = gate.verdict(
            contract,
            suite,
            tally,
            outcomes,
            total_rows,
            max(0, quarantine.rejected - discarded),
            started,
        )
        overridden_by = self._override(verdict)
        self.gates.append(
            _gate_entry(step, candidate, verdict, reasons, overridden_by, quarantine.rejected)
        )
        self.states[table] = replace(
            quarantine,
            version=commit.version,
            rows=total_rows,
            identity=identity,
            fingerprint=self.plan.fingerprints[table],
            slices=candidate.slices,
            built_from=candidate.built_from,
        )
        self.changes[table] = Change(
            previous.version if previous else None,
            commit.version,
            candidate.new_files,
            candidate.touched,
        )
        self.say(_line(self.gates[-1]))
        failpoint.reach("gate.passed", table)

    def _exchanged(
        self, candidate: Candidate, contract: Contract, tally: Tally
    ) -> gate.Exchanged | None:
        """What was written, if the last gate found every key of what stood before single (by the
        same rules, else it were made whole).
        """
        if candidate.touched is None:
            return None
        before = next(
            (
                entry
                for p in reversed(self.line)
                for entry in p.gates
                if entry.table == contract.table
            ),
            None,
        )
        if before is None or not all(
            told["success"] for told in before.expectations if told["type"] in UNIQUENESS
        ):
            return None
        written = conform(candidate.judged.where(judging.is_accepted()), contract)
        return gate.Exchanged(written, tally.rows_written, candidate.touched)

    def _override(self, verdict: Verdict) -> str | None:
        if verdict.passed:
            return None
        reason = dict(self.options.overrides).get(verdict.table)
        if reason is None:
            raise GateFailed(
                f"the gate of {verdict.table} says no, and nothing is published: "
                + "; ".join(verdict.failures),
                table=verdict.table,
                failures=verdict.failures,
                verdict=verdict,
            )
        return f"{getpass.getuser()}: {reason}"

    # --- what tables need of each other ---

    def input_state(self, name: str) -> TableState:
        _, owner, _ = split_name(name)
        if name in self.plan.feed.bronze_tables and name not in self.states:
            self._make_empty(name)
        state = (
            self.states.get(name)
            if owner == self.plan.feed.name
            else published_state(name, None, self.store.warehouse)
        )
        if state is not None and owner != self.plan.feed.name:
            integrity.assert_intact(self.store.warehouse, state)
        if state is None:
            raise StrataError(
                f"{name} has never been published, and a table of this run reads it: run its "
                "feed first"
            )
        return state

    def _make_empty(self, name: str) -> None:
        """A bronze table of which no file has come yet: version 0, which its contract makes."""
        self.store.open_for_write(self.plan.feed.contract(name), None)
        self.states[name] = TableState(name, 0, 0, fingerprint=self.plan.fingerprints[name])

    def read_input(self, name: str) -> DataFrame:
        return self.store.read(name, self.input_state(name).version)

    def keep(self, frame: DataFrame) -> DataFrame:
        """Keeps a frame for the rest of the run: it is read several times, and small by
        construction.
        """
        self.kept.append(frame.persist())
        return frame

    def release(self) -> None:
        for frame in self.kept:
            with suppress(Exception):
                frame.unpersist()

    def _views(self, suite: Suite, whole: DataFrame) -> dict[str, DataFrame]:
        """The tables that the suite's queries name, as this run has them."""
        named = [name for name in self.states if name != suite.table and suite.names(name)]
        return {suite.table: whole} | {
            name: self.store.read(name, self.states[name].version) for name in named
        }

    def _discarded(self, table: str, quarantine: TableState) -> int:
        """Rows in the quarantine that somebody has decided to discard."""
        chosen = {
            (d.file_sha256, d.record_number)
            for d in ledger.decisions(self.line)
            if d.table == table
        }
        if not chosen or quarantine.quarantine_version is None:
            return 0
        held = versions.read_arrow(
            self.store.warehouse,
            quarantine_name(table),
            quarantine.quarantine_version,
            list(keys.ROW_ID),
        )
        return sum(tuple(row.values()) in chosen for row in held.to_pylist())

    @cached_property
    def line(self) -> tuple[Publication, ...]:
        """What this run builds on; under its lease nobody adds to it."""
        return ledger.lineage(ledger.read(self.store.warehouse, self.plan.feed.name))

    # --- the end ---

    def assert_untouched(self) -> None:
        """Publishes the versions that were audited, never "the latest": nobody may have written
        since.
        """
        for table, version in self.written.items():
            latest = versions.latest_version(self.store.warehouse, table)
            if latest != version:
                raise CommitUnknown(
                    f"a run publishes the versions it audited; {table} was audited at version "
                    f"{version} and stands at "
                    f"{latest}: another program writes this table; stop it and run again"
                )

    def _sealed(self, table: str) -> TableState:
        before = self.plan.base.state(table) if self.plan.base else None
        return integrity.seal(self.store.warehouse, self.states[table], before)

    def publication(self) -> Publication:
        base = self.plan.base.publication if self.plan.base else ledger.NOTHING
        return Publication(
            feed=self.plan.feed.name,
            publication=base + 1,
            builds_on=base,
            run_id=self.store.run_id,
            strata_version=__version__,
            params=json.dumps(self.plan.params, sort_keys=True),
            kind="erasure" if self.options.erase else "run",
            # What an erasure replaces still holds the person.
            ends=base if self.options.erase else 0,
            erasures=(self.options.erase.id,) if self.options.erase else (),
            tables=tuple(
                self._sealed(name) for name in self.plan.feed.table_names if name in self.states
            ),
            files=self.plan.looked.entries,
            gates=tuple(self.gates),
        )


def _totals(
    candidate: Candidate, contract: Contract, tally: Tally, previous: TableState | None
) -> tuple[int, int]:
    """Rows in the whole candidate, and the order-free hash of their ids, if the table keeps
    them."""
    rows, identity = (
        tally.rows_written,
        tally.written_identity if keys.has_identity(contract.columns) else 0,
    )
    if previous and (candidate.appends or candidate.exchange):
        rows, identity = previous.rows + rows, previous.identity ^ identity
    if candidate.exchange:
        rows, identity = (
            rows - candidate.exchange.rows_gone,
            identity ^ candidate.exchange.identity_gone,
        )
    return rows, identity


def _assert_touched(table: str, accepted: DataFrame, touched: Groups) -> None:
    """A row of another group would stand beside the one that it should replace."""
    stray = touched.rows_without(accepted).select(*touched.columns).limit(1).count()
    if stray:
        raise StrataError(
            f"the rows of an increment belong to the groups that it touches; {table} gives "
            "rows of others, for its transform changes "
            f"{', '.join(touched.columns)}: tell by the table's `add_group` what a raw "
            "record's group is"
        )


def _assert_written(table: str, counted: int, commit: Commit) -> None:
    if commit.rows_written is not None and commit.rows_written != counted:
        raise CommitUnknown(
            f"{table}: Delta must write what the gate counted; {counted} rows were counted, "
            f"{commit.rows_written} written: run again"
        )


# --- telling -------------------------------------------------------------------------------------


def _gate_entry(
    step: Step,
    candidate: Candidate,
    verdict: Verdict,
    reasons: dict[str, int],
    overridden_by: str | None,
    rejected: int,
) -> GateEntry:
    tally = verdict.tally
    folds = dict(tally.folds)
    if candidate.folded_records:
        folds[FOLDED_FILE] = candidate.folded_records
    return GateEntry(
        table=step.table,
        mode=candidate.mode,
        why=step.why,
        rows_in=tally.rows_in + candidate.folded_records,
        accepted=tally.accepted,
        quarantined=tally.quarantined,
        folded=tally.folded + candidate.folded_records,
        folds=folds,
        reasons=reasons,
        rows_written=tally.rows_written,
        total_rows=verdict.total_rows,
        total_rejected=rejected,
        seconds=round(verdict.seconds, 3),
        overridden_by=overridden_by,
        expectations=tuple(
            {
                "type": o.expectation.type,
                "columns": list(o.expectation.columns),
                "description": o.expectation.description,
                "severity": o.expectation.severity,
                "success": o.success,
                "unexpected": o.unexpected,
                "observed": o.observed,
            }
            for o in verdict.outcomes
        ),
    )


def _line(entry: GateEntry) -> str:
    return (
        f"{entry.table}: {entry.rows_in:,} in = {entry.accepted:,} accepted + "
        f"{entry.quarantined:,} quarantined "
        f"+ {entry.folded:,} folded ({entry.seconds:.1f} s)"
    )
