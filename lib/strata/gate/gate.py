"""The gate: the rules of a table's rows from its suite, and the verdict on the whole table.

The only module that imports Great Expectations, and only for a suite that needs it. A row
expectation's failing condition is a Column: of the commonest types `conditions` makes it, of any
other it is taken from the library's own Spark metric. So `judging` splits the rows in the
executors, in the pass that writes the table, by what the library would count. Table expectations
run on the written candidate.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from strata.declare.contract import Contract
from strata.declare.suite import Expectation, Suite
from strata.errors import DeclarationError, GateFailed
from strata.gate import conditions, queries, small
from strata.gate.judging import Rule, Tally
from strata.kit.keys import shared_hashes

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from strata.kit.groups import Groups

# Row expectations whose answer for one row depends on the other rows: a gate that used them would
# give another answer when the input arrives in other batches.
_NOT_ROW_LOCAL = (
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers",
)
_RAISES = ("expect_column_values_to_match_json_schema",)
_ONE_AT_A_TIME = threading.Lock()
"""Great Expectations keeps its context, and the batch's name, once for the whole process."""
_MOST_BROADCAST = 1_000_000
"""Written rows whose keys are sent to every task, 8 bytes each."""


def library() -> Any:
    """Great Expectations, told to send nothing and to draw no progress bars."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    return gx


def is_row_expectation(expectation: Expectation) -> bool:
    """Whether the expectation judges each row alone (uniqueness does not, and stops the run
    instead).
    """
    if expectation.is_uniqueness or queries.is_query(expectation):
        return False
    if conditions.is_known(expectation):
        return True
    library()
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    return issubclass(
        _implementation(expectation),
        (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation),
    )


def _implementation(expectation: Expectation) -> Any:
    library()
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        return get_expectation_impl(expectation.type)
    except ExpectationNotFoundError:
        raise DeclarationError(
            f"an expectation's type must be one of Great Expectations'; {expectation.type!r} "
            "is not: correct its spelling"
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


# --- row expectations ----------------------------------------------------------------------------


def row_rules(frame: DataFrame, suite: Suite) -> list[Rule]:
    """The suite's row expectations as Columns over `frame`'s columns; no row is read."""
    wanted = [e for e in suite.expectations if is_row_expectation(e)]
    asked = [e for e in wanted if not conditions.is_known(e)]
    told = {id(rule.expectation): rule for rule in _library_rules(frame, suite, asked)}
    return [told[id(e)] if id(e) in told else Rule(e, conditions.failing(e, frame)) for e in wanted]


def _library_rules(frame: DataFrame, suite: Suite, expectations: list[Expectation]) -> list[Rule]:
    """The rules of which Great Expectations makes the condition."""
    if not expectations:
        return []
    with _ONE_AT_A_TIME:
        return _conditions_of_library(frame, suite, expectations)


def _conditions_of_library(
    frame: DataFrame, suite: Suite, expectations: list[Expectation]
) -> list[Rule]:
    library()
    from great_expectations.execution_engine import SparkDFExecutionEngine
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    class Conditions(SparkDFExecutionEngine):
        """The library's engine without its jobs: it would count the batch before it makes a
        condition.
        """

        def resolve_metric_bundle(self, metric_fn_bundle: Any) -> Any:
            names = {metric.metric_configuration.metric_name for metric in metric_fn_bundle}
            if names - {"table.row_count"}:
                raise DeclarationError(
                    f"a row expectation of {suite.table} must need nothing but the row; it "
                    f"asks for {sorted(names)}"
                )
            return {metric.metric_configuration.id: 0 for metric in metric_fn_bundle}

    engine = Conditions(persist=False)
    engine.load_batch_data("candidate", frame)
    asked = [_condition_metric(e, frame) for e in expectations]
    resolved, aborted = MetricsCalculator(execution_engine=engine).compute_metrics(asked)
    rules = []
    for expectation, metric in zip(expectations, asked, strict=True):
        if metric.id in aborted:
            raise DeclarationError(
                f"an expectation must fit its column's type; {expectation.text} does not: "
                "correct the suite"
            )
        rules.append(
            Rule(expectation, _failing_condition(expectation, metric, resolved[metric.id][0]))
        )
    return rules


def _condition_metric(expectation: Expectation, frame: DataFrame) -> Any:
    """What Great Expectations is asked for: the metric that holds the expectation's failing
    condition.
    """
    from great_expectations.expectations.registry import get_metric_kwargs
    from great_expectations.validator.metric_configuration import MetricConfiguration

    built = _build(expectation)
    name = f"{built.map_metric}.condition"
    # The library's own reading of the kwargs: its defaults, and its types (a bound is a double to
    # it).
    kwargs = get_metric_kwargs(name, configuration=built.configuration)
    domain = {**kwargs["metric_domain_kwargs"], "batch_id": "candidate"}
    return MetricConfiguration(
        name, domain, conditions.exact_bounds(expectation, kwargs["metric_value_kwargs"], frame)
    )


def _failing_condition(expectation: Expectation, metric: Any, condition: Column) -> Column:
    from pyspark.sql import functions as F

    # A condition that is NULL is no failure for the library's own count.
    fails = F.coalesce(condition, F.lit(False))
    when = metric.metric_domain_kwargs.get("ignore_row_if")
    return fails & ~conditions.is_ignored(expectation, when) if when else fails


# --- table expectations --------------------------------------------------------------------------


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
    """The outcome of each row rule, from the counts of one pass."""
    return [
        Outcome(rule.expectation, count == 0, count)
        for rule, count in zip(rules, tally.broken, strict=True)
    ]


@dataclass(frozen=True)
class Exchanged:
    """The rows that an increment wrote, of a table whose other rows an earlier gate found to have
    single keys.
    """

    written: DataFrame
    rows: int
    touched: Groups


def audit(
    candidate: DataFrame | None,
    rows: int,
    suite: Suite,
    contract: Contract,
    views: dict[str, DataFrame],
    known: Exchanged | pa.Table | None = None,
) -> list[Outcome]:
    """Runs the suite's table expectations and uniqueness on the whole candidate, which has `rows`
    rows.

    `{silver.other_table}` in a query names another table as this run sees it. `known` is what an
    increment wrote, or every row of a small candidate: for its keys no job is needed, and where
    `needs_frame` says so, no frame.
    """
    outcomes = [_unique(candidate, rows, e, known) for e in suite.expectations if e.is_uniqueness]
    rest = [e for e in suite.expectations if not e.is_uniqueness and not is_row_expectation(e)]
    if not rest:
        return outcomes
    if candidate is None:
        raise TypeError(f"{contract.table}: its table expectations need its frame")
    asked = [e for e in rest if queries.is_query(e)]
    found = queries.count_found(asked, candidate, views) if asked else []
    told = {id(e): Outcome(e, n == 0, None, str(n)) for e, n in zip(asked, found, strict=True)}
    others = [e for e in rest if not queries.is_query(e)]
    with _ONE_AT_A_TIME:
        told |= {id(o.expectation): o for o in _validate(candidate, others, contract)}
    return outcomes + [told[id(e)] for e in rest]


def needs_frame(suite: Suite, rows: pa.Table | None) -> bool:
    """Whether the audit must read the candidate, though `rows` holds all of it."""
    return rows is None or any(
        not small.can_tell_keys(rows, e) if e.is_uniqueness else not is_row_expectation(e)
        for e in suite.expectations
    )


def needs_library(suite: Suite) -> bool:
    """Whether some rule of the suite is Great Expectations' to answer."""
    return any(
        not (e.is_uniqueness or queries.is_query(e) or conditions.is_known(e))
        for e in suite.expectations
    )


