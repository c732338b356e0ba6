"""One run of one feed: write, audit, publish.

The run holds the feed's lease from start to end. Each table of the plan is computed from this run's
candidates where there are any, else from the published versions; split by its gate; written once as a
candidate; audited. When every table has passed, one row in the ledger publishes them together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from strata import __version__, gate, ledger, lease, storage
from strata.contract import Contract, split_name
from strata.errors import CommitUnknown, GateFailed, StrataError
from strata.gate import Tally, Verdict
from strata.ledger import Attempt, GateEntry, Publication, TableState
from strata.plan import FOLDED_FILE, Options, Plan, Step, make_plan, published_state
from strata.reader import bronze_frame
from strata.storage import Commit, Store, Warehouse, conform, quarantine_contract, quarantine_name
from strata.suite import Suite
from strata.table import Rows, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Say = Callable[[str], None]
UNPARSED = "the record does not parse by its layout"


@dataclass
class Report:
    """What a run did, for people and for the ledger of attempts."""

    feed: str
    run_id: str
    plan: Plan
    publication: Publication | None = None
    gates: list[GateEntry] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Change:
    """How a table of this run differs from its published version."""

    before: int | None
    """The published version, or None where there was none."""
    after: int
    new_files: tuple[str, ...] | None = None
    """Bronze: the files whose rows were added."""
    touched: DataFrame | None = None
    """The groups whose rows were replaced, one row a group."""
    group: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.before is None or (self.new_files is None and self.touched is None)


def new_run_id() -> str:
    """Sorts by time; the random part keeps two runs of one second apart."""
    import secrets  # noqa: PLC0415

    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(3)


def run_feed(spark: SparkSession, warehouse: Warehouse, plan: Plan, options: Options, say: Say) -> Report:
    """Runs the plan under the feed's lease; raises, with nothing published, when any gate says no."""
    started = time.monotonic()
    run_id = new_run_id()
    feed = plan.feed
    with lease.hold(spark, warehouse, feed.name, run_id) as held:
        # The plan was made before the lease was held: the ledger may have moved since.
        plan = make_plan(feed, plan.params, warehouse, options, _again(plan, warehouse, options))
        report = Report(feed.name, run_id, plan)
        if plan.is_empty:
            return report
        attempt = Attempt(run_id, feed.name, _now(), params=plan.params)
        work = _Work(spark, Store(spark, warehouse, run_id), plan, options, say)
        try:
            for step in plan.steps:
                work.do(step)
            work.assert_untouched()
            held.assert_held()
            report.publication = ledger.publish(spark, warehouse, work.publication())
            attempt.outcome, attempt.publication = "published", report.publication.publication
        except StrataError as error:
            attempt.outcome = "gate failed" if isinstance(error, GateFailed) else "failed"
            attempt.message = str(error)
            raise
        except BaseException as error:
            attempt.outcome, attempt.message = "failed", type(error).__name__
            raise
        finally:
            work.release()
            report.gates = work.gates
            report.seconds = time.monotonic() - started
            attempt.ended_at = _now()
            attempt.counts = {g.table: [g.rows_in, g.accepted, g.quarantined, g.folded] for g in work.gates}
            ledger.note_attempt(warehouse, attempt)
    return report


