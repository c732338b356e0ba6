"""CSV records as the bronze columns of a layout, read by Arrow a piece at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from strata.declare.layout import Layout
from strata.errors import ConservationError
from strata.raw.formats import csv_quirks
from strata.raw.formats.chunks import (
    BATCH_RECORDS,
    EXTRA,
    KEPT_BYTES,
    MAX_FIELD_BYTES,
    MAX_RECORD_BYTES,
    RAW_RECORD,
    RECORD_NUMBER,
    Chunk,
    Row,
    batch_schema,
    constant_columns,
    extra_json,
    kept_text,
    rows_batch,
    without_newline,
)
from strata.raw.formats.csv_lines import CR, LF, QUOTE, blank_lines, line_ends, outside_quotes
from strata.raw.formats.csv_quirks import Piece

_BOM = b"\xef\xbb\xbf"


def read(
    blocks: Iterable[bytes], chunk: Chunk, header: Sequence[str], is_quirky: bool, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's records as the layout's bronze columns, in file order."""
    number = chunk.first_record
    pieces = csv_quirks.pieces(blocks, layout.delimiter) if is_quirky else _pieces(blocks)
    for piece in pieces:
        batch = _piece_batch(piece, number, header, layout)
        number += batch.num_rows
        for start in range(0, batch.num_rows, BATCH_RECORDS):
            yield batch.slice(start, BATCH_RECORDS)


def _pieces(blocks: Iterable[bytes]) -> Iterator[Piece]:
    blocks = iter(blocks)
    carry = b""
    for block in blocks:
        carry += block
        ends = _record_ends(carry)
        if len(ends):
            yield Piece(carry[: ends[-1]], ends)
            carry = carry[ends[-1] :]
        elif len(carry) > MAX_RECORD_BYTES:
            size, rest = _skip_record(carry, blocks)
            yield Piece(carry[:KEPT_BYTES], np.array([KEPT_BYTES]), size=size)
            blocks, carry = itertools.chain([rest], blocks), b""
    if carry:
        yield Piece(carry, np.array([len(carry)]))


def _record_ends(data: bytes) -> np.ndarray:
    array = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(array == LF)
    if b'"' in data:
        newlines = newlines[outside_quotes(array, newlines)]
    return newlines + 1


def _skip_record(head: bytes, blocks: Iterator[bytes]) -> tuple[int, bytes]:
    """The size of the record that begins with `head`, and what stands behind it in its last
    block."""
    size, is_open = len(head), head.count(b'"') % 2
    for block in blocks:
        array = np.frombuffer(block, np.uint8)
        newlines = np.flatnonzero(array == LF)
        quotes = np.flatnonzero(array == QUOTE)
        outside = newlines[(np.searchsorted(quotes, newlines) + is_open) % 2 == 0]
        if len(outside):
            end = int(outside[0]) + 1
            return size + end, block[end:]
        size += len(block)
        is_open = (is_open + len(quotes)) % 2
    return size, b""


def _piece_batch(
    piece: Piece, number: int, header: Sequence[str], layout: Layout
) -> pa.RecordBatch:
    if piece.size is not None:
        row = Row(number, len(piece.data), None, raw=kept_text(piece.data, piece.size))
        return rows_batch([row], layout)
    lines = _spans(piece)
    delimiter = layout.delimiter
    records = _normalised(piece, lines, delimiter)
    bad = records.is_bad | _unreadable(records, delimiter)
    try:
        table = _read_arrow(_cut_out(records, bad), header, layout)
    except pa.ArrowInvalid:
        bad |= _ragged(records, len(header), delimiter)
        table = _read_arrow(_cut_out(records, bad), header, layout)
    good = len(bad) - int(np.count_nonzero(bad))
    if table.num_rows != good:
        raise ConservationError(
            f"Arrow reads the records that were counted; from record {number} on, counted "
            f"{good}, read {table.num_rows}",
            planned=good,
            read=table.num_rows,
        )
    starts, ends = lines
    raw = {i: kept_text(piece.data[starts[i] : ends[i]]) for i in np.flatnonzero(bad).tolist()}
    return _bronze_batch(table, bad, raw, number, header, layout)