def _unique(
    candidate: DataFrame | None,
    rows: int,
    expectation: Expectation,
    known: Exchanged | pa.Table | None = None,
) -> Outcome:
    """Counts every row whose key another row shares, as Great Expectations does.

    Rows whose key is NULL in every column are ignored, or as `ignore_row_if` says.
    """
    if isinstance(known, pa.Table) and small.can_tell_keys(known, expectation):
        count = small.count_shared(known, expectation)
        return Outcome(expectation, count == 0, count)
    if candidate is None:
        raise TypeError(f"{expectation.type} needs the candidate's frame")
    exchanged = known if isinstance(known, Exchanged) else None
    return _unique_by_spark(candidate, rows, expectation, exchanged)


def _unique_by_spark(
    candidate: DataFrame, rows: int, expectation: Expectation, exchanged: Exchanged | None
) -> Outcome:
    from pyspark.sql import functions as F

    keys = tuple(map(F.col, expectation.columns))
    if exchanged is not None and exchanged.rows <= min(_MOST_BROADCAST, rows // 4):
        candidate = _with_keys_of(candidate, keys, expectation, exchanged)
    when = expectation.kwargs.get("ignore_row_if", "all_values_are_missing")
    known = candidate.select(*keys).where(~conditions.is_ignored(expectation, when))
    # Equal keys have equal hashes; only where hashes agree are the keys asked.
    if shared_hashes(known, keys, rows, most=1).num_rows == 0:
        return Outcome(expectation, True, 0)
    shared = (
        known.groupBy(*keys)
        .count()
        .where("count > 1")
        .agg(F.coalesce(F.sum("count"), F.lit(0)).alias("n"))
    )
    count = int(shared.first()["n"])  # type: ignore[index]
    return Outcome(expectation, count == 0, count)


def _with_keys_of(
    candidate: DataFrame, keys: tuple[Column, ...], expectation: Expectation, exchanged: Exchanged
) -> DataFrame:
    """The candidate's rows whose key a written row may have: of two rows that share one, one at
    least was written now.
    """
    from pyspark.sql import functions as F

    if set(exchanged.touched.columns) <= set(expectation.columns):
        return exchanged.touched.rows_of(candidate.select(*keys))
    hashes = exchanged.written.select(F.xxhash64(*keys).alias("_hash")).distinct()
    return candidate.join(F.broadcast(hashes), F.xxhash64(*keys) == F.col("_hash"), "left_semi")


def _validate(
    candidate: DataFrame,
    expectations: list[Expectation],
    contract: Contract,
) -> list[Outcome]:
    if not expectations:
        return []
    gx = library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    # Great Expectations would otherwise cache the whole candidate.
    asset = context.data_sources.add_spark("candidate", persist=False).add_dataframe_asset(
        "candidate"
    )
    definition = asset.add_batch_definition_whole_dataframe("candidate")
    personal = {f.name for f in contract.fields if f.is_personal}

    def ask(frame: DataFrame, asked: list[Expectation], is_open: bool) -> list[Any]:
        built = [_build(expectation) for expectation in asked]
        suite = gx.ExpectationSuite("candidate", expectations=built)
        result = definition.get_batch({"dataframe": frame}).validate(
            suite, result_format="BASIC" if is_open else "BOOLEAN_ONLY"
        )
        if len(result.results) != len(asked):
            raise GateFailed(
                f"{contract.table}: {len(asked)} expectations were asked, "
                f"{len(result.results)} answered"
            )
        return _in_order(result, built)

    answers: dict[int, Any] = {}
    for is_open in (True, False):
        part = [e for e in expectations if personal.isdisjoint(e.columns) is is_open]
        if part:
            answers |= zip(map(id, part), ask(candidate, part, is_open), strict=True)
    return [_outcome(e, answers[id(e)]) for e in expectations]


def _in_order(result: Any, built: list[Any]) -> list[Any]:
    """Great Expectations groups its answers by column; this puts them back in the suite's order."""
    answers = list(result.results)
    ordered = []
    for expectation in built:
        config = expectation.configuration
        match = next(
            a
            for a in answers
            if a.expectation_config.type == config.type and _same(a.expectation_config, config)
        )
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
        raise queries.cannot_answer(expectation, messages[0])
    result = answer.result or {}
    observed = result.get("observed_value")
    # `unexpected` stays None: it marks the rules that reject rows, and these stop the run.
    return Outcome(
        expectation, bool(answer.success), None, None if observed is None else str(observed)
    )


# --- the verdict ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """A gate's answer for one candidate."""

    table: str
    tally: Tally
    outcomes: tuple[Outcome, ...]
    failures: tuple[str, ...]
    total_rows: int
    total_rejected: int

    @property
    def passed(self) -> bool:
        """Whether no critical rule failed."""
        return not self.failures


def verdict(
    contract: Contract,
    suite: Suite,
    tally: Tally,
    outcomes: list[Outcome],
    total_rows: int,
    total_rejected: int,
) -> Verdict:
    """Adds up what stops the run: critical table expectations, an empty candidate, too many
    rejects.
    """
    row_types = {
        id(o) for o in outcomes if o.unexpected is not None and not o.expectation.is_uniqueness
    }
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
    return Verdict(
        contract.table,
        tally,
        tuple(outcomes),
        tuple(failures),
        total_rows,
        total_rejected,
    )
