"""How much of a run is Java's work, by which its compiler is chosen."""

from __future__ import annotations

from collections import Counter

from strata.kit.table import Table
from strata.run.plan import MOST_SMALL_NEWS, Plan


def works_little(plan: Plan) -> bool:
    """Whether DuckDB and Arrow make every table of the plan into which many records go.

    Java's thorough compiler would then take longer than what it makes quicker: of a load of two
    million order lines more than all of Spark's tasks.
    """
    feed, records = plan.feed, Counter[str]()
    for look in (*plan.looked.new, *plan.looked.known):
        records[look.table] += look.records
    many = {name for name, number in records.items() if number > MOST_SMALL_NEWS}
    made = {step.table for step in plan.steps} - many - set(feed.bronze_tables)
    return all(_is_plain(plan, feed.table(name)) for name in feed.descendants(many) & made)


def _is_plain(plan: Plan, table: Table) -> bool:
    only = {} if table.plain is None else table.plain.only
    return table.plain is not None and all(plan.params[n] == value for n, value in only.items())
