"""What the gate asks of files that no commit names yet, as they were read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from strata.declare.suite import Expectation
from strata.gate import arrow_rules, small
from strata.kit import row_ids
from strata.lake import data_file
from strata.lake.data_file import DataFile

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Seen:
    """The rows of some files: their number, and what the rules say of them."""

    rules: Sequence[Expectation]
    unique: Sequence[Expectation] = ()
    files: list[DataFile] = field(default_factory=list)
    """Those taken in; a list of the caller's, if the rest may fail behind them."""
    rows: int = 0
    identity: int = 0
    """The order-free hash of their ids."""
    broken: list[int] = field(init=False)
    """How many of them break each rule."""
    _keys: list[list[Any]] = field(init=False)
    """Of each rule of uniqueness, the hashes of its keys, file by file: 8 bytes a row."""

    def __post_init__(self) -> None:
        self.broken = [0] * len(self.rules)
        self._keys = [[] for _ in self.unique]

    def read(self, folder: str, file: DataFile, schema: pa.Schema) -> pa.Table:
        """What is asked of a file, as it lies there."""
        names = arrow_rules.asked_columns(schema, (*self.rules, *self.unique))
        return data_file.read_table(folder, file.name, names)

    def add(self, file: DataFile, rows: pa.Table) -> None:
        """Takes in a file that was read."""
        self.files.append(file)
        self.rows += rows.num_rows
        self.identity ^= row_ids.identity_of(rows)
        counts = zip(self.broken, arrow_rules.count_broken(rows, self.rules), strict=True)
        self.broken = [sum(pair) for pair in counts]
        for keys, rule in zip(self._keys, self.unique, strict=True):
            keys.append(small.hash_keys(rows, rule))

    @property
    def is_single(self) -> bool:
        """Whether no two rows share a key, by any rule of uniqueness."""
        return all(small.are_single(keys) for keys in self._keys)
