#!/bin/sh
# DuckDB draws its progress bar into a program's standard output, though that is a pipe, where the
# program is run by `python -c`.
# Found with duckdb 2.0.0; exits non-zero if that changes.
#
# Expected: a library writes nothing to standard output; or, as command-line tools do, only to a
# terminal.
# Seen: the same two lines, which count for more than two seconds and print one number into a pipe,
# give that number alone from a file, and the bar before it from `-c`. `connect(config=...)` refuses
# the setting; `SET enable_progress_bar = false` helps.
# So a pipeline of `python -c` or of a launcher without a file reads drawings among its CSV or JSON.
# Strata switches it off on each connection (lib/strata/fs/duck.py; tests/unit/serve/test_duck.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "duckdb==2.0.0"
"$work/venv/bin/python" - "$work" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import duckdb

print("duckdb", duckdb.__version__)
CODE = """import duckdb
connection = duckdb.connect()
connection.execute("SET threads = 1")
{setting}
# Some seconds on any machine: it counts longer and longer ranges until four have passed.
import time
begun, rows = time.monotonic(), 200_000_000
while time.monotonic() - begun < 4:
    connection.execute(f"SELECT count(*) FROM range({{rows}}) AS r(n) WHERE n % 7 = n % 5").fetchall()
    rows *= 3
print("done")
"""
try:
    duckdb.connect(config={"enable_progress_bar": "false"})
    refused = False
except duckdb.InvalidInputException as error:
    refused = "as a global option" in str(error)


def said(setting: str, by_file: bool) -> bytes:
    code = CODE.format(setting=setting)
    path = Path(sys.argv[1], "program.py")
    path.write_text(code)
    call = [sys.executable, str(path)] if by_file else [sys.executable, "-c", code]
    return subprocess.run(call, stdout=subprocess.PIPE, check=True, timeout=300).stdout


off = 'connection.execute("SET enable_progress_bar = false")'
found = {
    "from a file": said("", True),
    "by -c": said("", False),
    "by -c, switched off": said(off, False),
}
for name, text in found.items():
    print(f"{name}: {len(text)} bytes, beginning with {text[:40]!r}")
only = b"done\n"
if not (
    refused
    and found["from a file"] == only
    and found["by -c, switched off"] == only
    and found["by -c"].endswith(only)
    and b"%" in found["by -c"]
):
    sys.exit("the behaviour has changed")
PYTHON
