"""A process that starts Spark, waits to be told what to do, and does it as the command line would.

Starting Spark takes longer than a small run, so the harness keeps the next child warm while it works.
One line of JSON on standard input: `argv` for `strata`, and the fault: a failpoint, or one of the log store.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from strata import cli, failpoint, gate, session


def main(settings: str, scratch: str) -> int:
    spark = session.build(settings=json.loads(settings), log_file=f"{scratch}/spark-{os.getpid()}.log")
    gate.library()
    spark.range(1).collect()
    print("ready", flush=True)
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    if told["failpoint"]:
        failpoint.armed = failpoint.parse(told["failpoint"], told["log"])
    jvm: Any = spark._jvm
    jvm.java.lang.System.setProperty("strata.fault.group", str(os.getpgid(0)))
    jvm.java.lang.System.setProperty("strata.fault.log", told["log"])
    jvm.java.lang.System.setProperty("strata.fault", told["fault"])
    code = cli.main(told["argv"])
    spark.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
