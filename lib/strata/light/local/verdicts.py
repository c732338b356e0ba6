"""The verdicts on a block of records: column by column where a record is surely sound, and by every
rule, one by one, where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.light.fixes import Fix
from strata.light.local import arrow, typed
from strata.light.local.block import Block
from strata.light.local.known import Known
from strata.light.quick import Quick, Sound

FOUND = pa.schema(
    [
        ("place", pa.int64()),
        ("vehicle", pa.int32()),
        ("fixed_at", pa.int64()),
        ("lat_deg", pa.float64()),
        ("lon_deg", pa.float64()),
        ("speed_kmh", pa.float64()),
        ("engine_status", pa.string()),
        ("fuel_level_pct", pa.float64()),
    ]
)
"""Sound records: each one's place in its block, the number of its vehicle, its instant in
microseconds since 1970, and its values."""


@dataclass(frozen=True)
class Verdicts:
    """What became of a block."""

    sound: pa.RecordBatch  # of `FOUND`, in the order of the records
    rejected: Sequence[tuple[int, tuple[str, ...], tuple[str, ...]]]
    """The place, the reasons and the fields of each of the others that parse."""


class Court:
    """Judges the blocks of files of one layout and delivery."""

    def __init__(self, quick: Quick, known: Known) -> None:
        self._quick, self._known = quick, known
        self._judge = quick.typing
        self._latest = float(typed.microseconds_of(self._judge.latest_at))

    def keys(self, block: Block) -> np.ndarray:
        """A hash of 64 bits of vehicle and instant, of each record that tells both."""
        vehicles = self._known.numbers(block.texts["vehicle_id"])
        at = self._instants(block)
        tells = (vehicles >= 0) & (at != typed.NO_INSTANT)
        return keys_of(vehicles[tells], at[tells])

    def judge(self, block: Block) -> Verdicts:
        """The verdict on each record of a block that parses."""
        vehicles = self._known.numbers(block.texts["vehicle_id"])
        at = self._instants(block)
        columns = {
            "vehicle_id": np.where(vehicles < 0, np.nan, 0.0),
            # Exact: microseconds of this era take less than 53 bits.
            "fixed_at": np.where(at == typed.NO_INSTANT, np.nan, at),
            "latest_at": self._latest,
            "max_speed_kmh": self._known.max_speed_kmh[vehicles],
            "speed_kmh": typed.numbers(block.texts["speed"]) * self._kmh_factors(block),
            **self._position(block),
        }
        told = {"engine_status"}
        if self._quick.needs_level:
            columns["fuel_level_pct"] = typed.numbers(block.texts["fuel_level"])
            level = arrow.of(columns["fuel_level_pct"])
        else:
            told.add("fuel_level_pct")
            level = pa.nulls(len(vehicles), pa.float64())
        status, is_fine = self._statuses(block)
        sure = is_fine & self._judge.rules.surely_kept(columns, told)
        numbers = (columns[name] for name in ("lat_deg", "lon_deg", "speed_kmh"))
        known = map(arrow.of, (block.places, vehicles, at, *numbers))
        sound = pa.record_batch([*known, status, level], schema=FOUND)
        if sure.all():
            return Verdicts(sound, ())
        return self._with_the_others(sound.filter(arrow.of(sure)), block, ~sure, vehicles)

    def _instants(self, block: Block) -> np.ndarray:
        return typed.instants(block.texts["timestamp"], self._judge.instant)

    def _position(self, block: Block) -> dict[str, np.ndarray]:
        lat, lon = typed.numbers(block.texts["lat"]), typed.numbers(block.texts["lon"])
        return {"lat_deg": np.where((lat == 0) & (lon == 0), np.nan, lat), "lon_deg": lon}

    def _kmh_factors(self, block: Block) -> Any:
        if "speed_unit_until" not in self._judge.constants:
            return self._judge.kmh_factor("") or np.nan
        days = pc.utf8_slice_codeunits(block.texts["timestamp"], 0, 10)
        return typed.by_text(days, lambda day: self._judge.kmh_factor(day) or np.nan)

    def _statuses(self, block: Block) -> tuple[pa.Array, np.ndarray]:
        """The status of each, and whether it keeps its own rules."""
        coded = pc.dictionary_encode(block.texts["engine_status"])
        told = [self._quick.status(text) for text in coded.dictionary.to_pylist()]
        fine = np.array([is_fine for _, is_fine in told], bool)
        status = arrow.of_texts([status for status, _ in told]).take(coded.indices)
        return status, fine[arrow.numbers(coded.indices)]

    def _with_the_others(
        self, sure: pa.RecordBatch, block: Block, is_unsure: np.ndarray, vehicles: np.ndarray
    ) -> Verdicts:
        """The sure ones, and by every rule those that are not."""
        rows, places = block.rows(np.flatnonzero(is_unsure)), block.places[is_unsure].tolist()
        numbers = vehicles[is_unsure].tolist()
        named = {row[0]: self._known.vehicle(n) for row, n in zip(rows, numbers, strict=True)}
        sound, rejected = self._quick.judge_all(rows, named.__getitem__)
        told = [(places[place], reasons, rows[place]) for place, reasons in rejected]
        if not sound.place:
            return Verdicts(sure, told)
        sound.place = [places[place] for place in sound.place]
        both = pa.Table.from_batches([sure, batch_of(sound, self._known)])
        in_order = both.sort_by("place").combine_chunks().to_batches()
        return Verdicts(in_order[0], told)


def batch_of(sound: Sound, known: Known) -> pa.RecordBatch:
    """Sound records as columns."""
    at = [typed.microseconds_of(instant) for instant in sound.at]
    has_level = np.array([level is not None for level in sound.level], bool)
    columns = [
        arrow.of(np.array(sound.place, np.int64)),
        arrow.of(known.numbers(arrow.of_texts(sound.name))),
        arrow.of(np.array(at, np.int64)),
        *(arrow.of(np.array(values, float)) for values in (sound.lat, sound.lon, sound.kmh)),
        arrow.of_texts(sound.status),
        # Python's None is NaN to numpy.
        arrow.of(np.array(sound.level, float), has_level),
    ]
    return pa.record_batch(columns, schema=FOUND)


def fixes(batch: pa.RecordBatch, known: Known) -> list[tuple[int, Fix]]:
    """The place and the fix of each record."""
    names = known.names.take(batch["vehicle"]).to_pylist()
    places, _, at, *values = (column.to_pylist() for column in batch.columns)
    instants = map(typed.instant_of, at)
    return list(zip(places, map(Fix, names, instants, *values), strict=True))


def keys_of(vehicles: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A hash of 64 bits of each vehicle and instant."""
    mixed = at.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= vehicles.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
