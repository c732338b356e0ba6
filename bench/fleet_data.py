"""Makes up the fleet feed's raw files: tracks of vehicles on a clock, with planted faults of known
number, the same ones for the same arguments.

Vehicles leave their depot, drive a loop with stops, refuel, come back and park; some lose their
signal for a while. Roads are not needed: a loop is a smooth curve around the depot.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

REGIONS = {
    "north": (40.7, -73.9),
    "south": (29.8, -95.4),
    "west": (34.1, -118.2),
    "alps": (47.3, 9.8),
    "date_line": (-17.8, 179.99),
    "arctic": (69.6, 18.9),
}
COLUMNS = ("vehicle_id", "timestamp", "lat", "lon", "speed_kmh", "engine_status", "fuel_level")
_STOPS = 4
_STOP_SHARE = 0.06
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class Faults:
    """How many records of each kind are planted; each record has one fault at most."""

    lat_out_of_range: int = 0
    lon_out_of_range: int = 0
    lat_no_number: int = 0
    null_island: int = 0
    speed_negative: int = 0
    speed_over_maximum: int = 0
    fuel_out_of_range: int = 0
    fuel_no_number: int = 0
    status_unknown: int = 0
    vehicle_missing: int = 0
    vehicle_unknown: int = 0
    timestamp_no_instant: int = 0
    timestamp_too_late: int = 0
    jumps: int = 0
    """Sound, but far off: the step there and the step back are jumps."""
    repeats: int = 0
    """Further records, equal to a sound one, in another file where there is one."""
    conflicts: int = 0
    """Further records that tell another speed for the vehicle and instant of a sound one."""

    @property
    def rejected(self) -> int:
        """Records that a gate must reject; of a conflict both are."""
        kept = {"jumps", "repeats", "conflicts"}
        broken = sum(getattr(self, f.name) for f in fields(self) if f.name not in kept)
        return broken + 2 * self.conflicts

    @property
    def added(self) -> int:
        """Records beyond the tracks' own."""
        return self.repeats + self.conflicts

    @classmethod
    def of_share(cls, rows: int, share: float = 0.001) -> Faults:
        """So many of each kind."""
        return cls(**{f.name: max(1, round(rows * share)) for f in fields(cls)})


@dataclass(frozen=True)
class Fleet:
    """What to make."""

    rows: int
    """Records of tracks; faults may add to them."""
    vehicles: int = 50_000
    days: int = 1
    start: str = "2026-10-01"
    span_s: int = 86_400
    """How much of each day has fixes: 3600 for an hour."""
    files: int = 10
    seed: int = 7
    faults: Faults = Faults()
    delivery: str = "2026-12-01"
    """Date of the delivery: no fix may be later than two days after its begin."""
    by_day: bool = False
    """One file a day, in the order of days; else the rows of all days go to all files at random."""


def write(folder: Path, fleet: Fleet) -> Faults:
    """Writes `events/delivery=…/*.csv` and `vehicles/metadata_api.json` below `folder`; returns the faults."""
    chance = np.random.Generator(np.random.PCG64(fleet.seed))
    vehicles = _vehicles(fleet, chance)
    tracks = _tracks(fleet, vehicles, chance)
    rows = _plant(tracks, fleet, vehicles, chance)
    _write_vehicles(folder / "vehicles", vehicles)
    _write_events(folder / "events" / f"delivery={fleet.delivery}", rows, fleet, chance)
    (folder / "planted.json").write_text(json.dumps(asdict(fleet.faults), indent=1) + "\n")
    return fleet.faults


# --- vehicles --------------------------------------------------------------------------------------


def _vehicles(fleet: Fleet, chance: np.random.Generator) -> dict[str, np.ndarray]:
    count = fleet.vehicles
    region = chance.integers(len(REGIONS), size=count)
    centre = np.array(list(REGIONS.values()))[region]
    place = centre + chance.normal(0, 0.05, (count, 2))
    lon = (place[:, 1] + 180) % 360 - 180
    return {
        "vehicle_id": np.array([f"VH_{n:05d}" for n in range(count)]),
        "max_speed": 80 + 10 * chance.integers(7, size=count),
        "region": np.array(list(REGIONS))[region],
        "depot_lat": np.round(place[:, 0], 5),
        "depot_lon": np.round(lon, 5),
    }


