"""Residents at the size of a country: made-up postcodes and users, from files to published gold.

`python -m bench residents --baseline COMMIT` runs this code and an older commit in turns, each in a
process of its own; and DuckDB, which reads the same lookup, joins it with the users and counts
people by authority. Strata must count as many in each authority, or the benchmark fails.

Then a month later: a lookup of all postcodes, of which 0.5 % lie in another authority, and a file
of 1 % of the users, who have moved. Today's code runs it on top of what stands; the ratio is to its
own full load.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.figures import Figure, machine
from bench.kept import Kept, work_in
from bench.small_runs import BECOME_SUBREAPER, PROJECT, Side, git

_AREAS = ("AB", "B", "BA", "BS", "CF", "CH", "DE", "DN", "E", "EH", "EX", "G", "GL", "HU", "IP",
          "KT", "L", "LE", "LS", "M", "N", "NE", "NG", "OX", "PE", "PL", "RG", "S", "SE", "SO",
          "SW", "TN", "W", "WA", "WF", "YO")  # fmt: skip
_INWARD = "ABDEFGHJLNPQRSTUWXYZ"
_AUTHORITIES = 380
LATER = "now, a month later on top of that"


def command(given: Sequence[str]) -> None:
    """Prints medians of seconds and CPU seconds of each side."""
    parser = argparse.ArgumentParser(prog="python -m bench residents", description=__doc__)
    parser.add_argument("--baseline", metavar="COMMIT", help="an older state, run in turns")
    parser.add_argument("--postcodes", type=int, default=1_700_000)
    parser.add_argument("--users", type=int, default=8_189)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(given)
    main(arguments.baseline, arguments.postcodes, arguments.users, arguments.rounds)


def main(
    baseline: str | None, postcodes: int, users: int, rounds: int, kept: Kept | None = None
) -> dict[str, Figure]:
    """Prints the medians of each side, and returns them."""
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1)
    with work_in(kept) as (folder, keeps):
        old, name = folder / "code", f"residents-{postcodes}-{users}"
        raw = keeps.raw(name, lambda to: make(to, postcodes, users))
        later = keeps.raw(f"{name}-next", lambda to: make_next(to, postcodes, users))
        turns: dict[str, Callable[[], dict[str, Any]]] = {
            "now": partial(_run_both, Side("now", PROJECT, folder / "now"), raw, later)
        }
        if baseline:
            git("worktree", "add", "--detach", str(old), baseline)
            side = Side("before", old, folder / "before")
            turns["before"] = lambda: {side.name: _run_anew(side, raw)}
        turns["DuckDB"] = lambda: {"DuckDB": _by_duckdb(raw)[1]}
        try:
            found: dict[str, list[dict[str, float]]] = {}
            for number in range(rounds):
                for key in turns if number % 2 == 0 else reversed(turns):
                    told = keeps.once(f"{name} {key} {number}", turns[key])
                    for way, row in told.items():
                        found.setdefault(way, []).append(row)
        finally:
            if baseline:
                git("worktree", "remove", "--force", str(old))
        return _tell(rounds, {way: Figure.of(rows) for way, rows in found.items()})


def _tell(rounds: int, found: dict[str, Figure]) -> dict[str, Figure]:
    print(f"medians of {rounds}; {machine()}")
    print("| side | seconds | ratio | CPU s | GiB |\n| --- | ---: | ---: | ---: | ---: |")
    for name, of in found.items():
        base = found["now"] if name == LATER else found.get("before", found["now"])
        ratio = of.seconds / base.seconds
        print(
            f"| {name} | {of.seconds:.1f} | {ratio:.2f} | {of.cpu:.1f} | {of.gib:.1f} |", flush=True
        )
    return found


def _run_both(side: Side, raw: Path, later: Path) -> dict[str, dict[str, float]]:
    _take_away(raw, later)  # A run that was killed leaves them.
    return {side.name: _run_anew(side, raw), LATER: _run_later(side, raw, later)}


def _run_anew(side: Side, raw: Path) -> dict[str, float]:
    shutil.rmtree(side.folder, ignore_errors=True)
    side.folder.mkdir()
    return _run(side, raw)


def _run(side: Side, raw: Path) -> dict[str, float]:
    """Runs the feed, and holds its count of people to DuckDB's."""
    target = side.warehouse("residents")
    took = side.strata("run", "residents", "--raw", str(raw), "--warehouse", target, "--quiet")
    _assert_equal(_counted(target), _by_duckdb(raw)[0])
    return took


def _run_later(side: Side, raw: Path, later: Path) -> dict[str, float]:
    """The same with the files of the next month beside the others, on what stands."""
    shutil.copytree(later, raw, dirs_exist_ok=True)
    try:
        return _run(side, raw)
    finally:
        _take_away(raw, later)


