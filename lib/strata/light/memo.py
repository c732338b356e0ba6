"""What a function has said, by its argument, up to a fixed number of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MOST = 1 << 16


class Memo(dict[Any, Any]):
    """`memo[key]` is `make(key)`; a known answer costs a look into a dict, which a cache by
    `functools` does not match. When it is full it begins anew."""

    def __init__(self, make: Callable[[Any], Any], most: int = _MOST) -> None:
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, key: Any) -> Any:
        if len(self) >= self._most:
            self.clear()
        value = self[key] = self._make(key)
        return value
