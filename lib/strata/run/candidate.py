"""Candidates: a table's rows before its gate, whole or only what the run's changes touch, and what
must balance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from strata.declare import protection as protect
from strata.declare.contract import Contract, quarantine_name
from strata.kit import groups, keys
from strata.kit.groups import Groups
from strata.kit.shared import Shared, find_shared
from strata.kit.table import Reference, Rows, Table
from strata.lake import store as storage
from strata.ledger import erasures as erasure
from strata.ledger.publication import TableState
from strata.raw.read import bronze_frame
from strata.run import bronze
from strata.run.plan import Step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from strata.run.work import Work

UNPARSED = "the record does not parse by its layout"


@dataclass(frozen=True)
class Change:
    """How a table of this run differs from its published version."""

    before: int | None
    """The published version, or None where there was none."""
    after: int
    new_files: tuple[str, ...] | None = None
    """Bronze: the files whose rows were added."""
    touched: Groups | None = None
    """The groups whose rows were replaced."""

    @property
    def is_whole(self) -> bool:
        return self.before is None or (self.new_files is None and self.touched is None)


@dataclass
class Candidate:
    """A table's rows before its gate, and what must balance."""

    frame: DataFrame
    rows: Rows
    rows_in: int
    identity_in: int | None = None
    folds: tuple[str, ...] = ()
    appends: bool = False
    """Its rows are added to those published; else they replace them all, or those of the touched
    groups.
    """
    touched: Groups | None = None
    slices: tuple[str, ...] = ()
    new_files: tuple[str, ...] | None = None
    folded_records: int = 0
    """Bronze: records in files that were folded whole."""
    built_from: dict[str, int] = field(default_factory=dict)
    records: bronze.Records | None = None
    """Bronze: what `frame` reads, if it is nothing but records of raw files."""
    exchange: storage.Exchange | None = None
    """What was put in the place of the touched groups' rows, once they are written."""
    judged: DataFrame = None  # type: ignore[assignment]

    @property
    def mode(self) -> str:
        return "append" if self.appends else "whole" if self.touched is None else "groups"


def bronze_candidate(work: Work, step: Step) -> Candidate:
    """Records of the new files; when whole, also those of every file taken before.

    A file that still lies in the raw folder is read anew; the rows of one that has gone are kept as
    they were read: bronze is the archive.
    """
    name = step.table
    contract = work.plan.feed.contract(name)
    state = work.states.get(name)
    reads = work.plan.files_of(step)
    suppressed = erasure.suppressed(work.store.warehouse, work.plan.feed.name)
    layouts = work.plan.feed.layouts
    records = bronze.Records(
        tuple(reads),
        tuple(layouts),
        {"_run_id": work.store.run_id, "_ingested_at": datetime.now(timezone.utc)},
        suppressed,
    )
    frame = add_reader_verdict(
        bronze_frame(work.spark, reads, layouts, contract.columns, suppressed), records
    )
    rows_in = sum(seen.records for seen in reads)
    keeps_archived = step.whole and state is not None
    if step.whole and state is not None:
        kept, count = _archived(work, contract, state, [seen.sha256 for seen in reads])
        frame, rows_in = frame.unionByName(kept, allowMissingColumns=True), rows_in + count
    return Candidate(
        frame=frame,
        rows=Rows.ONE_TO_ONE,
        rows_in=rows_in,
        folds=(erasure.FOLDED,),
        appends=not step.whole and state is not None,
        new_files=None if step.whole else tuple(seen.sha256 for seen in reads),
        folded_records=sum(
            entry.records for entry in work.plan.looked.folded if entry.table == name
        ),
        records=None if keeps_archived else records,
    )


def add_reader_verdict(raw: DataFrame, records: bronze.Records) -> DataFrame:
    """Adds what the run tells of each record, and which ones do not stand: those that do not parse,
    and those of the forgotten.
    """
    of_run = {name: F.lit(value) for name, value in records.of_run.items()}
    frame = raw.withColumns(
        of_run | {"_reasons": F.when(F.col("_raw_record").isNotNull(), F.array(F.lit(UNPARSED)))}
    )
    if not records.suppressed:
        return frame
    return frame.withColumn("_fold", F.when(F.col(protect.FORGOTTEN), F.lit(erasure.FOLDED))).drop(
        protect.FORGOTTEN
    )


