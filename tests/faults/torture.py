"""`make torture`: many kills, by seed, in chains of three; one line a chain, and a replay line for
each that fails.

python -m tests.faults.torture [--feed toy] [--kills 200] [--seed 1] [--out FILE] python -m
tests.faults.torture --feed toy --scenario next --kill 'point:commit.after@gold.toy_days#1'
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from strata.spark import session

from tests.conftest import SETTINGS
from tests.faults.images import NeverReached
from tests.faults.kill import CASES, SCENARIOS, Child, Stage, chains, kill_and_rerun, replay_line


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--feed", action="append", choices=sorted(CASES), help="default: every feed, in turn"
    )
    parser.add_argument("--kills", type=int, default=200, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--killed",
        type=int,
        default=1,
        choices=(0, 1, 2, 3),
        help="how many of a chain's three are SIGKILL; the others are crash images",
    )
    parser.add_argument(
        "--minutes", type=float, default=240, help="start no further kill after this time"
    )
    parser.add_argument("--scenario", choices=SCENARIOS, default="next")
    parser.add_argument(
        "--kill", action="append", help="one chain of kills, as a replay line tells it"
    )
    parser.add_argument("--out", type=Path, help="JSON lines, one a chain of kills")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="strata-torture-"))
    spark = session.build(
        settings=SETTINGS | {"spark.local.dir": str(root)}, log_file=str(root / "spark.log")
    )
    child = partial(Child, root / "children")
    feeds = arguments.feed or list(CASES)
    failed = done = idle = 0
    started = time.monotonic()
    try:
        for feed in feeds:
            (root / feed).mkdir()
            scenarios = (
                ["first", *{arguments.scenario} - {"first"}] if arguments.kill else SCENARIOS
            )
            stage = Stage(CASES[feed], root / feed).prepare(spark, scenarios)
            share = arguments.kills // len(feeds)
            drawn = chains(stage, share, arguments.seed, killed=arguments.killed)
            plan = [(arguments.scenario, arguments.kill)] if arguments.kill else drawn
            for number, (scenario, kills) in enumerate(plan):
                if time.monotonic() - started > 60 * arguments.minutes:
                    break
                began = time.monotonic()
                outcome, fired = "as undisturbed", 0
                try:
                    fired = kill_and_rerun(
                        spark, stage, scenario, kills, child, root / feed / f"chain-{number}"
                    )
                except NeverReached:
                    # As the creation of a table that an earlier kill of the chain left made.
                    outcome, idle = "a kill of the chain could not be reached", idle + 1
                except Exception as error:  # The next chain is tried whatever this one found.
                    outcome, failed = f"{type(error).__name__}: {error}", failed + 1
                    print(
                        f"{outcome}\n  {replay_line(feed, scenario, kills)}",
                        file=sys.stderr,
                        flush=True,
                    )
                done += fired
                seconds = round(time.monotonic() - began, 1)
                row = {
                    "seed": arguments.seed,
                    "feed": feed,
                    "scenario": scenario,
                    "kills": kills,
                    "fired": fired,
                    "seconds": seconds,
                }
                print(json.dumps(row | {"outcome": outcome}), flush=True)
                if arguments.out:
                    with arguments.out.open("a") as out:
                        out.write(json.dumps(row | {"outcome": outcome}) + "\n")
    finally:
        spark.stop()
        if not failed:
            shutil.rmtree(root, ignore_errors=True)
    print(
        f"seed {arguments.seed}: {done} kills that ended as undisturbed, {failed} chains that "
        "did not, "
        f"{idle} with a kill out of reach; {time.monotonic() - started:.0f} s"
    )
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
