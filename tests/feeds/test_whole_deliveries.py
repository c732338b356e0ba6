"""Every feed: what a whole delivery lacks ends, as each table means it; what refers to it stays
sound.

Each source was delivered on 1 January 2024, and whole on 3 January without its second thing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from strata.declare.contract import load_contract, struct_type
from strata.declare.feed import load_feed
from strata.kit.shared import UNKNOWN, find_shared
from strata.kit.whole import ENDED, Whole

from tests.frames import local_frame

pytestmark = pytest.mark.spark

D1, D3, OPEN = dt.date(2024, 1, 1), dt.date(2024, 1, 3), dt.date(9999, 12, 31)
WHOLE = Whole({"a": "a"}, {"a": (D3,)})
Row = dict[str, Any]


def frame(spark: SparkSession, table: str, *rows: Row) -> DataFrame:
    """Rows as told, the rest null, numbered in files by their day."""
    fields = tuple(f for f in load_contract(table).fields if f.name != "_run_id")
    full = [
        {"_file_sha256": str(row.get("_delivery_date")), "_record_number": n, "_layout": "a"} | row
        for n, row in enumerate(rows, 1)
    ]
    schema = struct_type(fields, enforce_required=False)
    return local_frame(spark, ([row.get(f.name) for f in fields] for row in full), schema)


def delivered(one: Row, other: Row) -> list[Row]:
    """Both on the first day, and only the first in the whole delivery."""
    return [
        {**one, "_delivery_date": D1},
        {**other, "_delivery_date": D1},
        {**one, "_delivery_date": D3},
    ]


def made(spark: SparkSession, table: str, **inputs: list[Row]) -> list[Row]:
    """What the table's transform makes of these inputs; of inputs not named, nothing."""
    feed = load_feed(table.split(".")[1].split("_")[0])
    declared = feed.table(table)
    frames = []
    for name in declared.inputs:
        rows = inputs.get(
            name.split(".")[1].split("_", 1)[1]
            if name.startswith("bronze.")
            else name.replace(".", "_"),
            [],
        )
        read = frame(spark, name, *rows)
        reference = declared.via.get(name)
        frames.append(
            read if reference is None else read.where(reference.where).select(*reference.columns)
        )
    keywords: dict[str, Any] = {"whole": WHOLE}
    if declared.unique:
        # Of soil as the engine tells where rows are many: what is taken back stands alone.
        is_known = feed.name == "soil"
        keywords["shared"] = find_shared(frames[0], declared.unique, 9) if is_known else UNKNOWN
    if declared.params and feed.params_class:
        keywords["params"] = feed.params_class()
    return [row.asDict() for row in declared.transform(*frames, **keywords).collect()]


def standing(rows: list[Row], key: str) -> set[Any]:
    return {row[key] for row in rows if not row["_reasons"] and row["_fold"] is None}


