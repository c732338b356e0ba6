"""The processes of docker/compose.yaml, without containers: its own commands, its own environment.

Service names become 127.0.0.1, published ports become free ones and volumes a temporary folder;
nothing else is changed. So a flag that no Spark knows, or a variable that a service lacks, shows
here and not on a developer's machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyhive import hive
from strata.lake.versions import Warehouse
from strata.light.cloud import handlers
from strata.light.cloud.metadata import Vehicles
from strata.light.cloud.settings import Clients

from tests import versitygw
from tests.doors import shop
from tests.doors.publishing import publish
from tests.unit.light.cloud import world

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = PROJECT / "docker" / "compose.yaml"
sys.path.insert(0, str(PROJECT / "infra" / "local"))
environments = import_module("environments")
TINI = ["/usr/bin/tini", "--"]
BIN = Path(sys.executable).parent
# Where Debian's packages put what images have on their path.
PATHS = [str(BIN), os.environ["PATH"], "/usr/lib/postgresql/15/bin"]


class Stack:
    """Services of the compose file as processes."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self.folder = folder
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
        made = subprocess.run(
            [sys.executable, PROJECT / "docker" / "env.py"],
            capture_output=True,
            text=True,
            check=True,
        )
        told = (line.split("=", 1) for line in made.stdout.splitlines())
        self.secrets = {name: value.strip("'") for name, value in told}
        self.spark = Path(pyspark.__file__).parent
        self.ports: dict[str, str] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.stops: list[Callable[[], None]] = []

    def fill(self, text: str) -> str:
        """Secrets put in, names and paths of containers replaced."""
        text = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: self.secrets[found.group(1)], text)
        for name in self.services:
            # In an address, alone, or where Python names a host: ('thrift', 10000).
            text = re.sub(rf"(?:(?<=//)|(?<=@)|(?<=\(')|^){name}(?=:\d|',|$)", "127.0.0.1", text)
        text = re.sub(
            r"(?<![\d.])(7077|7070|808[01]|5000|5432|6379|8000|10000)(?!\d)", self._port, text
        )
        # All addresses of a container are this machine's loopback here.
        text = re.sub(r"^:(\d+)$", r"127.0.0.1:\1", text).replace("0.0.0.0", "127.0.0.1")
        return text.replace("/tmp/work", str(self.folder / "work")).replace(
            "/data", str(self.folder / "s3")
        )

    def _port(self, found: re.Match[str]) -> str:
        # Two workers have one port each in containers of their own: here Spark takes a free one.
        if found.group() == "8081":
            return "0"
        return self.ports.setdefault(found.group(), free_port())

    def environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        own = {key: self.fill(str(value)) for key, value in given.items()}
        path = os.pathsep.join([str(self.spark / "bin"), *PATHS])
        lib = {"PYTHONPATH": str(PROJECT / "lib"), "PYSPARK_PYTHON": sys.executable}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STRATA_", "AWS_"))}
        return kept | lib | own | {"PATH": path}

    def command(self, name: str, *instead: str) -> list[str]:
        """Entry point and command; the images' own entry points are `strata` and `versitygw`."""
        service = self.services[name]
        entry = [str(word) for word in service.get("entrypoint", [])]
        if not entry:
            entry = ["strata"] if service["image"].startswith("strata/") else []
            entry = ["versitygw"] if "versitygw" in service["image"] else entry
        entry = entry[2:] if entry[:2] == TINI else entry
        words = list(instead) or [str(word) for word in service.get("command", [])]
        # A door has the name of its service: such a word is a host only where one is asked for.
        return [
            *entry,
            *(
                word if word in self.services and before != "--host" else self.fill(word)
                for before, word in zip(["", *words], words, strict=False)
            ),
        ]

    def start(self, name: str) -> None:
        with open(self.folder / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                self.command(name), env=self.environment(name), stdout=log, stderr=subprocess.STDOUT
            )

    def check_health(self, name: str) -> None:
        """Asks as the compose file asks, until the answer is good."""
        test = [self.fill(word) for word in self.services[name]["healthcheck"]["test"][1:]]
        ends = time.monotonic() + 600  # A machine that does much besides starts Spark in minutes.
        while subprocess.run(
            test, env=self.environment(name), capture_output=True, check=False
        ).returncode:
            assert self.running[name].poll() is None, (self.folder / f"{name}.log").read_text()
            assert time.monotonic() < ends, (self.folder / f"{name}.log").read_text()
            time.sleep(1)

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            process.wait(timeout=30)
        for stop in self.stops:
            stop()


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    found = Stack(tmp_path)
    (tmp_path / "s3").mkdir()
    yield found
    found.stop()


def needs(program: str) -> None:
    if not shutil.which(program, path=os.pathsep.join(PATHS)):
        pytest.skip(f"{program} is not here")


def needs_s3() -> None:
    """Where no package brought it, it stands where the other tests build it."""
    PATHS.append(str(Path(versitygw.find()).parent))


