"""Events without Spark side by side: `strata light run`, and the obvious way, a csv.DictReader with
checks by hand, one geodesic and one write a record. Each runs in a process of its own, in turns; both
must accept the same number of records.

    python -m bench light --rows 1000000 --rounds 3
    python -m bench light --rows 14000000 --rounds 1     # about a gigabyte

A watchdog adds up the resident memory of the process and of all its children ten times a second, and
ends a run of Strata's that takes more than --most-mib. tracemalloc's peak comes from a run of its own
over a tenth of the rows, for tracing takes most of the time; it does not see what C and C++ allocate.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

WAYS = ("strata light run", "csv.DictReader")


WHOLE_CORE_MB = 1769
"""Lambda gives a function a share of a core by its memory, and a whole one at this size."""
SIZES_MB = (256, 512, 1024, 1769)
DOLLARS_A_GB_S = 0.0000133334
"""A second of a gigabyte on ARM in US East, list price; docs/fleet/TRADEOFFS.md says from where."""


def command(argv: list[str]) -> None:
    """`python -m bench light`."""
    how = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m bench light", description=__doc__, formatter_class=how
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="of tracks (1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way (3)")
    parser.add_argument("--most-mib", type=int, default=512, help="where the watchdog ends (512)")
    parser.add_argument("--alone", action="store_true", help="without the obvious way")
    parser.add_argument(
        "--price", type=float, default=DOLLARS_A_GB_S, help="dollars of a GB-second of a function"
    )
    told = parser.parse_args(argv)
    main(told.rows, told.rounds, told.most_mib, told.alone, told.price)


def main(
    rows: int = 1_000_000,
    rounds: int = 3,
    most_mib: int = 512,
    alone: bool = False,
    price: float = DOLLARS_A_GB_S,
) -> None:
    """Prints median seconds of CPU and of the clock, records a second, and peak memory."""
    # Here, not above: the ways' own processes import this module too, and need none of it.
    from bench import fleet_data

    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    ways = WAYS[:1] if alone else WAYS
    try:
        for name, count in (("fleet", rows), ("small", max(1000, rows // 10))):
            faults = fleet_data.Faults.of_share(count, 0.0002)
            fleet_data.write(
                folder / name, fleet_data.Fleet(count, min(50_000, count), faults=faults)
            )
        told: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                limit = most_mib if way == WAYS[0] else None
                told[way].append(_in_process(way, folder / "fleet", limit))
        size = sum(path.stat().st_size for path in (folder / "fleet" / "events").rglob("*.csv"))
        print(f"{rows:,} rows of tracks, {size / 1e6:,.0f} MB of events")
        _tell(told)
        traced = _in_process("traced", folder / "small", None)
        print(f"tracemalloc over a tenth of the rows: {traced['traced_mib']:.0f} MiB")
        _tell_curve(told[WAYS[0]], price)
    finally:
        shutil.rmtree(folder)


def _in_process(way: str, raw: Path, most_mib: int | None) -> dict[str, float]:
    code = (
        f"from pathlib import Path; from bench import light; light.run_way({way!r}, {str(raw)!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    dog = Watchdog(process, most_mib)
    dog.start()
    out, err = process.communicate()
    dog.join()
    if dog.ended_at:
        raise SystemExit(f"{way}: ended at {dog.ended_at:.0f} MiB; at most {most_mib} were allowed")
    if process.returncode:
        raise SystemExit(f"{way}: {err[-2000:]}")
    answer: dict[str, float] = json.loads(out.splitlines()[-1])
    return {**answer, "watched_mib": dog.peak}


class Watchdog(threading.Thread):
    """Notes the resident memory of a process with its children, and ends it above a limit."""

    def __init__(self, process: subprocess.Popen[str], most_mib: int | None) -> None:
        super().__init__(daemon=True)
        self._process, self._most = process, most_mib
        self.peak = self.ended_at = 0.0

    def run(self) -> None:
        while self._process.poll() is None:
            now = resident_mib(self._process.pid)
            self.peak = max(self.peak, now)
            if self._most is not None and now > self._most:
                self.ended_at = now
                self._process.kill()
            time.sleep(0.1)


def resident_mib(pid: int) -> float:
    """Resident memory of a process and all its children now; 0 of one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        own = next((line for line in status if line.startswith("VmRSS")), "VmRSS: 0 kB")
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return 0.0
    return int(own.split()[1]) / 1024 + sum(map(resident_mib, children))


