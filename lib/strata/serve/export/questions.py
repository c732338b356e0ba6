"""`conf/serve.yaml`: which indexes a table's copies have, and the questions that become views of
a copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from strata.declare import resources
from strata.declare.contract import load_contract
from strata.declare.documents import read_yaml
from strata.errors import DeclarationError


@dataclass(frozen=True)
class Question:
    """A question in words, and the SQL that answers it in SQLite, DuckDB and PostgreSQL alike."""

    name: str
    question: str
    tables: tuple[str, ...]
    sql: str


@dataclass(frozen=True)
class Serving:
    """What `conf/serve.yaml` declares."""

    indexes: dict[str, tuple[tuple[str, ...], ...]]
    questions: tuple[Question, ...]

    def answered_by(self, tables: Iterable[str]) -> tuple[Question, ...]:
        """The questions whose every table is there."""
        there = set(tables)
        return tuple(q for q in self.questions if set(q.tables) <= there)


@cache
def load_serving() -> Serving:
    """Reads the file. DeclarationError for an unknown key, a table without contract, or a column
    that it lacks.
    """
    path = resources.find("conf", "serve.yaml")
    document = read_yaml(path)
    findings = [f"unknown key {key}" for key in sorted(document.keys() - {"indexes", "questions"})]
    indexes = {t: tuple(map(tuple, lists)) for t, lists in (document.get("indexes") or {}).items()}
    for table, lists in indexes.items():
        columns = set(load_contract(table).columns)
        findings += [
            f"{table} has no column {name}" for one in lists for name in one if name not in columns
        ]
    questions = [
        _question(name, item, findings) for name, item in (document.get("questions") or {}).items()
    ]
    if findings:
        raise DeclarationError(f"{path}: " + "; ".join(findings), findings=findings)
    return Serving(indexes, tuple(questions))


def _question(name: str, item: dict[str, Any], findings: list[str]) -> Question:
    keys = {"question", "tables", "sql"}
    findings += [f"{name}: {key} is missing or unknown" for key in sorted(keys ^ item.keys())]
    tables = tuple(item.get("tables", ()))
    for table in tables:
        load_contract(table)
    return Question(
        name, item.get("question", ""), tables, str(item.get("sql", "")).strip().rstrip(";")
    )
