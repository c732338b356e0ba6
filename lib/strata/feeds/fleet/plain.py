"""Sound fixes by DuckDB and numpy, for large inputs: `kit.plain` tells what for.

DuckDB reads the same SQL as the transform, and the same grammar of texts. It leaves out what does
not keep the rules of rows; numpy settles the others, as it does for the transform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.fleet import fixes
from strata.feeds.fleet.days import IN_UTC
from strata.feeds.fleet.params import Params
from strata.feeds.fleet.stretches import TRACK
from strata.feeds.fleet.texts import read_instants
from strata.feeds.fleet.tracks import DIFFERS, with_followed
from strata.feeds.fleet.values import INSTANT, NUMBER
from strata.kit.history import REPEATED, SUPERSEDED
from strata.kit.plain import GroupOf, Plain
from strata.kit.sql import number
from strata.kit.stretches import stretches

_EVENTS = (
    "vehicle_id",
    "timestamp",
    "lat",
    "lon",
    "speed",
    "engine_status",
    "fuel_level",
    "speed_unit",
    "speed_unit_until",
    "later_speed_unit",
    "later_speed_unit_from",
    "offset_if_none",
    "statuses",
    "_delivery_date",
    "_file_sha256",
    "_record_number",
)
_OF_VEHICLES = ("max_speed_kmh", "depot_lat_deg", "depot_lon_deg")
_TRACK_BITS = 46
"""Of a track's number, behind the day: so tracks lie in the order of days."""


def read_number(name: str) -> str:
    """SQL of DuckDB: a finite double from decimal notation; null for anything else. -0 is 0."""
    return number(name, NUMBER)


def read_instant(name: str) -> str:
    """SQL of DuckDB: the instant, in UTC, that a text with an offset tells; null for others."""
    # A timestamp without a zone passes over the offset that a text tells; one with a zone is slow.
    value = (
        f"CASE WHEN {name} LIKE '%Z' THEN try_cast({name} AS TIMESTAMP) "
        f"ELSE try_cast({name} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"
    )
    return f"CASE WHEN regexp_full_match({name}, '{INSTANT}') THEN {value} END"


_READ = [f"{read_number(name)} AS {name}" for name in fixes.NUMBERS]
_READ.append(f"{read_instant(fixes.INSTANT)} AS {fixes.INSTANT}")
_TEXTS = ("timestamp", "lat", "lon", "speed", "fuel_level", "engine_status")
_IS_KNOWN = f"regexp_full_match(concat_ws('', {', '.join(_TEXTS)}), '[ -~]*')"
"""SQL: whether both engines read the record alike, which of printable ASCII they do."""
# Numbers and instants are read by patterns of ASCII; of other letters each engine has its own lower
# ones.
_IS_ASCII = "coalesce(strlen(engine_status) = length(engine_status), true)"
_TRACK = f"""
datediff('day', DATE '1970-01-01', fix_date) * {1 << _TRACK_BITS}
    + CAST(hash(vehicle_id) % {1 << _TRACK_BITS} AS BIGINT)
"""
_QUERY = f"""
WITH told AS (
    SELECT {", ".join(fixes.told(Params.not_after))} FROM fleet_events
    WHERE {_IS_ASCII}
), typed AS (
    SELECT {", ".join(fixes.TYPED)}
    FROM (SELECT * REPLACE ({", ".join(_READ)}) FROM told)
), placed AS (
    SELECT typed.*, {", ".join(_OF_VEHICLES)}
    FROM typed JOIN fleet_vehicles ON typed.vehicle_id = fleet_vehicles.vehicle_id
)
SELECT *, true AS keeps, {{cell_resolution}} AS _resolution, {_TRACK} AS {TRACK}
FROM placed WHERE {fixes.KEEPS} ORDER BY {TRACK}
"""


_REST = f"""
WITH told AS (
    SELECT {", ".join(fixes.told(Params.not_after))}, {_IS_KNOWN} AS is_known FROM fleet_events
), typed AS (
    SELECT {", ".join(fixes.TYPED)}
    FROM (SELECT * REPLACE ({", ".join(_READ)}) FROM told WHERE is_known)
), placed AS (
    SELECT typed.*, {", ".join(_OF_VEHICLES)}
    FROM typed LEFT JOIN fleet_vehicles ON typed.vehicle_id = fleet_vehicles.vehicle_id
)
SELECT *, {fixes.KEEPS} AS keeps, CAST(NULL AS INTEGER) AS _resolution,
    coalesce({_TRACK}, 0) AS {TRACK}
FROM placed ORDER BY {TRACK}
"""
"""Of what does not stand no cell is asked."""


