"""A real cluster on loopback: a standalone Spark master, workers, and an S3 server.

    python infra/local/cluster.py                              # until Ctrl-C; prints what to set
    python infra/local/cluster.py -- sh -c 'strata run launches --master "$STRATA_MASTER"'
    python infra/local/cluster.py --archive environment.tar.gz # executors run EMR's archive
    python infra/local/cluster.py --connect                    # and a server of Spark Connect

The workers start executors in processes of their own, with their own Python: what a cluster does
that one JVM does not. Strata reaches them as its wheel, which the driver hands out. The S3 server
is versitygw where it is on the PATH (objects are files, and stay), else moto's (in memory). Every
port is on 127.0.0.1. Exit code: the command's own.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

PROJECT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
STARTS_WITHIN_S = 300
BUCKETS = ("strata-raw", "strata-warehouse")


@dataclass
class Cluster:
    """What runs, and how to reach it."""

    master: str
    processes: dict[str, subprocess.Popen[bytes]]
    environment: dict[str, str] = field(default_factory=dict)
    """What a command in it needs: master, S3 server, keys of that server alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts a cluster; runs a command in it, or waits to be stopped."""
    parser = argparse.ArgumentParser(description="Run a Spark cluster and an S3 server here.")
    parser.add_argument("--workers", type=int, default=2, help="workers of one core (default: 2)")
    parser.add_argument("--memory", default="2g", help="memory of each worker (default: 2g)")
    parser.add_argument("--archive", type=Path, help="environment archive for the executors")
    parser.add_argument(
        "--connect", action="store_true", help="a server of Spark Connect too, as SPARK_REMOTE"
    )
    parser.add_argument("--folder", type=Path, help="logs and objects (default: a temporary one)")
    parser.add_argument("command", nargs="*", help="a command to run in it, after --")
    options = parser.parse_args(arguments)
    if options.archive and not options.archive.is_file():
        print(
            f"cluster: {options.archive} is no file; infra/emr/package.py makes it", file=sys.stderr
        )
        return 2
    # Whoever ends it by TERM ends its servers too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            cluster = stack.enter_context(start(folder, options.workers, options.memory))
            given = cluster.environment | executor_settings(folder, options.archive)
            if options.connect:
                given |= add_connect(cluster, folder)
        except (TimeoutError, subprocess.CalledProcessError) as error:
            print(f"cluster: {error}", file=sys.stderr)
            return 1
        if options.command:
            return subprocess.run(options.command, env=os.environ | given, check=False).returncode
        for name, value in given.items():
            print(f"export {name}={shlex.quote(value)}")
        print('# strata run launches --master "$STRATA_MASTER"; Ctrl-C here ends the cluster')
        sys.stdout.flush()
        return _watch(cluster, folder)


def _watch(cluster: Cluster, folder: Path) -> int:
    """Until Ctrl-C, or until a process of the cluster ends by itself."""
    try:
        while True:
            for name, process in cluster.processes.items():
                if process.poll() is not None:
                    told = (folder / f"{name}.log").read_text(errors="replace").splitlines()
                    print(f"cluster: {name} has ended: {''.join(told[-1:])}", file=sys.stderr)
                    return 1
            time.sleep(1)
    except KeyboardInterrupt:
        return 0


@contextmanager
def start(folder: Path, workers: int = 2, memory: str = "2g") -> Iterator[Cluster]:
    """A cluster whose processes end with the block, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    port, page = free_port(), free_port()
    cluster = Cluster(f"spark://{HOST}:{port}", {})
    try:
        _start_s3(cluster, folder)
        master = ["--host", HOST, "--port", str(port), "--webui-port", str(page)]
        _spark(cluster, folder, "master", [f"{_DEPLOY}.master.Master", *master])
        for number in range(1, workers + 1):
            add_worker(cluster, folder, f"worker-{number}", memory)
        _wait(lambda: _alive(page) == workers, f"{workers} workers that register")
        cluster.environment |= _spark_environment(cluster.master)
        yield cluster
    finally:
        for process in reversed(cluster.processes.values()):
            process.terminate()
        for process in cluster.processes.values():
            process.wait(timeout=30)


_DEPLOY = "org.apache.spark.deploy"


def add_worker(cluster: Cluster, folder: Path, name: str, memory: str) -> None:
    """One worker of one core, as a process of its own."""
    options = ["--host", HOST, "--cores", "1", "--memory", memory, "--webui-port", "0"]
    options += ["--work-dir", str(folder / name)]
    _spark(cluster, folder, name, [f"{_DEPLOY}.worker.Worker", *options, cluster.master])


