"""The statistics of a data file in its table's log, and its columns, held against the file itself.

Delta counts by `numRecords` and skips files by minimum and maximum, so statistics that are wrong
make answers wrong. Bounds may be wider than the rows: text is cut to 32 characters, times to
milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from strata.errors import Damaged
from strata.lake.columns import strange_columns
from strata.lake.data_set import arrow_schema
from strata.lake.file_check import Scan
from strata.lake.log import statistics


def wrong_statistics(add: dict[str, Any], found: Scan, metadata: dict[str, Any]) -> list[str]:
    """What the log says of a file and its rows do not; sentences, empty when all fits."""
    try:
        stated = statistics(add)
    except Damaged as error:
        return [str(error)]
    if not stated:
        return []
    problems = _wrong_columns(found, stated, metadata)
    if stated.get("numRecords") != found.rows:
        problems.append(f"the log says {stated.get('numRecords')} rows, it holds {found.rows}")
    types = {
        field["name"]: field["type"] for field in json.loads(metadata["schemaString"])["fields"]
    }
    for name, nulls in (stated.get("nullCount") or {}).items():
        if (
            name in found.columns
            and not isinstance(nulls, dict)
            and nulls != found.columns[name].nulls
        ):
            problems.append(f"the log's count of nulls of {name} is not that of its rows")
    problems += _wrong_bounds(
        "minValues", stated, found, types, lambda bound, column: bound > column.low
    )
    problems += _wrong_bounds(
        "maxValues", stated, found, types, lambda bound, column: bound < column.high
    )
    return problems


def _wrong_columns(found: Scan, stated: dict[str, Any], metadata: dict[str, Any]) -> list[str]:
    """Columns of the file that its table has not, or has with another type, or that it lacks though
    the log counted them.

    A reader gives NULL for a column that it does not find, and says nothing. A file older than a
    column lacks it by right, but then the log has no count for it.
    """
    schema = arrow_schema(metadata)
    problems, types = strange_columns(schema, found.types), set(schema.names)
    counted = set(stated.get("nullCount") or {}) & types
    return problems + [f"it lacks the column {name}" for name in sorted(counted - set(found.types))]


def _wrong_bounds(
    key: str,
    stated: dict[str, Any],
    found: Scan,
    types: dict[str, Any],
    is_wrong: Callable[[Any, Any], bool],
) -> list[str]:
    problems = []
    for name, text in (stated.get(key) or {}).items():
        column = found.columns.get(name)
        if name not in types or isinstance(text, dict):
            problems += (
                []
                if isinstance(types.get(name), dict)
                else [f"the log has {key} of {name}, which its schema lacks"]
            )
            continue
        if column is None or column.low is None:
            continue
        bound = _value(text, column.low, key == "maxValues")
        if bound is None or is_wrong(bound, column):
            problems.append(f"the log's {key} of {name} do not bound its rows")
    return problems


def _value(stated: Any, like: Any, is_upper: bool) -> Any:
    """A bound from the log as a value that compares with the column's; None where it is none."""
    try:
        if isinstance(like, datetime):
            moment = datetime.fromisoformat(str(stated).replace("Z", "+00:00"))
            moment = (
                moment
                if like.tzinfo is None
                else moment
                if moment.tzinfo
                else moment.replace(tzinfo=timezone.utc)
            )
            moment = moment.replace(tzinfo=None) if like.tzinfo is None else moment
            return moment + timedelta(milliseconds=1) if is_upper else moment
        if isinstance(like, date):
            return date.fromisoformat(str(stated))
        if isinstance(like, Decimal):
            return Decimal(str(stated))
        if isinstance(like, bool) or not isinstance(like, (int, float)):
            return stated if isinstance(stated, type(like)) else None
        return float(stated) if isinstance(like, float) else int(stated)
    except (ValueError, TypeError, InvalidOperation):
        return None
