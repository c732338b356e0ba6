"""Searches files for texts: whole, and the values of those that are Parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import compute, parquet

from strata.errors import BadFile
from strata.fs import files

_BLOCK_BYTES = 8 << 20
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")


def holds(uri: str, needles: tuple[bytes, ...]) -> bool:
    """Whether a file holds one of these texts, whatever their case; of Parquet, in its values."""
    try:
        content = files.read_bytes(uri)
    except BadFile:
        if files.exists(uri):
            raise
        return False  # Another feed's run has taken it back meanwhile.
    folded = content.lower()
    if any(needle.lower() in folded for needle in needles):
        return True
    others = [needle.decode().lower() for needle in needles if not needle.isascii()]
    told = _as_text(content) if others else ""
    if any(text in told for text in others):
        return True
    # The bytes of a Parquet file are compressed: its values are searched.
    if not content.startswith(b"PAR1"):
        return False
    file = parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    groups = (file.read_row_group(number) for number in range(file.metadata.num_row_groups))
    texts = [needle.decode() for needle in needles]
    return any(
        _any_match(column, text) for group in groups for column in group.columns for text in texts
    )


def lies_in(uri: str, needles: tuple[bytes, ...]) -> bool:
    """Whether one of these texts lies in the bytes of a file, of any size and kind, whatever its
    case; not in what is compressed or of another encoding than UTF-8.
    """
    wanted = [needle.lower() for needle in needles]
    longest = max(map(len, wanted), default=1)
    before = b""
    try:
        with files.open_input(uri) as stream:
            for block in files.read_blocks(stream, _BLOCK_BYTES):
                before = before[-longest:] + block.lower()
                if any(needle in before for needle in wanted):
                    return True
    except (BadFile, OSError):
        pass  # Who asks is told that it was not read.
    return False


def _as_text(content: bytes) -> str:
    """In lower case, with the characters that JSON escapes, even JSON within JSON, as they are."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), content.decode(errors="replace"))
    whole = text.encode("utf-16-le", "surrogatepass")  # An escaped pair is one character.
    return whole.decode("utf-16-le", "replace").lower()


def _any_match(values: pa.ChunkedArray, text: str) -> bool:
    return any(
        compute.any(compute.match_substring(leaf, text, ignore_case=True)).as_py()
        for chunk in values.chunks
        for leaf in _leaves(chunk)
        if len(leaf)
    )


def _leaves(values: pa.Array) -> Iterator[pa.Array]:
    """Every text within an array, however deep; bytes are taken as text too."""
    kind = values.type
    if pa.types.is_struct(kind):
        for part in values.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        yield from _leaves(values.keys)
        yield from _leaves(values.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(values.flatten())
    elif pa.types.is_dictionary(kind):
        yield from _leaves(values.dictionary)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        yield values