def _settle(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Fixes with their steps, and the records that are folded into them; behind them the records
    that are rejected."""
    for records in stretches(batches, TRACK):
        followed = with_followed(records)
        is_rest = records["_resolution"].null_count
        yield _rejected(followed) if is_rest else _fixes(followed)


def _rejected(followed: pa.Table) -> pa.Table:
    """What keeps no rule, or differs from others: as `fixes` makes it of records that do not stand.
    The gate tells which rules."""
    is_told = pc.fill_null(pc.equal(followed["outcome"], DIFFERS), True)
    rows = followed.filter(is_told).combine_chunks()
    differs = pc.fill_null(rows["outcome"], 0)
    reasons = pa.array([[], [fixes.CONFLICT]], pa.list_(pa.string()))
    added = {
        "day_date": pa.nulls(rows.num_rows, pa.date32()),
        "is_jump": pa.nulls(rows.num_rows, pa.bool_()),
        "h3_cell": pa.nulls(rows.num_rows, pa.int64()),
        "_fold": pa.nulls(rows.num_rows, pa.string()),
        "_reasons": reasons.take(pc.equal(differs, DIFFERS).cast(pa.int8())),
    }
    return pa.table([*rows.columns, *added.values()], names=[*rows.column_names, *added.keys()])


def _fixes(followed: pa.Table) -> pa.Table:
    settled = followed.filter(pc.not_equal(followed["outcome"], DIFFERS)).combine_chunks()
    metres, seconds, most = (
        settled[name].to_numpy() for name in ("previous_m", "previous_s", "max_speed_kmh")
    )
    folds = pa.array([None, SUPERSEDED, REPEATED]).take(settled["outcome"])
    added = {
        "day_date": settled["fix_date"],
        "is_jump": pa.array(fixes.is_jump(metres, seconds, most), mask=np.isnan(metres)),
        "h3_cell": _cells(settled),
        "_fold": folds,
    }
    return pa.table(
        [*settled.columns, *added.values()], names=[*settled.column_names, *added.keys()]
    )


def _cells(fixes_: pa.Table) -> pa.Array:
    from h3.api.basic_int import latlng_to_cell

    told = ("lat_deg", "lon_deg", "_resolution")
    return pa.array(
        map(latlng_to_cell, *(fixes_[name].to_numpy().tolist() for name in told)), pa.int64()
    )


def _days(records: pa.Table) -> pa.ChunkedArray:
    """The UTC day of each record, as `fixes.add_fix_date` tells it."""
    texts = records["timestamp"]
    sign = pc.utf8_slice_codeunits(texts, -6, -5)
    has_offset = pc.or_(pc.ends_with(texts, "Z"), pc.is_in(sign, value_set=pa.array(["+", "-"])))
    with_offset = pc.binary_join_element_wise(texts, records["offset_if_none"], "")
    return pc.cast(read_instants(pc.if_else(has_offset, texts, with_offset)), pa.date32())


def _may_be_of(timestamps: pa.ChunkedArray, days: pa.Array) -> pa.ChunkedArray:
    """Whether texts begin with one of the days, or the one before or after: offsets are shorter
    than a day."""
    known = [day + timedelta(n) for day in days.drop_null().to_pylist() for n in (-1, 0, 1)]
    begins = pa.array([day.isoformat() for day in known], timestamps.type)
    return pc.is_in(pc.utf8_slice_codeunits(timestamps, 0, 10), value_set=begins)


FIXES = Plain(
    query=_QUERY,
    reads={
        "bronze.fleet_events": _EVENTS,
        "silver.fleet_vehicles": ("vehicle_id", *_OF_VEHICLES, "is_current"),
    },
    by="vehicle_id",
    only={**IN_UTC, "not_after": Params.not_after},
    group=GroupOf(("timestamp", "offset_if_none"), _days, _may_be_of),
    settle=_settle,
    rest=_REST,
)