def _archived(
    work: Work, contract: Contract, state: TableState, read_anew: list[str]
) -> tuple[DataFrame, int]:
    """Rows, accepted or rejected, of files taken before that are not read anew; and their count."""
    parts = [work.store.read(contract.table, state.version)]
    if state.quarantine_version is not None:
        parts.append(work.store.read(quarantine_name(contract.table), state.quarantine_version))
    frame = parts[0].select(*contract.columns)
    for part in parts[1:]:
        frame = frame.unionByName(part.select(*contract.columns))
    kept = frame.where(~F.col("_file_sha256").isin(read_anew)) if read_anew else frame
    kept = kept.withColumn(
        "_reasons", F.when(F.col("_raw_record").isNotNull(), F.array(F.lit(UNPARSED)))
    )
    kept = work.keep(_fold_erased(work, contract.table, kept))
    return kept, kept.count()


def _fold_erased(work: Work, table: str, rows: DataFrame) -> DataFrame:
    """Folds the rows of the person whom this run erases; by a join, for a literal would stand in
    plans and commits.
    """
    if work.options.erase is None:
        return rows
    marked = rows.withColumn("_fold", F.lit(None).cast("string"))
    for owner, column, token in work.options.erase.tokens:
        if owner == table:
            person = work.spark.createDataFrame([(token,)], "_person string")
            is_person = F.col(column) == F.col("_person")
            marked = (
                marked.join(F.broadcast(person), is_person, "left")
                .withColumn(
                    "_fold",
                    F.when(F.col("_person").isNotNull(), F.lit(erasure.FOLDED)).otherwise(
                        F.col("_fold")
                    ),
                )
                .drop("_person")
            )
    return marked


def table_candidate(work: Work, step: Step) -> Candidate:
    table = work.plan.feed.table(step.table)
    inputs = {name: work.read_input(name) for name in table.inputs}
    built_from = {name: work.input_state(name).version for name in table.inputs}
    touched = None if step.whole or table.slices else _touched(work, table, inputs)
    if touched is not None:
        inputs = {
            name: _restrict(work, table, name, frame, touched) for name, frame in inputs.items()
        }
    params = (
        [_as_params(work, table, text) for text in step.slices]
        if table.slices
        else [_params(work, table)]
    )
    frame = _transform(table, inputs, params, _shared(work, table, inputs, touched is not None))
    held = work.states[table.name].slices if step.adds_slices else ()
    rows_in, identity = _input_balance(work, table, inputs, partial=touched is not None)
    return Candidate(
        frame=frame,
        rows=table.rows,
        rows_in=rows_in * len(params),
        identity_in=identity,
        folds=table.folds,
        appends=step.adds_slices,
        touched=touched,
        slices=(*held, *step.slices),
        built_from=built_from,
    )


def _params(work: Work, table: Table) -> Any:
    cls = work.plan.feed.params_class
    return cls(**work.plan.params) if cls and table.params else None


def _as_params(work: Work, table: Table, text: str) -> Any:
    return work.plan.feed.params_class(**{**work.plan.feed.default_params(), **json.loads(text)})


def _shared(
    work: Work, table: Table, inputs: dict[str, DataFrame], partial: bool
) -> dict[str, Shared]:
    """What a table that declares `unique` is given besides its inputs: a transform runs no job."""
    if not table.unique:
        return {}
    first = table.inputs[0]
    frame = inputs[first]
    rows = frame.count() if partial else work.input_state(first).rows
    return {"shared": find_shared(frame, table.unique, rows)}


def _transform(
    table: Table, inputs: dict[str, DataFrame], params: list[Any], shared: dict[str, Shared]
) -> DataFrame:
    given = [_as_read(table, name, frame) for name, frame in inputs.items()]
    frames = [
        table.transform(*given, **({"params": p} if p is not None else {}), **shared)
        for p in params
    ]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def _as_read(table: Table, name: str, frame: DataFrame) -> DataFrame:
    reference = table.via.get(name)
    return frame if reference is None else frame.where(reference.where).select(*reference.columns)