def test_a_cluster_comes_up_and_a_feed_runs_on_it(stack: Stack) -> None:
    needs_s3()
    stack.start("s3")
    stack.start("spark-master")
    stack.check_health("spark-master")
    for name in ("spark-worker-1", "spark-worker-2"):
        stack.start(name)
    buckets = stack.command("buckets")
    for _ in range(30):  # `restart: on-failure`
        if not subprocess.run(buckets, env=stack.environment("buckets"), check=False).returncode:
            break
        time.sleep(1)
    raw = stack.folder / "s3" / "strata-raw" / "launches" / "launches"
    shutil.copytree(PROJECT / "samples" / "launches" / "launches", raw)
    asked = stack.command("strata", "run", "launches", "--master", "spark://spark-master:7077")
    said = subprocess.run(
        asked, env=stack.environment("strata"), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr[-3000:]
    assert "launches: published as publication 1" in said.stderr
    assert "tables are in s3://strata-warehouse" in said.stderr
    stack.start("thrift")
    stack.check_health("thrift")
    cursor = hive.connect("127.0.0.1", int(stack.ports["10000"]), database="gold").cursor()
    cursor.execute("SELECT max(reuse_count) FROM launches_core_reuse")
    assert cursor.fetchall() == [(13,)]


def start_postgres(stack: Stack) -> None:
    """The image's own start: a cluster whose superuser and password its environment names."""
    from strata.serve.postgres.server import control, find_binaries

    own = stack.environment("postgres")
    # PostgreSQL runs as a user of its own where the tests run as root, and must reach its folder.
    place = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    place.chmod(0o755)
    stack.stops.append(lambda: shutil.rmtree(place, ignore_errors=True))
    folder, port, secret = place / "cluster", stack.fill("5432"), place / "secret"
    folder.mkdir(mode=0o700)
    secret.write_text(own["POSTGRES_PASSWORD"] + "\n")
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
        shutil.chown(secret, "postgres")
    binaries = find_binaries()
    made = [*user, binaries / "initdb", "-D", folder, "-U", own["POSTGRES_USER"], "-A"]
    made += ["scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
    subprocess.run(made, check=True, capture_output=True, cwd="/")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
    log = str(folder / "server.log")
    control(binaries, folder, "start", "-w", "-l", log, "-o", options)
    stack.stops.insert(0, lambda: control(binaries, folder, "stop", "-m", "fast", "-w"))
    import psycopg

    url = (
        f"postgresql://{own['POSTGRES_USER']}:{own['POSTGRES_PASSWORD']}@127.0.0.1:{port}/postgres"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        # A name that a service has too, so it is taken as it stands.
        name = stack.services["postgres"]["environment"]["POSTGRES_DB"]
        connection.execute(f"CREATE DATABASE {name}".encode())


def test_the_doors_open_on_what_is_published(stack: Stack) -> None:
    """PostgreSQL, roles and tables, a load from S3, the API by its token, and a decision on S3."""
    needs_s3()
    stack.start("s3")
    for _ in range(30):
        if not subprocess.run(
            stack.command("buckets"), env=stack.environment("buckets"), check=False
        ).returncode:
            break
        time.sleep(1)
    local = Warehouse(str(stack.folder / "warehouse"))
    publish(local, "commerce", shop.published())
    # The server's bucket is a folder, and an object a file of it.
    shutil.copytree(local.root, stack.folder / "s3" / "strata-warehouse", dirs_exist_ok=True)
    start_postgres(stack)
    for name in ("database", "database", "load"):
        said = subprocess.run(
            stack.command(name),
            env=stack.environment(name),
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, (name, said.stderr[-3000:])
    assert "shop.order_items" in said.stdout
    stack.start("graphql")
    stack.check_health("graphql")
    query = """mutation { updateProduct(change: {productId: "p1", why: "by compose", listPrice: "3",
        expectedVersion: "%s"}) { decisionId } }"""
    read = ask(stack, '{ publication { number } product(productId: "p1") { version } }')
    assert read["publication"] == {"number": 1}
    assert ask(stack, query % read["product"]["version"])["updateProduct"] == {"decisionId": "1"}
    raw = stack.folder / "s3" / "strata-raw" / "commerce" / "product_decisions"
    assert [path.name for path in raw.iterdir()] == ["decision-000000000001.csv"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(stack, "{ publication { number } }", "nobody")


def ask(stack: Stack, query: str, token: str = "") -> dict[str, Any]:
    token = token or stack.secrets["STRATA_API_TOKEN"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.fill('8000')}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = json.load(answer)
    assert "errors" not in told, told
    return dict(told["data"])


def test_redis_answers_as_its_health_check_asks(stack: Stack) -> None:
    needs("redis-server")
    service = stack.services["redis"]
    # The image listens on its one port; here another may be taken.
    service["command"] += ["--bind", "127.0.0.1", "--port", "6379"]
    test = service["healthcheck"]["test"]
    service["healthcheck"]["test"] = [test[0], test[1], "-p", "6379", "ping"]
    stack.start("redis")
    stack.check_health("redis")


def test_the_stand_in_for_aws_takes_a_file_from_s3_to_the_table(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = stack.services["aws"]
    version = metadata.version("moto")
    assert service["image"].endswith(f"/moto:{version}")
    moto = environments.install("moto") / "bin" / "moto_server"
    service |= {"entrypoint": [str(moto)], "command": ["-H", "0.0.0.0", "-p", "5000"]}
    stack.start("aws")
    stack.check_health("aws")
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{stack.fill('5000')}",
        "AWS_DEFAULT_REGION": world.REGION,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }.items():
        monkeypatch.setenv(name, value)
    clients = Clients(world.make_resources(redis_url=""))
    for name, value in vars(clients.settings).items():
        monkeypatch.setenv(f"STRATA_FLEET_{name.upper()}", str(value))
    handlers.clients.cache_clear()
    handlers.vehicles.cache_clear()
    fleet = world.World(clients, Vehicles(clients))
    fleet.load("fleet/vehicles/m.json", {"v": {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}})
    rows = "".join(
        f"v,2026-10-01 06:00:0{n},1,2,{speed},moving,60\n" for n, speed in ((1, 50), (2, 101))
    )
    fleet.arrive(fleet.put("fleet/events/delivery=2026-10-02/a.csv", world.HEADER + rows))
    fleet.drain()
    assert fleet.fixes() == [("v", "06:00:01", 50.0, 1)]
    assert [int(item["record_number"]) for item in fleet.rejected()] == [2]
