"""The gate: the rules of a table's rows from its suite, and what a whole table must keep.

A row expectation's failing condition is a Column: of the commonest types `conditions` makes it, of
any other Great Expectations does (`library_rules`). So `judging` splits the rows in the executors,
in the pass that writes the table, by what the library would count. Table expectations run on the
written candidate, and `verdict` adds up what stops the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare.contract import Contract
from strata.declare.suite import Expectation, Suite
from strata.errors import DeclarationError
from strata.gate import conditions, library_rules, queries, small
from strata.gate.counting import Tally
from strata.gate.judging import Rule
from strata.gate.library_rules import library
from strata.gate.outcome import Outcome
from strata.gate.uniqueness import Exchanged, Single, unique
from strata.gate.verdict import Verdict, verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = [
    "Exchanged",
    "Outcome",
    "Single",
    "Verdict",
    "audit",
    "check_types",
    "is_row_expectation",
    "library",
    "needs_frame",
    "needs_library",
    "row_outcomes",
    "row_rules",
    "verdict",
]

# Row expectations whose answer for one row depends on the other rows: a gate that used them would
# give another answer when the input arrives in other batches.
_NOT_ROW_LOCAL = (
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers",
)
_RAISES = ("expect_column_values_to_match_json_schema",)


def is_row_expectation(expectation: Expectation) -> bool:
    """Whether the expectation judges each row alone (uniqueness does not, and stops the run
    instead).
    """
    if expectation.is_uniqueness or queries.is_query(expectation):
        return False
    return conditions.is_known(expectation) or library_rules.is_map_expectation(expectation)


def check_types(suite: Suite) -> list[str]:
    """What Great Expectations itself would refuse, or worse, ignore; empty when all is well."""
    findings = []
    for number, expectation in enumerate(suite.expectations, 1):
        try:
            library_rules.build(expectation)
        except DeclarationError as error:
            findings.append(f"expectation {number}: {error}")
            continue
        reason = why_refused(expectation)
        if reason:
            findings.append(f"expectation {number}: {expectation.type} {reason}")
    return findings


def why_refused(expectation: Expectation) -> str | None:
    """Why a gate cannot use an expectation that Great Expectations knows; None when it can."""
    if expectation.type in _NOT_ROW_LOCAL:
        return "depends on which rows arrive together"
    if expectation.type in _RAISES:
        return "raises on a value that it cannot read, so that one bad row would stop the run"
    if is_row_expectation(expectation) and not library_rules.runs_on_spark(
        library_rules.implementation(expectation)
    ):
        return "cannot be computed on Spark by Great Expectations"
    return None


def row_rules(frame: DataFrame | None, suite: Suite) -> list[Rule]:
    """The suite's row expectations as Columns over `frame`'s columns; no row is read. Without a
    frame they have no Column: what they are asked of is not Spark's.
    """
    wanted = [e for e in suite.expectations if is_row_expectation(e)]
    if frame is None:
        return [Rule(e, None) for e in wanted]
    asked = [e for e in wanted if not conditions.is_known(e)]
    told = {id(rule.expectation): rule for rule in library_rules.rules_of(frame, suite, asked)}
    return [told[id(e)] if id(e) in told else Rule(e, conditions.failing(e, frame)) for e in wanted]


def row_outcomes(rules: list[Rule], tally: Tally) -> list[Outcome]:
    """The outcome of each row rule, from the counts of one pass."""
    return [
        Outcome(rule.expectation, count == 0, count)
        for rule, count in zip(rules, tally.broken, strict=True)
    ]


def audit(
    candidate: DataFrame | None,
    rows: int,
    suite: Suite,
    contract: Contract,
    views: dict[str, DataFrame],
    known: Exchanged | Single | pa.Table | None = None,
) -> list[Outcome]:
    """Runs the suite's table expectations and uniqueness on the whole candidate, which has `rows`
    rows.

    `{silver.other_table}` in a query names another table as this run sees it. `known` is what an
    increment wrote, every row of a small candidate, or that its keys are single: for them no job is
    needed, and where `needs_frame` says so, no frame.
    """
    outcomes = [unique(candidate, rows, e, known) for e in suite.expectations if e.is_uniqueness]
    rest = [e for e in suite.expectations if not e.is_uniqueness and not is_row_expectation(e)]
    if not rest:
        return outcomes
    if candidate is None:
        raise TypeError(f"{contract.table}: its table expectations need its frame")
    asked = [e for e in rest if queries.is_query(e)]
    found = queries.count_found(asked, candidate, views) if asked else []
    told = {id(e): Outcome(e, n == 0, None, str(n)) for e, n in zip(asked, found, strict=True)}
    others = [e for e in rest if not queries.is_query(e)]
    told |= {id(o.expectation): o for o in library_rules.validate(candidate, others, contract)}
    return outcomes + [told[id(e)] for e in rest]


def needs_frame(suite: Suite, known: Exchanged | Single | pa.Table | None) -> bool:
    """Whether the audit must read the candidate, whose rows or keys may be known."""
    return any(
        not _are_keys_known(known, e) if e.is_uniqueness else not is_row_expectation(e)
        for e in suite.expectations
    )


def _are_keys_known(known: Exchanged | Single | pa.Table | None, expectation: Expectation) -> bool:
    if isinstance(known, pa.Table):
        return small.can_tell_keys(known.schema, expectation)
    return isinstance(known, Single)


def needs_library(suite: Suite) -> bool:
    """Whether some rule of the suite is Great Expectations' to answer."""
    return any(
        not (e.is_uniqueness or queries.is_query(e) or conditions.is_known(e))
        for e in suite.expectations
    )