def _spans(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Where each record begins and ends; blank lines are left out."""
    is_record = ~blank_lines(piece.data, piece.ends)
    starts = np.concatenate([[0], piece.ends[:-1]])
    return starts[is_record], piece.ends[is_record]


@dataclass(frozen=True)
class _Records:
    """Records as RFC 4180 would have them, for Arrow to read."""

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    is_bad: np.ndarray  # known not to parse


def _normalised(piece: Piece, spans: tuple[np.ndarray, np.ndarray], delimiter: str) -> _Records:
    """The records, those with quotes of their own kind written again, each field in quotes."""
    starts, ends = spans
    is_bad = np.zeros(len(ends), np.bool_)
    if not piece.odd and not len(piece.literal):
        return _Records(piece.data, starts, ends, is_bad)
    growth = np.zeros(len(ends), np.int64)
    parts, place = [], 0
    lines = np.sort(np.append(piece.literal, list(piece.odd))).astype(np.int64)
    at = np.searchsorted(ends, piece.ends[lines])
    spans_there = zip(
        lines.tolist(), at.tolist(), starts[at].tolist(), ends[at].tolist(), strict=True
    )
    for line, i, start, end in spans_there:
        record = piece.data[start:end]
        text = (
            _rewritten(record, piece.odd[line], delimiter)
            if line in piece.odd
            else _literal(record, delimiter)
        )
        is_bad[i] = text is None
        growth[i] = len(text or b"") - len(record)
        parts += [piece.data[place:start], text or b""]
        place = end
    parts.append(piece.data[place:])
    shift = np.cumsum(growth)
    return _Records(b"".join(parts), starts + shift - growth, ends + shift, is_bad)


def _rewritten(record: bytes, fields: Sequence[str] | None, delimiter: str) -> bytes | None:
    """The record with each field in quotes; None where it does not parse."""
    if fields is None or b"\0" in record:
        return None
    return (delimiter.join('"' + text.replace('"', '""') + '"' for text in fields) + "\n").encode(
        "latin-1"
    )


def _literal(record: bytes, delimiter: str) -> bytes | None:
    """The same for a record whose quotes are all parts of values."""
    text = without_newline(record)
    if b"\r" in text or b"\0" in text:
        return None
    return (
        b'"'
        + text.replace(b'"', b'""').replace(delimiter.encode(), f'"{delimiter}"'.encode())
        + b'"\n'
    )


def _unreadable(records: _Records, delimiter: str) -> np.ndarray:
    """Which records hold a NUL, a lone CR outside quotes, or a field over the limit."""
    data, starts, ends = records.data, records.starts, records.ends
    array = np.frombuffer(data, np.uint8)
    bad = np.zeros(len(ends), np.bool_)
    if b"\0" in data:
        bad[_records_at(ends, np.flatnonzero(array == 0))] = True
    if b"\r" in data:
        lone = np.flatnonzero(array[:-1] == CR)
        lone = lone[array[lone + 1] != LF]
        bad[_records_at(ends, lone[outside_quotes(array, lone)])] = True
    for i in np.flatnonzero(ends - starts > MAX_FIELD_BYTES):
        record = data[starts[i] : ends[i]]
        _, fields = csv_quirks.parse_record(
            record, line_ends(record, is_end=True), 0, delimiter, is_end=True
        )
        bad[i] |= fields is None or any(len(text) > MAX_FIELD_BYTES for text in fields)
    return bad


def _records_at(ends: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.searchsorted(ends, positions, side="right")


def _ragged(records: _Records, columns: int, delimiter: str) -> np.ndarray:
    """Which records have another number of fields than the header."""
    array = np.frombuffer(records.data, np.uint8)
    delimiters = np.flatnonzero(array == ord(delimiter))
    delimiters = delimiters[outside_quotes(array, delimiters)]
    found = np.searchsorted(delimiters, records.ends) - np.searchsorted(delimiters, records.starts)
    return found != columns - 1


def _cut_out(records: _Records, bad: np.ndarray) -> bytes:
    """The data without the bad records."""
    if not bad.any():
        return records.data
    edges = np.column_stack([records.starts[bad], records.ends[bad]]).ravel().tolist()
    edges = [0, *edges, len(records.data)]
    return b"".join(records.data[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))


def _read_arrow(data: bytes, header: Sequence[str], layout: Layout) -> pa.Table:
    """Every column as strings, named by its place in the header; ArrowInvalid where a row is
    ragged.
    """
    names = [str(i) for i in range(len(header))]
    if not data.strip(b"\r\n"):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    if data.startswith(_BOM):
        # Arrow takes a BOM off whatever it is given, but here it is part of a value. It skips blank
        # lines.
        data = b"\n" + data
    return pa_csv.read_csv(
        pa.BufferReader(data),
        # One block: a record may be longer than Arrow's usual one. One thread: Spark gave us one
        # core.
        read_options=pa_csv.ReadOptions(
            column_names=names, block_size=len(data) + 1, use_threads=False
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=layout.delimiter, newlines_in_values=b'"' in data
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            strings_can_be_null=True,
            null_values=[""],
        ),
    ).combine_chunks()


def _bronze_batch(
    table: pa.Table,
    bad: np.ndarray,
    raw: dict[int, str],
    number: int,
    header: Sequence[str],
    layout: Layout,
) -> pa.RecordBatch:
    """The parsed records and the raw ones together again, in file order."""
    count = len(bad)
    place = pa.array(np.cumsum(~bad) - 1, mask=bad) if raw else None
    column = {name: _spread(table.column(i), place) for i, name in enumerate(header)}
    none = pa.nulls(count, pa.string())
    arrays = {f.column: column.get(f.name, none) for f in layout.fields}
    arrays |= zip(layout.constants, constant_columns(layout, pa.array(~bad)), strict=True)
    arrays[RECORD_NUMBER] = pa.array(np.arange(number, number + count))
    arrays[EXTRA] = _extra(
        {name: c for name, c in column.items() if name not in layout.named}, count
    )
    arrays[RAW_RECORD] = pa.array([raw.get(i) for i in range(count)], pa.string()) if raw else none
    return pa.RecordBatch.from_pydict(arrays, schema=batch_schema(layout))


def _spread(column: pa.ChunkedArray, place: pa.Array | None) -> pa.Array:
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return array if place is None else array.take(place)


def _extra(columns: dict[str, pa.Array], count: int) -> pa.Array:
    if not columns:
        return pa.nulls(count, pa.string())
    rows = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    return pa.array([extra_json(dict(zip(columns, row, strict=True))) for row in rows], pa.string())
