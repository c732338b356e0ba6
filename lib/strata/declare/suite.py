"""Suites: what must hold of each table, read from `expectations/` in Great Expectations' own keys.

`silver.soil_sites` has its suite at `expectations/silver/soil_sites.yaml`. Reading one needs no
Spark and no Great Expectations; `gate.py` checks the types and arguments against the library
itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from strata.declare import resources
from strata.declare.contract import Contract, load_contract, split_name
from strata.declare.documents import read_yaml
from strata.errors import DeclarationError

UNIQUENESS = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
NOT_NULL = "expect_column_values_to_not_be_null"
# These would let bad rows through a gate, or judge a row by which rows happened to arrive with it.
REFUSED_ARGUMENTS = (
    "mostly",
    "row_condition",
    "condition_parser",
    "catch_exceptions",
    "result_format",
    "severity",
)


# A $ that is no escaped one, at the end of the pattern or of an alternative.
_LOOSE_END = re.compile(r"(?<!\\)(?:\\\\)*\$(?=$|\||\))")


@dataclass(frozen=True)
class Expectation:
    """One rule of a suite."""

    type: str
    kwargs: dict[str, Any]
    severity: str
    description: str
    """The rule as a sentence: it stands with every row that breaks it."""
    is_plain: bool = False
    """Of a query: whether DuckDB may answer its text (`gate.plain_queries`). It decides who is
    asked, and no row: it is no part of a fingerprint."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule names."""
        named = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        return tuple(name for name in named if name) + tuple(self.kwargs.get("column_list", ()))

    @property
    def is_uniqueness(self) -> bool:
        """Whether it asks that no two rows share a value."""
        return self.type in UNIQUENESS

    @property
    def text(self) -> str:
        """A canonical form, for fingerprints."""
        # YAML reads a bound such as 2024-01-01 as a date, which JSON does not know.
        return json.dumps(
            [self.type, self.kwargs, self.severity, self.description], sort_keys=True, default=str
        )


@dataclass(frozen=True)
class Suite:
    """Every rule of one table."""

    table: str
    expectations: tuple[Expectation, ...]
    max_rejected_share: float
    """Largest share of rejected rows, of all rows that the table and its quarantine hold."""
    told_above_share: float = 0.01
    """Share of the rows that one gate judges: a reason that rejects more of them is a warning, and
    so is a value that is lost in more of them. It decides what is said, and no row: it is no part
    of a fingerprint.
    """

    def names(self, table: str) -> bool:
        """Whether a query of the suite reads that table."""
        return any(
            "{" + table + "}" in str(e.kwargs.get("unexpected_rows_query"))
            for e in self.expectations
        )

    @property
    def text(self) -> str:
        """A canonical form, for fingerprints."""
        return json.dumps(
            [self.max_rejected_share, [expectation.text for expectation in self.expectations]]
        )


def suite_path(table: str) -> Path:
    """Where the suite of the table stands, or should."""
    layer, feed, noun = split_name(table)
    return resources.find("expectations", f"{layer}/{feed}_{noun}.yaml")


@cache
def load_suite(table: str) -> Suite:
    """The suite of `table`; a DeclarationError lists every rule that the file breaks."""
    path = suite_path(table)
    if not path.is_file():
        raise DeclarationError(f"every table has a suite; {table} has none at {path}: write it")
    suite = parse_suite(table, read_yaml(path), path)
    findings = _lets_pass(suite, load_contract(table))
    if findings:
        raise DeclarationError(f"{path}: " + "; ".join(findings), findings=findings)
    return suite


def parse_suite(table: str, document: dict[str, Any], path: Path) -> Suite:
    """The suite that a document states; a DeclarationError lists every rule that it breaks."""
    from strata.declare import mistakes, shapes  # Pydantic takes a quarter of a second to import.

    findings: list[str] = []
    shape = mistakes.read_shape(shapes.SuiteDocument, document, findings)
    if shape is None:
        raise DeclarationError(f"{path}: " + "; ".join(findings), findings=findings)
    if shape.table != table:
        findings.append(f"table must be {table}; found {shape.table!r}")
    for number, rule in enumerate(shape.expectations, 1):
        findings += [
            f"expectation {number}: {key} is not allowed in a gate"
            for key in REFUSED_ARGUMENTS
            if key in rule.kwargs
        ]
    for number, rule in enumerate(shape.expectations, 1):
        findings += [f"expectation {number}: {finding}" for finding in _unsafe(rule.kwargs)]
        if "plain" in rule.meta and "unexpected_rows_query" not in rule.kwargs:
            findings.append(f"expectation {number}: meta.plain is told of queries alone")
    asked = [(rule.type, rule.kwargs) for rule in shape.expectations]
    findings += [
        f"expectation {number} repeats an earlier one"
        for number, rule in enumerate(asked, 1)
        if rule in asked[: number - 1]
    ]
    if findings:
        raise DeclarationError(f"{path}: " + "; ".join(findings), findings=findings)
    return Suite(
        table,
        tuple(
            Expectation(
                rule.type,
                rule.kwargs,
                rule.severity,
                " ".join(rule.description.split()),
                rule.meta.get("plain") is True,
            )
            for rule in shape.expectations
        ),
        shape.max_rejected_share,
        shape.told_above_share,
    )


