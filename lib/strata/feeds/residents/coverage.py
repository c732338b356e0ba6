"""What a postcode lookup holds of each local authority, beside the people who are counted there."""

from __future__ import annotations

from pyspark.sql import DataFrame

from strata.kit.plain import EACH, Plain, by_query, for_duckdb

IN_NONE = "postcode_without_authority"

_COVERAGE = f"""
SELECT *, people IS NULL AS is_suppressed,
    CAST(people * 1000 AS DOUBLE) / nullif(addresses, 0) AS people_per_1000_addresses
FROM (
    SELECT held.*, held.authority_code <> '{IN_NONE}' AS is_authority,
        CASE WHEN told.is_told THEN told.people ELSE 0 END AS people
    FROM (
        SELECT coalesce(authority_code, '{IN_NONE}') AS authority_code,
            max(authority_name) AS authority_name,
            count(*) FILTER (WHERE NOT is_terminated) AS postcodes_in_use,
            count(*) FILTER (WHERE is_terminated) AS postcodes_terminated,
            CAST(sum(addresses) FILTER (WHERE NOT is_terminated) AS BIGINT) AS addresses,
            count(*) AS _rows
        FROM {{residents_postcodes}} GROUP BY coalesce(authority_code, '{IN_NONE}')
    ) AS held LEFT JOIN (
        SELECT authority_code, true AS is_told, people
        FROM {{residents_by_authority}} WHERE is_authority
    ) AS told ON held.authority_code = told.authority_code
) AS counted
"""
PLAIN = Plain(
    for_duckdb(_COVERAGE, "residents_postcodes", "residents_by_authority"),
    {
        "silver.residents_postcodes": (
            "authority_code",
            "authority_name",
            "is_terminated",
            "addresses",
        ),
        "gold.residents_by_authority": ("authority_code", "is_authority", "people"),
    },
    by="authority_code",
    fewest=EACH,
)


def residents_lookup_coverage(postcodes: DataFrame, published: DataFrame) -> DataFrame:
    """One row per authority of the lookup, and one of postcodes in none, from one row per postcode.

    People are those of `gold.residents_by_authority`, hidden where they are hidden there; an
    authority that is not in it has nobody. Addresses are of postcodes in use.
    """
    return by_query(_COVERAGE, residents_postcodes=postcodes, residents_by_authority=published)
