"""What the server shows: which version each name means now, and the names as clients list them.

`refresh` exchanges the whole set at once. A table is opened when somebody first asks for it, after
its log has been compared with what was published.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from strata.declare.contract import Contract
from strata.declare.feed import feed_names
from strata.errors import StrataError, UsageError
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse, latest_version
from strata.ledger import publication as ledger
from strata.serve import ops
from strata.serve.export import is_internal
from strata.serve.published import Published, PublishedTable
from strata.serve.recipe import ops_sql, recipe, view_sql

DATABASES = {
    "gold": "Answers: what feeds publish for everybody.",
    "silver": "Typed and checked records, from which gold is computed.",
    "quarantine": "Rejected rows, each once, with every reason.",
    "ops": "The ledger: publications, files and gates.",
}


class Views:
    """The names of one server."""

    def __init__(self, java: Any, warehouse: Warehouse, allow_internal: bool = False) -> None:
        self._java = java
        self._desk = java.jvm.strata.thrift.Desk
        self._catalog = java.jvm.strata.thrift.Catalog
        self._warehouse = warehouse
        self._allow_internal = allow_internal
        self._shown: dict[str, int] = {}
        self._next: list[str] = []
        self._sets: dict[str, Published] = {}
        self._listed: list[str] = []
        self._feeds: dict[str, str] = {}
        self._behind: list[str] = []

    def prepare(self) -> None:
        """Makes the databases."""
        for name, comment in DATABASES.items():
            self._catalog.database(self._java.session, name, comment)

    @property
    def is_behind(self) -> bool:
        """Whether some names are not yet listed as they are published; queries are never behind."""
        return bool(self._behind)

    def refresh(self) -> list[str]:
        """Shows what is published now, if that changed; what changed, in words."""
        following = self._following()
        if following == self._next:
            return []
        published = Published(self._warehouse)
        newest = {feed: p.publication for feed, p in published.publications.items()}
        moments = self._moments(published, newest)
        self._sets = self._by_moment(published, newest)
        self._desk.show(moments, following)
        self._next = following
        changed = {feed for feed, number in newest.items() if self._shown.get(feed) != number}
        self._shown, self._listed = newest, list(moments)
        self._behind = [
            name
            for name in moments
            if name in ops.TABLES or self._feeds[name] in changed or name in self._behind
        ]
        return [f"{feed}: publication {newest[feed]}" for feed in sorted(changed)]

    def _following(self) -> list[str]:
        """Where each ledger's next commit will lie. Taken before the ledgers are read, so that
        a commit in between is seen again.
        """
        found = []
        for feed in feed_names():
            table = ledger.table_path(feed)
            latest = latest_version(self._warehouse, table)
            entry = f"{0 if latest is None else latest + 1:020d}.json"
            found.append(f"{self._warehouse.spark_path(table)}/_delta_log/{entry}")
        return found

    def _moments(self, published: Published, newest: dict[str, int]) -> dict[str, str]:
        moments = {}
        self._feeds = {n: published.feed_of(n) for n in published.tables() if n not in ops.TABLES}
        for name in published.tables():
            if name in ops.TABLES:
                moments[name] = _text(newest)
            elif name.split(".")[0] in DATABASES and self._is_open(published, name):
                feed = self._feeds[name]
                moments[name] = f"{feed}={newest[feed]}"
        return moments

    def _by_moment(self, published: Published, newest: dict[str, int]) -> dict[str, Published]:
        """The set answers for each of its feeds alone, and for all of them."""
        own = {f"{feed}={number}": published for feed, number in newest.items()}
        return own | {_text(newest): published}

    def _is_open(self, published: Published, name: str) -> bool:
        return self._allow_internal or not is_internal(published.contract(name))

    def pin(self, published: Published) -> None:
        """Shows that set, whatever is published later."""
        newest = {feed: p.publication for feed, p in published.publications.items()}
        self._sets = self._by_moment(published, newest)
        self._desk.show(self._moments(published, newest), [])

    def answer(self, question: Any, say: Callable[[str], None] = lambda _: None) -> None:
        """Answers the server's question: `refresh`, or `open`, a name and a moment."""
        try:
            kind, *rest = question.text().split("\n")
            if kind == "refresh":
                for change in self.refresh():
                    say(change)
                question.answer("", None)
            else:
                question.answer(self._open(*rest), None)
        except StrataError as error:
            question.answer(None, str(error))
        except Exception as error:
            question.answer(None, f"the table cannot be opened: {type(error).__name__}: {error}")

    def _open(self, name: str, moment: str) -> str:
        """How Spark reads the name at that moment: a version that is as it was published."""
        if moment.isdecimal() and name in self._feeds:
            moment = f"{self._feeds[name]}={moment}"
        published = self._at(moment)
        table = published.table(name)
        if table.contract is not None and not self._is_open(published, name):
            raise UsageError(f"{name} is internal; the server shows it with --allow-internal")
        return recipe(published, table)

    def _at(self, moment: str) -> Published:
        if moment not in self._sets:
            if len(self._sets) > 20:
                self._sets = {}
            self._sets[moment] = Published(self._warehouse, moment)
        return self._sets[moment]

    def _query(self, published: Published, table: PublishedTable) -> str:
        if table.name in ops.TABLES:
            return ops_sql(published, table.name)
        return view_sql(self._warehouse, table)

    def describe_next(self) -> None:
        """Brings one name up to date as clients list it; the last also takes away old names."""
        name = self._behind.pop(0)
        published = self._sets.get(_text(self._shown)) or Published(self._warehouse)
        if name in published:
            table = published.table(name)
            schema, query = self._schema(table), self._query(published, table)
            self._catalog.view(self._java.session, name, schema, query, _about(table))
        if not self._behind:
            for database in DATABASES:
                kept = [n.split(".")[1] for n in self._listed if n.split(".")[0] == database]
                self._catalog.keep(self._java.session, database, kept)

    def _schema(self, table: PublishedTable) -> str:
        """The table's columns as the JSON of Spark's types, with comments."""
        if table.contract is None:
            from pyspark.sql.pandas.types import from_arrow_schema

            return str(from_arrow_schema(table.schema).json())
        log = TableLog(self._warehouse, table.name).snapshot(table.version)
        return _with_comments(log.metadata["schemaString"], table.contract)


def _text(newest: dict[str, int]) -> str:
    return ",".join(f"{feed}={number}" for feed, number in sorted(newest.items()))


def _about(table: PublishedTable) -> dict[str, str]:
    """What the listing tells of a table: comment, key, grain, and the publication that it shows."""
    contract = table.contract
    shown = f"{table.feed}={table.publication}" if table.feed else ""
    if contract is None:
        comment = f"The ledger: {table.name.partition('.')[2]} of all feeds."
        return {"comment": comment, "key": "", "grain": "", "publication": shown}
    grain = contract.grain
    comment = f"{contract.purpose.rstrip('.')}. {grain[:1].upper()}{grain[1:]}."
    key = ", ".join(contract.key)
    return {"comment": comment, "key": key, "grain": grain, "publication": shown}


def _with_comments(schema: str, contract: Contract) -> str:
    """Spark's schema as the log has it; each column says its description, unit and part in the
    key.
    """
    columns = json.loads(schema)
    known = {field.name: field for field in contract.fields}
    for column in columns["fields"]:
        field = known.get(column["name"])
        if field is not None:
            unit = f" [{field.unit}]" if field.unit else ""
            comment = field.description + unit + (" (key)" if field.is_key else "")
            column["metadata"] = {**column["metadata"], "comment": comment}
    return json.dumps(columns)
