"""Environments of their own, for tools whose packages clash with Strata's: Airflow, dbt, checkov.

    python infra/local/environments.py airflow          # installs where missing; prints its folder
    python infra/local/environments.py --lock airflow   # renews its lock (needs uv)

Each is locked with hashes in infra/local/environments/NAME.lock, stands in .venv/environments/NAME
and is made again when the lock changes. Standard library only. Needs Python 3.11 to 3.13.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "environments"
NAMES = tuple(sorted(path.stem for path in LOCKS.glob("*.in")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Installs, or locks, one environment."""
    parser = argparse.ArgumentParser(description="Install a tool's own environment.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--lock", action="store_true", help="resolve anew and write the lock")
    options = parser.parse_args(arguments)
    try:
        if options.lock:
            lock(options.name)
        else:
            print(install(options.name))
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        reason = said[-1] if said else f"exit code {error.returncode}"
        print(f"strata: {options.name} could not be installed: {reason}", file=sys.stderr)
        return 1
    return 0


def install(name: str) -> Path:
    """The folder of an environment with exactly the locked packages, installed where missing."""
    source = LOCKS / f"{name}.lock"
    home = Path(sys.prefix) / "environments" / name
    stamp, state = home / ".locked", hashlib.sha256(source.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == state:
        return home
    shutil.rmtree(home, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(home)])
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    # The lock names all that is needed. Resolving it anew, pip 23.2 seeks the newest `name[extra]`
    # beside the `name==1` that is pinned, and then refuses it.
    pip += ["--disable-pip-version-check", "--no-deps"]
    _run([*pip, "--require-hashes", "-r", str(source)])
    stamp.write_text(state)
    return home


def lock(name: str) -> None:
    """Resolves NAME.in to NAME.lock, for Linux and macOS, naming no index."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--custom-compile-command", f"python infra/local/environments.py --lock {name}"]
    _run([*command, "--output-file", str(LOCKS / f"{name}.lock"), str(LOCKS / f"{name}.in")])


def _run(command: Sequence[str]) -> None:
    # A Python path of the caller's would put Strata's packages before the tool's own.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
