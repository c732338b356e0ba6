"""Metrics: the ledger's figures as OpenMetrics text, read back by the format's own parser."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger.attempts import Attempt
from strata.serve import metrics

from tests.unit.serve.test_report import warehouse  # noqa: F401  (a fixture)

NOTES = (
    Attempt("r1", "toy", "2026-03-01T00:00:00+00:00", "2026-03-01T00:00:40+00:00", "published", 1),
    Attempt("r2", "toy", "2026-03-02T00:00:00+00:00", "2026-03-02T00:00:10.5+00:00", "gate failed"),
    Attempt("r3", "toy", "2026-03-03T00:00:00+00:00", "", "running"),
)
EXPECTED = {
    ("strata_publication", "toy", ""): 2.0,
    ("strata_published_at_seconds", "toy", ""): 1772409600.0,  # 2026-03-02T00:00Z
    ("strata_records_taken", "toy", ""): 6.0,
    ("strata_rows", "toy", "gold.toy_days"): 2.0,
    ("strata_rows_quarantined", "toy", "gold.toy_days"): 2.0,
    ("strata_gate_rows_in", "toy", "gold.toy_days"): 6.0,
    ("strata_gate_accepted", "toy", "gold.toy_days"): 3.0,
    ("strata_gate_quarantined", "toy", "gold.toy_days"): 2.0,
    ("strata_gate_folded", "toy", "gold.toy_days"): 1.0,
    ("strata_gate_duration_seconds", "toy", "gold.toy_days"): 1.5,
    ("strata_gate_warnings", "toy", "gold.toy_days"): 1.0,
    ("strata_runs_total", "toy", "published"): 1.0,
    ("strata_runs_total", "toy", "gate failed"): 1.0,
    ("strata_runs_total", "toy", "running"): 1.0,
    ("strata_last_run_duration_seconds", "toy", ""): 10.5,
}


def read(text: str) -> dict[tuple[str, str, str], float]:
    return {
        (
            sample.name,
            sample.labels["feed"],
            sample.labels.get("table", sample.labels.get("outcome", "")),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def noted(warehouse: Warehouse) -> Warehouse:  # noqa: F811
    for note in NOTES:
        attempts.note(warehouse, note)
    return warehouse


def test_the_file_has_the_ledgers_figures(noted: Warehouse, tmp_path: Path) -> None:
    path = metrics.write(noted, tmp_path / "metrics.txt")
    text = path.read_text()
    assert text.endswith("# EOF\n")
    assert read(text) == EXPECTED


def test_a_service_answers_on_loopback_with_what_is_published_now(noted: Warehouse) -> None:
    port = metrics.serve(noted, 0)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics",
        headers={"Accept": "application/openmetrics-text; version=1.0.0"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert read(answer.read().decode())["strata_publication", "toy", ""] == 2.0
