"""Sums that a small run makes without Spark: DuckDB's rows are the transform's, over rows made by
chance with all that may be missing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, struct_type
from strata.feeds.residents.succession import SUCCESSOR

from tests import mutants
from tests.frames import local_frame
from tests.mutants import Row
from tests.plain import feed_of, plain_rows

pytestmark = pytest.mark.spark


def core_flights(chance: random.Random) -> list[Row]:
    maybe = (True, False, None)
    return [
        {
            "launch_year": chance.choice((2019, 2020, 2021, 2022)),
            "is_upcoming": chance.random() < 0.3 or n > 180,
            "is_landing_attempted": chance.choice(maybe),
            "is_landed": chance.choice(maybe),
        }
        for n in range(200)
    ] + [{"launch_year": 2030, "is_upcoming": True, "is_landed": True}]


def people(chance: random.Random) -> list[Row]:
    """Periods of 60 people: some with gaps, some away, some in an authority that became another."""
    codes = ["E09000001", "E09000002", "S12000005", *next(iter(SUCCESSOR.items())), None, None]
    rows: list[Row] = []
    for person in range(60):
        day = date(2024, 1, 1) + timedelta(chance.randrange(3))
        for _ in range(chance.randrange(1, 6)):
            until, code = day + timedelta(chance.choice((31, 30, 2))), chance.choice(codes)
            rows.append(
                {
                    "person_token": f"k:{person}", "valid_from": day, "valid_to": until,
                    "authority_code": code, "authority_name": None if code == "S12000005" else code and code.lower(),
                    "unplaced": None if code else chance.choice(("no postcode", "unknown")),
                    "sex": chance.choice(("F", "M", "unknown")), "birth_year": chance.choice((None, 1950, 1987)),
                    "is_resident": code is not None or chance.random() < 0.5,
                }
            )  # fmt: skip
            day = until + timedelta(chance.choice((0, 0, 0, 1)))
    return rows


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("gold.launches_landing_years", core_flights),
        ("gold.residents_history_internal", people),
        ("gold.residents_moves", people),
        ("gold.residents_moves_by_month", people),
    ],
)
def test_duckdb_makes_the_rows_of_the_transform(
    spark: SparkSession, tmp_path: Path, name: str, make: Callable[[random.Random], list[Row]]
) -> None:
    feed = feed_of(name)
    table = feed.table(name)
    [source] = table.inputs
    contract, params = load_contract(source), {**feed.default_params()}
    params |= {"suppress_below": 3} if "suppress_below" in table.params else {}
    told = make(random.Random(name))
    rows = [
        dict(zip(contract.columns, row, strict=True)) for row in mutants.complete(contract, told)
    ]
    found, _, done = plain_rows(tmp_path, name, {source: rows}, params=params)

    schema = struct_type(contract.fields, enforce_required=False)
    frame = local_frame(spark, [tuple(row.values()) for row in rows], schema)
    given: dict[str, Any] = {}
    if table.params:
        assert feed.params_class is not None
        given = {"params": feed.params_class(**params)}
    made = [row.asDict() for row in table.transform(frame, **given).collect()]
    kept = [row for row in made if row.get("_fold") is None]
    columns = load_contract(name).columns
    assert Counter(repr([row[c] for c in columns]) for row in found) == Counter(
        repr([row[c] for c in columns]) for row in kept
    )
    assert len(kept) > 3
    folds: Counter[str] = Counter()
    for row in made:
        if row.get("_fold") is not None:
            folds[row["_fold"]] += row["_rows"]
    assert (done.rows, done.folds) == (sum(row["_rows"] for row in kept), dict(folds))
