"""The server itself: its settings, its start, and the loop that tells it what is published."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import ResourceMissing, UsageError
from strata.lake.versions import Warehouse
from strata.serve.thrift import guard, site
from strata.serve.thrift.views import Views

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_START_SECONDS = 60
SUBMITTED = "PYSPARK_GATEWAY_PORT"
"""Set where spark-submit has started the JVM."""


@dataclass(frozen=True)
class Door:
    """Where the server listens, who may come in, and how much one query may take."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    max_rows: int = 1_000_000
    """A query that gives more fails; 0 = no limit."""
    max_seconds: int = 600
    """A query that takes longer is cancelled; 0 = no limit."""
    poll_seconds: float = 2.0
    """How often it looks for publications when nobody asks. Each query looks for itself."""
    access: site.Access = site.OPEN
    metastore: site.Metastore | None = None
    """None keeps the names in the server's own memory."""
    allow_internal: bool = False
    """Whether tables with personal columns, or numbers before suppression, are shown."""
    without_login: bool = False
    """Whether it may stand open beyond loopback."""


def settings_of(door: Door, extensions: str) -> dict[str, str]:
    """Spark's settings for such a server, besides its own extensions; UsageError where it would
    stand open to a network.
    """
    if not is_loopback(door.host) and not door.without_login:
        _check_access(door)
    port = door.port or free_port(door.host)
    folder = site.new_folder()
    hive = site.values(door.host, port, door.access, door.metastore, folder)
    settings = {
        **guard.settings(extensions),
        "spark.app.name": "strata-sql",
        "spark.strata.port": str(port),
        "spark.sql.thriftServer.queryTimeout": f"{door.max_seconds}s",
        # One long query does not hold up the short ones.
        "spark.scheduler.mode": "FAIR",
        "spark.sql.catalogImplementation": "hive" if door.metastore else "in-memory",
        "spark.sql.hive.metastore.sharedPrefixes": "org.postgresql",
    }
    if door.access.passwords:
        settings["spark.strata.passwords"] = str(Path(door.access.passwords).resolve())
    if SUBMITTED in os.environ:
        # The JVM runs already, so its class path is what it is, and settings stay in the process.
        return settings | {f"spark.hadoop.{name}": value for name, value in hive.items()}
    # A JVM that is started takes settings by its command line, which everybody can read.
    site.write(folder, hive)
    settings["spark.driver.extraClassPath"] += f"{os.pathsep}{folder}"
    return settings


def _check_access(door: Door) -> None:
    if door.access.kind == "NONE" or not door.access.keystore:
        raise UsageError(
            "a server beyond loopback asks who comes in, and speaks TLS; give --keystore, and "
            f"--passwords or --ldap, or leave out --host {door.host}"
        )


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    return host in ("localhost", "::1") or host.startswith("127.")


class Server:
    """The server in a session of this process; names follow publications until it stops.

    `java` is the JVM behind the session, as `strata.spark.session.java` gives it.
    """

    def __init__(
        self,
        spark: SparkSession,
        java: Any,
        warehouse: Warehouse,
        door: Door,
        say: Callable[[str], None],
    ) -> None:
        guard.check_extensions(spark.conf.get("spark.sql.extensions"))
        self._java = java
        self._door = door
        self._say = say
        self._stopped = threading.Event()
        self._desk = guard.desk(java)
        self._views = Views(java, warehouse, door.allow_internal)
        self.host, self.port = door.host, int(spark.conf.get("spark.strata.port") or 0)
        self._server: Any = None

    def start(self) -> None:
        """Guards the sessions to come, shows what is published, and listens."""
        self._desk.open(self._java.session, self._door.max_rows, True)
        self._check_guard()
        self._views.prepare()
        for change in self._views.refresh():
            self._say(change)
        threading.Thread(target=self._follow, name="strata-thrift", daemon=True).start()
        try:
            self._server = self._desk.listen()
        except Exception as error:
            raise ResourceMissing(f"the Thrift server did not start: {error}") from None
        _wait_for(self.host, self.port)

    def _check_guard(self) -> None:
        """A door that is not guarded must not open: asked of a client's session, once."""
        try:
            self._java.session.newSession().sql("SET spark.sql.ansi.enabled=false")
        except Exception:
            return
        raise UsageError("a reader's session must refuse to change settings; this one did not")

    def _follow(self) -> None:
        milliseconds = int(self._door.poll_seconds * 1000)
        while not self._stopped.is_set():
            try:
                question = self._desk.next(0 if self._views.is_behind else milliseconds)
                if question is not None:
                    self._views.answer(question, self._say)
                elif self._views.is_behind:
                    self._views.describe_next()
                else:
                    for change in self._views.refresh():
                        self._say(change)
            except Exception as error:
                if self._stopped.is_set():
                    return
                self._say(f"what is published cannot be shown as it is: {error}")
                self._stopped.wait(self._door.poll_seconds)

    def stop(self) -> None:
        """Ends following and listening; the session stays."""
        self._stopped.set()
        if self._server is not None:
            self._server.stop()


def _wait_for(host: str, port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.1)
    raise ResourceMissing(f"the Thrift server does not listen on {host}:{port}")
