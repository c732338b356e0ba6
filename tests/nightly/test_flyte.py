"""The Flyte workflow, run by flytekit in an environment of its own; `strata` is a small program that keeps a log.

What `strata` itself does is shown elsewhere: here it answers as it would, and fails as it would.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra" / "local"))
environments = importlib.import_module("environments")
STRATA = """
import json, os, sys
log = open(os.environ["LOG"], "a"); log.write(" ".join(sys.argv[1:3]) + "\\n")
code = os.environ.get("FAILS_" + sys.argv[1].upper())
if code:
    print("strata: the rule, and what was found", file=sys.stderr); sys.exit(int(code))
gate = {"table": "silver.commerce_orders", "in": 10, "accepted": int(os.environ.get("ACCEPTED", 8)), "quarantined": 1, "folded": 1}
print(json.dumps({
    "publications": [{"publication": 1}, {"publication": 2}],
    "gates": [gate],
    "export": [{"table": "shop.orders", "outcome": "merged"}],
}.get(sys.argv[1], [])))
"""


@pytest.fixture(scope="module")
def pyflyte() -> Path:
    """flytekit asks for other versions of what Strata needs, so it has an environment of its own."""
    return Path(environments.install("flyte")) / "bin" / "pyflyte"


def run(pyflyte: Path, tmp_path: Path, **more: str) -> tuple[int, str, list[str]]:
    """Runs the workflow; returns the exit code, what it said, and the calls of `strata`."""
    program, log = tmp_path / "strata.py", tmp_path / "log"
    program.write_text(STRATA)
    raw = tmp_path / "raw" / "commerce" / "orders"
    raw.mkdir(parents=True, exist_ok=True)
    if not (raw / "orders.csv").exists():
        # A content of its own, for flytekit's cache outlives the test.
        (raw / "orders.csv").write_text(str(tmp_path))
    own = {
        "STRATA_COMMAND": f"{sys.executable} {program}",
        "LOG": str(log),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [
            pyflyte,
            "run",
            "workflow.py",
            "commerce",
            "--raw",
            tmp_path / "raw",
            "--warehouse",
            tmp_path / "warehouse",
        ],
        cwd=ROOT / "infra" / "flyte",
        env={**own, **more},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return (
        done.returncode,
        done.stdout + done.stderr,
        log.read_text().splitlines() if log.exists() else [],
    )


def test_the_tasks_follow_each_other(pyflyte: Path, tmp_path: Path) -> None:
    database = {"STRATA_DATABASE_URL": "postgresql://strata_loader@127.0.0.1/strata"}
    code, said, calls = run(pyflyte, tmp_path, **database)
    assert code == 0, said
    assert calls == [
        "run commerce",
        "publications commerce",
        "gates commerce",
        "export silver.commerce_*",
    ]
    assert "shop.orders merged" in said
    decks = [path.read_text() for path in tmp_path.rglob("deck.html")]
    row = "<td>silver.commerce_orders</td><td>10</td><td>8</td><td>1</td>"
    assert any(row in deck for deck in decks), "the gates are a report"
    again, said, calls = run(pyflyte, tmp_path, **database)
    assert again == 0, said
    assert calls[4:] == ["gates commerce", "export silver.commerce_*"], (
        "the same files are not run again"
    )


LOOKS = """
import fsspec
from workflow import look
store = fsspec.filesystem("memory")
seen = []
for name, text in (("orders/a.csv", b"1"), (None, b""), ("orders/b.csv", b"2"), ("orders/.b.part", b"3")):
    if name:
        store.pipe(f"/raw/commerce/{name}", text)
    seen.append(look(raw="memory://raw"))
print([seen.index(one) for one in seen])
"""


def test_files_in_a_store_are_seen(pyflyte: Path, tmp_path: Path) -> None:
    """By any address that fsspec knows: a digest that never changed would run nothing again."""
    done = subprocess.run(
        [pyflyte.parent / "python", "-c", LOOKS],
        cwd=ROOT / "infra" / "flyte",
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["[0, 0, 2, 2]"], done.stderr[-2000:]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"FAILS_RUN": "3"}, "and would again"),
        ({"FAILS_RUN": "4"}, "another run holds the lease"),
        ({"ACCEPTED": "7"}, "do not balance"),
    ],
    ids=["a gate says no", "the lease is held", "rows are lost"],
)
def test_what_goes_wrong_ends_the_workflow(
    pyflyte: Path, tmp_path: Path, more: dict[str, str], expected: str
) -> None:
    code, said, calls = run(pyflyte, tmp_path, **more)
    assert code != 0
    assert expected in said
    assert not any(call.startswith("export") for call in calls)


def test_it_can_be_registered(pyflyte: Path, tmp_path: Path) -> None:
    command = [
        pyflyte,
        "--pkgs",
        "workflow",
        "serialize",
        "--image",
        "strata:latest",
        "workflows",
        "-f",
        tmp_path,
    ]
    done = subprocess.run(
        command, cwd=ROOT / "infra" / "flyte", capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    names = {path.name.split("_", 1)[1] for path in tmp_path.glob("*.pb")}
    assert "commerce_nightly_3.pb" in names, "the schedule"
    kept = {name.split("workflow.", 1)[1] for name in names if "workflow." in name}
    assert kept == {f"{one}_1.pb" for one in ("look", "ingest", "quality", "load")} | {
        "commerce_2.pb",
        "commerce_3.pb",
    }
