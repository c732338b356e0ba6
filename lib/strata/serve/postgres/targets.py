"""Which published table fills which table of the shop's database, and the DDL that contracts ask
for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from strata.declare.contract import Field, load_contract
from strata.kit.sql import literal
from strata.serve.export import arrow_type, postgres_type

if TYPE_CHECKING:
    import pyarrow as pa

LATER = frozenset({"category_name", "category_path", "top_category_id", "top_category_name"})
"""What a product's category says of itself: a join gives it, so a normalised table leaves it out.
"""


@dataclass(frozen=True)
class Target:
    """One table of the database."""

    name: str
    """With its schema, e.g. `shop.orders`."""
    source: str
    """The published table, e.g. `silver.commerce_orders`."""
    date: str | None = None
    """The column by which it is partitioned, or loaded in part."""
    is_partitioned: bool = False
    without: frozenset[str] = frozenset()
    keep: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None
    """Which rows of the source it takes; None = all."""
    own_key: tuple[str, ...] = ()
    """Its key where that is not the source's."""

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Its columns, as the contract says them."""
        every = load_contract(self.source).fields
        return tuple(f for f in every if not f.is_provenance and f.name not in self.without)

    @cached_property
    def schema(self) -> pa.Schema:
        """Its columns as Arrow types."""
        import pyarrow as pa

        return pa.schema([pa.field(f.name, arrow_type(f.type)) for f in self.fields])

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, in the order of the contract."""
        return tuple(field.name for field in self.fields)

    @property
    def key(self) -> tuple[str, ...]:
        """A partitioned table's key holds the column that it is partitioned by."""
        key = self.own_key or load_contract(self.source).key
        return (
            (*key, self.date) if self.is_partitioned and self.date and self.date not in key else key
        )


def _is_current(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(batch.column("is_current"))


SHOP = (
    Target(
        "shop.product_categories", "silver.commerce_categories", without=frozenset({"ended_on"})
    ),
    Target(
        "shop.products",
        "silver.commerce_products",
        without=LATER | {"valid_to", "is_current"},
        keep=_is_current,
        own_key=("product_id",),
    ),
    Target("shop.product_periods", "silver.commerce_products", without=LATER),
    Target("shop.customers", "silver.commerce_customers", without=frozenset({"ended_on"})),
    Target("shop.orders", "silver.commerce_orders", "order_date", True),
    Target("shop.order_items", "silver.commerce_order_lines", "sale_date", True),
    Target("shop.order_revenue", "gold.commerce_order_revenue", "order_date"),
    Target("shop.daily_product_sales", "gold.commerce_daily_product_sales", "sale_date"),
    Target("shop.daily_category_sales", "gold.commerce_daily_category_sales", "sale_date"),
    Target("shop.customer_value", "gold.commerce_customer_value"),
    Target("shop.top_products", "gold.commerce_top_products"),
    Target("shop.trends", "gold.commerce_trends"),
    Target("shop.dates", "gold.commerce_dates"),
)
"""In an order in which each table's references are there before it."""


def targets_of(table: str) -> tuple[Target, ...]:
    """The tables that a published one fills: those of the shop, else one of its own name in
    `copies`.
    """
    shop = tuple(target for target in SHOP if target.source == table)
    return shop or (Target("copies." + table.split(".", 1)[1], table),)


def create_table(target: Target) -> str:
    """The DDL that the contract asks for: types, NOT NULL, key, partitions and comments."""
    lines = [
        f"    {f.name} "
        f"{postgres_type(f.type)}{' NOT NULL' if f.required or f.name in target.key else ''}"
        for f in target.fields
    ]
    lines.append(f"    PRIMARY KEY ({', '.join(target.key)})")
    tail = f" PARTITION BY RANGE ({target.date})" if target.is_partitioned else ""
    contract = load_contract(target.source)
    told = [
        f"COMMENT ON TABLE {target.name} IS "
        f"{literal(f'{contract.purpose.strip()} Grain: {contract.grain}.')};"
    ]
    told += [
        f"COMMENT ON COLUMN {target.name}.{f.name} IS {literal(_comment(f))};"
        for f in target.fields
    ]
    return (
        f"CREATE TABLE {target.name} (\n"
        + ",\n".join(lines)
        + f"\n){tail};\n"
        + "\n".join(told)
        + "\n"
    )


def _comment(field: Field) -> str:
    return f"{field.description} [{field.unit}]" if field.unit else field.description
