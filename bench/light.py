"""Events without Spark side by side: `strata light run`, and the obvious way, a csv.DictReader with
one write a record. Each runs in a process of its own, in turns; the counts must agree.

    python -m bench.light [ROWS] [ROUNDS]
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import fleet_data

WAYS = ("strata light run", "csv.DictReader")


def main(rows: int = 1_000_000, rounds: int = 3) -> None:
    """Prints median seconds of CPU and of the clock, records a second of CPU, and peak memory."""
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    try:
        vehicles = min(50_000, rows)
        fleet = fleet_data.Fleet(rows, vehicles, faults=fleet_data.Faults.of_share(rows, 0.0002))
        fleet_data.write(folder / "fleet", fleet)
        told: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                told[way].append(_in_process(way, folder / "fleet"))
        _tell(told)
    finally:
        shutil.rmtree(folder)


def _in_process(way: str, raw: Path) -> dict[str, float]:
    code = (
        f"from pathlib import Path; from bench import light; light.run_way({way!r}, {str(raw)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _tell(told: dict[str, list[dict[str, float]]]) -> None:
    counts = {
        tuple(row[name] for name in ("records", "accepted"))
        for rows in told.values()
        for row in rows
    }
    if len(counts) != 1:
        raise SystemExit(f"both ways must accept the same records; found {counts}")
    for way, rows in told.items():
        cpu = statistics.median(row["cpu"] for row in rows)
        clock = statistics.median(row["clock"] for row in rows)
        most = max(row["mib"] for row in rows)
        rate = rows[0]["records"] / cpu
        print(f"{way:18} {cpu:7.1f} s of CPU {clock:7.1f} s {rate:9,.0f} records/s {most:6.0f} MiB")  # fmt: skip


def run_way(way: str, raw: str) -> None:
    """Runs one way and prints what it took, as JSON."""
    started = time.monotonic()
    counts = _strata(Path(raw)) if way == WAYS[0] else _obvious(Path(raw))
    own = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    answer = {
        "clock": time.monotonic() - started,
        "cpu": own.ru_utime + own.ru_stime,
        # A child's ru_maxrss begins with its parent's.
        "mib": int(peak.split()[1]) / 1024,
        "records": counts[0],
        "accepted": counts[1],
    }
    print(json.dumps(answer))


def _strata(raw: Path) -> tuple[int, int]:
    from strata.light.run import run

    report = run([str(raw / "events")], [str(raw / "vehicles")], raw / "out")
    return report.records, report.accepted


def _obvious(raw: Path) -> tuple[int, int]:
    """One dictionary a record, one geodesic, one write; every key kept to find those told twice."""
    from pyproj import Geod
    from strata.declare.source_contract import load_layouts
    from strata.light.fixes import Vehicle, judge_of

    told = json.loads((raw / "vehicles" / "metadata_api.json").read_text())
    known = {
        name: Vehicle(float(v["max_speed"]), v["depot_lat"], v["depot_lon"])
        for name, v in told.items()
    }
    layout = next(item for item in load_layouts("fleet") if item.name == "telemetry")
    judge = judge_of(layout.constants, dt.date(2026, 12, 1), dt.date(2100, 1, 1))
    earth, records = Geod(ellps="WGS84"), 0
    kept: dict[tuple[str, dt.datetime], set[tuple[object, ...]]] = {}
    with (raw / "obvious.csv").open("w", newline="") as out:
        for path in sorted((raw / "events").rglob("*.csv")):
            with path.open(newline="") as lines:
                for row in csv.DictReader(lines):
                    records += 1
                    row["speed"] = row.pop("speed_kmh")
                    vehicle = known.get(row["vehicle_id"])
                    typed = judge.typed(row, vehicle)
                    if vehicle is None or judge.reasons(typed):
                        continue
                    key = typed["vehicle_id"], typed["fixed_at"]
                    kept.setdefault(key, set()).add(tuple(typed.values()))
                    end = (typed["lon_deg"], typed["lat_deg"])
                    metres = earth.inv(vehicle.depot_lon_deg, vehicle.depot_lat_deg, *end)[2]
                    csv.writer(out).writerow([*typed.values(), metres])
    return records, sum(len(said) == 1 for said in kept.values())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
