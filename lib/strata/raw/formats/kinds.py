"""What kind of file it is, by its first bytes: the name is not trusted."""

from __future__ import annotations

import codecs

from strata.raw.formats import flatgeobuf

HEAD_BYTES = 512  # as many as a kind is known by
GZIP = b"\x1f\x8b"
BOM = codecs.BOM_UTF8

TAR, ZIP = "a tar archive", "a zip archive"
GEOPACKAGE, KML, PARQUET = "a GeoPackage", "a KML document", "a Parquet file"
_MAGIC = (
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"PAR1\x15", PARQUET),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\x04\x22\x4d\x18", "an lz4 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"%PDF-", "a PDF document"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC\x0a", "an ORC file"),
    (b"ARROW1\x00\x00", "an Arrow file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word document"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x7fELF", "a program"),
    (b"\x00\x00\xfe\xff", "UTF-32 text: convert it to UTF-8"),
    (b"\xff\xfe\x00\x00", "UTF-32 text: convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text: convert it to UTF-8"),
    (b"\xff\xfe", "UTF-16 text: convert it to UTF-8"),
)
_MARKUP = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
)
# Zip archives by their bytes, but documents to everybody.
_OFFICE = (".xlsx", ".xlsm", ".docx", ".pptx", ".ods", ".odt", ".odp")


def is_gzip(head: bytes) -> bool:
    """Whether the bytes begin a gzip stream."""
    return head.startswith(GZIP)


def kind_of(head: bytes, name: str = "") -> str:
    """`flatgeobuf`, `json`, `text`, or in words what else the file is, by its first HEAD_BYTES
    bytes.
    """
    if head.startswith(flatgeobuf.MAGIC):
        return "flatgeobuf"
    if is_gzip(head):
        return "a gzip file within a gzip file"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return _of_magic(kind, head, name)
    if head[257:262] == b"ustar":
        return TAR
    return _of_text(head.removeprefix(BOM).lstrip().lower())


def _of_text(text: bytes) -> str:
    if b"<kml" in text and text.startswith((b"<?xml", b"<kml")):
        return KML
    for start, kind in _MARKUP:
        if text.startswith(start):
            return kind
    return "json" if text[:1] in (b"{", b"[") else "text"


def _of_magic(kind: str, head: bytes, name: str) -> str:
    """The kind by its first bytes, where these begin several kinds."""
    if kind == ZIP and name.lower().endswith(_OFFICE):
        return "an Office document"
    # A GeoPackage says so in the application id of its SQLite header.
    return GEOPACKAGE if head[68:71] in (b"GPK", b"GP1") else kind


def is_archive(head: bytes, name: str) -> bool:
    """Whether it holds other files: a zip, tar or compressed file that is no Office document."""
    return is_gzip(head) or kind_of(head, name).endswith("archive")
