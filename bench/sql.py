"""`strata sql` by DuckDB and by Spark, in turns: whole commands, from the shell to the answer.

python -m bench sql --warehouse warehouse --rounds 5
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time

QUERY = (
    "select country_name, method, soc_mean_pct from gold.soil_country_stats "
    "order by country_name, method limit 3"
)


def main(warehouse: str, rounds: int) -> None:
    """Prints each round, then medians and the medians of the ratios."""
    measured: dict[str, list[tuple[float, float]]] = {"duckdb": [], "spark": []}
    answers = set()
    for number in range(rounds):
        for engine, found in measured.items():
            wall, cpu, answer = _ask(engine, warehouse)
            answers.add(answer)
            found.append((wall, cpu))
            print(f"round {number + 1} {engine}: {wall:.2f} s, {cpu:.2f} s of CPU", flush=True)
    if len(answers) != 1:
        raise SystemExit("the engines answer differently")
    for place, what in enumerate(("wall", "CPU")):
        by = {engine: [item[place] for item in found] for engine, found in measured.items()}
        ratios = [s / d for d, s in zip(by["duckdb"], by["spark"], strict=True)]
        middle = {engine: statistics.median(values) for engine, values in by.items()}
        print(
            f"{what}: duckdb {middle['duckdb']:.2f} s, spark {middle['spark']:.2f} s, "
            f"ratio {statistics.median(ratios):.1f}"
        )


def _ask(engine: str, warehouse: str) -> tuple[float, float, str]:
    command = [sys.executable, "-c", "from strata.cli import main; raise SystemExit(main())"]
    command += ["sql", QUERY, "--engine", engine, "--format", "csv", "--warehouse", warehouse]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, told.stdout
