"""Queries known by their SHA-256, as Apollo's clients send them: a text is sent once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.serve.graphql.errors import Refused

KEPT = 1_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass
class Persisted:
    """The texts by their digests; `folder` shares them between the workers of one API."""

    only: bool = False
    """Answer known queries only."""
    known: OrderedDict[str, str] = field(default_factory=OrderedDict)
    folder: Path | None = None

    def find(self, body: dict[str, Any]) -> str:
        """The text of the query that is asked. Refused where it is unknown, or another than its
        hash says.
        """
        extensions = body.get("extensions") or {}
        told = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
        digest = str(told.get("sha256Hash", "")) if isinstance(told, dict) else ""
        query = body.get("query")
        if query is None:
            return self._known(digest)
        if not isinstance(query, str):
            raise Refused("query is a text")
        if not digest and not self.only:
            return query
        own = hashlib.sha256(query.encode("utf-8", "replace")).hexdigest()
        if digest and digest != own:
            raise Refused("the hash of a persisted query is that of its text")
        if self.only and own not in self.known:
            raise Refused("this API answers persisted queries only", "PERSISTED_QUERY_NOT_FOUND")
        if not self.only:
            self._keep(own, query)
        return query

    def _known(self, digest: str) -> str:
        """What this worker knows, or another has shared."""
        if digest not in self.known and self.folder and _SHA256.fullmatch(digest):
            with contextlib.suppress(FileNotFoundError):
                self._remember(digest, (self.folder / digest).read_text(encoding="utf-8"))
        if digest not in self.known:
            raise Refused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        self.known.move_to_end(digest)
        return self.known[digest]

    def _remember(self, digest: str, query: str) -> None:
        self.known[digest] = query
        if len(self.known) > KEPT:
            self.known.popitem(last=False)

    def _keep(self, digest: str, query: str) -> None:
        if digest in self.known:
            return
        self._remember(digest, query)
        if self.folder:
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False) as file:
                file.write(query)
            os.replace(file.name, self.folder / digest)
            self._forget_oldest(self.folder)

    def _forget_oldest(self, folder: Path) -> None:
        files = [each for each in folder.iterdir() if _SHA256.fullmatch(each.name)]
        for file in sorted(files, key=_age)[:-KEPT]:
            file.unlink(missing_ok=True)


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # Another worker has removed it meanwhile.
