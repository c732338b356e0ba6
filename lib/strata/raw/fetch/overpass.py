"""Boundaries of countries from the Overpass API: one polite question a country, and each whole
answer kept as it came.

An answer lies at `overpass/delivery=DATE/CODE.json` in the folder of raw boundaries, DATE being the
day of the map. A country whose answer lies there is not asked for again, so a fetch that was
stopped goes on where it was. `_asked.jsonl` beside the answers says what was asked of whom, with
each answer's SHA-256; the run that takes the files notes the same hash in the ledger.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from strata import __version__
from strata.errors import BadFile, StrataError, UsageError
from strata.fs import files
from strata.raw.fetch import addresses
from strata.raw.fetch.addresses import Address
from strata.raw.fetch.asking import retry_after
from strata.raw.formats.overpass import MAX_BYTES, check_answer

SERVERS = (
    "https://overpass-api.de/api/interpreter",
    "https://overpass.private.coffee/api/interpreter",
    "https://maps.mail.ru/osm/tools/overpass/api/interpreter",
)
"""Public servers that hold the whole planet, in the order in which they are asked
(https://wiki.openstreetmap.org/wiki/Overpass_API#Public_Overpass_API_instances)."""

_EUROPE = """
AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV
MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM TR UA VA XK
"""
EUROPE = tuple(_EUROPE.split())
"""What is asked for where nobody names countries: those of Europe with their European territories,
by ISO 3166-1 alpha-2; XK for Kosovo."""

PAUSE_SECONDS = 2.0
MAX_ATTEMPTS = 6
MAX_WAIT_SECONDS = 300
FIRST_WAIT_SECONDS = 2.0
_TIMEOUT = urllib3.Timeout(connect=20, read=400)
_SERVER_SECONDS = 300
_BLOCK_BYTES = 1 << 20
_PASSING = {408, 425, 429, 500, 502, 503, 504}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asking:
    """What is asked for, of whom, and where the answers go."""

    folder: str
    """The folder of raw boundaries."""
    countries: tuple[str, ...] = EUROPE
    """ISO 3166-1 alpha-2 codes."""
    at: date | None = None
    """The day whose map is asked for, at its first second in UTC; None: the newest map."""
    servers: tuple[str, ...] = SERVERS
    pause_seconds: float = PAUSE_SECONDS
    """Rest between two questions."""
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    """Rest after the first failure; it doubles from round to round."""

    def __post_init__(self) -> None:
        strange = [code for code in self.countries if not (len(code) == 2 and code.isupper())]
        if strange or not self.countries:
            raise UsageError(
                "a country is named by its ISO 3166-1 alpha-2 code, such as LU; got "
                + (", ".join(map(repr, strange)) or "none")
            )


@dataclass
class Fetched:
    """What came of it."""

    files: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    """Countries whose answer lay there already."""


class _Passing(Exception):
    """Another server, or the same later, may answer."""

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


def query(code: str, at: date | None) -> str:
    """The question for one country. The code may stand in either of two tags."""
    pinned = f'[date:"{at.isoformat()}T00:00:00Z"]' if at else ""
    wanted = '["boundary"="administrative"]["admin_level"="2"]'
    return (
        f"[out:json][timeout:{_SERVER_SECONDS}]{pinned};("
        f'relation{wanted}["ISO3166-1"="{code}"];'
        f'relation{wanted}["ISO3166-1:alpha2"="{code}"];'
        ");out meta geom;"
    )


def fetch(asking: Asking, say: Say) -> Fetched:
    """Asks for each country in turn and keeps the answers.

    UsageError where a server refuses the question, or has no such country; StrataError where no
    server gives a whole answer. What came before lies there, and is not asked for again.
    """
    resolved = [addresses.resolve(server) for server in asking.servers]
    fetched = Fetched()
    missing: list[str] = []
    there = _there(asking)
    for code in dict.fromkeys(asking.countries):
        if code in there:
            fetched.there.append(code)
            continue
        if fetched.files or missing:
            time.sleep(asking.pause_seconds)
        server, content, answer = _ask(code, asking, resolved, say)
        if not answer["elements"]:
            missing.append(code)
            say(f"soil: {code}: the map has no country of that code")
            continue
        fetched.files.append(_keep(code, asking, server, content, answer))
        say(f"soil: {code}: {len(content):,} bytes from {server.host}")
    if missing:
        raise UsageError(
            f"a country is a relation of admin_level 2 with its ISO 3166-1 code; the map has none "
            f"for {', '.join(missing)}: name others, or take their boundary from another source",
            missing=missing,
        )
    return fetched


# --- asking ---------------------------------------------------------------------------------------


def _ask(
    code: str, asking: Asking, servers: Sequence[Address], say: Say
) -> tuple[Address, bytes, dict[str, Any]]:
    """The first whole answer, of whichever server gives it."""
    said = ""
    for attempt in range(MAX_ATTEMPTS):
        server = servers[attempt % len(servers)]
        try:
            content = _post(server, query(code, asking.at))
            answer = check_answer(content)
            _check_date(answer, asking.at)
            return server, content, answer
        except BadFile as error:
            trouble = _Passing(str(error))
        except _Passing as error:
            trouble = error
        said = f"{server.shown}: {trouble}"
        if attempt + 1 < MAX_ATTEMPTS:
            wait = _wait_seconds(trouble, attempt, asking)
            say(
                f"soil: {code}: {said}; asking {'again' if len(servers) == 1 else 'the next'} "
                f"in {wait:.1f} s"
            )
            time.sleep(wait)
    raise StrataError(
        f"{code} could not be fetched in {MAX_ATTEMPTS} attempts; at last, {said}; run again to go "
        "on from there",
        country=code,
    )


def _wait_seconds(trouble: _Passing, attempt: int, asking: Asking) -> float:
    """As long as the server asks, where it is the one to be asked next; else longer from round to
    round.
    """
    servers = len(asking.servers)
    own = asking.first_wait_seconds * 2 ** (attempt // servers) * random.uniform(0.5, 1)
    if trouble.wait_seconds is None:
        return own
    if trouble.wait_seconds > MAX_WAIT_SECONDS and servers == 1:
        raise StrataError(
            f"the server asks to wait {trouble.wait_seconds:.0f} s, more than the "
            f"{MAX_WAIT_SECONDS} s that are waited; run again then to go on from there"
        )
    return trouble.wait_seconds if servers == 1 else own


def _check_date(answer: dict[str, Any], at: date | None) -> None:
    """A mirror without the map's history answers with today's: that is not what was asked for."""
    told = str((answer.get("osm3s") or {}).get("timestamp_osm_base", ""))
    if at and told and told[:10] < at.isoformat():
        raise BadFile(f"the map must be of {at.isoformat()}; the server's is older, of {told[:10]}")


def _post(server: Address, text: str) -> bytes:
    body = urlencode({"data": text}).encode()
    headers = {
        "User-Agent": f"strata/{__version__} (soil boundaries)",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "Host": server.authority,
    }
    try:
        with _request(server, body, headers) as answer:
            return _body(answer)
    except HTTPError as error:
        raise _Passing(str(error).partition("\n")[0] or type(error).__name__) from None


def _body(answer: BaseHTTPResponse) -> bytes:
    status = f"the server answers {answer.status} {answer.reason or ''}".rstrip()
    if answer.status in _PASSING:
        raise _Passing(status, retry_after(answer))
    parts, size = [], 0
    for block in answer.stream(_BLOCK_BYTES, decode_content=True):
        size += len(block)
        if size > MAX_BYTES:
            raise BadFile(f"an Overpass answer takes at most {MAX_BYTES} bytes")
        parts.append(block)
    if answer.status == 400:
        raise UsageError(f"{status}: the question is refused; look at the date that it names")
    if answer.status != 200:
        raise _Passing(status)
    return b"".join(parts)


@contextmanager
def _request(server: Address, body: bytes, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
    pool: urllib3.HTTPConnectionPool
    common: dict[str, Any] = {"port": server.port, "timeout": _TIMEOUT, "retries": False}
    if server.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            server.ips[0], server_hostname=server.host, assert_hostname=server.host, **common
        )
    else:
        pool = urllib3.HTTPConnectionPool(server.ips[0], **common)
    with pool:
        answer = pool.urlopen(
            "POST", server.target, body=body, headers=headers, redirect=False, preload_content=False
        )
        try:
            yield answer
        finally:
            answer.close()


# --- keeping --------------------------------------------------------------------------------------


def _place(asking: Asking) -> str:
    return f"{asking.folder}/overpass"


def _there(asking: Asking) -> set[str]:
    """The countries whose answer lies there: of the day that is asked for, else of any day within
    this one's folder.
    """
    day = asking.at or datetime.now(timezone.utc).date()
    folder = f"{_place(asking)}/delivery={day.isoformat()}"
    return {code for code in asking.countries if files.exists(f"{folder}/{code}.json")}


def _keep(
    code: str, asking: Asking, server: Address, content: bytes, answer: dict[str, Any]
) -> str:
    now = datetime.now(timezone.utc)
    day = asking.at or now.date()
    folder = f"{_place(asking)}/delivery={day.isoformat()}"
    place = f"{folder}/{code}.json"
    files.write_bytes(place, content)
    asked = {
        "country": code,
        "server": server.shown,
        "query": query(code, asking.at),
        "asked_at": now.isoformat(timespec="seconds"),
        "map_at": (answer.get("osm3s") or {}).get("timestamp_osm_base", ""),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    log = f"{folder}/_asked.jsonl"
    before = files.read_bytes(log) if files.exists(log) else b""
    files.write_bytes(log, before + json.dumps(asked).encode() + b"\n")
    return place
