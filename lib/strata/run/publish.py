"""The end of a run: what was audited is published, in one row of the ledger."""

from __future__ import annotations

import json

from strata import __version__
from strata.errors import CommitUnknown
from strata.lake import versions
from strata.ledger import publication as ledger
from strata.ledger import seal
from strata.ledger.publication import Publication, TableState
from strata.run.state import Context, State


def assert_untouched(context: Context, state: State) -> None:
    """Publishes the versions that were audited, never "the latest": nobody may have written
    since.
    """
    for table, version in state.written.items():
        latest = versions.latest_version(context.store.warehouse, table)
        if latest != version:
            raise CommitUnknown(
                f"a run publishes the versions it audited; {table} was audited at version "
                f"{version} and stands at "
                f"{latest}: another program writes this table; stop it and run again"
            )


def make_publication(context: Context, state: State) -> Publication:
    """The row that publishes every table of the feed as this run has it."""
    plan, erase = context.plan, context.options.erase
    base = plan.base.publication if plan.base else ledger.NOTHING
    return Publication(
        feed=plan.feed.name,
        publication=base + 1,
        builds_on=base,
        run_id=context.store.run_id,
        strata_version=__version__,
        params=json.dumps(plan.params, sort_keys=True),
        kind="erasure" if erase else "run",
        # What an erasure replaces still holds the person.
        ends=base if erase else 0,
        erasures=(erase.id,) if erase else (),
        tables=tuple(
            _sealed(context, state.tables[name])
            for name in plan.feed.table_names
            if name in state.tables
        ),
        files=plan.looked.entries,
        gates=tuple(sorted(state.gates, key=lambda g: plan.feed.table_names.index(g.table))),
    )


def _sealed(context: Context, table: TableState) -> TableState:
    before = context.plan.base.state(table.table) if context.plan.base else None
    return seal.seal(context.store.warehouse, table, before)