def _write_vehicles(folder: Path, vehicles: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("max_speed", "region", "depot_lat", "depot_lon")
    columns = [vehicles[name].tolist() for name in names]
    keys = ("max_speed", "service_region", "depot_lat", "depot_lon")
    told = {
        name: dict(zip(keys, values, strict=True))
        for name, *values in zip(vehicles["vehicle_id"].tolist(), *columns, strict=True)
    }
    (folder / "metadata_api.json").write_text(json.dumps(told, indent=0) + "\n")


# --- tracks ----------------------------------------------------------------------------------------


def _tracks(
    fleet: Fleet, vehicles: dict[str, np.ndarray], chance: np.random.Generator
) -> dict[str, np.ndarray]:
    """One entry per fix: of each vehicle and day as many, at instants that all differ."""
    pairs = fleet.vehicles * fleet.days
    each = np.full(pairs, fleet.rows // pairs)
    each[: fleet.rows % pairs] += 1
    pair = np.repeat(np.arange(pairs), each)
    place = np.arange(fleet.rows) - np.repeat(np.cumsum(each) - each, each)
    vehicle, day = pair % fleet.vehicles, pair // fleet.vehicles
    step = np.maximum(1, fleet.span_s // np.maximum(1, each))[pair]
    second = place * step + chance.integers(0, np.maximum(1, step - 1))
    of_pair = {
        name: chance.random(pairs)[pair] for name in ("turn", "size", "leaves", "fuel", "refuels")
    }
    return _drive(fleet, vehicles, vehicle, day, second / fleet.span_s, of_pair, second)


def _drive(
    fleet: Fleet,
    vehicles: dict[str, np.ndarray],
    vehicle: np.ndarray,
    day: np.ndarray,
    time: np.ndarray,
    of_pair: dict[str, np.ndarray],
    second: np.ndarray,
) -> dict[str, np.ndarray]:
    leaves = 0.05 + 0.2 * of_pair["leaves"]
    shift = np.clip((time - leaves) / 0.6, 0, 1)
    done, stands = _progress(shift)
    stands |= (shift <= 0) | (shift >= 1)
    top = vehicles["max_speed"][vehicle]
    # The loop is as long as a third of what the vehicle could drive in its shift.
    hours = 0.6 * fleet.span_s / 3600
    reach = top * 1000 * hours * (0.15 + 0.15 * of_pair["size"]) / (2 * np.pi)
    angle = 2 * np.pi * done
    turn = 2 * np.pi * of_pair["turn"]
    north = reach * (np.cos(angle + turn) - np.cos(turn))
    east = reach * (np.sin(angle + turn) - np.sin(turn))
    lat = vehicles["depot_lat"][vehicle] + north / _METRES_A_DEGREE
    shrink = np.cos(np.radians(lat)) * _METRES_A_DEGREE
    lon = (vehicles["depot_lon"][vehicle] + east / shrink + 180) % 360 - 180
    pace = 2 * np.pi * reach / 1000 / (hours * (1 - _STOPS * _STOP_SHARE))
    level = 95 - 30 * of_pair["fuel"] - 40 * done
    refuelled = (of_pair["refuels"] < 0.3) & (done > 0.5)
    start = np.datetime64(fleet.start, "s")
    return {
        "vehicle": vehicle,
        "day": day,
        "at": start + (day * 86_400 + second).astype("timedelta64[s]"),
        "lat": np.round(lat, 6),
        "lon": np.round(lon, 6),
        "speed": np.round(np.where(stands, 0, np.minimum(pace, top)), 1),
        "status": np.where(stands, "idle", "moving"),
        "fuel": np.round(np.clip(level + 25 * refuelled, 0, 100), 1),
        "is_lost": (of_pair["size"] > 0.9) & (shift > 0.4) & (shift < 0.5),
    }


def _progress(shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of the loop is driven at a share of the shift, and whether the vehicle stands."""
    stands = np.zeros(len(shift), bool)
    stood = np.zeros(len(shift))
    for number in range(1, _STOPS + 1):
        begins = number / (_STOPS + 1)
        stood += np.clip(shift - begins, 0, _STOP_SHARE)
        stands |= (shift >= begins) & (shift < begins + _STOP_SHARE)
    return (shift - stood) / (1 - _STOPS * _STOP_SHARE), stands


# --- faults ----------------------------------------------------------------------------------------


def _plant(
    tracks: dict[str, np.ndarray],
    fleet: Fleet,
    vehicles: dict[str, np.ndarray],
    chance: np.random.Generator,
) -> pa.Table:
    """The records as text, faults planted, further ones behind the others; `_day` is their day."""
    faults = fleet.faults
    is_kept = ~tracks["is_lost"]
    held = {name: values[is_kept] for name, values in tracks.items()}
    total = len(held["at"])
    order = chance.permutation(total)
    taken = 0

    def take(count: int) -> np.ndarray:
        nonlocal taken
        if taken + count > total:
            raise ValueError(f"{total} records are too few for the faults asked for")
        taken += count
        return order[taken - count : taken]

    top = vehicles["max_speed"][held["vehicle"]]
    held["lat"][take(faults.lat_out_of_range)] = 95.5
    held["lon"][take(faults.lon_out_of_range)] = -181.25
    nowhere = take(faults.null_island)
    held["lat"][nowhere] = held["lon"][nowhere] = 0.0
    held["speed"][take(faults.speed_negative)] = -5.0
    fast = take(faults.speed_over_maximum)
    held["speed"][fast] = top[fast] + 0.1
    held["fuel"][take(faults.fuel_out_of_range)] = 100.1
    far = take(faults.jumps)
    held["lat"][far] += np.where(held["lat"][far] > 0, -3.0, 3.0)
    text = {
        "vehicle_id": vehicles["vehicle_id"][held["vehicle"]].astype(object),
        "timestamp": np.char.replace(np.datetime_as_string(held["at"]), "T", " ").astype(object),
        "lat": _text(held["lat"]),
        "lon": _text(held["lon"]),
        "speed_kmh": _text(held["speed"]),
        "engine_status": held["status"].astype(object),
        "fuel_level": _text(held["fuel"]),
    }
    text["lat"][take(faults.lat_no_number)] = "forty"
    text["fuel_level"][take(faults.fuel_no_number)] = ""
    text["engine_status"][take(faults.status_unknown)] = "flying"
    text["vehicle_id"][take(faults.vehicle_missing)] = ""
    text["vehicle_id"][take(faults.vehicle_unknown)] = "GHOST_1"
    text["timestamp"][take(faults.timestamp_no_instant)] = "2026-02-30 12:00:00"
    text["timestamp"][take(faults.timestamp_too_late)] = "2099-12-31 23:59:59"
    repeats, conflicts = take(faults.repeats), take(faults.conflicts)
    rows = {name: pa.array(values, pa.string()) for name, values in text.items()}
    whole = pa.table(rows | {"_day": pa.array(held["day"])})
    again, other = whole.take(pa.array(repeats)), whole.take(pa.array(conflicts))
    # Another speed, below every maximum.
    speeds = pc.if_else(pc.equal(other["speed_kmh"], "1.5"), "2.5", "1.5")
    other = other.set_column(4, "speed_kmh", speeds)
    return pa.concat_tables([whole, again, other])


def _text(values: np.ndarray) -> np.ndarray:
    return pa.array(values).cast(pa.string()).to_numpy(zero_copy_only=False)


def _write_events(folder: Path, rows: pa.Table, fleet: Fleet, chance: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    days = rows["_day"].to_numpy()
    part = days if fleet.by_day else chance.integers(fleet.files, size=len(days))
    names = rows.drop_columns(["_day"])
    for number in range(int(part.max()) + 1):
        found = np.flatnonzero(part == number)
        chance.shuffle(found)
        options = csv.WriteOptions(quoting_style="none")
        csv.write_csv(names.take(pa.array(found)), folder / f"events_{number:04d}.csv", options)