def _touched(work: Work, table: Table, inputs: dict[str, DataFrame]) -> Groups | None:
    """The groups that this run's changes touch; None when the table must be whole.

    A row that moves from one group to another touches both, so the rows before and after count.
    """
    if not table.group:
        return None
    parts = []
    for name, frame in inputs.items():
        change = work.changes.get(name)
        if change is None:
            continue
        if change.is_whole or not (_has_group(table, name, frame) or name in table.via):
            return None
        if (
            change.touched is not None
            and change.touched.columns == table.group
            and name not in table.via
        ):
            # The input was replaced by the same groups: no need to look for them in its rows.
            parts.append(change.touched.frame)
            continue
        rows = [_changed_rows(frame, change)]
        if change.touched is not None and change.before is not None:
            rows.append(_changed_rows(work.store.read(name, change.before), change))
        if name in table.via:
            parts += _referring(table, inputs, table.via[name], rows)
        else:
            parts += [_with_group(table, name, part) for part in rows]
    personal = {
        field.name for field in work.plan.feed.contract(table.name).fields if field.is_personal
    }
    return groups.groups_of(parts, table.group, personal, work.keep)


def _referring(
    table: Table, inputs: dict[str, DataFrame], reference: Reference, rows: list[DataFrame]
) -> list[DataFrame]:
    """The groups of the driving inputs' rows that refer to rows which read differently now and
    before.

    A delivery of all customers touches every one of them, but changes few.
    """
    now, *before = (part.where(reference.where).select(*reference.columns) for part in rows)
    changed = now
    for old in before:
        changed = now.exceptAll(old).unionByName(old.exceptAll(now))
    keys = changed.select(*reference.by).distinct()
    grouped = {name: _with_group(table, name, inputs[name]) for name in table.driving_inputs}
    refer = [frame for frame in grouped.values() if set(reference.by) <= set(frame.columns)]
    return [groups.semi_join(frame, keys, reference.by).select(*table.group) for frame in refer]


def _changed_rows(frame: DataFrame, change: Change) -> DataFrame:
    if change.touched is not None:
        return change.touched.rows_of(frame)
    return frame.where(frame["_file_sha256"].isin(list(change.new_files or ())))


def _has_group(table: Table, name: str, frame: DataFrame) -> bool:
    return set(table.group) <= set(frame.columns) or (
        table.add_group is not None and name.startswith("bronze.")
    )


def _with_group(table: Table, name: str, frame: DataFrame) -> DataFrame:
    if set(table.group) <= set(frame.columns) or table.add_group is None:
        return frame
    return table.add_group(frame)


def _restrict(work: Work, table: Table, name: str, frame: DataFrame, touched: Groups) -> DataFrame:
    """The input's rows in the touched groups; an input without groups stays whole."""
    if not _has_group(table, name, frame):
        return frame
    rows = touched.rows_of(_with_group(table, name, frame)).select(*frame.columns)
    # These are counted, asked for keys that they share, and transformed; each time they would be
    # sought in the whole input.
    return work.keep(rows) if name in table.driving_inputs else rows


def _input_balance(
    work: Work, table: Table, inputs: dict[str, DataFrame], partial: bool
) -> tuple[int, int | None]:
    """Rows that the output must answer for, and the order-free hash of their ids.

    For whole inputs both come from the ledger: they were counted when those tables were written.
    """
    rows, identity = 0, 0
    for name in table.driving_inputs:
        if partial:
            count, ids = count_and_identity(inputs[name])
        else:
            state = work.input_state(name)
            count, ids = state.rows, state.identity
        rows, identity = rows + count, identity ^ ids
    return rows, None if table.rows is Rows.AGGREGATE else identity


def count_and_identity(frame: DataFrame) -> tuple[int, int]:
    row = frame.agg(F.count(F.lit(1)), keys.identity(frame)).collect()[0]
    return row[0], row[1]
