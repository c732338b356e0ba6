"""The statistics of a data file in its table's log, held against the file's rows.

Delta counts by `numRecords` and skips files by minimum and maximum, so statistics that are wrong make
answers wrong. Bounds may be wider than the rows: text is cut to 32 characters, times to milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from strata.delta_log import statistics
from strata.errors import Damaged
from strata.scan import Scan


def wrong_statistics(add: dict[str, Any], found: Scan, metadata: dict[str, Any]) -> list[str]:
    """What the log says of a file and its rows do not; sentences, empty when all fits."""
    try:
        stated = statistics(add)
    except Damaged as error:
        return [str(error)]
    if not stated:
        return []
    problems = []
    if stated.get("numRecords") != found.rows:
        problems.append(f"the log says {stated.get('numRecords')} rows, it holds {found.rows}")
    types = {field["name"]: field["type"] for field in json.loads(metadata["schemaString"])["fields"]}
    for name, nulls in (stated.get("nullCount") or {}).items():
        if name in found.columns and not isinstance(nulls, dict) and nulls != found.columns[name].nulls:
            problems.append(f"the log's count of nulls of {name} is not that of its rows")
    for key, is_wrong in (
        ("minValues", lambda bound, column: bound > column.low),
        ("maxValues", lambda bound, column: bound < column.high),
    ):
        problems += _wrong_bounds(key, stated.get(key) or {}, found, types, is_wrong)
    return problems


def _wrong_bounds(key: str, stated: dict[str, Any], found: Scan, types: dict[str, Any], is_wrong: Callable[[Any, Any], bool]) -> list[str]:
    problems = []
    for name, text in (stated.get(key) or {}).items():
        column = found.columns.get(name)
        if name not in types or isinstance(text, dict):
            problems += [] if isinstance(types.get(name), dict) else [f"the log has {key} of {name}, which its schema lacks"]
            continue
        if column is None or column.low is None:
            continue
        bound = _value(text, types[name], column.low, key == "maxValues")
        if bound is None or is_wrong(bound, column):
            problems.append(f"the log's {key} of {name} do not bound its rows")
    return problems


def _value(stated: Any, kind: Any, like: Any, is_upper: bool) -> Any:
    """A bound from the log as a value that compares with the column's; None where it is none."""
    try:
        if isinstance(like, datetime):
            moment = datetime.fromisoformat(str(stated).replace("Z", "+00:00"))
            moment = moment if like.tzinfo is None else moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
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
