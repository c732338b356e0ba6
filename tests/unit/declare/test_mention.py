"""Which fields of a record a reason speaks of, for every feed."""

from __future__ import annotations

import pytest
from strata.declare.contract import load_contract
from strata.declare.mention import fields_in

CASES = [
    ("bronze.commerce_orders", "order_date must be a date, YYYY-MM-DD", ["order_date"]),
    ("bronze.commerce_orders", "its customer is unknown", ["customer_id"]),
    (
        "bronze.commerce_sales",
        "sold_at must be a date, YYYY-MM-DD: no line of the order tells its day",
        ["sold_at"],
    ),
    # `at most` is no time of sale.
    (
        "bronze.commerce_sales",
        "unit_price must be a plain number below 100,000,000 with at most four decimals",
        ["unit_price"],
    ),
    ("bronze.commerce_products", "price must not be negative", ["price"]),
    ("bronze.soil_samples", "soc and clay must be plain decimal numbers", ["soc", "clay"]),
    (
        "bronze.soil_samples",
        "lower_depth_cm must be greater than upper_depth_cm",
        ["upper_depth_cm", "lower_depth_cm"],
    ),
    ("bronze.soil_sites", "the latitude or northing must be a plain decimal number", ["lat"]),
    ("bronze.launches_launches", "upcoming must be true or false", ["upcoming"]),
    (
        "bronze.launches_launches",
        "date_utc must be of the years 1957 to 2099",
        ["date_utc"],
    ),
    ("bronze.fleet_events", "fuel_level must be a number in [0, 100]", ["fuel_level"]),
    (
        "bronze.fleet_events",
        "a fix must not be later than its delivery, nor than the parameter not_after",
        [],
    ),
    ("bronze.fleet_vehicles", "depot_lat must be in [-90, 90]", ["depot_lat"]),
    ("bronze.residents_users", "sex must be F, M or unknown", ["sex"]),
]


@pytest.mark.parametrize(("table", "reason", "fields"), CASES)
def test_a_reason_names_fields_of_the_record(table: str, reason: str, fields: list[str]) -> None:
    found = [field.name for field in fields_in(load_contract(table), reason)]
    assert sorted(found) == sorted(fields)
