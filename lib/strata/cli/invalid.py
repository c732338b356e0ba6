"""What a run says last: how many records are valid and how many are not, and where these lie."""

from __future__ import annotations

from collections.abc import Sequence

from strata.cli import common
from strata.lake.versions import Warehouse
from strata.run.plan import Plan

_COLUMNS = ("feed", "records of", "records", "valid", "invalid", "publication")


def tell_invalid(
    plans: Sequence[Plan], warehouse: Warehouse, folder: str | None, quiet: bool
) -> None:
    """Prints one summary of all feeds; writes what is invalid into the folder, if one is named."""
    from strata.serve import rejects

    if not quiet:
        counts = [c for plan in plans for c in rejects.counts(warehouse, plan.feed)]
        rows = [(c.feed, c.table, c.records, c.valid, c.invalid, c.publication) for c in counts]
        if rows:
            print("\nRecords that were read, valid and invalid")
            common.print_rows(_COLUMNS, rows, "table")
    for plan in plans if folder else ():
        lines = rejects.write(warehouse, plan.feed, str(folder), plan.looked.rejected)
        if not quiet:
            text = f"{lines:,} rejected row{'' if lines == 1 else 's'} and files"
            print(f"{plan.feed.name}: {text} in {folder}/{plan.feed.name}.jsonl")
