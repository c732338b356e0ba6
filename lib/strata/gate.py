"""The gate: splits a candidate's rows by its suite, and gives the verdict.

The only module that imports Great Expectations. A row expectation's failing condition is taken from the
library's own Spark metric as a Column, so the split runs in the executors, in the pass that writes the
table, and counts what the library would count. Table expectations run on the written candidate.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from strata.contract import Contract
from strata.errors import ConservationError, DeclarationError, GateFailed
from strata.suite import Expectation, Suite
from strata.table import Rows

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Row expectations whose answer for one row depends on the other rows: a gate that used them would
# give another answer when the input arrives in other batches.
_NOT_ROW_LOCAL = (
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers",
)
_RAISES = ("expect_column_values_to_match_json_schema",)
_ROW_ID = ("_file_sha256", "_record_number")
_EXACT_DIGITS = 15
# The bits of one bigint; a suite of more row rules takes another column.
_RULES_A_WORD = 62
_ACCEPTED, _FOLDED, _REJECTED = 0, 1, 2


def library() -> Any:
    """Great Expectations, told to send nothing and to draw no progress bars."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    return gx


def is_row_expectation(expectation: Expectation) -> bool:
    """Whether the expectation judges each row alone (uniqueness does not, and stops the run instead)."""
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    if expectation.is_uniqueness:
        return False
    return issubclass(_implementation(expectation), (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation))


def _implementation(expectation: Expectation) -> Any:
    library()
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        return get_expectation_impl(expectation.type)
    except ExpectationNotFoundError:
        raise DeclarationError(
            f"an expectation's type must be one of Great Expectations'; {expectation.type!r} is not: correct its spelling"
        ) from None


def check_types(suite: Suite) -> list[str]:
    """What Great Expectations itself would refuse, or worse, ignore; empty when all is well."""
    findings = []
    for number, expectation in enumerate(suite.expectations, 1):
        try:
            _build(expectation)
        except DeclarationError as error:
            findings.append(f"expectation {number}: {error}")
            continue
        reason = _why_refused(expectation)
        if reason:
            findings.append(f"expectation {number}: {expectation.type} {reason}")
    return findings


def _why_refused(expectation: Expectation) -> str | None:
    """Why a gate cannot use an expectation that Great Expectations knows; None when it can."""
    if expectation.type in _NOT_ROW_LOCAL:
        return "depends on which rows arrive together"
    if expectation.type in _RAISES:
        return "raises on a value that it cannot read, so that one bad row would stop the run"
    if is_row_expectation(expectation) and not _runs_on_spark(_implementation(expectation)):
        return "cannot be computed on Spark by Great Expectations"
    return None


def _runs_on_spark(implementation: Any) -> bool:
    from great_expectations.exceptions import MetricProviderError
    from great_expectations.execution_engine import SparkDFExecutionEngine
    from great_expectations.expectations.registry import get_metric_provider

    # Only the engine's class is asked for; making a whole engine would start Spark.
    engine = SparkDFExecutionEngine.__new__(SparkDFExecutionEngine)
    try:
        get_metric_provider(f"{implementation.map_metric}.condition", engine)
    except MetricProviderError:
        return False
    return True


def _build(expectation: Expectation) -> Any:
    implementation = _implementation(expectation)
    try:
        return implementation(**expectation.kwargs)
    except Exception as error:  # pydantic's own error class is not public in GX
        detail = "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise DeclarationError(f"{expectation.type} refuses its kwargs: {detail}") from None


# --- row expectations ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A row expectation and the Column that is true where a row breaks it."""

    expectation: Expectation
    breaks: Column


