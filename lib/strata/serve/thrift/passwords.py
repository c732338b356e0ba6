"""The file of names and hashed passwords by which the Thrift server lets people in.

A line is `name:pbkdf2_sha256:rounds:salt:hash`; `java/strata/thrift/Passwords.java` reads it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from strata.errors import UsageError

ROUNDS = 600_000
"""What OWASP asks of PBKDF2 with SHA-256."""
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_SHORTEST = 8


def add(path: Path, name: str, password: str) -> None:
    """Adds the name, or changes its password; only the file's owner may read it.

    UsageError for a name that does not fit a line, or a password that is short.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a name has letters, digits and _ . @ -, 64 at most; got {name!r}")
    if len(password) < _SHORTEST:
        raise UsageError(f"a password has at least {_SHORTEST} characters; got {len(password)}")
    salt = secrets.token_bytes(16)
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    line = f"{name}:pbkdf2_sha256:{ROUNDS}:{salt.hex()}:{made.hex()}"
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [old for old in before if old.partition(":")[0] != name]
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.touch(0o600)
    part.write_text("\n".join([*lines, line, ""]), encoding="utf-8")
    part.replace(path)
