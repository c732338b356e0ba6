"""The rows that Spark makes by a table's transform: judged by its gate, each counted on the way,
and the accepted ones put into the table. Any candidate can be written so (`run.way`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import Observation

from strata.gate import counting, gate, judging, small
from strata.gate.counting import Tally
from strata.gate.judging import Rule
from strata.kit.frames import frame_of
from strata.lake.exchange import replace_groups
from strata.lake.shape import conform
from strata.run.rows import Candidate
from strata.run.state import Context
from strata.run.written import (
    Target,
    Written,
    assert_touched,
    assert_written,
    fetch_judged,
    split,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write_none(context: Context, target: Target, candidate: Candidate) -> Written:
    """Writes that the table has no row, for none came in; Spark is not asked for none."""
    judged, rules = judging.nothing_judged(target.schema), gate.row_rules(None, target.suite)
    tally = Tally(broken=[0] * len(rules))
    return _write_judged(context, target, candidate, (judged, rules, tally))


def write_fetched(context: Context, target: Target, candidate: Candidate) -> Written:
    """The same as `write_whole`, by one job: what follows from the judged rows is done here."""
    judged, rules = fetch_judged(candidate.frame, candidate.rows, target)
    tally = small.count(judged, candidate.rows_in, rules, candidate.folds)
    return _write_judged(context, target, candidate, (judged, rules, tally))


def _write_judged(
    context: Context,
    target: Target,
    candidate: Candidate,
    told: tuple[pa.Table, list[Rule], Tally],
) -> Written:
    (judged, rules, tally), contract, store = told, target.contract, context.store
    rows = small.accepted(judged, contract.columns)
    appends = candidate.appends or target.previous is None
    commit = store.append(contract, rows) if appends else store.overwrite(contract, rows)
    assert_written(target.table, tally.rows_written, commit)
    whole = None if candidate.appends else rows
    return Written(commit, tally, rules, judged, whole=whole)


def write_whole(context: Context, target: Target, candidate: Candidate) -> Written:
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


def write_fetched_groups(context: Context, target: Target, candidate: Candidate) -> Written:
    """The same as `write_groups`, of few rows: they are judged and counted here."""
    fetched, rules = fetch_judged(candidate.frame, candidate.rows, target)
    tally = small.count(fetched, candidate.rows_in, rules, candidate.folds)
    judged = frame_of(context.spark, fetched, small.schema_of(candidate.frame, fetched))
    written = _exchange(context, target, candidate, (judged, rules, tally))
    return replace(written, judged=fetched)


def write_groups(context: Context, target: Target, candidate: Candidate) -> Written:
    """Puts the accepted rows in the place of those that the touched groups had."""
    # Counted first, for the count tells how many files they need.
    parts = split(candidate.frame, candidate.rows, target.suite)
    judged = context.kept.keep(parts.judged)
    measured = counting.count(judged, parts.rules, candidate.folds)
    tally = counting.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    return _exchange(context, target, candidate, (judged, parts.rules, tally))


def _exchange(
    context: Context,
    target: Target,
    candidate: Candidate,
    told: tuple[DataFrame, list[Rule], Tally],
) -> Written:
    (judged, rules, tally), touched = told, candidate.touched
    assert touched is not None, "asked of touched groups"
    accepted = conform(judged.where(judging.is_accepted()), target.contract)
    assert_touched(target.table, accepted, touched)
    exchange = replace_groups(context.store, target.contract, accepted, tally.rows_written, touched)
    assert_written(target.table, tally.rows_written + exchange.rows_kept, exchange.commit)
    return Written(exchange.commit, tally, rules, judged, exchange, frame=judged)