def row_rules(frame: DataFrame, suite: Suite) -> list[Rule]:
    """The suite's row expectations as Columns over `frame`'s columns; no row is read."""
    library()
    from great_expectations.execution_engine import SparkDFExecutionEngine
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    class Conditions(SparkDFExecutionEngine):
        """The library's engine without its jobs: it would count the batch before it makes a condition."""

        def resolve_metric_bundle(self, metric_fn_bundle: Any) -> Any:
            names = {metric.metric_configuration.metric_name for metric in metric_fn_bundle}
            if names - {"table.row_count"}:
                raise DeclarationError(f"a row expectation of {suite.table} must need nothing but the row; it asks for {sorted(names)}")
            return {metric.metric_configuration.id: 0 for metric in metric_fn_bundle}

    expectations = [e for e in suite.expectations if is_row_expectation(e)]
    engine = Conditions(persist=False)
    engine.load_batch_data("candidate", frame)
    asked = [_condition_metric(e, frame) for e in expectations]
    resolved, aborted = MetricsCalculator(execution_engine=engine).compute_metrics(asked)
    rules = []
    for expectation, metric in zip(expectations, asked, strict=True):
        if metric.id in aborted:
            raise DeclarationError(f"an expectation must fit its column's type; {expectation.text} does not: correct the suite")
        rules.append(Rule(expectation, _failing_condition(expectation, metric, resolved[metric.id][0])))
    return rules


def _condition_metric(expectation: Expectation, frame: DataFrame) -> Any:
    """What Great Expectations is asked for: the metric that holds the expectation's failing condition."""
    from great_expectations.expectations.registry import get_metric_kwargs
    from great_expectations.validator.metric_configuration import MetricConfiguration

    built = _build(expectation)
    name = f"{built.map_metric}.condition"
    # The library's own reading of the kwargs: its defaults, and its types (a bound is a double to it).
    kwargs = get_metric_kwargs(name, configuration=built.configuration)
    domain = {**kwargs["metric_domain_kwargs"], "batch_id": "candidate"}
    return MetricConfiguration(name, domain, _with_decimal_bounds(expectation, kwargs["metric_value_kwargs"], frame))


def _failing_condition(expectation: Expectation, metric: Any, condition: Column) -> Column:
    from pyspark.sql import functions as F

    # A condition that is NULL is no failure for the library's own count.
    fails = F.coalesce(condition, F.lit(False))
    when = metric.metric_domain_kwargs.get("ignore_row_if")
    return fails & ~_is_ignored(expectation, when) if when else fails


def _with_decimal_bounds(expectation: Expectation, asked: dict[str, Any], frame: DataFrame) -> dict[str, Any]:
    """The bounds of a short decimal column as decimals, which Spark compares several times faster than as doubles.

    The answer is the same: a double tells any two decimals of at most 15 digits apart, in their order (IEEE 754).
    """
    from pyspark.sql.types import DecimalType

    kind = frame.schema[expectation.columns[0]].dataType if len(expectation.columns) == 1 else None
    if not isinstance(kind, DecimalType) or kind.precision > _EXACT_DIGITS:
        return asked

    def exact(bound: Any) -> Any:
        is_short = isinstance(bound, (int, float)) and math.isfinite(bound) and len(repr(bound)) <= _EXACT_DIGITS
        # A sum has the finer scale of the two: with at least the column's own, Spark need not widen each value.
        return Decimal(repr(bound)) + Decimal(0).scaleb(-kind.scale) if is_short else bound

    return {key: exact(value) if key in ("min_value", "max_value") else value for key, value in asked.items()}


def _is_ignored(expectation: Expectation, when: str | None) -> Column:
    """Whether the library leaves the row out for its missing values: it filters such rows before it counts."""
    from pyspark.sql import functions as F

    missing = [F.col(name).isNull() for name in expectation.columns]
    if when in ("both_values_are_missing", "all_values_are_missing"):
        return reduce(and_, missing)
    if when in ("either_value_is_missing", "any_value_is_missing"):
        return reduce(or_, missing)
    return F.lit(False)


