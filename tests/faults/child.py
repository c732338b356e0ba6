"""A process that starts Spark, waits to be told what to do, and does it as the command line would,
until its input ends.

One line of JSON on standard input for each thing to do: `argv` for `strata`, and where it is to be
killed. One line on standard output when it is done: `done` and the exit code, which is the
process's own in the end.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from strata import failpoint
from strata.cli import command as cli
from strata.gate import gate
from strata.lake import commit
from strata.spark import session

from tests.faults import door
from tests.faults.kill import MANY_CHECKPOINTS


def main(settings: str, scratch: str) -> int:
    spark = session.build(
        settings=json.loads(settings), log_file=f"{scratch}/spark-{os.getpid()}.log"
    )
    gate.library()
    spark.range(1).collect()
    print("ready", flush=True)
    commit.PROPERTIES.update(MANY_CHECKPOINTS)
    code = 0
    for line in sys.stdin:
        told: dict[str, Any] = json.loads(line)
        failpoint.armed = None
        if told["kill"]:
            root = told["argv"][told["argv"].index("--warehouse") + 1]
            failpoint.armed = door.kill(told["kill"], root, told["log"])
        code = cli.main(told["argv"])
        print(f"done {code}", flush=True)
    spark.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
