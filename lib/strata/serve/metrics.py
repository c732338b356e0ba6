"""What monitoring reads of a warehouse: OpenMetrics text, made from the ledger and the run notes.

Every figure is of the newest publication, or counts all of them; nothing is kept between runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.declare.feed import feed_names
from strata.errors import UsageError
from strata.fs.trouble import explain
from strata.fs.whole import written_whole
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger import publication as ledger
from strata.serve.published import Published
from strata.serve.report.quality import latest_gates, run_seconds

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

FILE_NAME = "metrics.txt"


def text(warehouse: Warehouse) -> str:
    """The metrics as OpenMetrics text."""
    from prometheus_client.openmetrics.exposition import generate_latest

    return str(generate_latest(registry(warehouse)).decode())


def registry(warehouse: Warehouse) -> CollectorRegistry:
    """A registry that reads the warehouse whenever it is asked."""
    from prometheus_client import CollectorRegistry

    class Collector:
        def collect(self) -> Iterator[Any]:
            yield from families(Published(warehouse))

    made = CollectorRegistry()
    made.register(Collector())
    return made


def write(warehouse: Warehouse, path: Path) -> Path:
    """Writes the text whole, for a collector of text files; UsageError or ResourceMissing if it
    cannot."""
    try:
        with written_whole(path) as part:
            part.write_text(text(warehouse), encoding="utf-8")
    except OSError as error:
        raise explain(error) or UsageError(
            f"metrics are a file; {path} cannot be written: {error}"
        ) from None
    return path


def serve(warehouse: Warehouse, port: int) -> int:
    """Answers at `http://127.0.0.1:PORT/metrics` until the process ends; returns the port."""
    from prometheus_client import start_http_server

    server, _ = start_http_server(port, addr="127.0.0.1", registry=registry(warehouse))
    return int(server.server_port)


def families(published: Published) -> Iterator[Any]:
    """The metric families of what is published and of the runs."""
    yield from _of_publications(published)
    yield from _of_gates(published)
    yield from _of_runs(published)


def _gauge(name: str, about: str, labels: tuple[str, ...], unit: str = "") -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, about, labels=labels, unit=unit)


def _of_publications(published: Published) -> Iterator[Any]:
    number = _gauge("strata_publication", "Number of the newest publication", ("feed",))
    at = _gauge("strata_published_at", "When it was published, Unix time", ("feed",), "seconds")
    records = _gauge("strata_records_taken", "Records of all files taken", ("feed",))
    rows = _gauge("strata_rows", "Rows of a published table", ("feed", "table"))
    waiting = _gauge("strata_rows_quarantined", "Rows that wait in quarantine", ("feed", "table"))
    for feed, newest in published.publications.items():
        number.add_metric((feed,), newest.publication)
        if newest.published_at is not None:
            at.add_metric((feed,), newest.published_at.timestamp())
        taken = ledger.files_taken(ledger.lineage(published.ledger(feed))).values()
        records.add_metric((feed,), sum(entry.records for entry in taken))
        for state in newest.tables:
            rows.add_metric((feed, state.table), state.rows)
            waiting.add_metric((feed, state.table), state.rejected)
    yield from (number, at, records, rows, waiting)


def _of_gates(published: Published) -> Iterator[Any]:
    labels = ("feed", "table")
    parts = {
        part: _gauge(f"strata_gate_{part}", f"Rows {words} the table's last gate", labels)
        for part, words in (
            ("rows_in", "that came to"),
            ("accepted", "accepted by"),
            ("quarantined", "quarantined by"),
            ("folded", "folded by"),
        )
    }
    seconds = _gauge("strata_gate_duration", "Time of the table, gate included", labels, "seconds")
    failing = _gauge("strata_gate_warnings", "Rules of severity warning that failed", labels)
    for feed in published.publications:
        for gate in latest_gates(ledger.lineage(published.ledger(feed))):
            for part, family in parts.items():
                family.add_metric((feed, gate.table), getattr(gate, part))
            seconds.add_metric((feed, gate.table), gate.seconds)
            failing.add_metric((feed, gate.table), len(gate.failing))
    yield from (*parts.values(), seconds, failing)


def _of_runs(published: Published) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily

    ended = CounterMetricFamily("strata_runs", "Runs that ended", labels=("feed", "outcome"))
    last = _gauge("strata_last_run_duration", "Time of the last run", ("feed",), "seconds")
    for feed in feed_names():
        notes = attempts.read(published.warehouse, feed)
        for outcome, count in sorted(Counter(note.outcome for note in notes).items()):
            ended.add_metric((feed, outcome), count)
        known = [seconds for note in notes if (seconds := run_seconds(note)) is not None]
        if known:
            last.add_metric((feed,), known[-1])
    yield from (ended, last)
