"""Raw files told of again, as if they came now."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from urllib.parse import quote_plus

from strata.light.cloud.queues import Outgoing, send_all
from strata.light.cloud.settings import Clients


def replay(clients: Clients, bucket: str, prefix: str) -> int:
    """Sends one notice an object below a prefix to the splitter's queue; returns how many.

    What is written again is the same, so a replay changes nothing of what stands already.
    """
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    notices = [Outgoing(json.dumps({"Records": [_notice(bucket, key, now)]})) for key in keys]
    return send_all(clients, clients.settings.arrivals, notices)


def _notice(bucket: str, key: str, now: str) -> dict[str, Any]:
    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
    return {"eventName": "ObjectCreated:Replay", "eventTime": now, "s3": s3}
