"""Odd and hostile archives by name, each made here, with what must come of it."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.cases import AB, JSON_AB, MANY, SMALL
from tests.corpus.readback import layout


@dataclass(frozen=True)
class Held:
    """The archive is taken: its members by name, with their number of records."""

    taken: dict[str, int]
    rejected: dict[str, str] = field(default_factory=dict)  # with what the reason says
    ignored: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArchiveCase:
    name: str
    content: bytes
    outcome: Held | str  # or what the reason says for which it is refused whole
    layouts: tuple[Any, ...] = (AB,)
    file_name: str = "x.zip"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, mode: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = method, mode << 16
            archive.writestr(info, content)
    return out.getvalue()


def tarred(*members: tuple[str, bytes], type_: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), type_, link
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def changed(content: bytes, at: int, value: bytes) -> bytes:
    at %= len(content)
    return content[:at] + value + content[at + len(value) :]


def directory(content: bytes) -> int:
    """Where the directory of a zip begins."""
    return int(struct.unpack("<I", content[-6:-2])[0])


def renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    """A zip in which a member has a name that Python would not write."""
    assert len(old) == len(new)
    return content.replace(old, new)


ONE = zipped(("x.csv", SMALL))
STORED = zipped(("x.csv", MANY), method=zipfile.ZIP_STORED)
TWO = zipped(("a.csv", SMALL), ("b.csv", b"a,b\n5,6\n"))
TAR = tarred(("x.csv", MANY))
ZEROS = b"a,b\n" + b"1,2\n" * 6_000_000  # deflate makes it a thousand times smaller
# The fields of a directory entry lie at these places.
FLAGS, CRC, SIZE, OFFSET = 8, 16, 24, 42


def overlapping() -> bytes:
    """Both entries of the directory point to one member."""
    second = TWO.index(b"PK\x01\x02", directory(TWO) + 4)
    return changed(TWO, second + OFFSET, b"\0\0\0\0")


def flagged(flags: bytes) -> bytes:
    return changed(changed(ONE, directory(ONE) + FLAGS, flags), 6, flags)


def lying(size: int) -> bytes:
    return changed(ONE, directory(ONE) + SIZE, struct.pack("<I", size))


HEADLESS = (
    layout("code", "a", "b", options={"header": "none"}, patterns={"code": "[A-Z]{2}[0-9]"}),
)

ARCHIVES = [
    ArchiveCase("one member", ONE, Held({"x.csv": 2})),
    ArchiveCase("a stored member", STORED, Held({"x.csv": 5000})),
    ArchiveCase("two members", TWO, Held({"a.csv": 2, "b.csv": 1})),
    ArchiveCase("a zip by another name", ONE, Held({"x.csv": 2}), file_name="x.csv"),
    ArchiveCase(
        "folders", zipped(("Data/", b""), ("Data/CSV/x.csv", SMALL)), Held({"Data/CSV/x.csv": 2})
    ),
    ArchiveCase(
        "documents beside the data",
        zipped(
            ("Data/x.csv", SMALL),
            ("Doc/columns.csv", b"a name,its meaning\n"),
            ("Doc/licence.txt", b"Crown copyright."),
            ("Doc/guide.pdf", b"%PDF-1.7\n"),
            ("Doc/codes.xlsx", ONE),
            ("__MACOSX/._x.csv", b"\0\5\x16\7"),
            ("Doc/empty.txt", b""),
        ),
        Held(
            {"Data/x.csv": 2},
            ignored={
                "Doc/columns.csv": "also needs 'a', 'b'",
                "Doc/licence.txt": "also needs 'a', 'b'",
                "Doc/guide.pdf": "a PDF document",
                "Doc/codes.xlsx": "an Office document",
                "Doc/empty.txt": "empty",
                "__MACOSX/._x.csv": "start with _",
            },
        ),
    ),
    ArchiveCase(
        "a member beside the data that does not fit",
        zipped(
            ("Data/x.csv", SMALL),
            ("Data/y.csv", b"q,r\n1,2\n"),
            ("Data/readme.txt", b"See the site."),
        ),
        Held(
            {"Data/x.csv": 2},
            rejected={"Data/y.csv": "also needs 'a', 'b'"},
            ignored={"Data/readme.txt": "also needs"},
        ),
    ),
    ArchiveCase(
        "a member that breaks further on",
        zipped(("x.csv", SMALL), ("Data/z.csv", b'a,b\n1,"2\n')),
        Held({"x.csv": 2}, rejected={"Data/z.csv": "record 1 opens"}),
    ),
    ArchiveCase(
        "a member that is not UTF-8",
        zipped(("x.csv", b"a,b\n1,\xe9\n")),
        Held({}, rejected={"x.csv": "byte 6, in record 1,"}),
    ),
    ArchiveCase(
        "JSON in a zip",
        zipped(("x.json", b'[{"a":1,"b":2}]'), ("readme.txt", b"Hello.")),
        Held({"x.json": 1}, ignored={"readme.txt": "text that is not JSON"}),
        (JSON_AB,),
    ),
    ArchiveCase(
        "without a header",
        zipped(("x.csv", b'"AB1",2,3\r\n"AB2",,4\r\n')),
        Held({"x.csv": 2}),
        HEADLESS,
    ),
    ArchiveCase(
        "without a header, the list of columns beside it",
        zipped(("Data/x.csv", b"AB1,2,3\n"), ("Doc/columns.csv", b"code,a,b\n")),
        Held(
            {"Data/x.csv": 1},
            ignored={"Doc/columns.csv": r"column 1, code, must match [A-Z]{2}[0-9]"},
        ),
        HEADLESS,
    ),
    ArchiveCase("no member at all", zipped(), "holds none"),
    ArchiveCase("folders only", zipped(("Data/", b"")), "holds none"),
    ArchiveCase(
        "no member that fits",
        zipped(("x.txt", b"q\n"), ("y.pdf", b"%PDF-")),
        "none of the 2 does; of x.zip/x.txt, its fields",
    ),
    ArchiveCase("an Office document", ONE, "an Office document", file_name="x.xlsx"),
    ArchiveCase("a bomb", zipped(("x.csv", ZEROS)), "expands to at most 100 times"),
    ArchiveCase(
        "a bomb of many members",
        zipped(*((f"{i}.csv", ZEROS[: 8 << 20]) for i in range(3))),
        "expands to at most 100 times",
    ),
    ArchiveCase(
        "10,001 members",
        zipped(*((f"{i}.csv", b"") for i in range(10_001)), method=zipfile.ZIP_STORED),
        "at most 10000 members",
    ),
    ArchiveCase("members that overlap", overlapping(), "one after the other"),
    ArchiveCase("a zip within", zipped(("x.csv", SMALL), ("y.zip", ONE)), "holds no other archive"),
    ArchiveCase(
        "a zip within by another name",
        zipped(("x.csv", SMALL), ("y.csv", ONE)),
        "holds no other archive",
    ),
    ArchiveCase("a gzip within", zipped(("x.csv.gz", packed(SMALL))), "holds no other archive"),
    ArchiveCase("a tar within", zipped(("x.tar", TAR)), "holds no other archive"),
    ArchiveCase(
        "a 7z within",
        zipped(("x.csv", SMALL), ("y", b"7z\xbc\xaf\x27\x1c")),
        "holds no other archive",
    ),
    ArchiveCase("an absolute name", zipped(("/etc/x.csv", SMALL)), "are relative"),
    ArchiveCase("a name with a drive", zipped(("C:/x.csv", SMALL)), "are relative"),
    ArchiveCase("a name that leads out", zipped(("Data/../../x.csv", SMALL)), "do not lead out"),
    ArchiveCase(
        "a name that leads out by backslashes",
        renamed(zipped(("..|x.csv", SMALL)), b"..|x", b"..\\x"),
        "do not lead out",
    ),
    ArchiveCase(
        "a name with a NUL", renamed(zipped(("x|y.csv", SMALL)), b"x|y", b"x\0y"), "names of files"
    ),
    ArchiveCase("a link", zipped(("x.csv", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "no links"),
    ArchiveCase(
        "a device", zipped(("x.csv", b""), mode=stat.S_IFCHR | 0o600), "no links or devices"
    ),
    ArchiveCase("a name twice", renamed(TWO, b"b.csv", b"a.csv"), "stands more than once"),
    ArchiveCase(
        "a name twice in other words",
        zipped(("a/x.csv", SMALL), ("a//x.csv", SMALL)),
        "stands more than once",
    ),
    ArchiveCase("encrypted", flagged(b"\x01\0"), "encrypted"),
    ArchiveCase("strongly encrypted", flagged(b"\x40\0"), "encrypted"),
    ArchiveCase("patched data", flagged(b"\x20\0"), "sound to its last byte"),
    ArchiveCase(
        "a name with an escape sequence", zipped(("x\x1b[2J.csv", SMALL)), "names of files"
    ),
    ArchiveCase("an empty name", zipped(("", SMALL)), "names of files"),
    ArchiveCase(
        "a name that is nothing but a NUL",
        renamed(zipped(("|", SMALL)), b"|", b"\0"),
        "names of files",
    ),
    ArchiveCase(
        "another compression",
        zipped(("x.csv", SMALL), method=zipfile.ZIP_BZIP2),
        "stored or deflated",
    ),
    ArchiveCase("cut off", STORED[:-30], "sound to its last byte"),
    ArchiveCase("cut in the middle", STORED[: len(STORED) // 2], "sound to its last byte"),
    ArchiveCase(
        "a wrong CRC", changed(ONE, directory(ONE) + CRC, b"\1\2\3\4"), "sound to its last byte"
    ),
    ArchiveCase("a flipped bit", changed(STORED, 5000, b"\xff"), "sound to its last byte"),
    ArchiveCase(
        "a flipped bit in a document",
        changed(
            zipped(("x.csv", SMALL), ("d.txt", b"x" * 999), method=zipfile.ZIP_STORED), 300, b"\xff"
        ),
        "sound to its last byte",
    ),
    ArchiveCase("a size too small", lying(5), "sound to its last byte"),
    ArchiveCase("a size too large", lying(500), "is said to have 500 bytes and has 12"),
    ArchiveCase(
        "garbage in the directory",
        changed(ONE, directory(ONE), b"PK\x09\x09"),
        "sound to its last byte",
    ),
    ArchiveCase("tar", TAR, Held({"x.csv": 5000}), file_name="x.tar"),
    ArchiveCase("tar.gz", packed(TAR), Held({"x.csv": 5000}), file_name="x.tar.gz"),
    ArchiveCase(
        "tgz",
        packed(tarred(("./a.csv", SMALL), ("./b.csv", b"a,b\n"))),
        Held({"a.csv": 2, "b.csv": 0}),
        file_name="x.tgz",
    ),
    ArchiveCase(
        "tar: a long name",
        tarred(("d/" * 150 + "x.csv", SMALL)),
        Held({"d/" * 150 + "x.csv": 2}),
        file_name="x.tar",
    ),
    ArchiveCase(
        "tar: a folder only",
        tarred(("d", b""), type_=tarfile.DIRTYPE),
        "holds none",
        file_name="x.tar",
    ),
    ArchiveCase(
        "tar: a link",
        tarred(("x.csv", b""), type_=tarfile.SYMTYPE, link="/etc/passwd"),
        "no links",
        file_name="x.tar",
    ),
    ArchiveCase(
        "tar: a hard link",
        tarred(("x.csv", b""), type_=tarfile.LNKTYPE, link="y"),
        "no links",
        file_name="x.tar",
    ),
    ArchiveCase(
        "tar: a pipe", tarred(("x.csv", b""), type_=tarfile.FIFOTYPE), "no links", file_name="x.tar"
    ),
    ArchiveCase(
        "tar: an absolute name", tarred(("/x.csv", SMALL)), "are relative", file_name="x.tar"
    ),
    ArchiveCase(
        "tar: a name that leads out",
        tarred(("../x.csv", SMALL)),
        "do not lead out",
        file_name="x.tar",
    ),
    ArchiveCase(
        "tar: a name twice",
        tarred(("x.csv", SMALL), ("./x.csv", SMALL)),
        "more than once",
        file_name="x.tar",
    ),
    ArchiveCase("tar: cut off", TAR[:20_000], "sound to its last byte", file_name="x.tar"),
    ArchiveCase(
        "tar: cut behind its member",
        TAR[: 512 + -(-len(MANY) // 512) * 512],
        "cut off or damaged",
        file_name="x.tar",
    ),
    ArchiveCase(
        "tar: a damaged header",
        changed(tarred(("a.csv", SMALL), ("b.csv", SMALL)), 1024 + 150, b"9"),
        "cut off or damaged at byte 1024",
        file_name="x.tar",
    ),
    ArchiveCase("tar.gz: cut off", packed(TAR)[:-9], "must be whole", file_name="x.tar.gz"),
    ArchiveCase(
        "tar.gz: a wrong CRC",
        changed(packed(TAR), -6, b"\x99"),
        "sound to its last byte",
        file_name="x.tar.gz",
    ),
    ArchiveCase(
        "tar.gz: a bomb",
        packed(tarred(("x.csv", ZEROS))),
        "expands to at most 100 times",
        file_name="x.tar.gz",
    ),
    ArchiveCase(
        "tar.gz: a zip within",
        packed(tarred(("x.zip", ONE))),
        "holds no other archive",
        file_name="x.tar.gz",
    ),
]
