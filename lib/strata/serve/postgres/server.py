"""A PostgreSQL of one's own on loopback, for newcomers and tests: one folder, three roles, scram
passwords.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from strata.errors import ResourceMissing, UsageError

OLDEST = 14
ROLES = ("owner", "loader", "reader", "editor")
DATABASE = "strata"
_PLACES = ("/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt")
_INITDB = ("initdb", "-U", "postgres", "-E", "UTF8", "--locale=C")
_SETTINGS = {
    "unix_socket_directories": "''",
    "listen_addresses": "'127.0.0.1'",
    # One client that loads and a few that read; the machine has other work.
    "shared_buffers": "'256MB'",
    "max_wal_size": "'4GB'",
    "maintenance_work_mem": "'256MB'",
    "password_encryption": "'scram-sha-256'",
    "timezone": "'UTC'",
}


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL and how each role reaches it."""

    folder: Path
    port: int
    passwords: dict[str, str]

    def url(self, role: str) -> str:
        """The address of a role; it holds the role's password."""
        return f"postgresql://strata_{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def superuser_url(self) -> str:
        """The address of the cluster's superuser, which only migrations need."""
        return f"postgresql://postgres:{self.passwords['postgres']}@127.0.0.1:{self.port}/postgres"


def find_binaries() -> Path:
    """The folder of initdb and pg_ctl, the newest where there are several."""
    found = [Path(os.environ["STRATA_POSTGRES"])] if os.environ.get("STRATA_POSTGRES") else []
    for place in _PLACES:
        found += sorted(Path(place).glob("*/bin"), key=_version, reverse=True)
    on_path = shutil.which("pg_ctl")
    found += [Path(on_path).resolve().parent] if on_path else []
    for folder in found:
        is_whole = (folder / "initdb").is_file() and (folder / "postgres").is_file()
        if is_whole and _version(folder) >= OLDEST:
            return folder
    raise ResourceMissing(
        f"this door needs PostgreSQL {OLDEST} or newer on the machine; none was found: install it "
        "(infra/local/postgres.sh does so on Debian and Ubuntu), or name its bin folder in "
        "STRATA_POSTGRES"
    )


def _version(folder: Path) -> int:
    numbers = re.findall(r"\d+", folder.parent.name)
    if numbers:
        return int(numbers[0])
    told = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout
    return int(re.findall(r"\d+", told or "0")[0])


def _as_user() -> dict[str, str | int]:
    """PostgreSQL refuses to run as root: then it runs as the system's own user for it."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        raise ResourceMissing(
            "PostgreSQL does not run as root; this machine has no user postgres: add one"
        ) from None
    return {"user": entry.pw_uid, "group": entry.pw_gid}


def initialise(binaries: Path, folder: Path) -> dict[str, str]:
    """A cluster whose every role needs its password; the passwords lie beside it, for its owner's
    eyes only.
    """
    kept = folder.parent / f".{folder.name}.passwords.json"
    if (folder / "PG_VERSION").exists():
        if not kept.is_file():
            raise UsageError(
                f"a cluster of `strata serve` has its passwords beside it; {kept} is gone: name "
                "a new folder"
            )
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    passwords = {role: secrets.token_urlsafe(24) for role in ("postgres", *ROLES)}
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(passwords, file)
    folder.mkdir(mode=0o700, exist_ok=True)
    user = _as_user()
    if user:
        os.chown(folder, int(user["user"]), int(user["group"]))
    with tempfile.NamedTemporaryFile("w", suffix=".password") as secret:
        secret.write(passwords["postgres"] + "\n")
        secret.flush()
        if user:
            os.chown(secret.name, int(user["user"]), int(user["group"]))
        auth = ["-A", "scram-sha-256", f"--pwfile={secret.name}"]
        _run([*_INITDB, "-D", folder, *auth], folder, binaries)
    lines = "".join(f"{name} = {value}\n" for name, value in _SETTINGS.items())
    with open(folder / "postgresql.auto.conf", "a", encoding="utf-8") as conf:
        conf.write(lines)
    return passwords


def control(binaries: Path, folder: Path, *arguments: str) -> None:
    """Runs pg_ctl. ResourceMissing with what it said where it fails."""
    _run(["pg_ctl", "-D", folder, "-s", *arguments], folder, binaries)


def _run(command: list[object], folder: Path, binaries: Path) -> None:
    program = str(command[0])
    done = subprocess.run(
        [str(binaries / program), *map(str, command[1:])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        check=False,
        **_as_user(),  # type: ignore[call-overload]
    )
    if done.returncode:
        log = folder / "server.log"
        tail = log.read_text(encoding="utf-8", errors="replace")[-300:] if log.is_file() else ""
        why = " ".join(f"{done.stderr} {tail}".split())[-300:]
        raise ResourceMissing(f"PostgreSQL must start in {folder}; {program} said: {why}")
