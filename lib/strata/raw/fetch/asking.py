"""Asks a web server for a file: redirects, certificates, and what may go better next time.

Each request goes to an IP that was checked, by the name that was typed: nothing is looked up again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.response import BaseHTTPResponse

from strata.errors import BadFile, StrataError, UsageError
from strata.raw.fetch import addresses
from strata.raw.fetch.addresses import Address

MAX_REDIRECTS = 5
TIMEOUT = urllib3.Timeout(connect=20, read=60)
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class Passing(Exception):
    """It may go better next time."""

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


@contextmanager
def answer_of(
    typed: Address, headers: dict[str, str]
) -> Iterator[tuple[Address, BaseHTTPResponse]]:
    """The answer behind at most MAX_REDIRECTS redirects, its body not read yet."""
    address = typed
    for _ in range(MAX_REDIRECTS + 1):
        with _request(address, headers) as answer:
            if answer.status not in _REDIRECTS:
                yield address, answer
                return
            address = addresses.redirected(typed, address, answer.headers.get("Location", ""))
    raise BadFile(
        f"an address redirects at most {MAX_REDIRECTS} times; {typed.shown} does so more often"
    )


@contextmanager
def _request(address: Address, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
    """Asks the IP that was checked, by the name that was typed: nothing is looked up again."""
    pool: urllib3.HTTPConnectionPool
    answer: BaseHTTPResponse | None = None
    why = "no address"
    for ip in address.ips:
        common: dict[str, Any] = {
            "host": ip,
            "port": address.port,
            "timeout": TIMEOUT,
            "retries": False,
            "maxsize": 1,
        }
        if address.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                **common, server_hostname=address.host, assert_hostname=address.host
            )
        else:
            pool = urllib3.HTTPConnectionPool(**common)
        with pool:
            try:
                own = {**headers, "Host": address.authority}
                answer = pool.urlopen(
                    "GET",
                    address.target,
                    headers=own,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
            except SSLError as error:
                raise StrataError(
                    f"{address.shown} must show a certificate that this machine trusts: "
                    f"{first_line(error)}"
                ) from None
            except HTTPError as error:
                why = first_line(error)
                continue
            try:
                yield answer
            finally:
                answer.close()
            return
    raise Passing(why)


def check_status(answer: BaseHTTPResponse, address: Address) -> None:
    """Passing where it may go better next time; UsageError for any other refusal."""
    if answer.status in _PASSING:
        raise Passing(
            f"the server answers {answer.status} {answer.reason or ''}".rstrip(),
            retry_after(answer),
        )
    if answer.status not in (200, 206):
        raise UsageError(
            (
                f"{address.shown} must be there to be taken; the server answers {answer.status} "
                f"{answer.reason or ''}"
            ).rstrip(),
            status=answer.status,
        )


def retry_after(answer: BaseHTTPResponse) -> float | None:
    """Seconds to wait, as the server asks: a number or a date (RFC 9110, section 10.2.3)."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except ValueError:
        return None


def first_line(error: BaseException) -> str:
    """What an error says, on one line."""
    return (str(error) or type(error).__name__).partition("\n")[0]