def judge(frame: DataFrame, rules: list[Rule], rows: Rows) -> DataFrame:
    """Adds to each row its `_verdict`, its `_reasons` (never null), and the hash of its id as `_identity`.

    A row that the transform gives a reason is rejected, else one that it folds is folded; the suite
    judges the rest. A folded row adds nothing to the table, so the table's rules do not ask of it.
    The rules that a row breaks are bits of `_broken_0`, `_broken_1`, …: counting and splitting read those,
    so that whoever does not ask for `_reasons` does not pay for its text.
    """
    from pyspark.sql import functions as F

    if rows is Rows.ONE_TO_ONE:
        frame = frame.drop("_rows")
    given = frame.columns
    if rows is not Rows.ONE_TO_ONE and "_rows" not in given:
        raise ConservationError(f"a transform that is {rows.value} must tell `_rows`, the input rows that each row answers for")
    has_own = "_reasons" in given
    own = F.coalesce(F.col("_reasons"), _no_reasons()) if has_own else _no_reasons()
    told = {"_reasons": own}
    if "_fold" in given:
        told["_fold"] = F.when(F.size(own) == 0, F.col("_fold"))
    if rows is not Rows.ONE_TO_ONE:
        told["_rows"] = F.col("_rows").cast("bigint")
    if set(_ROW_ID) <= set(given):
        # Made here once, in the generated code of the whole stage; inside each aggregate it took a seventh of the write.
        told["_identity"] = F.xxhash64(*_ROW_ID)
    is_judged = told["_fold"].isNull() if "_fold" in told else F.lit(True)
    judged = frame.withColumns(told | {name: _bits(part, is_judged) for name, part in _words(rules)})
    is_rejected = [F.expr("size(_reasons) > 0")] if has_own else []
    for name, part in _words(rules):
        critical = sum(1 << n for n, rule in enumerate(part) if rule.expectation.severity == "critical")
        is_rejected.append(F.expr(f"{name} & {critical} != 0"))
    verdict = F.when(reduce(or_, is_rejected, F.lit(False)), _REJECTED).otherwise(_ACCEPTED)
    if "_fold" in told:
        verdict = F.when(F.col("_fold").isNotNull(), _FOLDED).otherwise(verdict)
    return judged.withColumns({"_verdict": verdict, "_reasons": _all_reasons(rules)})


def _words(rules: list[Rule]) -> list[tuple[str, list[Rule]]]:
    """The rules cut into as many as a bigint has bits for, each part with its column's name."""
    starts = range(0, len(rules), _RULES_A_WORD)
    return [(f"_broken_{number}", rules[start : start + _RULES_A_WORD]) for number, start in enumerate(starts)]


def _bits(rules: list[Rule], is_judged: Column) -> Column:
    """The rules that a row breaks, the first in the lowest bit; none for a row that is not judged."""
    from pyspark.sql import functions as F

    none = F.lit(0).cast("bigint")
    bits = [F.when(rule.breaks, F.lit(1 << n)).otherwise(none) for n, rule in enumerate(rules)]
    broken = reduce(lambda one, other: one.bitwiseOR(other), bits)
    return F.when(is_judged, broken).otherwise(none)


def _breaks(rules: list[Rule]) -> list[str]:
    """For each rule, whether a judged row breaks it, in SQL."""
    return [f"{name} & {1 << n} != 0" for name, part in _words(rules) for n in range(len(part))]


def _all_reasons(rules: list[Rule]) -> Column:
    """The transform's own reasons, then the descriptions of the critical rules broken, each once."""
    from pyspark.sql import functions as F

    broken = [
        F.when(F.expr(breaks), F.lit(rule.expectation.description))
        for rule, breaks in zip(rules, _breaks(rules), strict=True)
        if rule.expectation.severity == "critical"
    ]
    return F.array_distinct(F.concat("_reasons", F.array_compact(F.array(*broken)))) if broken else F.col("_reasons")


def _no_reasons() -> Column:
    from pyspark.sql import functions as F

    return F.array().cast("array<string>")


def is_rejected() -> Column:
    from pyspark.sql import functions as F

    return F.col("_verdict") == _REJECTED


def is_accepted() -> Column:
    from pyspark.sql import functions as F

    return F.col("_verdict") == _ACCEPTED


@dataclass
class Tally:
    """What one gate counted. Input rows balance: rows_in = accepted + quarantined + folded."""

    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    folded: int = 0
    rows_written: int = 0
    """Rows of the candidate written by this run; differs from `accepted` where one row gives many, or many one."""
    rows_rejected: int = 0
    folds: dict[str, int] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)
    """For each row rule, how many of the rows that are not folded break it."""
    identity: int = 0
    """Order-free hash of the input rows answered for."""
    written_identity: int = 0
    """Order-free hash of the row ids of all rows written: the next table's input."""


