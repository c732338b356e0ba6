"""The functions as Lambda runs them: their package unpacked in an empty folder, called through the
runtime's own interface (AWS's client of it, and an answering server here), with nothing else of
this machine's Python than the standard library. So an import that the package lacks shows here.

S3, SQS and DynamoDB are moto's server, Redis is real; events have the shapes that AWS sends.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from strata.light.cloud.metadata import Vehicles
from strata.light.cloud.settings import Clients

from tests.unit.light.cloud.world import HEADER, RedisServer, World, make_resources, notice

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
# By its path, for infra has another module of this name.
package = SimpleNamespace(**run_path(str(PROJECT / "infra" / "aws" / "fleet" / "package.py")))
HANDLERS = "strata.light.cloud.handlers"
CARS = {"v": {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}}


class Runtime:
    """Lambda's runtime interface: hands out one event after the other, and takes the answers."""

    def __init__(self) -> None:
        self.events: queue.Queue[Any] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        outer = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                event = outer.events.get()
                self.send_response(200)
                deadline = int((time.time() + 300) * 1000)
                for name, value in (("Aws-Request-Id", "a-1"), ("Deadline-Ms", str(deadline)),
                                    ("Invoked-Function-Arn", "arn:aws:lambda:eu-west-2:1:function:f"),
                                    ("Trace-Id", "Root=1")):  # fmt: skip
                    self.send_header(f"Lambda-Runtime-{name}", value)
                body = json.dumps(event).encode()
                # AWS's client dies of an answer without a type.
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.answers.put((self.path.rpartition("/")[2], json.loads(body)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()


@dataclass
class Unpacked:
    """The package, and what Lambda's image has beside it, each in a folder."""

    task: Path
    image: Path
    log: Path

    def start(self, handler: str, runtime: Runtime, **variables: str) -> subprocess.Popen[bytes]:
        """A process of one function, without this environment's own packages (`-S`)."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.log.parent), "LAMBDA_TASK_ROOT": str(self.task),
            "PYTHONPATH": f"{self.task}:{self.image}", "AWS_LAMBDA_RUNTIME_API": runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": handler, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            **{name: value for name, value in os.environ.items() if name.startswith(("AWS_", "STRATA_FLEET_"))},
            **variables,
        }  # fmt: skip
        command = [sys.executable, "-S", "-s", "-m", "awslambdaric", f"{HANDLERS}.{handler}"]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self.task, env=environment, stdout=log, stderr=log)


class Function:
    """One function in its process, called as Lambda calls it."""

    def __init__(self, unpacked: Unpacked, handler: str, **variables: str) -> None:
        self._runtime = Runtime()
        self._process = unpacked.start(handler, self._runtime, **variables)

    def __call__(self, event: Any, _: Any = None) -> Any:
        self._runtime.events.put(event)
        kind, answer = self._runtime.answers.get(timeout=120)
        assert kind == "response", answer
        return answer

    def first_answer(self) -> tuple[str, Any]:
        return self._runtime.answers.get(timeout=120)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(timeout=20)
        self._runtime.close()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    folder = tmp_path_factory.mktemp("lambda")
    size = package.build(folder / "fleet.zip", machine=())
    assert size < 250e6, "Lambda takes 250 MB unpacked"
    task, image = folder / "task", folder / "image"
    with zipfile.ZipFile(folder / "fleet.zip") as archive:
        archive.extractall(task)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(image))
    subprocess.run((*pip, "awslambdaric==4.2.2", "boto3"), check=True)
    return Unpacked(task, image, folder / "log.txt")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = server.get_host_and_port()
        for name, value in (("DEFAULT_REGION", "eu-west-2"), ("ACCESS_KEY_ID", "test"),
                            ("SECRET_ACCESS_KEY", "test"), ("ENDPOINT_URL", f"http://{host}:{port}")):  # fmt: skip
            patch.setenv(f"AWS_{name}", value)
        patch.setattr("boto3.DEFAULT_SESSION", boto3.Session())
        clients = Clients(make_resources(redis.url))
        for name, value in clients.settings.__dict__.items():
            patch.setenv(f"STRATA_FLEET_{name.upper()}", str(value))
        yield World(clients, Vehicles(clients))
    server.stop()
    redis.stop()


@pytest.fixture
def functions(unpacked: Unpacked, world: World) -> Iterator[dict[str, Function]]:
    names = ("split_events", "load_vehicles", "judge")
    made = {name: Function(unpacked, name) for name in names}
    yield made
    for function in made.values():
        function.end()
    print(unpacked.log.read_text()[-3000:])


def test_the_package_alone_takes_a_file_to_fixes(
    world: World, functions: dict[str, Function]
) -> None:
    """Metadata by S3's own event, events by SQS's: three functions, each in its own process."""
    loaded = functions["load_vehicles"](world.put("fleet/vehicles/v.json", json.dumps(CARS)))
    assert loaded == {"batchItemFailures": []}
    rows = ["v,2026-10-01 06:00:00,1,2,50,moving,60", "v,2026-10-01 06:01:00,1,2,0,idle,60",
            "v,2026-10-01 06:02:00,91,2,0,idle,60"]  # fmt: skip
    key = "fleet/events/delivery=2026-10-02/e.csv"
    world.arrive(world.put(key, HEADER + "\n".join(rows) + "\n"))
    world.pump(world.settings.arrivals, functions["split_events"])
    world.pump(world.settings.moving, functions["judge"])
    world.pump(world.settings.idle, functions["judge"])
    assert world.fixes() == [("v", "06:00:00", 50, 1), ("v", "06:01:00", 0, 1)]
    assert [item["reasons"] for item in world.rejected()] == [["lat must be in [-90, 90]"]]
    assert world.dead() == []


def test_a_message_that_is_no_notice_is_buried_and_the_others_of_its_batch_done(
    world: World, functions: dict[str, Function]
) -> None:
    world.clients.sqs.send_message(QueueUrl=world.settings.arrivals, MessageBody="no JSON")
    world.arrive(notice("fleet/events/delivery=2026-10-02/none.csv"))
    world.pump(world.settings.arrivals, functions["split_events"])
    assert sorted(letter["reason"] for letter in world.dead()) == [
        "a message of an arrival must be JSON; this one is not",
        "s3://raw/fleet/events/delivery=2026-10-02/none.csv is gone",
    ]


def test_the_metadata_api_is_fetched_on_schedule(world: World, unpacked: Unpacked) -> None:
    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(CARS).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/vehicles"
    fetch = Function(unpacked, "fetch_vehicles", STRATA_FLEET_API=address, STRATA_FLEET_RAW="raw")
    try:
        key = fetch({})["key"]
    finally:
        fetch.end()
        server.shutdown()
    body = world.clients.s3.get_object(Bucket="raw", Key=key)["Body"].read()
    assert json.loads(body) == CARS


def test_a_library_that_the_package_lacks_is_told_at_the_start(
    unpacked: Unpacked, world: World
) -> None:
    """The oracle of the tests above: without one module the function does not begin."""
    hidden = unpacked.task / "pyproj"
    hidden.rename(unpacked.task / "hidden")
    function = Function(unpacked, "judge")
    try:
        kind, told = function.first_answer()
    finally:
        function.end()
        (unpacked.task / "hidden").rename(hidden)
    assert (kind, told["errorType"]) == ("error", "Runtime.ImportModuleError")
    assert "pyproj" in told["errorMessage"]
