"""Feeds, found by name: a module in `strata.feeds`, its source contracts, its tables in order."""

from __future__ import annotations

import dataclasses
import graphlib
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from strata.declare import fingerprint, known, resources
from strata.declare.contract import LAYERS, Contract, load_contract, split_name
from strata.declare.layout import READER, Layout
from strata.declare.names import feed_names, imports_module
from strata.declare.near import meant
from strata.declare.protection import Protection
from strata.declare.source_contract import known_layouts
from strata.declare.suite import Suite, load_suite
from strata.errors import DeclarationError, UsageError
from strata.kit.plain import Plain
from strata.kit.table import Answer, Source, Table


@dataclass(frozen=True)
class Feed:
    """One source domain, as declared."""

    name: str
    sources: tuple[Source, ...]
    layouts: tuple[Layout, ...]
    tables: tuple[Table, ...]
    """Silver and gold, each after its inputs."""
    params_class: Any = None
    """A frozen dataclass of the feed's own parameters, or None."""
    answers: tuple[Answer, ...] = ()
    """What a run shows when it ends; () = the gold tables whole."""

    @property
    def bronze_tables(self) -> tuple[str, ...]:
        """The targets of the source contracts; bronze needs no code."""
        return tuple(sorted({layout.table for layout in self.layouts}))

    @property
    def archived(self) -> tuple[tuple[str, Source], ...]:
        """Each bronze table whose raw days can be archived, and the source that says how."""
        days = {source.name: source for source in self.sources if source.day}
        return tuple(
            dict.fromkeys(
                (layout.table, days[layout.source])
                for layout in self.layouts
                if layout.source in days
            )
        )

    @property
    def table_names(self) -> tuple[str, ...]:
        """Every table of the feed, each after its inputs."""
        return self.bronze_tables + tuple(table.name for table in self.tables)

    @property
    def identifying(self) -> tuple[tuple[str, Protection], ...]:
        """Each bronze table with a column by which persons are known, and that column; empty for
        most feeds.
        """
        return tuple(
            dict.fromkeys(
                (layout.table, rule) for layout in self.layouts for rule in layout.identifying
            )
        )

    @property
    def is_spatial(self) -> bool:
        """Whether it asks where something lies, for which Spark must have Sedona."""
        return imports_module(self.name, "strata.kit.geo")

    def table(self, name: str) -> Table:
        """The declared silver or gold table of that name."""
        return next(table for table in self.tables if table.name == name)

    def contract(self, name: str) -> Contract:
        """The contract of one of its tables."""
        return load_contract(name)

    def suite(self, name: str) -> Suite:
        """The suite of one of its tables."""
        return load_suite(name)

    def descendants(self, names: set[str]) -> set[str]:
        """The named tables and every table computed from them."""
        found = set(names)
        for table in self.tables:
            if found & set(table.inputs):
                found.add(table.name)
        return found

    def default_params(self) -> dict[str, Any]:
        """The feed's own parameters, where nothing is given."""
        return dataclasses.asdict(self.params_class()) if self.params_class else {}

    def checked_params(self, given: dict[str, Any]) -> dict[str, Any]:
        """The defaults with what is given; a UsageError says what `Params` refuses."""
        params = {**self.default_params(), **given}
        if self.params_class:
            try:
                self.params_class(**params)
            except ValueError as error:
                raise UsageError(str(error)) from None
        return params

    def fingerprints(self, params: dict[str, Any]) -> dict[str, str]:
        """The fingerprint of each table."""
        return {name: self.fingerprint(name, params) for name in self.table_names}

    def fingerprint(self, name: str, params: dict[str, Any]) -> str:
        """Changes when anything but its input changes what the table holds."""
        declared = [
            fingerprint.of_contract(self.contract(name)),
            fingerprint.of_suite(self.suite(name)),
        ]
        if name in self.bronze_tables:
            layouts = [repr(layout) for layout in self.layouts if layout.table == name]
            return fingerprint.digest(*declared, *layouts, str(READER))
        table = self.table(name)
        code = fingerprint.of_code(table.transform)
        code += _of_plain(table.plain) if table.plain else ""
        grouping = fingerprint.of_code(table.add_group) if table.add_group else ""
        own = {} if table.slices else {key: params[key] for key in table.params}
        shape = repr(
            (
                table.inputs,
                table.rows.value,
                table.driving,
                table.group,
                table.slices,
                table.folds,
                table.ends,
                *sorted(table.via.items()),
            )
        )
        return fingerprint.digest(*declared, code, grouping, shape, fingerprint.of_params(own))


def known_fingerprints(feed: Feed, params: dict[str, Any]) -> dict[str, str]:
    """The fingerprint of each table of a feed that `load_feed` has given."""
    asked = fingerprint.digest(repr(feed.layouts), json.dumps(params, sort_keys=True, default=str))
    told = known.recall(f"fingerprints {feed.name} {asked}", lambda: feed.fingerprints(params))
    return dict(told)


def all_feeds() -> Iterator[Feed]:
    """Every feed, in alphabetical order."""
    for name in feed_names():
        yield load_feed(name)


