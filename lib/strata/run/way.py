"""The way of one table: how the rows of its candidate are made, judged and written.

Before it, `inputs` or `bronze` have found what the table is made from: whether plain rows can be
made of it, and which groups the run touches. `build` takes the first of the ways that `ways` names.
One that finds that it must not, for a rule finds fault with what it wrote or it leaves too much
out, leaves nothing behind, and the next is taken. After it come the quarantine and the audit. Every
way gives the same rows, verdicts and counts; tests hold each to the last.
"""

from __future__ import annotations

from enum import Enum

from strata.gate import arrow_rules
from strata.run.bronze import files as bronze_files
from strata.run.bronze.files import Records
from strata.run.plain.place import tasks_of
from strata.run.rows import Candidate
from strata.run.state import Context
from strata.run.written import Target

_MOST_BYTES_OF_SMALL = 512 << 20
"""Of raw files, unpacked, that a small run reads in its own process."""
_MOST_BYTES_HERE = 4 << 30
"""The same of a larger one that needs no Spark otherwise: a stretch of a file is held at a time."""


class Way(Enum):
    """How a candidate's rows are made, judged and written; what is told of it in the log."""

    RECORDS_HERE = "raw records by this process"
    RECORDS_IN_TASKS = "raw records by Spark's tasks"
    PLAIN_GROUPS = "plain rows of few groups by this process"
    PLAIN_HERE = "plain rows by this process"
    PLAIN_IN_TASKS = "plain rows by Spark's tasks"
    NONE = "no row came in, and none is made"
    FETCHED = "rows by Spark, judged and written by this process"
    FETCHED_GROUPS = "rows of few groups by Spark, judged by this process"
    GROUPS = "rows of the groups by Spark"
    WHOLE = "rows by Spark"

    @property
    def is_by_transform(self) -> bool:
        """Whether the table's transform, or Spark's reader, makes every row: it always can."""
        return self in (Way.NONE, Way.FETCHED, Way.FETCHED_GROUPS, Way.GROUPS, Way.WHOLE)


def ways(context: Context, target: Target, candidate: Candidate) -> tuple[Way, ...]:
    """The ways of a candidate, the quickest first; the last can be taken whatever the rows hold.

    The table must stand at its published version.
    """
    quick = None
    if context.store.can_add_files(target.contract):
        if candidate.records is not None:
            quick = _way_of_records(context, target, candidate.records)
        elif candidate.plain is not None:
            quick = _plain_way(context, target, candidate)
    last = _way_by_transform(context, target, candidate)
    return (last,) if quick is None else (quick, last)


def _way_of_records(context: Context, target: Target, records: Records) -> Way | None:
    """Of a bronze table whose files Arrow can write. This process reads few records, and more where
    it does what it can. It holds what does not stand of them, and a stretch of the file that each
    thread writes."""
    if not bronze_files.can_write(target.contract):
        return None
    plan, most = context.plan, context.options.most_bytes_here
    if plan.is_here and not context.options.in_tasks:
        most = max(most, _MOST_BYTES_OF_SMALL if plan.is_small else _MOST_BYTES_HERE)
    is_here = records.bytes <= most and arrow_rules.can_ask(target.row_rules, target.schema)
    return Way.RECORDS_HERE if is_here else Way.RECORDS_IN_TASKS


def _plain_way(context: Context, target: Target, candidate: Candidate) -> Way | None:
    """Of a table whose inputs give plain rows. Groups must be few, and Arrow must answer the rules;
    of whole inputs this process does what one task would, where Spark would start it here."""
    if candidate.touched is not None:
        can_ask = arrow_rules.can_ask(target.row_rules, target.schema)
        return Way.PLAIN_GROUPS if candidate.touched.keys is not None and can_ask else None
    is_one_task = tasks_of(candidate.rows_in) == 1 and not context.options.in_tasks
    is_here = is_one_task and _is_one_machine(context)
    return Way.PLAIN_HERE if is_here else Way.PLAIN_IN_TASKS


def _is_one_machine(context: Context) -> bool:
    # What this process does by itself does not start Spark to ask it.
    return context.plan.is_here or (context.spark.conf.get("spark.master", "") or "").startswith(
        "local"
    )


def _way_by_transform(context: Context, target: Target, candidate: Candidate) -> Way:
    """Few rows are fetched into the driver, for one job in place of several."""
    is_few = (
        candidate.rows_in <= context.options.most_rows_here
        and not target.contract.partition_columns
    )
    if candidate.touched is not None:
        return Way.FETCHED_GROUPS if is_few else Way.GROUPS
    if is_few:
        return Way.NONE if candidate.is_of_none else Way.FETCHED
    return Way.WHOLE
