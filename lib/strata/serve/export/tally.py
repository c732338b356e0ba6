"""What was sent and what arrived, counted apart: a copy that does not reconcile is no copy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from strata.declare.contract import Field
from strata.errors import GateFailed
from strata.serve.export.types import decimal_parts

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = ("bigint", "int", "smallint")


def measure(kind: str) -> str:
    """What is added up of a column beside its values that are not NULL: sums of numbers, bytes of
    text, else nothing.
    """
    if decimal_parts(kind) or kind in WHOLE:
        return "sum"
    return {"string": "bytes", "boolean": "true"}.get(kind, "none")


@dataclass
class Tally:
    """Rows, and of each column how many values and their total: sum, bytes of text, or how many
    are true.
    """

    fields: tuple[Field, ...]
    rows: int = 0
    values: dict[str, int] = field(default_factory=dict)
    totals: dict[str, Decimal] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Counts one batch that is sent."""
        self.rows += batch.num_rows
        for own in self.fields:
            column = batch.column(own.name)
            self.values[own.name] = self.values.get(own.name, 0) + len(column) - column.null_count
            self.totals[own.name] = self.totals.get(own.name, Decimal(0)) + _total(
                column, measure(own.type)
            )

    def include(self, other: Tally) -> None:
        """Adds what was counted elsewhere."""
        self.rows += other.rows
        for name, values in other.values.items():
            self.values[name] = self.values.get(name, 0) + values
            self.totals[name] = self.totals.get(name, Decimal(0)) + other.totals[name]

    def facts(self) -> list[Decimal]:
        """Rows, then count and total of each column, in order: what a door's own query answers."""
        facts = [Decimal(self.rows)]
        for own in self.fields:
            facts += [Decimal(self.values.get(own.name, 0)), self.totals.get(own.name, Decimal(0))]
        return facts

    def reconcile(self, table: str, rows: int, arrived: Iterable[object], where: str) -> None:
        """GateFailed unless the publication's rows were sent, and what arrived adds up to what
        was sent.
        """
        if self.rows != rows:
            raise GateFailed(
                f"a copy has the publication's rows; {table} was published with {rows:,} and "
                f"{self.rows:,} were read: "
                "nothing was copied, see `strata doctor`",
                table=table,
            )
        self.reconcile_facts(table, self.facts(), arrived, where)

    def reconcile_facts(
        self, table: str, sent: Iterable[object], arrived: Iterable[object], where: str
    ) -> None:
        """GateFailed unless two lists of facts, as `facts` gives them, are the same."""
        names = ["rows"]
        for own in self.fields:
            names += [f"values of {own.name}", f"total of {own.name}"]
        pairs = zip(names, map(_number, sent), map(_number, arrived), strict=True)
        wrong = [f"{name} is {got} and should be {due}" for name, due, got in pairs if due != got]
        if wrong:
            raise GateFailed(
                f"a copy adds up to its publication; {table} in {where} does not: "
                f"{'; '.join(wrong)}: nothing was changed",
                table=table,
                findings=wrong,
            )


def _number(value: object) -> Decimal:
    return Decimal(str(value or 0))


def _total(column: pa.Array, what: str) -> Decimal:
    import pyarrow as pa
    import pyarrow.compute as pc

    if what == "none":
        return Decimal(0)
    if what == "bytes":
        column = pc.binary_length(column)
    if what == "sum" and pa.types.is_integer(column.type):
        # A sum of 64-bit numbers may not fit one.
        column = column.cast(pa.decimal128(19, 0))
    total = pc.sum(column).as_py()
    return Decimal(str(total or 0))
