"""Figures of a call as one line of CloudWatch's embedded metric format: no request, no library."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

NAMESPACE = "Strata/Fleet"


def embedded(
    function: str, counts: Mapping[str, float], units: Mapping[str, str] | None = None
) -> str:
    """The line; each count is a metric of the function, zero included, so that an alarm on no data
    tells a function that is not called."""
    told = units or {}
    metrics = [{"Name": name, "Unit": told.get(name, "Count")} for name in counts]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, "Function": function, **counts})
