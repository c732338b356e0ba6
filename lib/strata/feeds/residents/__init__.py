"""The residents feed: users of a service, where they live, and how many live in each local
authority.

The reader makes pseudonyms before anything is written (`schemas/source/residents_*`), so no table
holds a name, an address or a date of birth. Silver keeps each person's history; gold counts people,
and hides small numbers. docs/PRIVACY.md tells what is protected, how, and what is not.
"""

from __future__ import annotations

from strata.feeds.residents import (
    ages,
    authorities,
    coverage,
    moves,
    people,
    plain,
    plain_counts,
    plain_people,
    postcodes,
)
from strata.feeds.residents.params import Params
from strata.kit.table import Answer, Reference, Rows, Source, Table

__all__ = ["ANSWERS", "SOURCES", "TABLES", "Params"]

SOURCES = (
    Source("users"),
    Source(
        "postcodes", needed="a postcode lookup; samples/residents/postcodes holds excerpts of two"
    ),
    Source("authorities"),
)

TABLES = (
    Table(
        "silver.residents_postcodes",
        inputs=("bronze.residents_postcodes", "bronze.residents_authorities"),
        transform=postcodes.residents_postcodes,
        group=("postcode_token",),
        unique=("postcode_token",),
        ends=("bronze.residents_postcodes",),
        folds=postcodes.FOLDS,
        plain=plain.PLAIN,
    ),
    Table(
        "silver.residents_people",
        inputs=("bronze.residents_users", "silver.residents_postcodes"),
        transform=people.residents_people,
        # A person's whole history is computed from all of the person's records, so their arrival
        # cannot matter. A changed postcode may move whoever has ever lived there.
        group=("person_token",),
        via={
            "silver.residents_postcodes": Reference(
                ("postcode_token",), ("authority_code", "authority_name", "is_terminated")
            )
        },
        ends=("bronze.residents_users",),
        folds=people.FOLDS,
        plain=plain_people.PEOPLE,
    ),
    Table(
        "gold.residents_history_internal",
        inputs=("silver.residents_people",),
        transform=authorities.residents_history,
        rows=Rows.AGGREGATE,
        plain=authorities.PLAIN_HISTORY,
        folds=authorities.HISTORY_FOLDS,
    ),
    Table(
        "gold.residents_by_authority_internal",
        inputs=("gold.residents_history_internal", "bronze.residents_users"),
        transform=authorities.residents_by_authority_internal,
        rows=Rows.AGGREGATE,
        params=("as_of",),
        folds=authorities.DATE_FOLDS,
        plain=plain_counts.INTERNAL,
    ),
    Table(
        "gold.residents_by_authority",
        inputs=("gold.residents_by_authority_internal",),
        transform=authorities.residents_by_authority,
        # Which numbers are hidden depends on all rows.
        rows=Rows.AGGREGATE,
        params=("suppress_below", "round_to"),
        none_of_none=True,
        plain=plain_counts.PUBLISHED,
    ),
    Table(
        "gold.residents_by_age_and_sex",
        inputs=("gold.residents_history_internal", "bronze.residents_users"),
        transform=ages.residents_by_age_and_sex,
        rows=Rows.AGGREGATE,
        params=("as_of", "suppress_below", "round_to"),
        folds=authorities.DATE_FOLDS,
        plain=plain_counts.BY_AGE_AND_SEX,
    ),
    Table(
        "gold.residents_lookup_coverage",
        inputs=("silver.residents_postcodes", "gold.residents_by_authority"),
        transform=coverage.residents_lookup_coverage,
        rows=Rows.AGGREGATE,
        plain=coverage.PLAIN,
    ),
    Table(
        "gold.residents_moves",
        inputs=("silver.residents_people",),
        transform=moves.residents_moves,
        rows=Rows.AGGREGATE,
        plain=moves.PLAIN_MOVES,
        params=("suppress_below", "round_to"),
        folds=moves.FOLDS,
    ),
    Table(
        "gold.residents_moves_by_month",
        inputs=("silver.residents_people",),
        transform=moves.residents_moves_by_month,
        rows=Rows.AGGREGATE,
        plain=moves.PLAIN_BY_MONTH,
        params=("suppress_below", "round_to"),
        folds=moves.FOLDS,
    ),
)

ANSWERS = (
    Answer(
        "People by local authority; a dash hides a small number, or one that would give it away",
        "gold.residents_by_authority",
        (
            "authority_code",
            "authority_name",
            "people",
            "people_f",
            "people_m",
            "people_sex_unknown",
            "as_of_date",
            "suppressed_below",
        ),
        order=(("people", "descending"), ("authority_code", "ascending")),
        limit=15,
    ),
    Answer(
        "People by age band and sex; a band is shown whole or not at all",
        "gold.residents_by_age_and_sex",
        ("age_band", "sex", "people", "as_of_date"),
        limit=27,
    ),
    Answer(
        "The lookup by authority: postcodes, addresses where it counts them, and people",
        "gold.residents_lookup_coverage",
        (
            "authority_code",
            "authority_name",
            "postcodes_in_use",
            "postcodes_terminated",
            "addresses",
            "people",
            "people_per_1000_addresses",
        ),
        order=(("postcodes_in_use", "descending"), ("authority_code", "ascending")),
        limit=5,
    ),
    Answer(
        "Moves by month",
        "gold.residents_moves_by_month",
        ("month_start", "moves", "people"),
        limit=24,
    ),
    Answer(
        "Moves between authorities",
        "gold.residents_moves",
        order=(("moves", "descending"),),
        limit=15,
    ),
)
