"""The known vehicles as columns."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.fs.local import delivery_date
from strata.light.fixes import Vehicle
from strata.light.local import arrow
from strata.light.local.files import listed
from strata.light.order import UNDATED
from strata.light.vehicles import Days, states

_BLOCK = 1 << 16


class Known:
    """What is known of each vehicle, by its number; numbers are from 0, in the order they come.

    Columns, not one object a vehicle: 50,000 of them take 3 MB so, and 15 MB as objects.
    """

    def __init__(self, vehicles: Iterable[tuple[str, Vehicle]]) -> None:
        names: list[str] = []
        told = array("d")
        for name, vehicle in vehicles:
            names.append(name)
            told.extend((vehicle.max_speed_kmh, vehicle.depot_lat_deg, vehicle.depot_lon_deg))
        # One more: -1, the number of an unknown vehicle, takes the last.
        told.extend((math.nan,) * 3)
        self.names = arrow.of_texts(names)
        columns = np.array(told).reshape(-1, 3).T.copy()
        self.max_speed_kmh, self.depot_lat_deg, self.depot_lon_deg = columns

    def vehicle(self, number: int) -> Vehicle | None:
        """The vehicle of a number; None of -1."""
        columns = self.max_speed_kmh, self.depot_lat_deg, self.depot_lon_deg
        return None if number < 0 else Vehicle(*(float(column[number]) for column in columns))

    def numbers(self, names: pa.Array) -> np.ndarray:
        """The number of each name; -1 for an unknown one."""
        places = pc.index_in(names, value_set=self.names)
        return np.where(arrow.is_told(places), arrow.numbers(places), np.int32(-1))


def read_known(places: Sequence[str]) -> Known:
    """The current state of each vehicle: that of its latest delivery whose sound records agree."""
    told = Days()
    for file in listed(places):
        day = delivery_date(file.path) or UNDATED
        with open(file.uri, encoding="utf-8-sig") as text:
            texts = iter(lambda text=text: text.read(_BLOCK), "")  # type: ignore[misc]
            for vehicle, state in states(texts, file.path):
                told.add(vehicle, day, state)
    return Known(told.current())
