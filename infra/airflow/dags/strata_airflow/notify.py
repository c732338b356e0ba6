"""Tells whoever is on duty, in one sentence: to the log, and to STRATA_ALERT_URL as JSON."""

from __future__ import annotations

import json
import logging
import os
from typing import Any
from urllib.request import Request, urlopen

log = logging.getLogger("strata.airflow")


def failed(context: Any) -> None:
    """Failure callback of every task."""
    tell(failure_sentence(context))


async def late(dag_id: str, hours: float, **_: Any) -> None:
    """Deadline callback: the run is not done in time."""
    tell(f"{dag_id} is not done {hours:g} hours after it was queued; see the runbook")


def failure_sentence(context: Any) -> str:
    """`strata_soil.run failed: exit code 3: silver.soil_sites …`."""
    ti = context["ti"]
    reason = str(context.get("exception") or "no reason given").splitlines()[0]
    return f"{ti.dag_id}.{ti.task_id} failed: {reason}"


def tell(sentence: str) -> None:
    """Says it; an alert that cannot be sent must not hide the failure itself."""
    log.error("%s", sentence)
    url = os.environ.get("STRATA_ALERT_URL", "")
    if not url.startswith(("https://", "http://127.0.0.1")):
        return
    body = json.dumps({"text": sentence}).encode()
    try:
        urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10).close()
    except OSError as error:
        log.warning("the alert could not be sent: %s", error)
