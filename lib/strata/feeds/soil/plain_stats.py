"""Statistics of many sites drawn one by one, by DuckDB: `kit.plain` tells what for. The rules are
those of `site_values`, `sample` and `figures`; other draws and depths are left to the transform.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from strata.feeds.soil.draw import RANDOM
from strata.feeds.soil.figures import summarise
from strata.feeds.soil.measurements import CLAY, SOC
from strata.feeds.soil.plain_places import FOLD_SQL
from strata.kit.plain import EACH, Finish, Plain

_DEPTH = "all"


def _sum(values: str) -> str:
    """One after the other, as Spark adds them up."""
    return f"list_reduce({values}, lambda total, value: total + value)"


# What is not told comes first, as in Spark's order of structs.
_LAYER = ", ".join(
    f"'has_{name}': {name} IS NOT NULL, '{name}': coalesce({name}, 0)"
    for name in ("upper_depth_cm", "lower_depth_cm", "cm")
)


def _mean(name: str) -> str:
    """A site's value of a property: the mean of its layers by their weights, if all have one."""
    weight = f"CASE WHEN {name}_weighed THEN one.cm ELSE CAST(1 AS DOUBLE) END"
    products, weights = (
        f"list_transform({name}_layers, lambda one: {text})"
        for text in (f"one.mean * {weight}", weight)
    )
    return f"{_sum(products)} / {_sum(weights)} AS {name}"


def _layers(name: str) -> str:
    own = f"FILTER (WHERE property = '{name}')"
    return (
        f"list_sort(list({{{_LAYER}, 'mean': mean}}) {own}) AS {name}_layers, "
        f"bool_and(cm IS NOT NULL) {own} AS {name}_weighed"
    )


_QUERY = f"""
WITH layers AS (
    SELECT site_id, property, upper_depth_cm, lower_depth_cm,
        lower_depth_cm - upper_depth_cm AS cm,
        {_sum("list_sort(list(value))")} / count(*) AS mean
    FROM soil_measurements WHERE coalesce(lower_depth_cm - upper_depth_cm > 0, true)
    GROUP BY site_id, property, upper_depth_cm, lower_depth_cm
), valued AS (
    SELECT site_id, {_mean(SOC)}, {_mean(CLAY)}
    FROM (SELECT site_id, {_layers(SOC)}, {_layers(CLAY)} FROM layers GROUP BY site_id) AS of_sites
), sites AS (
    SELECT country_code, country_name, {FOLD_SQL} AS _fold, soc, clay,
        soc IS NOT NULL AND country_code IS NOT NULL AS is_available,
        sha256(concat('{{seed}}|', site_id)) AS lot, site_id
    FROM soil_site_countries LEFT JOIN valued USING (site_id)
), drawn AS (
    SELECT *, is_available AND {{samples}} >= row_number() OVER (
        PARTITION BY country_code, is_available ORDER BY lot, site_id) AS is_drawn
    FROM sites
)
SELECT country_code, min(country_name) AS country_name, _fold, count(*) AS _rows,
    CAST({{samples}} AS INTEGER) AS n_asked, CAST({{clusters}} AS INTEGER) AS n_clusters_asked,
    CAST({{seed}} AS BIGINT) AS seed, count(soc) AS n_available,
    count(*) FILTER (WHERE is_drawn) AS n_drawn, count(clay) FILTER (WHERE is_drawn) AS n_clay,
    CASE WHEN count(soc) > 0 THEN least(CAST({{samples}} AS DOUBLE) / count(soc), 1) END AS share,
    coalesce(list(soc) FILTER (WHERE is_drawn), []) AS soc,
    coalesce(list(clay) FILTER (WHERE is_drawn AND clay IS NOT NULL), []) AS clay
FROM drawn GROUP BY country_code, _fold
"""
_FIGURES = {
    "soc_mean_pct": pa.float64(),
    "soc_variance_pct2": pa.float64(),
    "soc_ci95_lower_pct": pa.float64(),
    "soc_ci95_upper_pct": pa.float64(),
    "clay_mean_fraction": pa.float64(),
    "soc_ci95_rule": pa.string(),
}


def _add_figures(answer: pa.RecordBatch) -> pa.RecordBatch:
    """The figures of each country, from the values of its drawn sites."""
    told = zip(*(answer.column(n).to_pylist() for n in (SOC, CLAY, "n_available")), strict=True)
    made = [summarise([(None, one) for one in soc], clay, many) for soc, clay, many in told]
    figures = {
        name: pa.array([row[place] for row in made], kind)
        for place, (name, kind) in enumerate(_FIGURES.items())
    }
    own = {n: answer.column(n) for n in answer.schema.names if n not in (SOC, CLAY, "share")}
    always = {"method": RANDOM, "sampling_unit": "site", "depth_rule": _DEPTH}
    edges = ("inclusion_probability_least", "inclusion_probability_greatest")
    return pa.RecordBatch.from_pydict(
        own
        | {name: pa.array([text] * answer.num_rows) for name, text in always.items()}
        | {"n_clusters": pa.nulls(answer.num_rows, pa.int64())}
        | dict.fromkeys(edges, answer.column("share"))
        | figures
    )


def _finish(_: Mapping[str, pa.Table]) -> Finish:
    return _add_figures


COUNTRY_STATS = Plain(
    query=_QUERY,
    fewest=EACH,
    reads={
        "silver.soil_site_countries": ("site_id", "country_id", "country_code", "country_name"),
        "silver.soil_measurements": (
            "site_id",
            "property",
            "upper_depth_cm",
            "lower_depth_cm",
            "value",
        ),
    },
    only={"method": RANDOM, "depth": _DEPTH},
    finish=_finish,
)
