"""Great Expectations: its types, its conditions as Columns, and its answers on a whole table.

The only module that imports it, and only when a suite needs it: that takes seconds.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from strata.declare.contract import Contract
from strata.declare.suite import Expectation, Suite
from strata.errors import DeclarationError, GateFailed
from strata.gate import conditions, queries
from strata.gate.judging import Rule
from strata.gate.outcome import Outcome

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_ONE_AT_A_TIME = threading.Lock()
"""Great Expectations keeps its context, and the batch's name, once for the whole process."""


def library() -> Any:
    """Great Expectations, told to send nothing and to draw no progress bars."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    return gx


def is_map_expectation(expectation: Expectation) -> bool:
    """Whether the library judges each row alone by the expectation."""
    library()
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    return issubclass(
        implementation(expectation),
        (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation),
    )


def implementation(expectation: Expectation) -> Any:
    """The library's class of the expectation; DeclarationError where it knows none."""
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


def runs_on_spark(known: Any) -> bool:
    """Whether the library can make the condition of such an expectation on Spark."""
    from great_expectations.exceptions import MetricProviderError
    from great_expectations.execution_engine import SparkDFExecutionEngine
    from great_expectations.expectations.registry import get_metric_provider

    # Only the engine's class is asked for; making a whole engine would start Spark.
    engine = SparkDFExecutionEngine.__new__(SparkDFExecutionEngine)
    try:
        get_metric_provider(f"{known.map_metric}.condition", engine)
    except MetricProviderError:
        return False
    return True


def build(expectation: Expectation) -> Any:
    """The library's own expectation; DeclarationError where it refuses the arguments."""
    known = implementation(expectation)
    try:
        return known(**expectation.kwargs)
    except Exception as error:  # pydantic's own error class is not public in GX
        detail = "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise DeclarationError(f"{expectation.type} refuses its kwargs: {detail}") from None


# --- row expectations ----------------------------------------------------------------------------


def rules_of(frame: DataFrame, suite: Suite, expectations: list[Expectation]) -> list[Rule]:
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

    built = build(expectation)
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


def validate(
    candidate: DataFrame, expectations: list[Expectation], contract: Contract
) -> list[Outcome]:
    """The library's answers on a whole candidate; values of personal columns are not told."""
    if not expectations:
        return []
    with _ONE_AT_A_TIME:
        return _validate(candidate, expectations, contract)


def _validate(
    candidate: DataFrame, expectations: list[Expectation], contract: Contract
) -> list[Outcome]:
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
        built = [build(expectation) for expectation in asked]
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