def _again(plan: Plan, warehouse: Warehouse, options: Options) -> Any:
    """What was looked at before, unless another run has published meanwhile."""
    latest = ledger.newest(ledger.read(warehouse, plan.feed.name))
    moved = (latest.publication if latest else 0) != (plan.base.publication if plan.base else 0)
    return None if moved else plan.looked


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass
class _Work:
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
        if step.table in self.plan.feed.bronze_tables:
            candidate = _bronze_candidate(self, step)
        else:
            candidate = _table_candidate(self, step)
        contract, suite = self.plan.feed.contract(step.table), self.plan.feed.suite(step.table)
        tally, rules, commit = self._write(candidate, contract, suite)
        gate.assert_conserved(step.table, tally, candidate.identity_in)
        quarantine, reasons = self._write_quarantine(candidate, contract, tally, rules)
        self._judge(step, candidate, contract, suite, tally, rules, commit, quarantine, reasons, started)

    def _write(self, candidate: _Candidate, contract: Contract, suite: Suite) -> tuple[Tally, list[gate.Rule], Commit]:
        """Writes the accepted rows, and counts every row on the way."""
        from pyspark.sql import Observation  # noqa: PLC0415

        rules = gate.row_rules(candidate.frame, suite)
        judged = gate.judge(candidate.frame, rules, candidate.rows)
        if candidate.touched is not None:
            # A MERGE reads its source twice; without this its rows would be computed, and counted, twice.
            judged = self.keep(judged)
        candidate.judged = judged
        observation = Observation(f"gate of {contract.table}")
        observed = judged.observe(observation, *gate.tally_columns(judged, rules, candidate.folds))
        accepted = conform(observed.where(gate.is_accepted()), contract)
        previous = self.states.get(contract.table)
        self.store.open_for_write(contract, previous.version if previous else None)
        if candidate.touched is not None:
            measured = judged.agg(*gate.tally_columns(judged, rules, candidate.folds)).first().asDict()
            accepted = conform(judged.where(gate.is_accepted()), contract)
            commit = self.store.replace_groups(contract, accepted, candidate.touched, candidate.group)
        else:
            # Nothing to replace in a table that is still empty: appending is several times quicker.
            write = self.store.append if candidate.appends or previous is None else self.store.overwrite
            commit = write(contract, accepted)
            measured = observation.get
        self.written[contract.table] = commit.version
        tally = gate.read_tally(measured, candidate.rows_in, rules, candidate.folds)
        if candidate.touched is None and commit.rows_written is not None and commit.rows_written != tally.rows_written:
            raise CommitUnknown(
                f"{contract.table}: Delta must write what the gate accepted; the gate counted {tally.rows_written} rows, "
                f"Delta wrote {commit.rows_written}: run again"
            )
        return tally, rules, commit

    def _write_quarantine(
        self, candidate: _Candidate, contract: Contract, tally: Tally, rules: list[gate.Rule]
    ) -> tuple[TableState, dict[str, int]]:
        """Writes the rejected rows, where there are any or were some before; counts them by reason."""
        table, previous = contract.table, self.states.get(contract.table)
        own = quarantine_contract(contract)
        held = previous.rejected if previous else 0
        version = previous.quarantine_version if previous else None
        unchanged = replace(previous or TableState(table, 0, 0), quarantine_version=version, rejected=held)
        if tally.rows_rejected == 0 and (held == 0 or candidate.appends):
            return unchanged, {}
        from pyspark.sql import functions as F  # noqa: PLC0415

        rejected = candidate.judged.where(gate.is_rejected()).select(*own.columns)
        reasons = {
            row["reason"]: row["count"]
            for row in rejected.select(F.explode("_reasons").alias("reason")).groupBy("reason").count().collect()
        }
        self.store.open_for_write(own, version)
        total = tally.rows_rejected
        if candidate.appends and version is not None:
            commit = self.store.append(own, rejected)
            total += held
        elif candidate.touched is not None and version is not None:
            old = storage.anti_join(self.store.read(own.table, version), candidate.touched, candidate.group)
            kept = self.keep(old.select(*own.columns))
            total += kept.count()
            commit = self.store.overwrite(own, kept.unionByName(rejected))
        else:
            commit = self.store.overwrite(own, rejected)
        self.written[own.table] = commit.version
        if commit.rows_written is not None and commit.rows_written != (total - held if candidate.appends else total):
            raise CommitUnknown(
                f"{own.table}: every rejected row is kept once; {total} were counted, {commit.rows_written} written: run again"
            )
        return replace(unchanged, quarantine_version=commit.version, rejected=total), reasons

    def _judge(
        self,
        step: Step,
        candidate: _Candidate,
        contract: Contract,
        suite: Suite,
        tally: Tally,
        rules: list[gate.Rule],
        commit: Commit,
        quarantine: TableState,
        reasons: dict[str, int],
        started: float,
    ) -> None:
        """Audits the candidate, and takes it up into the run's state when it passes."""
        table = contract.table
        whole = self.store.read(table, commit.version)
        previous = self.states.get(table)
        total_rows, identity = self._totals(candidate, tally, whole, previous)
        outcomes = gate.row_outcomes(rules, tally)
        outcomes += gate.audit(whole, suite, contract, self._views(table, whole))
        discarded = sum(1 for d in self._decisions() if d.table == table)
        verdict = gate.verdict(contract, suite, tally, outcomes, total_rows, max(0, quarantine.rejected - discarded), started)
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
            previous.version if previous else None, commit.version, candidate.new_files, candidate.touched, candidate.group
        )
        self.say(_line(self.gates[-1]))

    def _totals(
        self, candidate: _Candidate, tally: Tally, whole: DataFrame, previous: TableState | None
    ) -> tuple[int, int]:
        """Rows in the whole candidate, and the order-free hash of their ids."""
        if candidate.touched is not None:
            return _count_and_identity(whole)
        if candidate.appends and previous:
            return previous.rows + tally.rows_written, previous.identity ^ tally.written_identity
        return tally.rows_written, tally.written_identity

    def _override(self, verdict: Verdict) -> str | None:
        if verdict.passed:
            return None
        reason = dict(self.options.overrides).get(verdict.table)
        if reason is None:
            raise GateFailed(
                f"the gate of {verdict.table} says no, and nothing is published: " + "; ".join(verdict.failures),
                table=verdict.table,
                failures=verdict.failures,
                verdict=verdict,
            )
        import getpass  # noqa: PLC0415

        return f"{getpass.getuser()}: {reason}"

    # --- what tables need of each other ---

    def input_state(self, name: str) -> TableState:
        _, owner, _ = split_name(name)
        state = self.states.get(name) if owner == self.plan.feed.name else published_state(name, None, self.store.warehouse)
        if state is None:
            raise StrataError(f"{name} has never been published, and a table of this run reads it: run its feed first")
        return state

    def read_input(self, name: str) -> DataFrame:
        return self.store.read(name, self.input_state(name).version)

    def keep(self, frame: DataFrame) -> DataFrame:
        """Keeps a frame for the rest of the run: it is read several times, and small by construction."""
        self.kept.append(frame.persist())
        return frame

    def release(self) -> None:
        for frame in self.kept:
            with suppress(Exception):
                frame.unpersist()

    def _views(self, table: str, whole: DataFrame) -> dict[str, DataFrame]:
        return {name: self.store.read(name, state.version) for name, state in self.states.items() if name != table} | {
            table: whole
        }

    def _decisions(self) -> tuple[ledger.Decision, ...]:
        return ledger.decisions(ledger.lineage(ledger.read(self.store.warehouse, self.plan.feed.name)))

    # --- the end ---

    def assert_untouched(self) -> None:
        """Publishes the versions that were audited, never "the latest": nobody may have written since."""
        for table, version in self.written.items():
            latest = storage.latest_version(self.store.warehouse, table)
            if latest != version:
                raise CommitUnknown(
                    f"a run publishes the versions it audited; {table} was audited at version {version} and stands at "
                    f"{latest}: another program writes this table; stop it and run again"
                )

    def publication(self) -> Publication:
        base = self.plan.base.publication if self.plan.base else ledger.NOTHING
        import json  # noqa: PLC0415

        return Publication(
            feed=self.plan.feed.name,
            publication=base + 1,
            builds_on=base,
            run_id=self.store.run_id,
            strata_version=__version__,
            params=json.dumps(self.plan.params, sort_keys=True),
            tables=tuple(self.states[name] for name in self.plan.feed.table_names if name in self.states),
            files=self.plan.looked.entries,
            gates=tuple(self.gates),
        )