def tally_columns(judged: DataFrame, rules: list[Rule], folds: tuple[str, ...]) -> list[Column]:
    """The aggregates over judged rows that make a Tally, to be observed in the pass that writes the rows.

    Each aggregate costs something for every row, so that what follows from others is left out: a row that stands
    for itself needs no weight, and the rows that break a critical rule are the rejected ones, which `count_broken` counts.
    """
    from pyspark.sql import functions as F

    def total(name: str, condition: str, value: str = "1") -> Column:
        return F.expr(f"coalesce(sum(case when {condition} then {value} else 0 end), 0) as {name}")

    columns = [total("rows_written", f"_verdict = {_ACCEPTED}"), total("rows_rejected", f"_verdict = {_REJECTED}")]
    weight = "_rows" if "_rows" in judged.columns else "1"
    if weight == "_rows":
        columns += [total("accepted", f"_verdict = {_ACCEPTED}", weight), total("quarantined", f"_verdict = {_REJECTED}", weight)]
    if "_fold" in judged.columns:
        columns.append(total("folded", f"_verdict = {_FOLDED}", weight))
        value = F.when(F.col("_verdict") == _FOLDED, F.expr(weight)).otherwise(F.lit(0))
        for n, reason in enumerate(folds):
            columns.append(F.coalesce(F.sum(F.when(F.col("_fold") == reason, value)), F.lit(0)).alias(f"fold_{n}"))
    for n, (rule, breaks) in enumerate(zip(rules, _breaks(rules), strict=True)):
        if rule.expectation.severity != "critical":
            columns.append(total(f"broken_{n}", breaks))
    if "_identity" in judged.columns:
        answers = "_rows = 1" if weight == "_rows" else "true"
        for name, condition in (("identity", answers), ("written_identity", f"_verdict = {_ACCEPTED}")):
            columns.append(F.expr(f"coalesce(bit_xor(case when {condition} then _identity else 0L end), 0L) as {name}"))
    return columns


def read_tally(observed: dict[str, Any], rows_in: int, rules: list[Rule], folds: tuple[str, ...]) -> Tally:
    """The Tally of `tally_columns`' answers; complete when no row was rejected, else `count_broken` completes it."""
    return Tally(
        rows_in=rows_in,
        accepted=observed.get("accepted", observed["rows_written"]),
        quarantined=observed.get("quarantined", observed["rows_rejected"]),
        folded=observed.get("folded", 0),
        rows_written=observed["rows_written"],
        rows_rejected=observed["rows_rejected"],
        folds={reason: observed[f"fold_{n}"] for n, reason in enumerate(folds) if observed.get(f"fold_{n}")},
        broken=[observed.get(f"broken_{n}", 0) for n in range(len(rules))],
        identity=observed.get("identity", 0),
        written_identity=observed.get("written_identity", 0),
    )


def can_count_afterwards(judged: DataFrame, rules: list[Rule], rows: Rows, contract: Contract) -> bool:
    """Whether a table's Tally follows from what was written and from the rows that were not.

    Counting a row in the pass that writes it costs a fifth of that pass or more. It is needed where a row answers for
    several, where rules only warn of rows that are written, and where the table does not keep the rows' ids.
    """
    warns = any(rule.expectation.severity != "critical" for rule in rules)
    keeps_ids = "_identity" not in judged.columns or set(_ROW_ID) <= set(contract.columns)
    return rows is Rows.ONE_TO_ONE and not warns and keeps_ids


def accepted_only(judged: DataFrame) -> DataFrame:
    """The accepted rows, filtered where the verdict is made.

    Spark would push the filter below the casts, and compute each once more for every rule that reads it; it pushes
    nothing below what is not deterministic.
    """
    from pyspark.sql import functions as F

    return judged.withColumn("_is_kept", is_accepted() & (F.monotonically_increasing_id() >= 0)).where("_is_kept")


def not_accepted(judged: DataFrame, columns: tuple[str, ...], rules: list[Rule]) -> DataFrame:
    """The rejected and folded rows with these columns, and with what `tally_columns` and `count_broken` read of them."""
    needed = [*columns, "_verdict", *broken_columns(rules)]
    needed += [name for name in ("_fold", "_identity") if name in judged.columns]
    return judged.where(~is_accepted()).select(*needed)


