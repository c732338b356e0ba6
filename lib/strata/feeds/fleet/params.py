"""The parameters of the fleet feed."""

from __future__ import annotations

from dataclasses import dataclass, field

UTC = "UTC"
OF_VEHICLE = "vehicle"
_MOST = 1_000_000
"""Of minutes and metres: far beyond any use, and within the sums of both engines."""


@dataclass(frozen=True)
class Params:
    """What a user may choose; nothing here changes which fixes are valid, but for `not_after`."""

    day_zone: str = field(
        default=UTC,
        metadata={
            "help": "zone of the days: UTC, a name such as America/Chicago, or `vehicle` for each "
            "vehicle's own time_zone"
        },
    )
    not_after: str = field(
        default="2100-01-01",
        metadata={"help": "date, UTC, from which on no fix is believed, whatever its delivery"},
    )
    cell_resolution: int = field(
        default=8, metadata={"help": "resolution of the H3 cells, 0 to 15; 8 is about 0.7 km²"}
    )
    gap_minutes: int = field(default=30, metadata={"help": "a longer step is a gap"})
    stop_minutes: int = field(
        default=10, metadata={"help": "a trip ends where no fix moves for longer than this"}
    )
    depot_radius_m: int = field(
        default=500, metadata={"help": "a vehicle farther than this from its depot is away"}
    )

    def __post_init__(self) -> None:
        _check_zone(self.day_zone)
        _check_date(self.not_after)
        if not 0 <= self.cell_resolution <= 15:
            raise ValueError(f"--cell-resolution is from 0 to 15; got {self.cell_resolution}")
        for name in ("gap_minutes", "stop_minutes", "depot_radius_m"):
            option, given = name.replace("_", "-"), getattr(self, name)
            if given < 1:
                raise ValueError(f"--{option} is at least 1; got {given}")
            if given > _MOST:
                raise ValueError(f"--{option} is at most a million; got {given}")


def _check_zone(name: str) -> None:
    import zoneinfo

    if name not in (UTC, OF_VEHICLE) and name not in zoneinfo.available_timezones():
        raise ValueError(
            f"--day-zone is UTC, vehicle, or a zone such as America/Chicago; got {name!r}"
        )


def _check_date(text: str) -> None:
    import datetime as dt

    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--not-after is a date, YYYY-MM-DD; got {text!r}") from None
    if not dt.date(1980, 1, 1) <= found <= dt.date(2100, 1, 1):
        raise ValueError(f"--not-after is from 1980-01-01 to 2100-01-01; got {text!r}")
