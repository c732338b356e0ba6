"""Downloads a raw file by its web address, in a stream: resumed, checked, and never taken twice.

What came so far lies in a hidden folder of the raw folder, and is moved to its place in one step
when it is whole. It goes on where it was cut off, in this run or the next, if the server says by
ETag or Last-Modified that it is the same file still. The next run asks whether the file has
changed, and takes nothing if it has not.

Where the raw folder is on S3, parts lie in a scratch folder of this machine, and only within one
run.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from strata import __version__
from strata.errors import BadFile, StrataError
from strata.fs import files
from strata.raw.fetch import addresses
from strata.raw.fetch.addresses import Address
from strata.raw.fetch.asking import Passing, answer_of, check_status, first_line
from strata.raw.fetch.checksums import Checksum, stated_in_headers, stated_in_url

MAX_BYTES = 64 << 30
MAX_SECONDS = 6 * 3600
MAX_ATTEMPTS = 6  # in a row that bring nothing
MAX_WAIT_SECONDS = 120
FIRST_WAIT_SECONDS = 0.5
STATES = ".downloads"  # below the raw folder; no source lists it
_BLOCK_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)")

Say = Callable[[str], None]


@dataclass
class State:
    """What is known of a file at an address: of the part that came, or of the whole that lies in
    its place.
    """

    etag: str = ""
    last_modified: str = ""
    bytes: int = 0  # of the whole; 0: not told
    path: str = ""  # where the whole lies, below its source's folder; empty: not there yet

    @property
    def validator(self) -> str:
        """By which a server can tell that a part is of the same file; a weak ETag cannot."""
        return (
            self.etag
            if self.etag and not self.etag.startswith("W/")
            else ""
            if self.etag
            else self.last_modified
        )


@dataclass
class Download:
    """One address, and where its file goes."""

    url: str
    raw: str  # folder, or address on S3
    feed: str
    source: str
    scratch: Path  # for the part that came so far
    say: Say

    def __post_init__(self) -> None:
        self.url, self.expected = stated_in_url(self.url)
        self.folder = f"{self.raw}/{self.feed}/{self.source}"
        # Only a hash of the address: its query may hold a secret.
        self.key = hashlib.sha256(self.url.encode()).hexdigest()[:16]
        self.part, self.part_state = (
            self.scratch / f"{self.key}.part",
            f"{self.scratch}/{self.key}.part.json",
        )
        self.state = f"{self.raw}/{STATES}/{self.feed}/{self.source}/{self.key}.json"
        self.deadline = time.monotonic() + MAX_SECONDS

    def fetch(self) -> str:
        """Where the file lies, downloaded if it is not there or has changed.

        UsageError for an address that is wrong, BadFile for content that cannot be trusted,
        StrataError where the server does not give it however often it is asked.
        """
        typed = addresses.resolve(self.url)
        self.scratch.mkdir(parents=True, exist_ok=True)
        idle = 0
        while True:
            before = self._came()
            try:
                return self._attempt(typed)
            except Passing as error:
                idle = 0 if self._came() > before else idle + 1
                self._wait(typed, error, idle)

    def _wait(self, typed: Address, error: Passing, idle: int) -> None:
        # Spread, so that many clients do not come back at once.
        wait = (
            error.wait_seconds
            if error.wait_seconds is not None
            else FIRST_WAIT_SECONDS * 2**idle * random.uniform(0.5, 1)
        )
        if (
            idle >= MAX_ATTEMPTS
            or wait > MAX_WAIT_SECONDS
            or time.monotonic() + wait > self.deadline
        ):
            asked = (
                f"; it asks to wait {wait:.0f} s"
                if wait > MAX_WAIT_SECONDS
                else f"; tried {idle} times in a row"
                if idle
                else ""
            )
            raise StrataError(
                f"{typed.shown} could not be downloaded: {error}{asked}; run again to go on "
                f"from byte {self._came()}"
            )
        self.say(f"{self.feed}: {typed.shown}: {error}; once more in {wait:.1f} s")
        time.sleep(wait)

    def _attempt(self, typed: Address) -> str:
        known, part = self._known(), _read_state(self.part_state)
        came = self._came()
        headers = {"Accept-Encoding": "identity", "User-Agent": f"strata/{__version__}"}
        if came and part.validator:
            headers |= {"Range": f"bytes={came}-", "If-Range": part.validator}
        elif known.path:
            headers |= {"If-None-Match": known.etag} if known.etag else {}
            headers |= (
                {"If-Modified-Since": known.last_modified}
                if known.last_modified and not known.etag
                else {}
            )
        with answer_of(typed, headers) as (address, answer):
            if answer.status == 304 and known.path:
                self.say(f"{self.feed}: {address.shown}: unchanged, nothing downloaded")
                return f"{self.folder}/{known.path}"
            start = self._start(answer, part, came)
            state = _state_of(answer, start)
            check_status(answer, address)
            _check_size(state.bytes, address)
            self._receive(answer, start, state, address)
            return self._finish(
                state,
                [*self.expected, *stated_in_headers(answer.headers, answer.status == 206)],
                address,
            )

    def _start(self, answer: BaseHTTPResponse, part: State, came: int) -> int:
        """The byte at which the answer goes on; the part is thrown away where it cannot go on."""
        if answer.status == 416:
            self._discard()
            raise Passing("the part that came is of another file")
        if answer.status != 206:
            return 0
        told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        new = _state_of(answer, came)
        if not told or int(told[1]) != came or new.validator != part.validator:
            self._discard()
            raise Passing("the server answers with a part of another file")
        return came

    def _receive(
        self, answer: BaseHTTPResponse, start: int, state: State, address: Address
    ) -> None:
        if not start:
            # Before the state tells of another file, or its rest would be added to this one's head.
            self.part.unlink(missing_ok=True)
        _write_state(self.part_state, state)
        with open(self.part, "r+b" if start else "wb") as sink:
            sink.seek(start)
            try:
                for block in answer.stream(_BLOCK_BYTES, decode_content=False):
                    sink.write(block)
                    _check_size(sink.tell(), address)
                    if time.monotonic() > self.deadline:
                        raise StrataError(
                            f"a download takes at most {MAX_SECONDS} s; {address.shown} takes "
                            "longer"
                        )
            except (HTTPError, OSError) as error:
                if (
                    isinstance(error, OSError)
                    and error.errno
                    and not isinstance(error, (ConnectionError, TimeoutError))
                ):
                    raise
                raise Passing(
                    f"the connection broke at byte {sink.tell()}: {first_line(error)}"
                ) from None
        if state.bytes and self._came() < state.bytes:
            raise Passing(f"the answer ended at byte {self._came()} of {state.bytes}")

    def _finish(self, state: State, checksums: list[Checksum], address: Address) -> str:
        size = self._came()
        if state.bytes and size != state.bytes:
            self._discard()
            raise BadFile(
                f"a file has the length that its server tells; {address.shown} tells "
                f"{state.bytes} bytes and gave {size}"
            )
        for checksum in checksums:
            found = checksum.of_file(self.part)
            if found != checksum.expected:
                self._discard()
                raise BadFile(
                    f"a file has the checksum that was told; the {checksum.name} of "
                    f"{address.shown} is {found.hex()} "
                    f"and not {checksum.expected.hex()}: nothing was taken",
                    checksum=checksum.name,
                )
        name = self._known().path or self._name(address)
        place = f"{self.folder}/{name}"
        files.put_file(str(self.part), place)
        state.bytes, state.path = size, name
        _write_state(self.state, state)
        self._discard()
        checked = f", {', '.join(c.name for c in checksums)} checked" if checksums else ""
        self.say(f"{self.feed}: {address.shown}: {size:,} bytes downloaded{checked}")
        return place

    def _name(self, address: Address) -> str:
        """Its name in the source's folder: the last part of the path typed, behind any `delivery=`
        folder in it.
        """
        parts = [unquote(part) for part in urlsplit(self.url).path.split("/")]
        name = re.sub(r"[/\x00-\x1f]", "_", parts[-1]).lstrip("._")[:120] or address.host.replace(
            ":", "_"
        )
        deliveries = [part for part in parts[:-1] if re.fullmatch(r"delivery=[0-9-]+", part)][:1]
        place = "/".join([*deliveries, name])
        if files.exists(f"{self.folder}/{place}"):
            # Somebody else's, or another address's: both stay.
            place = "/".join([*deliveries, f"{self.key[:8]}-{name}"])
        return place

    def _known(self) -> State:
        """The whole file as it was taken; nothing where it no longer lies there so."""
        state = _read_state(self.state)
        place = f"{self.folder}/{state.path}"
        return (
            state
            if state.path and files.exists(place) and files.stat_input(place).size == state.bytes
            else State()
        )

    def _came(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        Path(self.part_state).unlink(missing_ok=True)


# --- what is kept -----------------------------------------------------------------------------


def _check_size(size: int, address: Address) -> None:
    if size > MAX_BYTES:
        raise BadFile(
            f"a download has at most {MAX_BYTES} bytes; {address.shown} has more", bytes=size
        )


def _state_of(answer: BaseHTTPResponse, start: int) -> State:
    length = answer.headers.get("Content-Length", "")
    whole = start + int(length) if length.isascii() and length.isdigit() else 0
    return State(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""), whole)


def _read_state(uri: str) -> State:
    """Nothing where there is none, or it was cut off: then the file is downloaded again."""
    try:
        return State(**json.loads(files.read_bytes(uri)))
    except (BadFile, ValueError, TypeError):
        return State()


def _write_state(uri: str, state: State) -> None:
    files.write_bytes(uri, json.dumps(asdict(state)).encode())