# --- candidates ----------------------------------------------------------------------------------


@dataclass
class _Candidate:
    """A table's rows before its gate, and what must balance."""

    frame: DataFrame
    rows: Rows
    rows_in: int
    identity_in: int | None = None
    folds: tuple[str, ...] = ()
    appends: bool = False
    """Its rows are added to those published; else they replace them all, or those of the touched groups."""
    touched: DataFrame | None = None
    group: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    new_files: tuple[str, ...] | None = None
    folded_records: int = 0
    """Bronze: records in files that were folded whole."""
    built_from: dict[str, int] = field(default_factory=dict)
    judged: DataFrame = None  # type: ignore[assignment]

    @property
    def mode(self) -> str:
        return "append" if self.appends else "whole" if self.touched is None else "groups"


def _bronze_candidate(work: _Work, step: Step) -> _Candidate:
    """Records of the new files; when whole, also those of every file taken before.

    A file that still lies in the raw folder is read anew; the rows of one that has gone are kept as
    they were read: bronze is the archive.
    """
    from pyspark.sql import functions as F  # noqa: PLC0415

    looked, name = work.plan.looked, step.table
    contract = work.plan.feed.contract(name)
    state = work.states.get(name)
    again = [seen for seen in looked.known if seen.table == name] if step.whole else []
    fresh = [seen for seen in looked.new if seen.table == name]
    reads = list({(s.source, s.sha256): s for s in (*again, *fresh)}.values())
    raw = bronze_frame(work.spark, reads, work.plan.feed.layouts, contract.columns)
    frame = raw.withColumns(
        {
            "_run_id": F.lit(work.store.run_id),
            "_ingested_at": F.lit(datetime.now(timezone.utc)).cast("timestamp"),
            "_reasons": F.when(F.col("_raw_record").isNotNull(), F.array(F.lit(UNPARSED))),
        }
    )
    rows_in = sum(seen.records for seen in reads)
    if step.whole and state is not None:
        kept, count = _archived(work, contract, state, [seen.sha256 for seen in reads])
        frame, rows_in = frame.unionByName(kept), rows_in + count
    return _Candidate(
        frame=frame,
        rows=Rows.ONE_TO_ONE,
        rows_in=rows_in,
        appends=not step.whole and state is not None,
        new_files=None if step.whole else tuple(seen.sha256 for seen in reads),
        folded_records=sum(entry.records for entry in looked.folded if entry.table == name),
    )


