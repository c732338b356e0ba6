"""How many judged rows there are of each kind, and that none is missing.

The counts are aggregates over the rows on their way into a table, so that they cost no pass of
their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strata.errors import ConservationError
from strata.gate.judging import (
    ACCEPTED,
    FOLDED,
    REJECTED,
    RULES_A_WORD,
    Rule,
    breaks_in_sql,
    broken_columns,
)
from strata.kit import keys

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Observation

_MARKS = 1 << 18
# Looking a mark up in a table costs the same however many there are; but the table stands in the
# plan, as text too.
_FEW_MARKS = 200


@dataclass
class Tally:
    """What one gate counted. Input rows balance: rows_in = accepted + quarantined + folded."""

    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    folded: int = 0
    rows_written: int = 0
    """Rows of the candidate written by this run; differs from `accepted` where one row gives many,
    or many one.
    """
    rows_rejected: int = 0
    folds: dict[str, int] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)
    """For each row rule, how many of the rows that are not folded break it."""
    identity: int = 0
    """Order-free hash of the input rows answered for."""
    written_identity: int = 0
    """Order-free hash of the row ids of all rows written: the next table's input."""


def tally_columns(judged: DataFrame, rules: list[Rule], folds: tuple[str, ...]) -> list[Column]:
    """The aggregates over judged rows that make a Tally, to be observed in the pass that writes the
    rows.

    Each aggregate costs something for every row, so that what follows from others is left out: a
    row that stands for itself needs no weight, and the rows that break a critical rule are the
    rejected ones, which `count_rejected` counts.
    """
    from pyspark.sql import functions as F

    def total(name: str, condition: str, value: str = "1") -> Column:
        return F.expr(f"coalesce(sum(case when {condition} then {value} else 0 end), 0) as {name}")

    columns = [
        total("rows_written", f"_verdict = {ACCEPTED}"),
        total("rows_rejected", f"_verdict = {REJECTED}"),
    ]
    weight = "_rows" if "_rows" in judged.columns else "1"
    if weight == "_rows":
        columns += [
            total("accepted", f"_verdict = {ACCEPTED}", weight),
            total("quarantined", f"_verdict = {REJECTED}", weight),
        ]
    if "_fold" in judged.columns:
        columns.append(total("folded", f"_verdict = {FOLDED}", weight))
        columns += _fold_columns(folds, weight)
    for n, (rule, breaks) in enumerate(zip(rules, breaks_in_sql(rules), strict=True)):
        if rule.expectation.severity != "critical":
            columns.append(total(f"broken_{n}", breaks))
    if "_identity" in judged.columns:
        columns += _identity_columns("_rows = 1" if weight == "_rows" else "true")
    return columns


def _fold_columns(folds: tuple[str, ...], weight: str) -> list[Column]:
    """How many input rows each sentence folds."""
    from pyspark.sql import functions as F

    value = F.when(F.col("_verdict") == FOLDED, F.expr(weight)).otherwise(F.lit(0))
    return [
        F.coalesce(F.sum(F.when(F.col("_fold") == reason, value)), F.lit(0)).alias(f"fold_{n}")
        for n, reason in enumerate(folds)
    ]


def _identity_columns(answers: str) -> list[Column]:
    """Order-free hashes of the input rows answered for, and of the rows that are written."""
    from pyspark.sql import functions as F

    conditions = {"identity": answers, "written_identity": f"_verdict = {ACCEPTED}"}
    return [
        F.expr(f"coalesce(bit_xor(case when {condition} then _identity else 0L end), 0L) as {name}")
        for name, condition in conditions.items()
    ]


def observed(
    judged: DataFrame,
    observation: Observation,
    columns: Sequence[str],
    rules: list[Rule],
    folds: tuple[str, ...],
) -> DataFrame:
    """Judged rows with these columns and `_verdict`, which are counted on their way into
    `observation`.

    It answers as `count` does, and where rows have ids, with the `marks` of the rejected ones for
    `marked`. Other columns are left out: Spark would make every column below a count, the rejected
    rows' reasons for each row too.
    """
    wanted = {*columns, "_verdict", "_fold", "_rows", "_identity", *broken_columns(rules)}
    narrow = judged.select(*[name for name in judged.columns if name in wanted])
    marks = [_marks_of_rejected()] if "_identity" in judged.columns else []
    return narrow.observe(observation, *tally_columns(judged, rules, folds), *marks)


def count(judged: DataFrame, rules: list[Rule], folds: tuple[str, ...]) -> dict[str, Any]:
    """The answers of `tally_columns`, by a pass of their own over rows that are kept."""
    answers: dict[str, Any] = judged.agg(*tally_columns(judged, rules, folds)).collect()[0].asDict()
    return answers


def _marks_of_rejected() -> Column:
    """A further aggregate for `tally_columns`: which of `_MARKS` marks, dealt out by the rows' ids,
    the rejected rows have.
    """
    from pyspark.sql import functions as F

    mark = F.when(F.col("_verdict") == REJECTED, F.pmod("_identity", F.lit(_MARKS)))
    return F.array_join(F.collect_set(mark).cast("array<string>"), ",").alias("marks")