# Table, its source, the thing that stays and the one that is taken back, and the key.
FOLDED = [
    (
        "silver.launches_flights",
        "launches",
        {"id": "x", "name": "X", "source": "spacex", "date_utc": "2020-01-01T00:00:00Z"},
        {"id": "y", "name": "Y", "source": "spacex", "date_utc": "2020-01-01T00:00:00Z"},
        "flight_id",
    ),
    (
        "silver.commerce_orders",
        "orders",
        {"order_id": "1", "order_date": "2024-01-01", "status": "shipped"},
        # What was wrong with it need not be mended any more.
        {"order_id": "2", "order_date": "soon", "status": "shipped"},
        "order_id",
    ),
    (
        "silver.soil_sites",
        "samples",
        {"source": "points", "source_site_id": "A", "lon": "10", "lat": "50"},
        {"source": "points", "source_site_id": "B", "lon": "11", "lat": "50"},
        "site_id",
    ),
    (
        "silver.soil_measurements",
        "samples",
        {"source": "points", "source_site_id": "A", "lon": "10", "lat": "50", "soc": "2", "soc_unit": "%"},
        {"source": "points", "source_site_id": "B", "lon": "11", "lat": "50", "soc": "3", "soc_unit": "%"},
        "site_id",
    ),
    (
        "silver.soil_countries",
        "boundaries",
        {"source": "natural_earth", "name": "Belgium", "iso_n3": "056",
         "geometry": '{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}'},
        {"source": "natural_earth", "name": "Italy", "iso_n3": "380",
         "geometry": '{"type":"Polygon","coordinates":[[[5,1],[6,1],[6,2],[5,1]]]}'},
        "country_id",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("table", "source", "one", "other", "key"), FOLDED, ids=lambda v: v if isinstance(v, str) else "")  # fmt: skip
def test_what_has_no_history_is_folded(
    spark: SparkSession, table: str, source: str, one: Row, other: Row, key: str
) -> None:
    sites = [{"site_id": "points:A"}] if table == "silver.soil_measurements" else []
    rows = made(spark, table, **{source: delivered(one, other)}, silver_soil_sites=sites)
    ended = [row for row in rows if row["_fold"] == ENDED]
    assert len(standing(rows, key)) == 1
    assert len(ended) == 1
    assert ended[0]["_reasons"] == []
    assert ended[0][key] not in standing(rows, key)


HISTORIES = [
    (
        "silver.fleet_vehicles",
        "vehicles",
        {"vehicle_id": "v1", "max_speed": "90", "depot_lat": "1", "depot_lon": "2"},
        {"vehicle_id": "v2", "max_speed": "90", "depot_lat": "1", "depot_lon": "2"},
        "vehicle_id",
    ),
    (
        "silver.commerce_products",
        "products",
        {"product_id": "v1", "product_name": "One", "price": "1"},
        {"product_id": "v2", "product_name": "Two", "price": "2"},
        "product_id",
    ),
    (
        "silver.residents_people",
        "users",
        {"person_token": "v1", "identity_token": "i1"},
        {"person_token": "v2", "identity_token": "i2"},
        "person_token",
    ),
]


@pytest.mark.parametrize(("table", "source", "one", "other", "key"), HISTORIES, ids=lambda v: v if isinstance(v, str) else "")  # fmt: skip
def test_a_period_ends_and_its_history_stays(
    spark: SparkSession, table: str, source: str, one: Row, other: Row, key: str
) -> None:
    rows = made(spark, table, **{source: delivered(one, other)})
    periods = {
        (row[key], row["valid_from"], row["valid_to"], row["is_current"])
        for row in rows
        if not row["_reasons"] and row["_fold"] is None
    }
    assert periods == {("v1", D1, OPEN, True), ("v2", D1, D3, True)}


def test_what_orders_and_products_refer_to_stays_and_is_marked(spark: SparkSession) -> None:
    customers = made(
        spark,
        "silver.commerce_customers",
        customers=delivered({"customer_id": "c1"}, {"customer_id": "c2"}),
    )
    categories = made(
        spark,
        "silver.commerce_categories",
        product_categories=delivered(
            {"category_id": "1", "category_name": "A"}, {"category_id": "2", "category_name": "B"}
        ),
    )
    for rows, key in ((customers, "customer_id"), (categories, "category_id")):
        found = {row[key]: row["ended_on"] for row in rows if row["_fold"] is None}
        assert sorted(found.values(), key=str) == [D3, None]
        assert not any(row["_reasons"] for row in rows)


def test_lines_of_orders_end_one_by_one(spark: SparkSession) -> None:
    line = {"order_id": "1", "product_id": "p", "quantity": "1", "unit_price": "2.00"}
    rows = made(
        spark,
        "silver.commerce_order_lines",
        order_items=delivered({**line, "order_item_id": "1"}, {**line, "order_item_id": "2"}),
        silver_commerce_orders=[{"order_id": "1", "order_date": D1, "currency": "EUR"}],
        silver_commerce_products=[{"product_id": "p", "is_current": True}],
    )
    assert standing(rows, "order_item_id") == {"1"}


def test_a_postcode_that_its_release_lacks_is_no_longer_in_use(spark: SparkSession) -> None:
    code = {"authority_code": "S12000027"}
    rows = made(
        spark,
        "silver.residents_postcodes",
        postcodes=delivered({"postcode_token": "p1", **code}, {"postcode_token": "p2", **code}),
    )
    found = {r["postcode_token"]: r["is_terminated"] for r in rows if r["_fold"] is None}
    assert found == {"p1": False, "p2": True}
