"""Records in the order of vehicle and time: which of them stands, and the step that it ends.

Done by Arrow and numpy, a stretch of whole vehicle days at a time, behind one shuffle: Spark's
windows sort rows one by one, and each row's geodesic went to Python besides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.fleet.geodesy import inverse
from strata.feeds.fleet.stretches import map_tracks
from strata.kit.stretches import codes, whole_numbers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

STANDS, SUPERSEDED, REPEATED, DIFFERS = range(4)
"""What becomes of a record that keeps the rules."""
CONTENT = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct")
"""What a record says of its vehicle and instant: records that say the same are one."""
_ADDED = pa.schema(
    [
        ("outcome", pa.int32()),
        ("versions", pa.int32()),
        ("superseded_values", pa.string()),
        ("previous_s", pa.float64()),
        ("previous_m", pa.float64()),
        ("bearing_deg", pa.float64()),
        ("fuel_change_pct", pa.float64()),
        ("distance_from_depot_m", pa.float64()),
    ]
)
_SQL = {pa.int32(): "int", pa.float64(): "double", pa.string(): "string"}
Array = Any


def add_tracks(records: DataFrame) -> DataFrame:
    """Adds what follows from the other records of a vehicle's UTC day: `outcome`, and of those that
    stand `versions`, `superseded_values`, the step from the fix before, and the distance from the
    depot. Same grain.

    `keeps` tells which records keep the rules; of the others all that is added is null.
    """
    from pyspark.sql import functions as F

    # What does not keep the rules has nothing to do with other records: it may lie anywhere.
    own = F.when(F.col("keeps"), F.xxhash64("vehicle_id", "fix_date"))
    track = F.coalesce(own, F.xxhash64("_record_number"))
    kept = ", ".join(f"`{name}` {kind}" for name, kind in records.dtypes)
    added = ", ".join(f"{field.name} {_SQL[field.type]}" for field in _ADDED)
    return map_tracks(records, track, with_followed, f"{kept}, {added}")


def with_followed(records: pa.Table) -> pa.Table:
    """These records, which hold whole vehicle days, with what `add_tracks` adds."""
    added = follow(records)
    columns = [*records.columns, *added.columns]
    return pa.table(columns, names=[*records.column_names, *added.column_names])


def follow(records: pa.Table) -> pa.Table:
    """What `add_tracks` adds to these records, which hold whole vehicle days."""
    stretch = _Stretch(records)
    standing, outcome, versions, old = _standing(stretch)
    values: dict[str, Array] = {
        "outcome": pa.array(outcome, mask=~stretch.keeps),
        "versions": pa.array(versions, mask=versions == 0),
        "superseded_values": pa.array(old, pa.string()),
    }
    for name, told in _steps(stretch, standing).items():
        values[name] = pa.array(told, from_pandas=True)
    return pa.table([values[name] for name in _ADDED.names], schema=_ADDED)


class _Stretch:
    """The columns of some records, as numpy has them."""

    def __init__(self, records: pa.Table) -> None:
        self._records = records
        self.keeps: Array = self["keeps"].astype(bool)
        self.vehicle: Array = codes(records["vehicle_id"])
        self.instant: Array = self.whole("fixed_at")
        self.day: Array = self.whole("fix_date")

    def __getitem__(self, name: str) -> Array:
        return self._records[name].to_numpy()

    def whole(self, name: str) -> Array:
        """A date or an instant as a whole number."""
        return whole_numbers(self._records[name])

    def texts(self, name: str, rows: Array) -> Array:
        """Some rows' texts; null as ''."""
        return np.array(pc.fill_null(self._records[name].take(rows), "").to_pylist(), dtype=object)

    def order_of(self, name: str, rows: Array) -> Array:
        """Some rows' texts, or the numbers that stand for them in their order."""
        if pa.types.is_integer(self._records[name].type):
            return self[name][rows]
        return self.texts(name, rows).astype(str)


# --- one of each vehicle and instant -------------------------------------------------------------


def _standing(stretch: _Stretch) -> tuple[Array, Array, Array, Array]:
    """The rows that stand, by vehicle and time; and of every row its outcome, its versions and what
    it superseded."""
    size = len(stretch.keeps)
    outcome, versions = np.zeros(size, np.int32), np.zeros(size, np.int32)
    old = np.full(size, None, dtype=object)
    rows = np.flatnonzero(stretch.keeps)
    rows = rows[np.lexsort((stretch.instant[rows], stretch.vehicle[rows]))]
    vehicle, instant = stretch.vehicle[rows], stretch.instant[rows]
    same = (vehicle[1:] == vehicle[:-1]) & (instant[1:] == instant[:-1])
    if same.any():
        # Every row of which another one tells the same vehicle and instant.
        shares = np.append(same, False) | np.insert(same, 0, False)
        group = np.insert(np.cumsum(~same), 0, 0)[shares]
        several = _Several(stretch, rows[shares], group)
        outcome[several.rows] = several.outcome
        versions[several.rows] = several.versions
        several.tell_superseded(old)
    standing = rows[outcome[rows] == STANDS]
    versions[outcome != STANDS] = 0
    versions[standing] = np.maximum(versions[standing], 1)
    return standing, outcome, versions, old