def add_accepted(tally: Tally, rows: int, identity: int) -> Tally:
    """The Tally of the rows that were not accepted, and of those that were: so many, with that hash of their ids."""
    return replace(tally, accepted=tally.accepted + rows, rows_written=rows, identity=tally.identity ^ identity, written_identity=identity)


def count_broken(tally: Tally, rejected: DataFrame, rules: list[Rule]) -> None:
    """Adds the rows that break each critical rule, counted among the rejected rows: whoever breaks one is rejected."""
    from pyspark.sql import functions as F

    critical = [n for n, rule in enumerate(rules) if rule.expectation.severity == "critical"]
    if not critical:
        return
    breaks = _breaks(rules)
    counted = rejected.agg(*(F.expr(f"count_if({breaks[n]}) as broken_{n}") for n in critical)).collect()[0]
    for n in critical:
        tally.broken[n] = counted[f"broken_{n}"]


def broken_columns(rules: list[Rule]) -> list[str]:
    """The columns of a judged row that `count_broken` reads."""
    return [name for name, _ in _words(rules)]


def assert_conserved(table: str, tally: Tally, identity_in: int | None) -> None:
    """Rows in = accepted + quarantined + folded, and they are the very rows that came in."""
    out = tally.accepted + tally.quarantined + tally.folded
    if tally.rows_in != out:
        raise ConservationError(
            f"{table}: rows in = accepted + quarantined + folded; {tally.rows_in} came in, "
            f"{tally.accepted} + {tally.quarantined} + {tally.folded} = {out} came out: the transform loses or doubles rows",
            table=table,
            tally=tally,
        )
    if sum(tally.folds.values()) != tally.folded:
        raise ConservationError(
            f"{table}: every fold has a declared reason; {tally.folded} rows folded, {tally.folds} have one: "
            "add the reason to the table's `folds`",
            table=table,
        )
    if identity_in is not None and identity_in != tally.identity:
        raise ConservationError(
            f"{table}: the rows that come out must be those that came in; the counts agree but the rows differ: "
            "the transform loses one row and doubles another",
            table=table,
        )


# --- table expectations ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What one expectation said of one candidate."""

    expectation: Expectation
    success: bool
    unexpected: int | None = None
    """Rows that break a row or uniqueness expectation."""
    observed: str | None = None
    """What a table expectation saw; never told of a personal column."""


def row_outcomes(rules: list[Rule], tally: Tally) -> list[Outcome]:
    return [Outcome(rule.expectation, count == 0, count) for rule, count in zip(rules, tally.broken, strict=True)]


def audit(candidate: DataFrame, suite: Suite, contract: Contract, views: dict[str, DataFrame]) -> list[Outcome]:
    """Runs the suite's table expectations and uniqueness on the whole candidate.

    `{silver.other_table}` in a query names another table as this run sees it.
    """
    outcomes = [_unique(candidate, e) for e in suite.expectations if e.is_uniqueness]
    rest = [e for e in suite.expectations if not e.is_uniqueness and not is_row_expectation(e)]
    return outcomes + (_validate(candidate, rest, contract, views) if rest else [])


def _unique(candidate: DataFrame, expectation: Expectation) -> Outcome:
    """Counts every row whose key another row shares, as Great Expectations does.

    Rows whose key is NULL in every column are ignored, or as `ignore_row_if` says.
    """
    from pyspark.sql import functions as F

    keys = [F.col(name) for name in expectation.columns]
    known = candidate.select(*keys).where(~_is_ignored(expectation, expectation.kwargs.get("ignore_row_if", "all_values_are_missing")))
    # Equal keys have equal hashes, which are grouped several times quicker than texts; only where hashes agree are the keys asked.
    if known.select(F.xxhash64(*keys).alias("hash")).groupBy("hash").count().where("count > 1").isEmpty():
        return Outcome(expectation, True, 0)
    shared = known.groupBy(*keys).count().where("count > 1").agg(F.coalesce(F.sum("count"), F.lit(0)).alias("n"))
    count = int(shared.first()["n"])  # type: ignore[index]
    return Outcome(expectation, count == 0, count)