def _archived(work: _Work, contract: Contract, state: TableState, read_anew: list[str]) -> tuple[DataFrame, int]:
    """Rows, accepted or rejected, of files taken before that are not read anew; and their count."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    parts = [work.store.read(contract.table, state.version)]
    if state.quarantine_version is not None:
        parts.append(work.store.read(quarantine_name(contract.table), state.quarantine_version))
    frame = parts[0].select(*contract.columns)
    for part in parts[1:]:
        frame = frame.unionByName(part.select(*contract.columns))
    kept = frame.where(~F.col("_file_sha256").isin(read_anew)) if read_anew else frame
    kept = work.keep(kept.withColumn("_reasons", F.when(F.col("_raw_record").isNotNull(), F.array(F.lit(UNPARSED)))))
    return kept, kept.count()


def _table_candidate(work: _Work, step: Step) -> _Candidate:
    table = work.plan.feed.table(step.table)
    inputs = {name: work.read_input(name) for name in table.inputs}
    built_from = {name: work.input_state(name).version for name in table.inputs}
    touched = None if step.whole or table.slices else _touched(work, table, inputs)
    if touched is not None:
        inputs = {name: _restrict(table, name, frame, touched) for name, frame in inputs.items()}
    params = [_as_params(work, table, text) for text in step.slices] if table.slices else [_params(work, table)]
    frame = _transform(table, inputs, params)
    held = work.states[table.name].slices if step.adds_slices else ()
    rows_in, identity = _input_balance(work, table, inputs, partial=touched is not None)
    return _Candidate(
        frame=frame,
        rows=table.rows,
        rows_in=rows_in * len(params),
        identity_in=identity,
        folds=table.folds,
        appends=step.adds_slices,
        touched=touched,
        group=table.group,
        slices=(*held, *step.slices),
        built_from=built_from,
    )


def _params(work: _Work, table: Table) -> Any:
    cls = work.plan.feed.params_class
    return cls(**work.plan.params) if cls and table.params else None


def _as_params(work: _Work, table: Table, text: str) -> Any:
    import json  # noqa: PLC0415

    return work.plan.feed.params_class(**{**work.plan.feed.default_params(), **json.loads(text)})


def _transform(table: Table, inputs: dict[str, DataFrame], params: list[Any]) -> DataFrame:
    frames = [table.transform(*inputs.values(), **({"params": p} if p is not None else {})) for p in params]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def _touched(work: _Work, table: Table, inputs: dict[str, DataFrame]) -> DataFrame | None:
    """The groups that this run's changes touch, one row a group; None when the table must be whole.

    A row that moves from one group to another touches both, so the rows before and after count.
    """
    if not table.group:
        return None
    parts = []
    for name, frame in inputs.items():
        change = work.changes.get(name)
        if change is None:
            continue
        if change.is_whole or not _has_group(table, name, frame):
            return None
        rows = [_changed_rows(frame, change)]
        if change.touched is not None and change.before is not None:
            rows.append(_changed_rows(work.store.read(name, change.before), change))
        parts += [_with_group(table, name, part).select(*table.group) for part in rows]
    touched = parts[0]
    for part in parts[1:]:
        touched = touched.unionByName(part)
    return work.keep(touched.distinct())


def _changed_rows(frame: DataFrame, change: Change) -> DataFrame:
    if change.new_files is not None:
        return frame.where(frame["_file_sha256"].isin(list(change.new_files)))
    return storage.semi_join(frame, change.touched, change.group)


def _has_group(table: Table, name: str, frame: DataFrame) -> bool:
    return set(table.group) <= set(frame.columns) or (table.add_group is not None and name.startswith("bronze."))


def _with_group(table: Table, name: str, frame: DataFrame) -> DataFrame:
    if set(table.group) <= set(frame.columns) or table.add_group is None:
        return frame
    return table.add_group(frame)


def _restrict(table: Table, name: str, frame: DataFrame, touched: DataFrame) -> DataFrame:
    """The input's rows in the touched groups; an input without groups stays whole."""
    if not _has_group(table, name, frame):
        return frame
    return storage.semi_join(_with_group(table, name, frame), touched, table.group).select(*frame.columns)


