"""Records of raw files, written by Arrow into a bronze table: by this process, or by Spark's tasks.

Which of both, `run.way` decides. None means that nothing was written: a rule takes out some of the
rows, and every row must be judged on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from strata.gate import arrow_judging, counting, gate, judging, small
from strata.gate.counting import Tally
from strata.lake.shape import columns_with_statistics
from strata.run.bronze import files as bronze_files
from strata.run.bronze.files import Records
from strata.run.bronze.rows import add_reader_verdict, with_reader_verdict
from strata.run.rows import Candidate
from strata.run.state import Context
from strata.run.written import Target, Written, ask_files, would_reject

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write_in_tasks(context: Context, target: Target, candidate: Candidate) -> Written | None:
    """Writes a bronze table's records in Spark's tasks, which read them, and asks the suite of the
    files before a commit names them."""
    contract, store, records = target.contract, context.store, _records(candidate)
    folder = store.warehouse.path(contract.table)
    told = context.kept.keep(
        bronze_files.write(
            context.spark, records, contract, folder, columns_with_statistics(contract)
        )
    )
    added = bronze_files.written(told)
    rest = add_reader_verdict(
        told.where(told[bronze_files.WRITTEN].isNull()).drop(bronze_files.WRITTEN), records
    )
    rules = gate.row_rules(rest, target.suite)
    asked = ask_files(context, target, added)
    if would_reject(asked.broken, target.row_rules):
        bronze_files.remove(folder, added)
        return None
    if asked.rows == candidate.rows_in:
        judged: DataFrame | pa.Table = judging.nothing_judged(target.schema)
        tally = Tally(candidate.rows_in, broken=[0] * len(rules))
    else:
        judged = judging.judge(rest, rules, candidate.rows)
        measured = counting.count(judged, rules, candidate.folds)
        tally = counting.read_tally(measured, candidate.rows_in, rules, candidate.folds)
    counting.add_written(tally, asked.rows, asked.identity, asked.broken)
    return Written(store.append_files(contract, added), tally, rules, judged)


def write_here(context: Context, target: Target, candidate: Candidate) -> Written | None:
    """The same by this process, which reads, writes and judges them."""
    contract, store, records = target.contract, context.store, _records(candidate)
    folder = store.warehouse.path(contract.table)
    told = bronze_files.write_here(records, contract, folder, columns_with_statistics(contract))
    added = bronze_files.written(told)
    is_few = records.bytes <= context.options.most_bytes_here
    asked = ask_files(context, target, added, fetches=is_few or None)
    if would_reject(asked.broken, target.row_rules):
        bronze_files.remove(folder, added)
        return None
    rest = told.filter(pc.is_null(told[bronze_files.WRITTEN])).drop_columns(bronze_files.WRITTEN)
    rules = gate.row_rules(None, target.suite)
    judged: DataFrame | pa.Table = rest
    tally = Tally(rows_in=candidate.rows_in, broken=[0] * len(rules))
    if rest.num_rows:
        rows = with_reader_verdict(rest, records, target.schema)
        judged = small.narrow(arrow_judging.judge(rows, rules), contract.columns, rules)
        tally = small.count(judged, candidate.rows_in, rules, candidate.folds)
    counting.add_written(tally, asked.rows, asked.identity, asked.broken)
    whole = None if candidate.appends else asked.lying
    return Written(store.append_files(contract, added), tally, rules, judged, whole=whole)


def _records(candidate: Candidate) -> Records:
    assert candidate.records is not None, "asked of records alone"
    return candidate.records