def _validate(candidate: DataFrame, expectations: list[Expectation], contract: Contract, views: dict[str, DataFrame]) -> list[Outcome]:
    gx = library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    # Great Expectations would otherwise cache the whole candidate.
    asset = context.data_sources.add_spark("candidate", persist=False).add_dataframe_asset("candidate")
    batch = asset.add_batch_definition_whole_dataframe("candidate").get_batch({"dataframe": candidate})
    personal = {f.name for f in contract.fields if f.is_personal}
    outcomes = []
    for is_open in (True, False):
        part = [e for e in expectations if personal.isdisjoint(e.columns) is is_open]
        if not part:
            continue
        built = [_build(_with_views(e, views)) for e in part]
        result = batch.validate(gx.ExpectationSuite("candidate", expectations=built), result_format="BASIC" if is_open else "BOOLEAN_ONLY")
        if len(result.results) != len(part):
            raise GateFailed(f"{contract.table}: {len(part)} expectations were asked, {len(result.results)} answered")
        outcomes += [_outcome(e, answer) for e, answer in zip(part, _in_order(result, built), strict=True)]
    return outcomes


def _in_order(result: Any, built: list[Any]) -> list[Any]:
    """Great Expectations groups its answers by column; this puts them back in the suite's order."""
    answers = list(result.results)
    ordered = []
    for expectation in built:
        config = expectation.configuration
        match = next(a for a in answers if a.expectation_config.type == config.type and _same(a.expectation_config, config))
        answers.remove(match)
        ordered.append(match)
    return ordered


def _same(answered: Any, asked: Any) -> bool:
    mine = {k: v for k, v in asked.kwargs.items() if v is not None and k != "batch_id"}
    theirs = {k: v for k, v in answered.kwargs.items() if v is not None and k != "batch_id"}
    return mine == theirs


def _outcome(expectation: Expectation, answer: Any) -> Outcome:
    raised = answer.exception_info or {}
    failures = [raised] if "raised_exception" in raised else list(raised.values())
    messages = [f.get("exception_message") for f in failures if f.get("raised_exception")]
    if messages:
        text = " ".join(str(messages[0]).split())[:300]
        raise GateFailed(f"an expectation must be able to answer; {expectation.type} could not: {text}")
    result = answer.result or {}
    observed = result.get("observed_value")
    # `unexpected` stays None: it marks the rules that reject rows, and these stop the run.
    return Outcome(expectation, bool(answer.success), None, None if observed is None else str(observed))


def _with_views(expectation: Expectation, views: dict[str, DataFrame]) -> Expectation:
    query = expectation.kwargs.get("unexpected_rows_query")
    if not query:
        return expectation
    for name, frame in views.items():
        if "{" + name + "}" in query:
            view = "strata_" + name.replace(".", "_")
            frame.createOrReplaceTempView(view)
            query = query.replace("{" + name + "}", view)
    return Expectation(
        expectation.type, {**expectation.kwargs, "unexpected_rows_query": query}, expectation.severity, expectation.description
    )


# --- the verdict -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """A gate's answer for one candidate."""

    table: str
    tally: Tally
    outcomes: tuple[Outcome, ...]
    failures: tuple[str, ...]
    total_rows: int
    total_rejected: int
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.failures


def verdict(
    contract: Contract, suite: Suite, tally: Tally, outcomes: list[Outcome], total_rows: int, total_rejected: int, started: float
) -> Verdict:
    """Adds up what stops the run: critical table expectations, an empty candidate, too many rejects."""
    row_types = {id(o) for o in outcomes if o.unexpected is not None and not o.expectation.is_uniqueness}
    failures = [
        f"{o.expectation.description}"
        + (f" (found {o.observed})" if o.observed is not None else "")
        + (f" ({o.unexpected} rows share a key)" if o.expectation.is_uniqueness else "")
        for o in outcomes
        if not o.success and o.expectation.severity == "critical" and id(o) not in row_types
    ]
    if total_rows == 0 and not contract.allow_empty:
        failures.append("the table must not be empty; no row was accepted")
    share = total_rejected / max(1, total_rows + total_rejected)
    if share > suite.max_rejected_share:
        failures.append(
            f"at most {suite.max_rejected_share:.1%} of the rows may be rejected; "
            f"{total_rejected} of {total_rows + total_rejected} were ({share:.1%})"
        )
    return Verdict(contract.table, tally, tuple(outcomes), tuple(failures), total_rows, total_rejected, time.monotonic() - started)
