"""Checksums of a whole file, as servers and people tell them.

- `#sha256=<hex>` behind the address, as pip has it; md5, sha1 and sha512 likewise.
- `Repr-Digest` and `Content-Digest` (RFC 9530), `Digest` (RFC 3230), `Content-MD5` (RFC 1864).
- `x-amz-checksum-sha256`, `-sha1` and `-crc32` of S3, `x-goog-hash: md5=` of Google.

A form or algorithm not listed here is passed over; so is what an answer with a part tells of that
part.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag

from strata.errors import UsageError

_NAMES = {
    "md5": "md5",
    "sha": "sha1",
    "sha1": "sha1",
    "sha-1": "sha1",
    "sha256": "sha256",
    "sha-256": "sha256",
    "sha512": "sha512",
    "sha-512": "sha512",
}
_PAIR = re.compile(r"\s*([A-Za-z0-9-]+)=:?([A-Za-z0-9+/=]+?):?\s*")
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Checksum:
    """What the bytes of a file must give."""

    name: str  # sha512, sha256, sha1, md5 or crc32
    expected: bytes

    def of_file(self, path: Path) -> bytes:
        """The file's checksum by this method."""
        with open(path, "rb") as stream:
            if self.name == "crc32":
                crc = 0
                while block := stream.read(_BLOCK_BYTES):
                    crc = zlib.crc32(block, crc)
                return crc.to_bytes(4, "big")
            digest = hashlib.new(self.name, usedforsecurity=False)
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
            return digest.digest()


def stated_in_url(url: str) -> tuple[str, list[Checksum]]:
    """The address without its fragment, and the checksum that the fragment tells."""
    plain, fragment = urldefrag(url)
    if not fragment:
        return plain, []
    name, _, text = fragment.partition("=")
    size = (
        hashlib.new(_NAMES[name.lower()], usedforsecurity=False).digest_size
        if name.lower() in _NAMES
        else 0
    )
    if not size or not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", text):
        raise UsageError(
            "behind the # of an address stands its checksum, such as #sha256=<64 hexadecimal "
            "digits>"
        )
    return plain, [Checksum(_NAMES[name.lower()], bytes.fromhex(text))]


def stated_in_headers(headers: Mapping[str, str], is_part: bool) -> list[Checksum]:
    """The checksums of the whole file that an answer tells."""
    return sorted(set(_stated(headers, is_part)), key=lambda checksum: checksum.name)


def _stated(headers: Mapping[str, str], is_part: bool) -> Iterator[Checksum]:
    told = {name.lower(): value for name, value in headers.items()}
    pairs: list[tuple[str, str | None]] = [
        ("Repr-Digest", None),
        ("Digest", None),
        ("x-goog-hash", None),
    ]
    if not is_part:
        pairs += [("Content-Digest", None), ("Content-MD5", "md5")]
        # A checksum of S3 that ends in -2 is of the two parts of an upload, not of the bytes.
        pairs += [(f"x-amz-checksum-{name}", name) for name in ("sha256", "sha1", "crc32")]
    for header, name in pairs:
        for text in told.get(header.lower(), "").split(","):
            match = (
                _PAIR.fullmatch(text)
                if name is None
                else re.fullmatch(r"\s*()([A-Za-z0-9+/=]+)\s*", text)
            )
            if match:
                yield from _decoded(name or _NAMES.get(match[1].lower(), ""), match[2])


def _decoded(name: str, text: str) -> Iterator[Checksum]:
    try:
        expected = base64.b64decode(text, validate=True)
    except binascii.Error:
        return
    size = (
        4
        if name == "crc32"
        else hashlib.new(name, usedforsecurity=False).digest_size
        if name
        else 0
    )
    if size == len(expected):
        yield Checksum(name, expected)
