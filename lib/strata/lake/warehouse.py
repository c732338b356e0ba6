"""The warehouse: a root folder, and where each table lies below it."""

from __future__ import annotations

from dataclasses import dataclass

from strata.fs import location


@dataclass(frozen=True)
class Warehouse:
    """The root folder of all tables: a local path, or an `s3://` or `s3a://` address.

    UsageError for any other, where a second writer could not be refused.
    """

    root: str

    def __post_init__(self) -> None:
        location.parse(self.root).assert_can_hold_tables()

    def path(self, table: str) -> str:
        """`silver.soil_sites` → `<root>/silver/soil_sites`."""
        layer, noun = table.split(".", 1)
        return f"{self.root}/{layer}/{noun}"

    def spark_path(self, table: str) -> str:
        """As Spark names it."""
        return location.parse(self.path(table)).for_spark

    def delta_path(self, table: str) -> str:
        """As delta-rs names it."""
        return location.parse(self.path(table)).for_delta

    @property
    def delta_options(self) -> dict[str, str]:
        """What delta-rs must be told to reach the tables' store."""
        return location.parse(self.root).delta_options()
