"""The metadata API: fetched by HTTP, kept as a raw file, so that both paths read the same bytes."""

from __future__ import annotations

import datetime as dt
import tempfile
from typing import Any

import urllib3

from strata.errors import ResourceMissing
from strata.light.cloud.settings import Clients

_MOST_BYTES = 1 << 30
_LIMITS = urllib3.Timeout(connect=3, read=20)
_RETRY = urllib3.Retry(
    total=4, backoff_factor=0.2, backoff_jitter=0.2, status_forcelist=(429, 500, 502, 503, 504)
)


def fetch(clients: Clients, url: str, bucket: str, today: dt.date, retry: Any = _RETRY) -> str:
    """Fetches the metadata of all vehicles to `fleet/vehicles/delivery=…/metadata_api.json`, whole
    or not at all; returns its key. ResourceMissing where the API does not give it.

    S3 then tells the loader that a file has come.
    """
    key = f"fleet/vehicles/delivery={today.isoformat()}/metadata_api.json"
    pool = urllib3.PoolManager(timeout=_LIMITS, retries=retry)
    try:
        with tempfile.TemporaryFile() as held:
            answer = pool.request("GET", url, preload_content=False)
            if answer.status != 200:
                raise ResourceMissing(
                    f"the metadata API must answer 200; it answers {answer.status}"
                )
            size = 0
            for block in answer.stream(1 << 16):
                size += len(block)
                if size > _MOST_BYTES:
                    raise ResourceMissing(
                        f"metadata have at most {_MOST_BYTES} bytes; these have more"
                    )
                held.write(block)
            answer.release_conn()
            held.seek(0)
            clients.s3.put_object(Bucket=bucket, Key=key, Body=held, ContentType="application/json")
    except urllib3.exceptions.HTTPError as error:
        raise ResourceMissing(f"the metadata API does not answer: {error}") from error
    return key