@cache
def load_feed(name: str) -> Feed:
    """The feed of that name; a UsageError tells which there are."""
    if name not in feed_names():
        near = "".join(f"; perhaps {known}" for known in meant(name, feed_names(), most=1))
        raise UsageError(f"a feed is one of {', '.join(feed_names())}; got {name!r}{near}")
    module = importlib.import_module(f"strata.feeds.{name}")
    missing = [item for item in ("SOURCES", "TABLES") if not hasattr(module, item)]
    if missing:
        raise DeclarationError(
            f"a feed module holds SOURCES and TABLES; strata.feeds.{name} lacks "
            f"{' and '.join(missing)}"
        )
    layouts = known_layouts(name)
    tables = _in_order(name, module.TABLES)
    feed = Feed(
        name,
        tuple(module.SOURCES),
        layouts,
        tables,
        getattr(module, "Params", None),
        getattr(module, "ANSWERS", ()),
    )
    findings = known.recall(f"findings {name}", lambda: check(feed))
    if findings:
        raise DeclarationError(f"feed {name}: " + "; ".join(findings), findings=findings)
    return feed


def _in_order(name: str, tables: tuple[Table, ...]) -> tuple[Table, ...]:
    by_name = {table.name: table for table in tables}
    sorter = graphlib.TopologicalSorter(
        {table.name: [i for i in table.inputs if i in by_name] for table in tables}
    )
    try:
        return tuple(by_name[item] for item in sorter.static_order())
    except graphlib.CycleError as error:
        raise DeclarationError(
            f"feed {name}: a table cannot depend on itself; found {' → '.join(error.args[1])}"
        ) from None


def check(feed: Feed) -> list[str]:
    """What the feed's parts say of each other that does not fit; needs no Spark."""
    sources = {source.name for source in feed.sources}
    findings = [
        f"layout {layout.name} is of source {layout.source}, which SOURCES lacks"
        for layout in feed.layouts
        if layout.source not in sources
    ]
    for table in feed.tables:
        findings += _check_table(feed, table)
    for source in feed.sources:
        findings += _check_days(feed, source)
    for answer in feed.answers:
        findings += _check_answer(feed, answer)
    return findings


def _check_table(feed: Feed, table: Table) -> list[str]:
    name = table.name
    own = split_name(name)[1] == feed.name
    findings = [] if own else [f"{name} is named for another feed"]
    missing = {
        f"{name} reads {{}}, which the feed does not make": [
            item
            for item in table.inputs
            if split_name(item)[1] == feed.name and item not in feed.table_names
        ],
        f"{name}: driving input {{}} is not among its inputs": set(table.driving)
        - set(table.inputs),
        f"{name}: ends names {{}}, which is not among its inputs": set(table.ends)
        - set(table.inputs),
        f"{name}: via names {{}}, which is not among its inputs": set(table.via)
        - set(table.inputs),
        f"{name} takes parameter {{}}, which Params lacks": set(table.params)
        - set(feed.default_params()),
    }
    return findings + [
        sentence.format(item) for sentence, items in missing.items() for item in sorted(items)
    ]


def _check_days(feed: Feed, source: Source) -> list[str]:
    """What is wrong with how a source's raw days are told; nothing where they are not."""
    if not source.day and not source.day_column:
        return []
    about = f"source {source.name}: its archive needs `day` and `day_column`"
    if not (source.day and source.day_column):
        return [f"{about}, and has one of them"]
    if source.day_table not in feed.table_names:
        return [f"{about} of a table of the feed; {source.day_column} is none's"]
    found = {field.name: field.type for field in feed.contract(source.day_table).fields}
    if found.get(source.day_name) != "date":
        return [f"{about} of type date; {source.day_column} is {found.get(source.day_name)}"]
    return []


def _check_answer(feed: Feed, answer: Answer) -> list[str]:
    about = f"the answer {answer.question!r}"
    if answer.table not in feed.table_names:
        return [f"{about} is of {answer.table}, which the feed does not make"]
    named = (*answer.columns, *(name for name, _ in answer.order))
    strange = sorted(set(named) - set(feed.contract(answer.table).columns))
    return [f"{about} names {name}, which {answer.table} lacks" for name in strange]


def declared_tables() -> set[str]:
    """Every table that has a contract file."""
    return {
        f"{layer}.{path.stem}"
        for layer in LAYERS
        for path in resources.search("schemas", f"{layer}/*.yaml")
    }


def _of_plain(plain: Plain) -> str:
    # A function's own text tells where it lies in memory, which differs from process to process.
    functions: dict[str, Callable[..., Any]] = {n: made for n, (_, made) in plain.made.items()}
    functions |= {f"{name}, here": made for name, made in plain.made_here.items()}
    functions |= {
        name: made
        for name in ("complete", "finish", "settle")
        if (made := getattr(plain, name)) is not None
    }
    code = {name: fingerprint.of_code(function) for name, function in functions.items()}
    return repr((plain, sorted((name, table) for name, (table, _) in plain.made.items()), code))