def _input_balance(work: _Work, table: Table, inputs: dict[str, DataFrame], partial: bool) -> tuple[int, int | None]:
    """Rows that the output must answer for, and the order-free hash of their ids.

    For whole inputs both come from the ledger: they were counted when those tables were written.
    """
    rows, identity = 0, 0
    for name in table.driving_inputs:
        if partial:
            count, ids = _count_and_identity(inputs[name])
        else:
            state = work.input_state(name)
            count, ids = state.rows, state.identity
        rows, identity = rows + count, identity ^ ids
    return rows, None if table.rows is Rows.AGGREGATE else identity


def _count_and_identity(frame: DataFrame) -> tuple[int, int]:
    from pyspark.sql import functions as F  # noqa: PLC0415

    has_ids = {"_file_sha256", "_record_number"} <= set(frame.columns)
    ids = F.xxhash64("_file_sha256", "_record_number") if has_ids else F.lit(0).cast("bigint")
    row = frame.agg(F.count(F.lit(1)).alias("n"), F.coalesce(F.bit_xor(ids), F.lit(0).cast("bigint")).alias("ids")).first()
    return row["n"], row["ids"]  # type: ignore[index]


# --- telling ---------------------------------------------------------------------------------------


def _gate_entry(
    step: Step, candidate: _Candidate, verdict: Verdict, reasons: dict[str, int], overridden_by: str | None, rejected: int
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
        f"{entry.table}: {entry.rows_in:,} in = {entry.accepted:,} accepted + {entry.quarantined:,} quarantined "
        f"+ {entry.folded:,} folded ({entry.seconds:.1f} s)"
    )


# --- publications without new rows -----------------------------------------------------------------


def rollback(spark: SparkSession, warehouse: Warehouse, feed: str, number: int) -> Publication:
    """Publishes the tables of an older publication anew; nothing is copied or deleted."""

    def old_set(every: tuple[Publication, ...]) -> Publication:
        old = ledger.find(every, feed, number)
        missing = [s.table for s in old.tables if not storage.has_version(warehouse, s.table, s.version)]
        if missing:
            raise StrataError(
                f"a rollback needs the files of that publication; {', '.join(missing)} no longer has them: "
                "choose a newer publication"
            )
        return Publication(feed, 0, 0, "", restores=old.publication, params=old.params, tables=old.tables)

    return _publish_alone(spark, warehouse, feed, old_set)


def record_decisions(
    spark: SparkSession, warehouse: Warehouse, feed: str, decisions: tuple[ledger.Decision, ...]
) -> Publication:
    """Publishes people's decisions on quarantined rows; the tables stay as they are."""

    def with_decisions(every: tuple[Publication, ...]) -> Publication:
        latest = every[-1]
        return Publication(feed, 0, 0, "", params=latest.params, tables=latest.tables, decisions=decisions)

    return _publish_alone(spark, warehouse, feed, with_decisions)


def _publish_alone(
    spark: SparkSession, warehouse: Warehouse, feed: str, make: Callable[[tuple[Publication, ...]], Publication]
) -> Publication:
    run_id = new_run_id()
    with lease.hold(spark, warehouse, feed, run_id) as held:
        every = ledger.read(warehouse, feed)
        base = every[-1].publication if every else ledger.NOTHING
        made = replace(make(every), publication=base + 1, builds_on=base, run_id=run_id, strata_version=__version__)
        held.assert_held()
        return ledger.publish(spark, warehouse, made)