def _take_away(raw: Path, later: Path) -> None:
    for path in later.rglob("*.*"):
        (raw / path.relative_to(later)).unlink(missing_ok=True)


def make(raw: Path, postcodes: int, users: int) -> None:
    """Writes a lookup in the layout of Code-Point Open, and users who live in some of it."""
    chance = np.random.default_rng(7)
    codes, authorities = _places(chance, postcodes)
    _write_lookup(raw, "2024-06-01", codes, authorities)
    _write_users(raw, "2024-07-01", codes, enumerate(chance.integers(0, postcodes, users)))


def make_next(raw: Path, postcodes: int, users: int) -> None:
    """Writes the lookup of a month later, and the users who have moved meanwhile."""
    codes, authorities = _places(np.random.default_rng(7), postcodes)
    chance = np.random.default_rng(8)
    changed = chance.choice(postcodes, max(1, postcodes // 200), replace=False)
    authorities[changed] = authorities[changed] % _AUTHORITIES + 1
    _write_lookup(raw, "2024-07-01", codes, authorities)
    moved = chance.choice(users, max(1, users // 100), replace=False)
    places = zip(moved.tolist(), chance.integers(0, postcodes, len(moved)), strict=True)
    _write_users(raw, "2024-08-01", codes, places)


def _places(chance: np.random.Generator, postcodes: int) -> tuple[list[str], np.ndarray]:
    codes = _codes(chance.choice(len(_AREAS) * 30 * 10 * 400, postcodes, replace=False))
    return codes, chance.integers(1, _AUTHORITIES + 1, postcodes)


def _write_lookup(raw: Path, day: str, codes: list[str], authorities: np.ndarray) -> None:
    path = raw / f"residents/postcodes/delivery={day}/lookup.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as out:
        for code, number in zip(codes, authorities, strict=True):
            out.write(
                f'"{code}",10,318704,176309,"E92000001","","","","E0600{number:04d}",'
                f'"E0500{number:04d}"\n'
            )


def _write_users(raw: Path, day: str, codes: list[str], places: Iterable[tuple[int, int]]) -> None:
    path = raw / f"residents/users/delivery={day}/users.json"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as out:
        for number, place in places:
            user = {
                "email": f"user.{number}@example.com",
                "givenName": "A",
                "familyName": "B",
                "sex": "FM"[number % 2],
                "dateOfBirth": f"{1930 + number % 80}-02-28",
                "address": {"postcode": codes[place]},
            }
            out.write(json.dumps(user, indent=4) + "\n")


def _codes(numbers: np.ndarray) -> list[str]:
    found = []
    for number in numbers.tolist():
        rest, last = divmod(number, 400)
        rest, sector = divmod(rest, 10)
        area, district = divmod(rest, 30)
        found.append(
            f"{_AREAS[area]}{district + 1}{sector}{_INWARD[last // 20]}{_INWARD[last % 20]}"
        )
    return found


def _by_duckdb(raw: Path) -> tuple[dict[str, int], dict[str, float]]:
    """People by authority, and the seconds and CPU seconds that DuckDB took."""
    import duckdb

    # Each lookup is whole, and the newest counts.
    newest = max((raw / "residents/postcodes").rglob("*.csv"))
    before, started = _own_cpu(), time.monotonic()
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"""select l.column8, count(distinct u.email) from (
                from read_json('{raw}/residents/users/**/*.json', format = 'unstructured',
                    hive_partitioning = true)
                qualify row_number() over (partition by email order by delivery desc) = 1) as u
            join (from read_csv('{newest}', header = false, all_varchar = true,
                hive_partitioning = false)) as l
                on l.column0 = u.address.postcode group by all"""
        ).fetchall()
    return dict(rows), {"seconds": time.monotonic() - started, "cpu": _own_cpu() - before}


def _counted(warehouse: str) -> dict[str, int]:
    from strata.lake.versions import Warehouse, read_arrow
    from strata.ledger.book import Book

    name = "gold.residents_by_authority_internal"
    state = Book(Warehouse(warehouse)).state(name)
    if state is None:
        raise SystemExit("the run published nothing")
    rows = read_arrow(Warehouse(warehouse), name, state.version).to_pylist()
    return {row["authority_code"]: row["people"] for row in rows}


def _assert_equal(found: dict[str, int], wanted: dict[str, int]) -> None:
    if found != wanted:
        raise SystemExit(
            f"people by authority must be DuckDB's; {len(found)} authorities with "
            f"{sum(found.values())} people, by DuckDB {len(wanted)} with "
            f"{sum(wanted.values())}"
        )


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    command(sys.argv[1:])