def marked(judged: DataFrame, marks: str) -> DataFrame:
    """The rows with these marks: all that are rejected, and few others unless many are. They are
    judged rows, or those from which judged ones are made, which have the same ids.

    A mark follows from a row's id, so that Spark filters the raw rows by it, before it parses and
    joins them: the rejected rows are computed a second time for what those few cost.
    """
    from pyspark.sql import functions as F

    found = [int(mark) for mark in marks.split(",") if mark]
    mark = F.pmod(F.xxhash64(*keys.ROW_ID), F.lit(_MARKS))
    if len(found) <= _FEW_MARKS:
        return judged.where(mark.isin(found))
    table = bytearray(_MARKS)
    for number in found:
        table[number] = 1
    return judged.where(
        F.substring(F.lit(bytes(table)), mark.cast("int") + 1, F.lit(1)) == F.lit(b"\1")
    )


def read_tally(
    observed: dict[str, Any], rows_in: int, rules: list[Rule], folds: tuple[str, ...]
) -> Tally:
    """The Tally of `tally_columns`' answers; complete when no row was rejected, else
    `count_rejected` completes it.
    """
    return Tally(
        rows_in=rows_in,
        accepted=observed.get("accepted", observed["rows_written"]),
        quarantined=observed.get("quarantined", observed["rows_rejected"]),
        folded=observed.get("folded", 0),
        rows_written=observed["rows_written"],
        rows_rejected=observed["rows_rejected"],
        folds={
            reason: observed[f"fold_{n}"]
            for n, reason in enumerate(folds)
            if observed.get(f"fold_{n}")
        },
        broken=[observed.get(f"broken_{n}", 0) for n in range(len(rules))],
        identity=observed.get("identity", 0),
        written_identity=observed.get("written_identity", 0),
    )


def count_written(written: DataFrame, rules: list[Rule]) -> tuple[int, int, list[int]]:
    """Of rows that stand for themselves: how many, the order-free hash of their ids, and for each
    rule how many break it.
    """
    from pyspark.sql import functions as F

    broken = [F.count_if(rule.breaks) for rule in rules]
    rows, identity, *counts = written.agg(
        F.count(F.lit(1)), keys.identity(written), *broken
    ).collect()[0]
    return rows, identity, counts


def add_written(tally: Tally, rows: int, identity: int, broken: list[int]) -> None:
    """Adds accepted rows, which stand for themselves, to a Tally of rows that were not accepted."""
    tally.accepted += rows
    tally.rows_written += rows
    tally.identity ^= identity
    tally.written_identity ^= identity
    tally.broken = [one + other for one, other in zip(tally.broken, broken, strict=True)]


def count_rejected(tally: Tally, rejected: DataFrame, rules: list[Rule]) -> dict[str, int]:
    """Rejected rows by reason; adds to the tally the rows that break each critical rule: whoever
    breaks one is rejected.

    One pass for both: rows differ in few ways by what is wrong with them, so that those are counted
    and told apart here.
    """
    reasons: Counter[str] = Counter()
    names = broken_columns(rules)
    for row in rejected.groupBy("_reasons", *names).count().collect():
        for reason in row["_reasons"]:
            reasons[reason] += row["count"]
        for n, rule in enumerate(rules):
            word, bit = divmod(n, RULES_A_WORD)
            if rule.expectation.severity == "critical" and (row[names[word]] >> bit) & 1:
                tally.broken[n] += row["count"]
    return dict(reasons)


def assert_empty(table: str, tally: Tally) -> None:
    """A table that has `none_of_none`, and is made of no rows, has none."""
    found = tally.rows_written + tally.rows_rejected
    if found:
        raise ConservationError(
            f"{table}: of no rows it has none, as its `none_of_none` says; {found} came out: "
            "take that out of its declaration",
            table=table,
        )


def assert_conserved(table: str, tally: Tally, identity_in: int | None) -> None:
    """Rows in = accepted + quarantined + folded, and they are the very rows that came in."""
    out = tally.accepted + tally.quarantined + tally.folded
    if tally.rows_in != out:
        raise ConservationError(
            f"{table}: rows in = accepted + quarantined + folded; {tally.rows_in} came in, "
            f"{tally.accepted} + {tally.quarantined} + {tally.folded} = {out} came out: the "
            "transform loses or doubles rows",
            table=table,
            tally=tally,
        )
    if sum(tally.folds.values()) != tally.folded:
        raise ConservationError(
            f"{table}: every fold has a declared reason; {tally.folded} rows folded, "
            f"{tally.folds} have one: "
            "add the reason to the table's `folds`",
            table=table,
        )
    if identity_in is not None and identity_in != tally.identity:
        raise ConservationError(
            f"{table}: the rows that come out must be those that came in; the counts agree "
            "but the rows differ: "
            "the transform loses one row and doubles another",
            table=table,
        )
