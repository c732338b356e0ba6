"""Where a run's work is done: by its own process, or by Spark."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from strata.cli import common
from strata.declare.feed import load_feed
from strata.run.arrivals import Looked
from strata.run.plan import Plan, Step


def first_load(name: str, records: int, *, on_one_machine: bool) -> Plan:
    """A feed's first run, of so many records."""
    feed, seen = load_feed(name), SimpleNamespace(records=records)
    looked: Any = Looked(new=(seen,))  # type: ignore[arg-type]
    whole = set(feed.table_names) - set(feed.bronze_tables)
    steps = tuple(Step(table, table in whole, "not built yet") for table in feed.table_names)
    book: Any = None
    return Plan(feed, {}, None, looked, steps, {}, book, on_one_machine)


@pytest.mark.parametrize(
    ("records", "on_one_machine", "expected"),
    [
        (1_000_000, False, (True, True, True)),
        (10_000_000, False, (False, False, False)),
        (10_000_000, True, (False, True, True)),
        (24_000_001, True, (False, False, False)),
    ],
)
def test_on_one_machine_a_load_that_one_task_takes_starts_no_spark(
    records: int, on_one_machine: bool, expected: tuple[bool, bool, bool]
) -> None:
    plan = first_load("fleet", records, on_one_machine=on_one_machine)
    assert (plan.is_small, plan.is_here, plan.may_need_no_spark) == expected


def test_many_records_beside_published_ones_are_left_to_spark() -> None:
    plan = first_load("fleet", 10_000_000, on_one_machine=True)
    first, *others = plan.steps
    assert plan.is_here
    steps = (first, *(replace(step, whole=False) for step in others))
    assert not replace(plan, steps=steps).is_here


def test_a_feed_with_a_table_that_only_spark_makes_starts_it_at_once() -> None:
    plan = first_load("commerce", 10_000_000, on_one_machine=True)
    assert (plan.is_here, plan.may_need_no_spark) == (False, False)


@pytest.mark.parametrize(
    ("areas", "slices", "expected"),
    [(0, ("{}",), True), (3, ("{}",), False), (0, ("{}", '{"samples": 10}'), False)],
)
def test_more_samples_of_soil_start_no_spark_unless_areas_or_several_draws_stand(
    areas: int, slices: tuple[str, ...], expected: bool
) -> None:
    changed = (
        "bronze.soil_samples", "silver.soil_sites", "silver.soil_measurements",
        "silver.soil_site_countries", "silver.soil_curve_ranks", "gold.soil_country_stats",
        "gold.soil_area_stats",
    )  # fmt: skip
    published = dict.fromkeys(load_feed("soil").table_names, 100) | {"silver.soil_areas": areas}
    base: Any = SimpleNamespace(
        tables=[SimpleNamespace(table=name, all_rows=rows) for name, rows in published.items()]
    )
    steps = tuple(Step(name, False, "", slices if "gold." in name else ()) for name in changed)
    plan = replace(first_load("soil", 30, on_one_machine=True), base=base, steps=steps)
    assert (plan.is_here, plan.may_need_no_spark) == (True, expected)


@pytest.mark.parametrize(
    ("master", "environment", "expected"),
    [
        (None, {}, True),
        ("local[2]", {}, True),
        ("yarn", {}, False),
        ("sc://host:15002", {}, False),
        (None, {"SPARK_REMOTE": "sc://host"}, False),
        (None, {"PYSPARK_GATEWAY_PORT": "4040"}, False),
        ("local", {"DATABRICKS_RUNTIME_VERSION": "17"}, False),
    ],
)
def test_a_machine_is_known_to_be_alone_without_spark(
    monkeypatch: pytest.MonkeyPatch,
    master: str | None,
    environment: dict[str, str],
    expected: bool,
) -> None:
    for name in ("SPARK_REMOTE", "PYSPARK_GATEWAY_PORT", "DATABRICKS_RUNTIME_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings: Any = SimpleNamespace(spark={})
    assert common.is_one_machine(settings, master) is expected
    settings.spark["spark.master"] = "spark://host:7077"
    assert common.is_one_machine(settings, None) is False
