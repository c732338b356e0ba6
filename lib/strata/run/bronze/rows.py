"""A bronze table's rows before its gate: records of raw files, and those kept of files that have
gone.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from strata.declare import protection as protect
from strata.declare.contract import Contract, archive_name, quarantine_name
from strata.kit.table import Rows
from strata.ledger import erasures as erasure
from strata.ledger.publication import TableState
from strata.raw.read import bronze_frame
from strata.run.bronze.files import Records
from strata.run.plan import Step
from strata.run.rows import Candidate
from strata.run.state import Context, State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

UNPARSED = "the record does not parse by its layout"


def bronze_rows(context: Context, state: State, step: Step) -> Candidate:
    """Records of the new files; when whole, also those of every file taken before, archived ones
    too.

    A file that still lies in the raw folder is read again; the rows of one that has gone are kept
    as
    they were read: bronze is the archive.
    """
    plan, name = context.plan, step.table
    contract, before = plan.feed.contract(name), state.tables.get(name)
    records = _records(context, step)
    rows_in = sum(seen.records for seen in records.looks)
    kept = None
    if step.whole and before is not None:
        kept, count = _archived(context, contract, before, [seen.sha256 for seen in records.looks])
        rows_in += count
    return Candidate(
        make=partial(_frame, context, contract, records, kept),
        rows=Rows.ONE_TO_ONE,
        rows_in=rows_in,
        folds=(erasure.FOLDED,),
        appends=not step.whole and before is not None,
        new_files=None if step.whole else tuple(seen.sha256 for seen in records.looks),
        folded_records=sum(entry.records for entry in plan.looked.folded if entry.table == name),
        records=None if kept is not None else records,
    )


def _frame(
    context: Context, contract: Contract, records: Records, kept: DataFrame | None
) -> DataFrame:
    read = bronze_frame(
        context.spark, records.looks, records.layouts, contract.columns, records.suppressed
    )
    frame = add_reader_verdict(read, records)
    return frame if kept is None else frame.unionByName(kept, allowMissingColumns=True)


def _records(context: Context, step: Step) -> Records:
    plan = context.plan
    return Records(
        plan.files_of(step),
        tuple(plan.feed.layouts),
        {"_run_id": context.store.run_id, "_ingested_at": datetime.now(timezone.utc)},
        erasure.suppressed(context.store.warehouse, plan.feed.name),
    )


def add_reader_verdict(raw: DataFrame, records: Records) -> DataFrame:
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


def with_reader_verdict(rest: pa.Table, records: Records, schema: pa.Schema) -> pa.Table:
    """As `add_reader_verdict`, of records that lie here and do not stand; `schema` is the
    table's."""
    rows = rest.num_rows
    for name, value in records.of_run.items():
        rest = rest.append_column(name, pa.repeat(pa.scalar(value, schema.field(name).type), rows))
    texts = pa.list_(pa.string())
    unparsed = pc.is_valid(rest["_raw_record"])
    reasons = pc.if_else(unparsed, pa.scalar([UNPARSED], texts), pa.scalar(None, texts))
    rest = rest.append_column("_reasons", reasons)
    if not records.suppressed:
        return rest
    fold = pc.if_else(rest[protect.FORGOTTEN], erasure.FOLDED, pa.scalar(None, pa.string()))
    return rest.drop_columns(protect.FORGOTTEN).append_column("_fold", fold)


def _archived(
    context: Context, contract: Contract, state: TableState, read_anew: list[str]
) -> tuple[DataFrame, int]:
    """Rows, accepted or rejected, of files taken before that are not read again; and their
    count."""
    parts = [context.store.read(contract.table, state.version)]
    if state.quarantine_version is not None:
        parts.append(context.store.read(quarantine_name(contract.table), state.quarantine_version))
    if state.archive_version is not None:
        parts.append(context.store.read(archive_name(contract.table), state.archive_version))
    frame = parts[0].select(*contract.columns)
    for part in parts[1:]:
        frame = frame.unionByName(part.select(*contract.columns))
    kept = frame.where(~F.col("_file_sha256").isin(read_anew)) if read_anew else frame
    kept = kept.withColumn(
        "_reasons", F.when(F.col("_raw_record").isNotNull(), F.array(F.lit(UNPARSED)))
    )
    kept = context.kept.keep(_fold_erased(context, contract.table, kept))
    return kept, kept.count()


def _fold_erased(context: Context, table: str, rows: DataFrame) -> DataFrame:
    """Folds the rows of the person whom this run erases; by a join, for a literal would stand in
    plans and commits.
    """
    if context.options.erase is None:
        return rows
    marked = rows.withColumn("_fold", F.lit(None).cast("string"))
    for owner, column, token in context.options.erase.tokens:
        if owner == table:
            person = context.spark.createDataFrame([(token,)], "_person string")
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