def add_connect(cluster: Cluster, folder: Path, master: str = "local[2]") -> dict[str, str]:
    """A server of Spark Connect; returns what a client without a JVM needs to find it.

    It has the settings that conf/spark/local.conf gives to any Spark: clients bring the rest.
    """
    port = free_port()
    settings = {
        "spark.master": master,
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(port),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.endpoint": cluster.environment.get("AWS_ENDPOINT_URL", ""),
        "spark.hadoop.fs.s3a.endpoint.region": cluster.environment.get("AWS_REGION", "us-east-1"),
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.delta.logStore.s3a.impl": "io.delta.storage.S3SingleDriverLogStore",
    }
    given = [part for item in settings.items() for part in ("--conf", "=".join(item))]
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    local = ["--properties-file", str(PROJECT / "conf" / "spark" / "local.conf")]
    command = ["spark-submit", *local, *given, "--class", server, "spark-internal"]
    _spark(cluster, folder, "connect", command)
    _wait(lambda: _listens(port), "a server of Spark Connect that answers")
    return {"SPARK_REMOTE": f"sc://{HOST}:{port}"}


def executor_settings(folder: Path, archive: Path | None = None) -> dict[str, str]:
    """What gives Strata to the executors: its wheel, or the archive that EMR uses in place of this
    environment's Python; as spark-submit's options, for a session that Python starts.
    """
    if archive is None:
        wheel = build_wheel(folder)
        return {"PYSPARK_SUBMIT_ARGS": shlex.join(["--py-files", str(wheel), "pyspark-shell"])}
    options = ["--conf", f"spark.archives={archive.resolve()}#environment", "pyspark-shell"]
    return {
        "PYSPARK_SUBMIT_ARGS": shlex.join(options),
        # The driver tells the executors which Python to start.
        "PYSPARK_PYTHON": "./environment/bin/python",
    }


def build_wheel(folder: Path) -> Path:
    """Strata's wheel, under a name by which Spark puts it on the executors' path: it passes over
    what does not end in .zip, .egg or .jar, and a wheel is a zip.
    """
    source, target = folder / "source", folder / "strata.zip"
    # A copy, for setuptools leaves its work in the folder that it builds, and takes what it finds.
    shutil.copytree(
        PROJECT / "lib", source / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(PROJECT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(pip, check=True)
    next(folder.glob("strata-*.whl")).replace(target)
    shutil.rmtree(source)
    return target


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _spark_environment(master: str) -> dict[str, str]:
    return {
        "STRATA_MASTER": master,
        # Driver and executors call each other on loopback.
        "SPARK_LOCAL_IP": HOST,
    }


def _spark(cluster: Cluster, folder: Path, name: str, arguments: Sequence[str]) -> None:
    import pyspark

    home = Path(pyspark.__file__).parent
    # Executors take their environment from the worker that starts them; Strata comes to them by
    # the driver, as to machines of their own.
    own = {"SPARK_LOCAL_IP": HOST, "SPARK_HOME": str(home), "PYTHONPATH": ""}
    own |= {"PYSPARK_PYTHON": sys.executable, "SPARK_DAEMON_MEMORY": "512m"}
    program = arguments[0] if arguments[0].startswith("spark-") else "spark-class"
    command = [str(home / "bin" / program), *arguments[arguments[0] == program :]]
    _begin(cluster, folder, name, command, cluster.environment | own)


def _start_s3(cluster: Cluster, folder: Path) -> None:
    """An S3 server with two buckets, and keys made for it alone."""
    port, key, secret = free_port(), secrets.token_hex(8), secrets.token_hex(16)
    gateway = shutil.which("versitygw")
    if gateway:
        objects = folder / "s3"
        for bucket in BUCKETS:
            (objects / bucket).mkdir(parents=True, exist_ok=True)
        address = ["--port", f"{HOST}:{port}", "--region", "us-east-1"]
        command = [gateway, *address, "posix", str(objects)]
        own = {"ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret}
    else:
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(port)]
        own = {}
    _begin(cluster, folder, "s3", command, own)
    cluster.environment |= {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "STRATA_RAW": f"s3://{BUCKETS[0]}",
        "STRATA_WAREHOUSE": f"s3://{BUCKETS[1]}",
    }
    _wait(lambda: _listens(port), "an S3 server that answers")
    if not gateway:
        _make_buckets(cluster.environment)


def _make_buckets(environment: Mapping[str, str]) -> None:
    import boto3

    s3 = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)


def _begin(
    cluster: Cluster, folder: Path, name: str, command: Sequence[str], own: Mapping[str, str]
) -> None:
    with open(folder / f"{name}.log", "ab") as log:
        environment = {**os.environ, **own}
        cluster.processes[name] = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=PROJECT
        )


def _alive(page: int) -> int:
    try:
        with urlopen(f"http://{HOST}:{page}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])
    except OSError:
        return 0


def _listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex((HOST, port)) == 0


def _wait(is_done: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while not is_done():
        if time.monotonic() > ends:
            raise TimeoutError(f"a cluster needs {what}; after {STARTS_WITHIN_S} s there is none")
        time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
