"""A signal while the main thread waits for Spark, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.spark

# Asked from the main thread, as of a large run; the job sleeps far longer than a test may take.
PROGRAM = """
from concurrent.futures import ThreadPoolExecutor
from strata.cli import stopped
from strata.spark import session

try:
    with stopped.stoppable():
        spark = session.build("local[1]", {"spark.ui.enabled": "false"}, spatial=False)
        sleeps = "java_method('java.lang.Thread', 'sleep', 600000L)"
        rows = spark.range(1).selectExpr(f"if(id >= 0, {sleeps}, id)")
        print("ready", flush=True)
        with stopped.ending(spark.sparkContext.cancelAllJobs):
            rows.collect()
except stopped.Stop as stop:
    print("stopped", stopped.exit_code(stop), flush=True)

def wait_for_no_job():
    while spark.sparkContext.statusTracker().getActiveJobsIds():
        pass

# By another connection than the one that was interrupted.
with ThreadPoolExecutor(1) as pool:
    pool.submit(wait_for_no_job).result()
print("no job", flush=True)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_ends_the_job_that_the_main_thread_waits_for(number: int, code: int) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n", run.communicate()
    time.sleep(3)  # Until Spark has the job.
    run.send_signal(number)
    out, told = run.communicate(timeout=120)
    assert out == f"stopped {code}\nno job\n", told
    assert "Traceback" not in told
