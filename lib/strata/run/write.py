"""Writing a candidate: its rows split by the gate, and the accepted ones put into the table, each
counted on the way.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Observation

from strata.gate import arrow_judging, arrow_rules, counting, gate, judging, small
from strata.gate.counting import Tally
from strata.kit.groups import Groups
from strata.lake.exchange import replace_groups
from strata.lake.shape import columns_with_statistics, conform
from strata.run.bronze import files as bronze_files
from strata.run.bronze import rows as bronze
from strata.run.bronze.files import Records
from strata.run.rows import Candidate
from strata.run.state import Context
from strata.run.written import (
    Target,
    Written,
    ask_files,
    assert_touched,
    assert_written,
    fetch_judged,
    split,
    would_reject,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_BYTES_OF_SMALL = 512 << 20
"""Of raw files, unpacked, that a small run reads in its own process."""
_MOST_BYTES_HERE = 4 << 30
"""The same of a larger one that needs no Spark otherwise: a stretch of a file is held at a time."""


def write_accepted(context: Context, target: Target, candidate: Candidate) -> Written:
    """Writes the accepted rows, and counts every row on the way."""
    previous, store = target.previous, context.store
    store.open_for_write(target.contract, previous.version if previous else None)
    if candidate.records and _takes_files(context, target):
        by_arrow = arrow_rules.can_ask(target.row_rules, target.schema)
        is_here = by_arrow and _are_read_here(context, candidate.records)
        write = _write_records_here if is_here else _write_records
        written = write(context, target, candidate, candidate.records)
        if written is not None:
            return written
    if candidate.touched is not None:
        return _write_groups(context, target, candidate, candidate.touched)
    if _is_small(context, target, candidate):
        return _write_small(context, target, candidate)
    return _write_whole(context, target, candidate)


def _are_read_here(context: Context, records: Records) -> bool:
    """Whether this process reads raw records, and not Spark's tasks: few, and more where it does
    what it can. It holds what does not stand of them, and a stretch of the file that each thread
    writes."""
    plan = context.plan
    is_here = plan.is_here and not context.options.in_tasks
    most = (_MOST_BYTES_OF_SMALL if plan.is_small else _MOST_BYTES_HERE) if is_here else 0
    return records.bytes <= max(most, context.options.most_bytes_here)


def _is_small(context: Context, target: Target, candidate: Candidate) -> bool:
    """Whether the candidate's rows are fetched into the driver, for one job in place of several."""
    return (
        candidate.rows_in <= context.options.most_rows_here
        and not target.contract.partition_columns
    )


def _write_small(context: Context, target: Target, candidate: Candidate) -> Written:
    """The same as `_write_whole`, by one job: what follows from the judged rows is done here."""
    contract, store = target.contract, context.store
    if candidate.is_of_none:  # Spark is not asked for no rows.
        judged, rules = judging.nothing_judged(target.schema), gate.row_rules(None, target.suite)
        tally = Tally(broken=[0] * len(rules))
    else:
        judged, rules = fetch_judged(candidate.frame, candidate.rows, target)
        tally = small.count(judged, candidate.rows_in, rules, candidate.folds)
    rows = small.accepted(judged, contract.columns)
    appends = candidate.appends or target.previous is None
    commit = store.append(contract, rows) if appends else store.overwrite(contract, rows)
    assert_written(target.table, tally.rows_written, commit)
    whole = None if candidate.appends else rows
    return Written(commit, tally, rules, judged, whole=whole)


def _takes_files(context: Context, target: Target) -> bool:
    """Whether the table's files can be written by Arrow, in the tasks that read the records."""
    can_write = bronze_files.can_write(target.contract)
    return can_write and context.store.can_add_files(target.contract)


def _write_whole(context: Context, target: Target, candidate: Candidate) -> Written:
    """Appends the accepted rows, or puts them in the place of all that stood there."""
    contract, store = target.contract, context.store
    parts = split(candidate.frame, candidate.rows, target.suite)
    # Nothing to replace in a table that is still empty: appending is several times quicker.
    appends = candidate.appends or target.previous is None
    # The filter stands above the count, where Spark leaves it.
    observation = Observation(f"gate of {target.table}")
    observed = counting.observed(
        parts.judged, observation, contract.columns, parts.rules, candidate.folds
    )
    accepted = conform(observed.where(judging.is_accepted()), contract)
    commit = store.append(contract, accepted) if appends else store.overwrite(contract, accepted)
    measured = observation.get
    tally = counting.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    assert_written(target.table, tally.rows_written, commit)
    judged, rejects = parts.judged, None
    if "marks" in measured:
        some = partial(counting.marked, marks=measured["marks"])
        judged = some(judged)
        if tally.rows_rejected and candidate.rejects:
            rejects = split(candidate.rejects(some), candidate.rows, target.suite).judged
    return Written(commit, tally, parts.rules, judged, rejects=rejects)


def _write_groups(
    context: Context, target: Target, candidate: Candidate, touched: Groups
) -> Written:
    """Puts the accepted rows in the place of those that the touched groups had."""
    # Counted first, for the count tells how many files they need.
    fetched = None
    if _is_small(context, target, candidate):
        fetched, rules = fetch_judged(candidate.frame, candidate.rows, target)
        tally = small.count(fetched, candidate.rows_in, rules, candidate.folds)
        schema = small.schema_of(candidate.frame, fetched)
        judged = context.spark.createDataFrame(fetched, schema)
    else:
        parts = split(candidate.frame, candidate.rows, target.suite)
        judged, rules = context.kept.keep(parts.judged), parts.rules
        measured = counting.count(judged, rules, candidate.folds)
        tally = counting.read_tally(measured, candidate.rows_in, rules, candidate.folds)
    accepted = conform(judged.where(judging.is_accepted()), target.contract)
    assert_touched(target.table, accepted, touched)
    exchange = replace_groups(context.store, target.contract, accepted, tally.rows_written, touched)
    assert_written(target.table, tally.rows_written + exchange.rows_kept, exchange.commit)
    return Written(
        exchange.commit,
        tally,
        rules,
        judged if fetched is None else fetched,
        exchange,
        frame=judged,
    )


def _write_records(
    context: Context, target: Target, candidate: Candidate, records: Records
) -> Written | None:
    """Writes a bronze table's records by Arrow, and asks the suite of the files before a commit
    names them.

    None, and nothing done, where a rule takes out some of the rows that were written: then every
    row must be judged on its way.
    """
    contract, store = target.contract, context.store
    folder = store.warehouse.path(contract.table)
    told = context.kept.keep(
        bronze_files.write(
            context.spark, records, contract, folder, columns_with_statistics(contract)
        )
    )
    added = bronze_files.written(told)
    rest = bronze.add_reader_verdict(
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


def _write_records_here(
    context: Context, target: Target, candidate: Candidate, records: Records
) -> Written | None:
    """The same by this process, which reads, writes and judges them."""
    contract, store = target.contract, context.store
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
        rows = bronze.with_reader_verdict(rest, records, target.schema)
        judged = small.narrow(arrow_judging.judge(rows, rules), contract.columns, rules)
        tally = small.count(judged, candidate.rows_in, rules, candidate.folds)
    counting.add_written(tally, asked.rows, asked.identity, asked.broken)
    whole = None if candidate.appends else asked.lying
    return Written(store.append_files(contract, added), tally, rules, judged, whole=whole)
