"""The data dictionary as Markdown, made from the contracts, the suites and the source contracts.

python -m strata.cli.dictionary > docs/DATA_DICTIONARY.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from strata.declare import feed as feeds
from strata.declare import layout as source
from strata.declare import resources
from strata.declare.contract import (
    BRONZE_PROVENANCE,
    Contract,
    Field,
    contract_path,
    load_contract,
)
from strata.declare.documents import read_yaml
from strata.declare.feed import Feed
from strata.declare.layout import Layout
from strata.declare.protection import Protection
from strata.declare.shapes import by_name
from strata.declare.suite import Expectation, load_suite
from strata.gate import gate

HEAD = """\
# Data dictionary

Made from `schemas/` and `expectations/` by `make dictionary`; a test fails when it is out of
date. Edit those files, not this one.

A **key** is unique in its table. A **required** column is never null in a published row; a
required field is one by which a layout is known. **PII** marks personal columns, and tells how
the reader protects a personal field. Provenance columns begin with `_`; they tell where a row
came from, and are left out when two tables are compared."""

BRONZE = "Every bronze table has its own columns, and these of the reader and the engine:"


def render() -> str:
    """The whole dictionary: every feed's tables by layer, then the layouts in which its files
    arrive.
    """
    parts = [HEAD, "## In every bronze table", BRONZE, _columns(BRONZE_PROVENANCE)]
    for feed in feeds.all_feeds():
        parts.append(f"## Feed `{feed.name}`")
        for table in feed.table_names:
            parts += _table(feed, table)
        parts.append(f"## Files of `{feed.name}`")
        # Of a layout with one form a year the newest stands for all.
        newest = {(own.source, own.contract or own.name): own for own in feed.layouts}
        for layout in newest.values():
            parts += _layout(layout)
    return "\n\n".join(parts) + "\n"


# --- tables --------------------------------------------------------------------------------------


def _table(feed: Feed, table: str) -> Iterator[str]:
    contract = load_contract(table)
    yield f"### `{table}`"
    yield contract.purpose
    yield _facts(feed, contract)
    limitations = (read_yaml(contract_path(table)).get("description") or {}).get("limitations")
    if limitations:
        yield " ".join(limitations.split())
    yield _columns([field for field in contract.fields if field not in BRONZE_PROVENANCE])
    yield from _rules(table)


def _facts(feed: Feed, contract: Contract) -> str:
    facts = [f"Grain: {contract.grain}."]
    if contract.key:
        facts.append(f"Key: {_code(contract.key)}.")
    if contract.table in feed.bronze_tables:
        facts.append(
            "Filled by the layouts "
            f"{_code(layout.name for layout in feed.layouts if layout.table == contract.table)}."
        )
    else:
        facts.append(f"Made from {_code(feed.table(contract.table).inputs)}.")
    if contract.allow_empty:
        facts.append("It may be empty.")
    return " ".join(facts)


def _columns(fields: Iterable[Field]) -> str:
    rows = [
        (
            f"`{f.name}`",
            f.type,
            _is_required(f),
            f.unit or "",
            "personal" if f.is_personal else "",
            f.description,
        )
        for f in fields
    ]
    return _markdown(("column", "type", "required", "unit", "PII", "description"), rows)


def _is_required(field: Field) -> str:
    return "key" if field.is_key else "yes" if field.required else ""


def _rules(table: str) -> Iterator[str]:
    suite = load_suite(table)
    groups = {
        "Rules of a row (one that breaks any is quarantined)": [
            e for e in suite.expectations if _rejects(e)
        ],
        "Rules of the table (the run stops)": [
            e for e in suite.expectations if e.severity == "critical" and not _rejects(e)
        ],
        "Warnings (told, and stop nothing)": [
            e for e in suite.expectations if e.severity == "warning"
        ],
    }
    for head, rules in groups.items():
        if rules:
            yield f"{head}:"
            yield "\n".join(f"- {_escape(rule.description)}" for rule in rules)
    share = (
        f"At most {suite.max_rejected_share * 100:g} % of the rows"
        if suite.max_rejected_share
        else "Not one row"
    )
    yield f"{share} of the table and its quarantine together may be rejected, or the run stops."


def _rejects(expectation: Expectation) -> bool:
    return expectation.severity == "critical" and gate.is_row_expectation(expectation)


# --- files ---------------------------------------------------------------------------------------


def _layout(layout: Layout) -> Iterator[str]:
    name = layout.contract or layout.name
    document = read_yaml(
        resources.find("schemas", f"source/{layout.feed}_{layout.source}.{name}.yaml")
    )
    described = document["description"]
    yield f"### `{layout.source}`, layout `{layout.name}`"
    yield f"{described['purpose']} {' '.join(described.get('limitations', '').split())}".strip()
    yield " ".join(_layout_facts(layout))
    entries = {entry["name"]: entry for entry in document["schema"][0]["properties"]}
    rows = [_layout_row(entries[field.column], field) for field in layout.fields]
    rows += [_made_row(entries[rule.column], rule) for rule in layout.made]
    yield _markdown(("field", "bronze column", "required", "unit", "PII", "description"), rows)


def _layout_facts(layout: Layout) -> Iterator[str]:
    where = f"raw folder `{layout.feed}/{layout.source}/`"
    yield (
        f"Format: {layout.format}, in {where}; fills `{layout.table}`. The layout is known by its "
        "required fields."
    )
    for name, option in layout.options.items():
        yield f"Option {name}: `{option}`."
    for column, text in layout.constants.items():
        yield f"`{column}` is always `{text}`."
    if layout.whole:
        yield "Each dated delivery is whole: what a later one lacks has ended."
    if layout.aside:
        known = ", ".join(f"`{name}`" for name in layout.aside)
        yield f"Known, and left aside: {known}."
    if layout.order:
        order = (
            "delivery date, a part `delivery=YYYY-MM-DD` of the path"
            if layout.order == "delivery"
            else f"`{layout.order}`"
        )
        yield f"Order of records: {order}."


def _layout_row(entry: dict[str, Any], field: source.Field) -> Sequence[str]:
    unit = by_name(entry.get("customProperties", [])).get("unit", "")
    return (
        f"`{field.name}`",
        "" if field.protect == "drop" else f"`{field.column}`",
        "yes" if field.required else "",
        unit,
        field.protect or "",
        entry.get("description", ""),
    )


def _made_row(entry: dict[str, Any], rule: Protection) -> Sequence[str]:
    """A column that the reader makes of several fields, or of a part of one."""
    return (
        f"from {_code(rule.of)}",
        f"`{rule.column}`",
        "",
        "",
        rule.way,
        entry.get("description", ""),
    )


# --- Markdown ------------------------------------------------------------------------------------


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows as a table, without the columns that are empty throughout."""
    listed = list(rows)
    kept = [number for number in range(len(head)) if any(row[number] for row in listed)]
    lines = [
        [head[n] for n in kept],
        ["---"] * len(kept),
        *([_escape(row[n]) for n in kept] for row in listed),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "\\<")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(render(), end="")
