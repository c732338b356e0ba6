"""A list that lies in the ledger, and is read when somebody first asks what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, overload

Entry = TypeVar("Entry")


class Held(Sequence[Entry]):
    """The entries that `read` gives, in their order; equal to a tuple of the same.

    Of a thousand publications a run asks two or three for their gates.
    """

    def __init__(self, read: Callable[[], tuple[Entry, ...]]) -> None:
        self._read = read

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, read once."""
        return self._read()

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        return self.entries[at]

    def __len__(self) -> int:
        return len(self.entries)

    def __eq__(self, other: Any) -> bool:
        return self.entries == (other.entries if isinstance(other, Held) else other)

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return repr(self.entries)