class _Several:
    """Records of which others tell the same vehicle and instant, in the order of their groups.

    Of a group the latest delivery counts. Equal records of it are one, the least by file and record
    number; where they differ, none stands.
    """

    def __init__(self, stretch: _Stretch, rows: Array, group: Array) -> None:
        self.rows = rows
        self._starts = np.flatnonzero(np.diff(group, prepend=-1))
        self._counts = np.diff(np.append(self._starts, len(rows)))
        self._said = _said(stretch, rows)
        content = np.unique(self._said, axis=0, return_inverse=True)[1].reshape(-1)
        delivered = stretch.whole("_order")[rows]
        latest = delivered == self._of_group(np.maximum, delivered)
        own = _own_rank(stretch, rows)
        least = self._of_group(np.minimum, np.where(latest, content, len(rows)))
        greatest = self._of_group(np.maximum, np.where(latest, content, -1))
        differs = least != greatest
        first = self._of_group(np.minimum, np.where(latest, own, len(rows)))
        self.outcome = np.select(
            [~latest, differs, own != first], [SUPERSEDED, DIFFERS, REPEATED], STANDS
        ).astype(np.int32)
        self.versions = self._count_contents(content)
        # By the newest delivery, then by what was said.
        rank = np.unique(delivered, return_inverse=True)[1] * (len(rows) + 1) + content
        self._old = np.where(latest, -1, rank)

    def _of_group(self, function: Any, values: Array) -> Array:
        """For each row what the function makes of its group."""
        return np.repeat(function.reduceat(values, self._starts), self._counts)

    def _count_contents(self, content: Array) -> Array:
        group = np.repeat(np.arange(len(self._starts)), self._counts)
        pairs = np.unique(group * (len(content) + 1) + content) // (len(content) + 1)
        return np.bincount(pairs, minlength=len(self._starts))[group].astype(np.int32)

    def tell_superseded(self, old: Array) -> None:
        """Notes for each row that stands the newest values that it superseded, as JSON."""
        newest = self._of_group(np.maximum, self._old)
        places = np.where(self._old == newest, np.arange(len(self.rows)), -1)
        place = self._of_group(np.maximum, places)
        for at in np.flatnonzero((self.outcome == STANDS) & (newest >= 0)):
            old[self.rows[at]] = _as_json(self._said[place[at]])


_STATUSES = ("", "idle", "moving")


def _said(stretch: _Stretch, rows: Array) -> Array:
    """One row a record, one column a value; null is the least, as Spark has it."""
    texts = stretch.texts("engine_status", rows)
    status = np.searchsorted(np.array(_STATUSES), texts.astype(str)).astype(float)
    numbers = [stretch[name][rows].astype(float) for name in CONTENT if name != "engine_status"]
    lat, lon, speed, fuel = numbers
    return np.stack([lat, lon, speed, status, np.where(np.isnan(fuel), -1.0, fuel)], axis=1)


def _as_json(said: Array) -> str:
    lat, lon, speed, status, fuel = said.tolist()
    told = (lat, lon, speed, _STATUSES[int(status)] or None, fuel if fuel >= 0 else None)
    pairs = zip(CONTENT, told, strict=True)
    return json.dumps({name: value for name, value in pairs if value is not None})


def _own_rank(stretch: _Stretch, rows: Array) -> Array:
    """The place of each record in the order of file and record number."""
    files = np.unique(stretch.order_of("_file_sha256", rows), return_inverse=True)[1]
    rank = np.empty(len(rows), np.int64)
    rank[np.lexsort((stretch["_record_number"][rows], files))] = np.arange(len(rows))
    return rank


# --- steps ---------------------------------------------------------------------------------------


def _steps(stretch: _Stretch, standing: Array) -> dict[str, Array]:
    """Of each row that stands, what lies between it and the fix before on its vehicle's UTC day,
    and between it and its depot; NaN elsewhere."""
    size = len(stretch.keeps)
    names = ("previous_s", "previous_m", "bearing_deg", "fuel_change_pct", "distance_from_depot_m")
    found = {name: np.full(size, np.nan) for name in names}
    before, after = standing[:-1], standing[1:]
    is_step = (stretch.vehicle[before] == stretch.vehicle[after]) & (
        stretch.day[before] == stretch.day[after]
    )
    before, after = before[is_step], after[is_step]
    lon, lat, fuel = stretch["lon_deg"], stretch["lat_deg"], stretch["fuel_level_pct"]
    found["previous_s"][after] = (stretch.instant[after] - stretch.instant[before]) / 1e6
    found["fuel_change_pct"][after] = fuel[after] - fuel[before]
    found["previous_m"][after], found["bearing_deg"][after] = inverse(
        lon[before], lat[before], lon[after], lat[after]
    )
    depot_lon, depot_lat = (stretch[f"depot_{name}_deg"][standing] for name in ("lon", "lat"))
    found["distance_from_depot_m"][standing] = inverse(
        depot_lon, depot_lat, lon[standing], lat[standing]
    )[0]
    return found