def _unsafe(kwargs: dict[str, Any]) -> list[str]:
    """Arguments with which Great Expectations 1.24.1 on Spark lets pass what nobody means to let
    pass.
    """
    findings = []
    if None in (kwargs.get("value_set") or ()):
        findings.append(
            "a value_set with null lets every value pass; leave it out, for null is not judged by "
            "a set"
        )
    patterns = [kwargs.get("regex"), *(kwargs.get("regex_list") or ())]
    findings += [
        f"the regular expression {pattern!r} ends in $, which lets a last line break pass; end it "
        "in \\z"
        for pattern in patterns
        if isinstance(pattern, str) and _LOOSE_END.search(pattern)
    ]
    return findings


def _lets_pass(suite: Suite, contract: Contract) -> list[str]:
    """What rules would let pass for the types of their columns, or for what these lack."""
    return _pairs_with_null(suite, contract) + _nan_above(suite, contract)


def _nan_above(suite: Suite, contract: Contract) -> list[str]:
    """Rules that NaN keeps, which Spark holds for greater than every number: of a column of doubles
    that need only be more than something, and that no rule as strict bounds from above.
    """
    doubles = {field.name for field in contract.fields if field.type in ("double", "float")}
    is_bound: dict[str, set[str]] = {}
    for e in suite.expectations:
        if e.kwargs.get("max_value") is not None and "column" in e.kwargs:
            is_bound.setdefault(e.kwargs["column"], set()).add(e.severity)
    return [
        f"{e.type} lets NaN pass in {name}, for NaN is greater than every number: give {name} a "
        "max_value"
        for e in suite.expectations
        if e.kwargs.get("min_value") is not None or "column_A" in e.kwargs
        for name in [e.kwargs.get("column") or e.kwargs.get("column_A")]
        if name in doubles and not is_bound.get(name, set()) & {"critical", e.severity}
    ]


def _pairs_with_null(suite: Suite, contract: Contract) -> list[str]:
    """Rules of two columns that may be null, and do not say what becomes of such a row: the library
    lets it pass.
    """
    optional = {field.name for field in contract.fields if not field.required}
    return [
        f"{e.type} compares columns that may be null ({', '.join(sorted(loose))}): say "
        "ignore_row_if: either_value_is_missing, and give what must be told a rule of its own"
        for e in suite.expectations
        if "column_A" in e.kwargs and "ignore_row_if" not in e.kwargs
        for loose in [optional & set(e.columns)]
        if loose
    ]


def check_against_contract(suite: Suite, contract: Contract) -> list[str]:
    """What the suite lacks or misnames, seen from the contract; empty when they agree."""
    findings = []
    known = {field.name for field in contract.fields}
    for expectation in suite.expectations:
        unknown = [name for name in expectation.columns if name not in known]
        findings += [
            f"{expectation.type} names column {name}, which the contract lacks" for name in unknown
        ]
    findings += _lets_pass(suite, contract)
    guarded = {
        e.kwargs.get("column")
        for e in suite.expectations
        if e.type == NOT_NULL and e.severity == "critical"
    }
    findings += [
        f"required column {field.name} has no critical {NOT_NULL}"
        for field in contract.fields
        if field.required and not field.is_provenance and field.name not in guarded
    ]
    unique = {
        frozenset(e.columns)
        for e in suite.expectations
        if e.is_uniqueness and e.severity == "critical"
    }
    if contract.key and frozenset(contract.key) not in unique:
        findings.append(
            f"primary key ({', '.join(contract.key)}) has no critical uniqueness expectation"
        )
    return findings