def _tell(told: dict[str, list[dict[str, float]]]) -> None:
    counts = {
        tuple(row[name] for name in ("records", "accepted"))
        for rows in told.values()
        for row in rows
    }
    if len(counts) != 1:
        raise SystemExit(f"both ways must accept the same records; found {counts}")
    rates = []
    print(f"{'':18}     CPU s   clock s  records/s of CPU  records/s  peak MiB")
    for way, rows in told.items():
        cpu = statistics.median(row["cpu"] for row in rows)
        clock = statistics.median(row["clock"] for row in rows)
        most = max(max(row["mib"], row["watched_mib"]) for row in rows)
        records = rows[0]["records"]
        rates.append(records / cpu)
        print(
            f"{way:18} {cpu:9.1f} {clock:9.1f} {records / cpu:17,.0f} {records / clock:10,.0f} {most:9.0f}"
        )
    if len(rates) > 1:
        print(f"{rates[0] / rates[1]:.2f} times the records a second of CPU")


def _tell_curve(rows: list[dict[str, float]], price: float) -> None:
    """What a million records would take as a function of a size, computed from the CPU time here."""
    cpu = statistics.median(row["cpu"] for row in rows) / rows[0]["records"] * 1e6
    print(f"a million records as a function, computed, at {price:.10f} dollars a GB-second:")
    for size in SIZES_MB:
        seconds = cpu / min(1.0, size / WHOLE_CORE_MB)
        print(f"  {size:5} MB {seconds:7.1f} s {seconds * size / 1024 * price:9.5f} dollars")


def run_way(way: str, raw: str) -> None:
    """Runs one way and prints what it took, as JSON."""
    started = time.monotonic()
    if way == "traced":
        import tracemalloc

        tracemalloc.start()
    counts = _obvious(Path(raw)) if way == WAYS[1] else _strata(Path(raw))
    own = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    answer = {
        "clock": time.monotonic() - started,
        "cpu": own.ru_utime + own.ru_stime,
        # A child's ru_maxrss begins with its parent's.
        "mib": int(peak.split()[1]) / 1024,
        "traced_mib": _traced_mib(way),
        "records": counts[0],
        "accepted": counts[1],
    }
    print(json.dumps(answer))


def _traced_mib(way: str) -> float:
    if way != "traced":
        return 0.0
    import tracemalloc

    return tracemalloc.get_traced_memory()[1] / (1 << 20)


def _strata(raw: Path) -> tuple[int, int]:
    from strata.light.local.run import run

    report = run([str(raw / "events")], [str(raw / "vehicles")], raw / "out")
    return report.records, report.accepted


def _obvious(raw: Path) -> tuple[int, int]:
    """One dictionary a record, checks by hand, one geodesic, one write; every key kept to find those
    told twice. A record that another contradicts counts as none of the accepted."""
    from pyproj import Geod

    vehicles = json.loads((raw / "vehicles" / "metadata_api.json").read_text())
    earth, latest = Geod(ellps="WGS84"), dt.datetime(2026, 12, 3)
    records, said, contradicted = 0, dict[tuple[str, dt.datetime], tuple[object, ...]](), set()
    with (raw / "obvious.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        for path in sorted((raw / "events").rglob("*.csv")):
            with path.open(newline="") as lines:
                for row in csv.DictReader(lines):
                    records += 1
                    values = _by_hand(row, vehicles, latest)
                    if values is None:
                        continue
                    key, content = values[:2], values[2:]
                    if said.setdefault(key, content) is not content:
                        if said[key] != content:
                            contradicted.add(key)
                        continue
                    depot = vehicles[values[0]]
                    start = (depot["depot_lon"], depot["depot_lat"])
                    metres = earth.inv(*start, content[1], content[0])[2]
                    writer.writerow([*values, metres, path.name, records])
    return records, len(said) - len(contradicted)


def _by_hand(row: dict[str, str], vehicles: dict[str, Any], latest: dt.datetime) -> Any:
    """The values of a sound record; None for another one."""
    vehicle = vehicles.get(row["vehicle_id"])
    try:
        at = dt.datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S")
        lat, lon = float(row["lat"]), float(row["lon"])
        speed, fuel = float(row["speed_kmh"]), float(row["fuel_level"])
    except ValueError:
        return None
    if vehicle is None or at >= latest or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    if (lat == 0 and lon == 0) or not 0 <= speed <= min(500, vehicle["max_speed"]):
        return None
    if row["engine_status"] not in ("moving", "idle") or not 0 <= fuel <= 100:
        return None
    return row["vehicle_id"], at, lat, lon, speed, row["engine_status"], fuel
