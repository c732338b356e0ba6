"""The countries of many sites by numpy and shapely, and their ranks by DuckDB: `kit.plain` tells
what for.

Most sites lie in a cell that one country holds. Of the others shapely is asked as Sedona is. Where
rounding could make the two differ, a site is left to the transform.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from strata.feeds.soil.countries import BORDER, COAST, COAST_M, INSIDE, NONE
from strata.feeds.soil.curve import NO_CODE, NO_COUNTRY
from strata.kit import s2
from strata.kit.cell_points import index_of
from strata.kit.keys import ROW_ID
from strata.kit.plain import EACH, Finish, Plain

_COUNTRY = ("country_id", "country_code", "country_name")
_CELLS = "silver.soil_country_cells"
_RULES = np.array([INSIDE, BORDER, COAST, NONE])


class Places:
    """The countries of sites, by the rows of `silver.soil_country_cells`."""

    def __init__(self, mapped: pa.Table) -> None:
        """`mapped` has the columns that `SITE_COUNTRIES` reads of them."""
        self._index = index_of(mapped, "country_id")
        self._countries = {name: mapped[name].combine_chunks() for name in _COUNTRY}

    def of(
        self, lon_deg: np.ndarray, lat_deg: np.ndarray
    ) -> tuple[dict[str, pa.Array], np.ndarray]:
        """The country of each position, the rule that gave it and the distance to it; and whether
        rounding decides.
        """
        found = self._index.find(lon_deg, lat_deg, COAST_M)
        is_found = found.row >= 0
        row = pa.array(found.row, mask=~is_found)
        rule = np.select([found.holders == 1, found.holders > 1, is_found], [0, 1, 2], 3)
        placed = {name: column.take(row) for name, column in self._countries.items()}
        placed["rule"] = pa.array(_RULES).take(pa.array(rule))
        placed["coast_distance_m"] = pa.array(found.distance_m, mask=_RULES[rule] != COAST)
        return placed, found.is_doubtful


def _finish_sites(held: Mapping[str, pa.Table]) -> Finish:
    places = Places(held[_CELLS])

    def finish(sites: pa.RecordBatch) -> pa.RecordBatch:
        lon, lat = (sites.column(name).to_numpy() for name in ("lon_deg", "lat_deg"))
        placed, is_doubtful = places.of(lon, lat)
        cells, is_at_edge = s2.leaf_cells(lon, lat)
        kept = {name: sites.column(name) for name in ("site_id", *ROW_ID)}
        rows = pa.RecordBatch.from_pydict({**kept, **placed, "s2_cell": pa.array(cells)})
        is_left = is_doubtful | is_at_edge
        # Of most batches all rows stand, and a filter would copy them.
        return rows.filter(pa.array(~is_left)) if is_left.any() else rows

    return finish


SITE_COUNTRIES = Plain(
    query="SELECT * FROM soil_sites",
    fewest=EACH,
    reads={
        "silver.soil_sites": ("site_id", "lon_deg", "lat_deg", *ROW_ID),
        _CELLS: ("cell_id", *_COUNTRY, "is_whole", "is_touching", "piece_wkb"),
    },
    holds=(_CELLS,),
    finish=_finish_sites,
)

FOLD_SQL = (
    f"CASE WHEN country_id IS NULL THEN '{NO_COUNTRY}' "
    f"WHEN country_code IS NULL THEN '{NO_CODE}' END"
)
"""Why a site counts in no country: `curve.why_uncounted`."""

CURVE_RANKS = Plain(
    query=f"""
SELECT site_id, country_code, s2_cell,
    row_number() OVER (PARTITION BY country_code ORDER BY s2_cell < 0, s2_cell, site_id)
        AS curve_rank,
    {FOLD_SQL} AS _fold, _file_sha256, _record_number
FROM soil_site_countries
""",
    fewest=EACH,
    reads={
        "silver.soil_site_countries": (
            "site_id", "country_id", "country_code", "s2_cell", "_file_sha256", "_record_number",
        ),
    },
)  # fmt: skip
