"""People by age band and sex, wherever they live, on one date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.residents.authorities import (
    AGE_BANDS,
    BY_AGE,
    BY_SEX,
    add_date,
    age_of,
    hide_figures,
    limits,
)
from strata.feeds.residents.params import Params
from strata.feeds.residents.people import UNKNOWN_SEX
from strata.feeds.residents.suppression import (
    Cube,
    are_totals_safe,
    can_all_move,
    hide_breakdowns,
    rounded,
)

SEXES = ("F", "M", UNKNOWN_SEX)
UNKNOWN_BAND = "unknown"
BANDS = (*(n.removeprefix("people_").replace("_", "-") for n in AGE_BANDS), UNKNOWN_BAND)
"""`0-15` … `75-plus`, `unknown`, in the order of the columns that count the same people."""
_CELL = ("as_of_date", "authority_code", "age_band", "sex", "people", "_rows")
_PUBLISHED = (
    "as_of_date:date, age_band:string, sex:string, people:bigint, is_suppressed:boolean, "
    "_rows:bigint"
)


def residents_by_age_and_sex(history: DataFrame, users: DataFrame, *, params: Params) -> DataFrame:
    """One row per age band and sex, from one row per authority, sex, year of birth and period; and
    one row, folded, of the periods that do not hold on the date.

    The date is that of `residents_by_authority_internal`. Every band has a row for each sex, zeros
    included, once anybody is counted; small numbers are hidden.
    """
    counted = (
        add_date(history, users, params)
        .withColumn("age_band", _band())
        .groupBy("as_of_date", "authority_code", "age_band", "sex", "_fold")
        .agg(F.sum("people").alias("people"), F.count(F.lit(1)).alias("_rows"))
    )
    limit, to = params.suppress_below, params.round_to
    hide = F.udf(lambda rows: publish(rows, limit, to), f"array<struct<{_PUBLISHED}>>")
    holds = F.col("_fold").isNull()
    # A few hundred authorities, of 27 cells each at most.
    cells = counted.where(holds).agg(F.collect_list(F.struct(*_CELL)).alias("_cells"))
    shown = cells.select(F.inline(hide("_cells")))
    others = counted.where(~holds).withColumn("is_suppressed", F.lit(False))
    return (
        shown.withColumn("_fold", F.lit(None).cast("string"))
        .unionByName(others.select(*shown.columns, "_fold"))
        .withColumns(limits(params))
    )


def _band() -> Column:
    age = age_of()
    told = [
        F.when(age.between(*years), n)
        for n, years in zip(BANDS[:-1], AGE_BANDS.values(), strict=True)
    ]
    return F.coalesce(*told, F.lit(UNKNOWN_BAND))


def publish(cells: Sequence[Any], limit: int, to: int = 1) -> list[dict[str, Any]]:
    """The grid of all authorities together as it may be published: a band is shown by sex whole, or
    not at all.

    Safe for a reader who knows how many there are of each band and of each sex. And safe beside
    the table by authority: where by both together a hidden number could be computed, no band is
    shown.
    """
    if not cells:
        return []
    cube: Cube = defaultdict(int)
    rows: dict[tuple[int, int], int] = defaultdict(int)
    codes = sorted({cell["authority_code"] for cell in cells})
    for cell in cells:
        band, sex = BANDS.index(cell["age_band"]), SEXES.index(cell["sex"])
        cube[codes.index(cell["authority_code"]), sex, band] += cell["people"]
        rows[band, sex] += cell["_rows"]
    grid = [
        [sum(cube.get((n, sex, band), 0) for n in range(len(codes))) for sex in range(len(SEXES))]
        for band in range(len(BANDS))
    ]
    hidden = _hidden_bands(grid, cube, len(codes), limit)
    return [
        {
            "as_of_date": cells[0]["as_of_date"],
            "age_band": name,
            "sex": told,
            "people": None if band in hidden else rounded(grid[band][sex], to),
            "is_suppressed": band in hidden,
            "_rows": rows.get((band, sex), 0),
        }
        for band, name in enumerate(BANDS)
        for sex, told in enumerate(SEXES)
    ]


def _hidden_bands(grid: Sequence[Sequence[int]], cube: Cube, codes: int, limit: int) -> set[int]:
    # A band without anybody hides nobody.
    held = [band for band, by_sex in enumerate(grid) if any(by_sex)]
    sums, by_sex = [sum(grid[band]) for band in held], [grid[band] for band in held]
    hidden = {held[n] for n in hide_breakdowns(sums, by_sex, set(), limit)}
    beside = [_by_authority(cube, n) for n in range(codes)]
    apart = hide_figures(beside, limit)
    # Totals, which this grid adds up to, by their own rule; what is hidden by sex, by age, or here,
    # within the slices of the third.
    safe = (
        are_totals_safe([beside[n]["people"] for n in apart["people"]], limit)
        and can_all_move(cube, (0, 1, 2), apart[BY_SEX[0]] - apart["people"], apart[BY_SEX[0]])
        and can_all_move(cube, (0, 2, 1), apart[BY_AGE[0]] - apart["people"], apart[BY_AGE[0]])
        and can_all_move(cube, (2, 1, 0), hidden, hidden)
    )
    return hidden if safe else set(held)


def _by_authority(cube: Cube, number: int) -> dict[str, int]:
    """The row of one authority, as the table by authority has it."""
    own = {place[1:]: people for place, people in cube.items() if place[0] == number}
    by_sex = {
        name: sum(people for (sex, _), people in own.items() if sex == place)
        for place, name in enumerate(BY_SEX)
    }
    by_age = {
        name: sum(people for (_, band), people in own.items() if band == place)
        for place, name in enumerate(BY_AGE)
    }
    return {"people": sum(own.values()), **by_sex, **by_age}
