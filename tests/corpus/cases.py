"""Odd and damaged files by name, each made here, with what must come of it."""

from __future__ import annotations

import dataclasses
import gzip
import lzma
from dataclasses import dataclass
from typing import Any

from tests.corpus.readback import layout

AB = layout("a", "b")
JSON_AB = layout("a", "b", format="json")
LINES_A = layout("a", optional=("b",), format="json")
AT_RECORDS = layout("a", format="json", options={"records": "records"})


@dataclass(frozen=True)
class Accepted:
    """The file is taken."""

    records: int
    unparsed: tuple[int, ...] = ()  # numbers of the records that come back whole
    first: tuple[str | None, str | None] | None = None  # a and b of record 1
    blank_lines: int = 0
    parser: str | None = None


@dataclass(frozen=True)
class Refused:
    """The file is left out whole, with a reason that says this."""

    says: str


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    outcome: Accepted | Refused
    layouts: tuple[Any, ...] = (AB,)
    file_name: str = "x.csv"


def _gz(*members: bytes) -> bytes:
    return b"".join(gzip.compress(member, mtime=0) for member in members)


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :]


SMALL = b"a,b\n1,2\n3,4\n"
MANY = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(5000))

CSV = [
    Case("plain", SMALL, Accepted(2, first=("1", "2"), parser="rfc4180")),
    Case("no newline at the end", b"a,b\n1,2\n3,4", Accepted(2)),
    Case("one record without newline", b"a,b\n1,2", Accepted(1, first=("1", "2"))),
    Case("CRLF", b"a,b\r\n1,2\r\n3,4\r\n", Accepted(2, first=("1", "2"))),
    Case("CRLF cut after the last CR", b"a,b\r\n1,2\r", Accepted(1, first=("1", "2"))),
    Case("LF and CRLF mixed", b"a,b\n1,2\r\n3,4\n", Accepted(2, first=("1", "2"))),
    Case("only lone CRs", b"a,b\r1,2\r3,4\r", Refused("tr '\\r' '\\n'")),
    Case("a lone CR in an unquoted field", b"a,b\n1,x\ry\n3,4\n", Accepted(2, unparsed=(1,))),
    Case("a lone CR between records", b"a,b\n1,2\r3,4\n5,6\n", Accepted(2, unparsed=(1,))),
    Case("a lone CR within quotes", b'a,b\n1,"x\ry"\n', Accepted(1, first=("1", "x\ry"))),
    Case("CR CR LF", b"a,b\n1,2\r\r\n3,4\n", Accepted(2, unparsed=(1,))),
    Case("a CR alone on a line", b"a,b\n\r\r\n3,4\n", Accepted(2, unparsed=(1,))),
    Case("BOM", b"\xef\xbb\xbfa,b\n1,2\n", Accepted(1, first=("1", "2"))),
    Case(
        "BOM before a quoted header", b'\xef\xbb\xbf"a","b"\n1,2\n', Accepted(1, first=("1", "2"))
    ),
    Case(
        "BOM at the start of a value",
        b"a,b\n\xef\xbb\xbf1,2\n",
        Accepted(1, first=("\ufeff1", "2")),
    ),
    Case("two BOMs", b"\xef\xbb\xbf\xef\xbb\xbfa,b\n1,2\n", Refused("also needs 'a'")),
    Case("empty", b"", Refused("empty")),
    Case("only a BOM", b"\xef\xbb\xbf", Refused("empty")),
    Case("only white space", b" \n\t\n\n", Refused("empty")),
    Case("header only", b"a,b\n", Accepted(0)),
    Case("header only without newline", b"a,b", Accepted(0)),
    Case("header and blank lines", b"a,b\n\n\r\n\n", Accepted(0, blank_lines=3)),
    Case("blank lines about", b"\n\na,b\n\n1,2\n\n\r\n3,4\n\n", Accepted(2, blank_lines=6)),
    Case("a line of spaces is a record", b"a,b\n  \n1,2\n", Accepted(2, unparsed=(1,))),
    Case("short and long rows", b"a,b\n1\n1,2\n1,2,3\n", Accepted(3, unparsed=(1, 3))),
    Case("first row ragged", b"a,b\n1,2,3\n4,5\n", Accepted(2, unparsed=(1,))),
    Case("every row ragged", b"a,b\n1\n2\n", Accepted(2, unparsed=(1, 2))),
    Case("a comma at the end of each row", b"a,b\n1,2,\n", Accepted(1, unparsed=(1,))),
    Case("empty fields", b'a,b\n,\n"",""\n', Accepted(2, first=(None, None))),
    Case("columns in another order", b"b,a\n1,2\n", Accepted(1, first=("2", "1"))),
    Case("more columns", b"a,x,b\n1,9,2\n", Accepted(1, first=("1", "2"))),
    Case("a column missing", b"a,x\n1,2\n", Refused("also needs 'b'")),
    Case("no header row", b"1,2\n3,4\n", Refused("also needs 'a', 'b'")),
    Case("spaces about header names", b"a , b\n1,2\n", Accepted(1, first=("1", "2"))),
    Case("header names twice", b"a,b,a\n1,2,3\n", Refused("stands once")),
    Case("header names twice but for case", b"a,b,A\n1,2,3\n", Refused("stands once")),
    Case("other case in the header", b"A,B\n1,2\n", Refused("also needs 'a', 'b'")),
    Case(
        "semicolons",
        b"a;b\n1;2\n",
        Accepted(1, first=("1", "2")),
        (layout("a", "b", options={"delimiter": ";"}),),
    ),
    Case(
        "tabs",
        b"a\tb\n1\t2\n",
        Accepted(1, first=("1", "2")),
        (layout("a", "b", options={"delimiter": "\t"}),),
    ),
    Case("semicolons where commas are known", b"a;b\n1;2\n", Refused("also needs")),
    Case(
        "semicolons where both are known",
        b"a;b\n1;2\n",
        Accepted(1, first=("1", "2")),
        (AB, layout("a", "b", options={"delimiter": ";"}, name="semicolons")),
    ),
    Case("doubled quotes", b'a,b\n1,"x ""y"" z"\n', Accepted(1, first=("1", 'x "y" z'))),
    Case("nothing but quotes", b'a,b\n"""",""""""\n', Accepted(1, first=('"', '""'))),
    Case(
        "backslash before a quote",
        b'a,b\n1,"C:\\dir\\"\n3,4\n',
        Accepted(2, first=("1", "C:\\dir\\")),
    ),
    Case("newlines in quotes", b'a,b\n1,"x\ny\n\nz"\n3,4\n', Accepted(2, first=("1", "x\ny\n\nz"))),
    Case("CRLF in quotes", b'a,b\r\n1,"x\r\ny"\r\n', Accepted(1, first=("1", "x\r\ny"))),
    Case("a newline in the header", b'"a","b\n"\n1,2\n', Accepted(1, first=("1", "2"))),
    Case("inches", b'a,b\n1,5" pipe\n3,4\n', Accepted(2, first=("1", '5" pipe'), parser="python")),
    Case(
        "inches and a newline in quotes",
        b'a,b\n1,5" pipe\n2,"x\ny"\n',
        Accepted(2, parser="python"),
    ),
    Case("a space before a quote", b'a,b\n1, "x"\n3,4\n', Accepted(2, first=("1", ' "x"'))),
    Case("a space and comma before a quote", b'a,b\n1, "x,y"\n3,4\n', Accepted(2, unparsed=(1,))),
    Case(
        "text behind a closing quote",
        b'a,b\n1,"x"y\n3,4\n',
        Accepted(2, unparsed=(1,), parser="python"),
    ),
    Case(
        "inches with a lone CR", b'a,b\n1,5"\rx\n3,4\n', Accepted(2, unparsed=(1,), parser="python")
    ),
    Case("inches with a NUL", b'a,b\n1,5"\0x\n3,4\n', Accepted(2, unparsed=(1,), parser="python")),
    Case(
        "inches in a ragged row", b'a,b\n1,5",x\n3,4\n', Accepted(2, unparsed=(1,), parser="python")
    ),
    Case(
        "quoted names parted by another mark",
        b'"a";"b"\n1;2\n',
        Refused("its fields are perhaps parted by ';': write it with ','"),
    ),
    Case("a quote left open", b'a,b\n1,"x\n3,4\n5,6\n', Refused("record 1 opens at byte 6")),
    Case(
        "a quote left open in the last record",
        b'a,b\n1,2\n3,"x',
        Refused("record 2 opens at byte 10"),
    ),
    Case(
        "a quote left open before a quoted field",
        b'a,b\n1,"x\n2,"y"\n3,4\n',
        Refused("several lines, in record 1"),
    ),
    Case(
        "a quote left open behind inches",
        b'a,b\n1,5" pipe\n2,"y\n3,4\n',
        Refused("still open at the end of the file, in record 2"),
    ),
    Case("a quote left open in the header", b'a,"b\n1,2\n', Refused("header cannot be read")),
    Case("text behind a quote in the header", b'"a"x,b\n1,2\n', Refused("header cannot be read")),
    Case("Latin-1", b"a,b\n1,2\n3,caf\xe9\n", Refused("byte 13, in record 2,")),
    Case("Latin-1 in the header", b"a,b,caf\xe9\n1,2,3\n", Refused("before the first record")),
    Case("Latin-1 at the end", b"a,b\n1,2\n3,\xe9", Refused("byte 10, in record 2,")),
    Case(
        "no UTF-8 from the first byte on", b"\xd0\xcf\x11\xe0\0\0", Refused("must be UTF-8; byte 0")
    ),
    Case("half a UTF-8 character at the end", b"a,b\n1,\xe2\x82", Refused("byte 6, in record 1,")),
    Case("a surrogate in UTF-8", b"a,b\n1,\xed\xa0\x80\n", Refused("byte 6")),
    Case("UTF-8", "a,b\nß,日本\n".encode(), Accepted(1, first=("ß", "日本"))),
    Case("UTF-16 with BOM", "a,b\n1,2\n".encode("utf-16"), Refused("UTF-16")),
    Case("UTF-16 without BOM", "a,b\n1,2\n".encode("utf-16-le"), Refused("UTF-16")),
    Case("UTF-32", "a,b\n1,2\n".encode("utf-32"), Refused("UTF-32")),
    Case("NUL bytes", b"a,b\n1,x\0y\n3,4\n", Accepted(2, unparsed=(1,))),
    Case("a NUL within quotes", b'a,b\n1,"x\0\ny"\n3,4\n', Accepted(2, unparsed=(1,))),
    Case(
        "odd line separators are no newlines",
        "a,b\n1,x\u2028y\x0bz\x85\n".encode(),
        Accepted(1, first=("1", "x\u2028y\x0bz\x85")),
    ),
    Case("a field just short enough", b"a,b\n1," + b"x" * (1 << 20) + b"\n3,4\n", Accepted(2)),
    Case(
        "a field too long",
        b"a,b\n1," + b"x" * ((1 << 20) + 1) + b"\n3,4\n",
        Accepted(2, unparsed=(1,)),
    ),
    Case(
        "a quoted field too long",
        b'a,b\n1,"' + b"x\n" * (1 << 20) + b'"\n3,4\n',
        Accepted(2, unparsed=(1,)),
    ),
    Case(
        "a record of 20 MB", b"a,b\n1," + b"x" * 20_000_000 + b"\n3,4\n", Accepted(2, unparsed=(1,))
    ),
    Case(
        "2,000 columns", b"a,b," + b",".join(b"c%d" % i for i in range(1998)) + b"\n", Accepted(0)
    ),
    Case(
        "2,001 columns",
        b"a,b," + b",".join(b"c%d" % i for i in range(1999)) + b"\n",
        Refused("2001"),
    ),
    Case(
        "a million columns",
        b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n",
        Refused("at most 2000 columns"),
    ),
    Case("a header without end", b"x" * 3_000_000, Refused("a header takes less than")),
    Case("one column", b"a\n1\n\n3\n", Accepted(2, blank_lines=1), (layout("a", optional=("b",)),)),
    Case(
        "one column, empty in quotes",
        b'a\n""\n3\n',
        Accepted(2, first=(None, None)),
        (layout("a", optional=("b",)),),
    ),
    Case("formulas stay text", b"a,b\n=1+1,@x\n", Accepted(1, first=("=1+1", "@x"))),
    Case("an HTML page", b"<!DOCTYPE html>\n<html>a,b</html>", Refused("an HTML page")),
    Case("an XML error", b'<?xml version="1.0"?><Error/>', Refused("an XML document")),
]

CONTAINERS = [
    Case("gzip", _gz(SMALL), Accepted(2, first=("1", "2")), file_name="x.csv.gz"),
    Case("gzip by another name", _gz(SMALL), Accepted(2)),
    Case("gzip members joined", _gz(b"a,b\n1,", b"2\n3,4\n"), Accepted(2, first=("1", "2"))),
    Case("gzip with zero padding", _gz(SMALL) + b"\0" * 512, Accepted(2)),
    Case("gzip with a BOM within", _gz(b"\xef\xbb\xbf" + SMALL), Accepted(2)),
    Case("gzip with inches", _gz(b'a,b\n1,5" pipe\n3,4\n'), Accepted(2, first=("1", '5" pipe'))),
    Case(
        "gzip that is a bomb",
        _gz(b"a,b\n" + b"1,2\n" * 6_000_000),
        Refused("expands to at most 100 times"),
    ),
    Case("gzip of nothing", _gz(b""), Refused("empty")),
    Case("gzip cut off", _gz(MANY)[:-100], Refused("cut off")),
    Case("gzip without its last byte", _gz(SMALL)[:-1], Refused("cut off")),
    Case("gzip cut within its header", _gz(SMALL)[:6], Refused("cut off")),
    Case("gzip with a flipped bit", _flipped(_gz(MANY), 2000), Refused("sound to its last byte")),
    Case(
        "gzip with a wrong CRC",
        _flipped(_gz(SMALL), -8 % len(_gz(SMALL))),
        Refused("sound to its last byte"),
    ),
    Case("gzip with garbage behind", _gz(SMALL) + b"garbage", Refused("sound to its last byte")),
    Case("gzip within gzip", _gz(_gz(SMALL)), Refused("gzip file within")),
    Case("text named .gz", SMALL, Refused("named .gz"), file_name="x.csv.gz"),
    Case("xz", lzma.compress(SMALL), Refused("an xz archive")),
    Case("zstd", b"\x28\xb5\x2f\xfd" + SMALL, Refused("a zstd archive")),
    Case("Parquet", b"PAR1\x15\x04\x15", Refused("a Parquet file")),
    Case("a header that begins like Parquet", b"PAR1,a,b\n0,1,2\n", Accepted(1, first=("1", "2"))),
    Case("a header that begins like ORC", b"ORCDRC,a,b\n0,1,2\n", Accepted(1, first=("1", "2"))),
    Case("PDF", b"%PDF-1.7\n", Refused("a PDF document")),
    Case(
        "FlatGeobuf where there is none",
        b"fgb\x03fgb\x00" + b"\0" * 20,
        Refused("this one is flatgeobuf"),
    ),
]


CODES = layout(
    "code",
    optional=("a", "b"),
    options={"header": "none"},
    patterns={"code": "[A-Z]{2}[0-9]", "a": "[0-9]+"},
    name="codes",
)
LONGER = layout(
    "a", "b", "c", "d", options={"header": "none"}, patterns={"a": "[0-9]+"}, name="longer"
)
HEADLESS = [
    Case(
        "no header: plain",
        b"AB1,2,3\nAB2,4,5\n",
        Accepted(2, first=("2", "3"), parser="rfc4180"),
        (CODES,),
    ),
    Case(
        "no header: quotes and CRLF",
        b'"AB1",2,"x"\r\n"AB2",,""\r\n',
        Accepted(2, first=("2", "x")),
        (CODES,),
    ),
    Case(
        "no header: BOM and blank lines",
        b"\xef\xbb\xbf\n\nAB1,2,3\n\n",
        Accepted(1, first=("2", "3"), blank_lines=3),
        (CODES,),
    ),
    Case("no header: values twice", b"AB1,,\nAB1,2,2\n", Accepted(2, first=(None, None)), (CODES,)),
    Case(
        "no header: one record without newline", b"AB1,2,3", Accepted(1, first=("2", "3")), (CODES,)
    ),
    Case(
        "no header: later records may break it",
        b"AB1,2,3\nx,y,z\nAB2\n",
        Accepted(3, unparsed=(3,)),
        (CODES,),
    ),
    Case(
        "no header: inches",
        b'AB1,2,5" pipe\n',
        Accepted(1, first=("2", '5" pipe'), parser="python"),
        (CODES,),
    ),
    Case(
        "no header: yet there is one",
        b"code,a,b\nAB1,2,3\n",
        Refused("column 1, code, must match [A-Z]{2}[0-9]"),
        (CODES,),
    ),
    Case(
        "no header: a required value is empty",
        b",2,3\n",
        Refused("column 1, code, must match"),
        (CODES,),
    ),
    Case(
        "no header: another pattern broken",
        b"AB1,x,3\n",
        Refused("column 2, a, must match [0-9]+"),
        (CODES,),
    ),
    Case("no header: a match is of the whole value", b"AB12,2,3\n", Refused("column 1"), (CODES,)),
    Case(
        "no header: too many columns", b"AB1,2,3,4\n", Refused("it has 3 columns, not 4"), (CODES,)
    ),
    Case("no header: too few columns", b"AB1\n", Refused("it has 3 columns, not 1"), (CODES,)),
    Case(
        "no header: the first record does not parse",
        b'"AB1"x,2,3\n',
        Refused("must parse"),
        (CODES,),
    ),
    Case("no header: empty", b"", Refused("empty"), (CODES,)),
    Case("no header: of two layouts", b"1,2,3,4\n", Accepted(1, first=("1", "2")), (CODES, LONGER)),
    Case(
        "no header: neither of two layouts",
        b"1,2\n",
        Refused("codes: it has 3 columns, not 2; longer: it has 4"),
        (CODES, LONGER),
    ),
    Case(
        "no header: where both kinds are known",
        b"AB1,2,3\n",
        Accepted(1, first=("2", "3")),
        (AB, CODES),
    ),
    Case(
        "a header where both kinds are known",
        b"b,a\n1,2\n",
        Accepted(1, first=("2", "1")),
        (AB, CODES),
    ),
    Case(
        "neither kind",
        b"x,y\n1,2\n",
        Refused("also needs 'a', 'b'; found 'x', 'y'"),
        (AB, CODES),
    ),
    Case(
        "no header: semicolons",
        b"AB1;2;3\n",
        Accepted(1),
        (AB, dataclasses.replace(CODES, options={"header": "none", "delimiter": ";"})),
    ),
]


def _json(name: str, text: str | bytes, outcome: Accepted | Refused, *layouts: Any) -> Case:
    content = text.encode() if isinstance(text, str) else text
    return Case("JSON: " + name, content, outcome, layouts or (JSON_AB,), "x.json")


# Deeper than is decoded here, and not so deep as to exhaust anybody's stack.
DEEP = "[" * 250 + "]" * 250
DEEPER = '{"c":' * 300 + "1" + "}" * 300
JSON = [
    _json(
        "array",
        '[{"a":"1","b":"2"}, {"a":3,"b":4}]',
        Accepted(2, first=("1", "2"), parser="json-array"),
    ),
    _json("array with a BOM", b'\xef\xbb\xbf[{"a":"1","b":"2"}]', Accepted(1)),
    _json(
        "lines",
        '{"a":"1","b":"2"}\n{"a":3,"b":4}\n',
        Accepted(2, first=("1", "2"), parser="json-lines"),
    ),
    _json(
        "lines, CRLF and blank ones",
        '{"a":"1","b":"2"}\r\n\r\n{"a":3,"b":4}',
        Accepted(2, parser="json-lines"),
    ),
    _json(
        "objects of several lines",
        '{\n"a":"1",\n"b":"2"\n}\n{\n"a":3,"b":4}',
        Accepted(2, parser="json-objects"),
    ),
    _json(
        "objects on one line",
        '{"a":1,"b":2}{"a":3,"b":4} {"a":5,"b":6}',
        Accepted(3, parser="json-objects"),
    ),
    _json("one object", '{"a":"1","b":"2"}', Accepted(1, first=("1", "2"))),
    _json(
        "lines, then objects of several lines",
        '{"a":1,"b":2}\n{\n"a":3,"b":4}\n',
        Accepted(2, parser="json-objects"),
    ),
    _json(
        "array at a path",
        '{"x":[1],"records":[{"a":"1"},{"a":2}],"y":{}}',
        Accepted(2, first=("1", None)),
        AT_RECORDS,
    ),
    _json("no array at the path", '{"x":[1]}', Refused("in an array at records"), AT_RECORDS),
    _json(
        "no array but an object at the path",
        '{"records":{"a":1}}',
        Refused("in an array at records"),
        AT_RECORDS,
    ),
    _json(
        "array at a longer path",
        '{"elements":[],"data":{"n":2,"rows":[{"a":"1"}]}}',
        Accepted(1, first=("1", None)),
        layout("a", format="json", options={"records": "data.rows"}),
    ),
    _json(
        "the array stands twice",
        '{"records":[],"records":[{"a":1}]}',
        Refused("stands twice"),
        AT_RECORDS,
    ),
    _json("empty array", "[]", Accepted(0)),
    _json("empty array at the path", '{"records": [ ]}', Accepted(0), AT_RECORDS),
    _json("empty", "", Refused("empty")),
    _json("white space", " \n ", Refused("empty")),
    _json("array cut off", '[{"a":1,"b":2},{"a":3,', Refused("cut off")),
    _json("array cut off between records", '[{"a":1,"b":2},', Refused("cut off")),
    _json("array not closed", '[{"a":1,"b":2}', Refused("the end of the file")),
    _json(
        "array at the path cut off",
        '{"records":[{"a":1}]',
        Refused("the end of the file"),
        AT_RECORDS,
    ),
    _json("comma missing", '[{"a":1,"b":2} {"a":3,"b":4}]', Refused("behind record 1, at byte 15")),
    _json("comma too many", '[{"a":1,"b":2},]', Refused("behind record 1")),
    _json("value missing", '[{"a":1,"b":2},{"a":,"b":4}]', Refused("behind record 1")),
    _json("text behind the array", '[{"a":1,"b":2}] x', Refused("behind the end")),
    _json("last object cut off", '{\n"a":1,"b":2}\n{\n"a":3,', Refused("cut off")),
    _json(
        "one object broken",
        '{\n"a":1,"b":2}\n{\n"a":3 "b":4}\n{"a":5,"b":6}',
        Refused("behind record 1"),
    ),
    _json(
        "a line broken", '{"a":1,"b":2}\n{"a":,"b":4}\n{"a":5,"b":6}\n', Accepted(3, unparsed=(2,))
    ),
    _json("the last line cut off", '{"a":1,"b":2}\n{"a":3,"b', Accepted(2, unparsed=(2,))),
    _json("the first line broken", '{"a":,"b":2}\n{"a":3,"b":4}\n', Accepted(2, unparsed=(1,))),
    _json(
        "text behind a line",
        '{"a":1,"b":2}\n{"a":3,"b":4} x\n{"a":5,"b":6}\n',
        Accepted(3, unparsed=(2,)),
    ),
    _json(
        "a line that is no JSON", '{"a":1,"b":2}\noops\n{"a":5,"b":6}\n', Accepted(3, unparsed=(2,))
    ),
    _json("a line with a NUL", '{"a":1,"b":2}\n{"a":"\0","b":4}\n', Accepted(2, unparsed=(2,))),
    _json(
        "a broken line and objects of several",
        '{"a":1,"b":2}\noops\n{\n"a":5,"b":6}\n',
        Refused("do not parse"),
    ),
    _json(
        "a document printed over lines, cut off",
        '{ "rows": [\n{"a":1,"b":2},\n{"a":3,"b":4}\n',
        Refused("JSON must be sound"),
    ),
    _json("braces in strings", '[{"a":"}{","b":"]\\"}"}]', Accepted(1, first=("}{", ']"}'))),
    _json(
        "escapes",
        r'[{"a":"\u00e9\n\ud83d\ude00","b":"\\u0000"}]',
        Accepted(1, first=("é\n😀", "\\u0000")),
    ),
    _json(
        "half a surrogate pair", r'[{"a":"\ud83d","b":1},{"a":1,"b":2}]', Accepted(2, unparsed=(1,))
    ),
    _json(
        "half a surrogate pair in a key",
        r'[{"a":1,"b":1,"\udc00":1},{"a":1,"b":2}]',
        Accepted(2, unparsed=(1,)),
    ),
    _json("an escaped NUL", r'[{"a":"\u0000","b":1},{"a":1,"b":2}]', Accepted(2, unparsed=(1,))),
    _json("keys twice", '[{"a":1,"a":2,"b":3},{"a":1,"b":2}]', Accepted(2, unparsed=(1,))),
    _json(
        "keys twice further in",
        '[{"a":{"x":1,"x":2},"b":3},{"a":1,"b":2}]',
        Accepted(2, unparsed=(1,)),
    ),
    _json("NaN and Infinity", '[{"a":NaN,"b":-Infinity}]', Accepted(1, first=(None, None))),
    _json(
        "scalars among objects",
        '[{"a":1,"b":2},3,"x",null,[4]]',
        Accepted(5, unparsed=(2, 3, 4, 5)),
    ),
    _json("only scalars", "[1,2,3]", Refused("none of the 3 is")),
    _json("lines that open brackets only", '{"a":1,"b":2}\n' + "[\n" * 20_000, Refused("cut off")),
    _json(
        "a line that opens a bracket",
        '{"a":1,"b":2}\n{"a":[\n{"a":5,"b":6}\n',
        Accepted(3, unparsed=(2,)),
    ),
    _json("an array a line", "[1,2]\n[3,4]\n", Refused("behind the end")),
    _json("numbers as they stand", '[{"a":1.10,"b":1e400}]', Accepted(1, first=("1.10", "1e400"))),
    _json(
        "5,000 digits", '[{"a":' + "9" * 5000 + ',"b":-0}]', Accepted(1, first=("9" * 5000, "-0"))
    ),
    _json("words and nulls", '[{"a":true,"b":null}]', Accepted(1, first=("true", None))),
    _json(
        "objects as text",
        '[{"a":{"x": [1.0, NaN]},"b":" y "}]',
        Accepted(1, first=('{"x":[1.0,null]}', " y ")),
    ),
    _json("depth 250", f'[{{"a":{DEEP},"b":1}},{{"a":1,"b":2}}]', Accepted(2, unparsed=(1,))),
    _json("depth 300", f'[{{"a":{DEEPER},"b":1}},{{"a":1,"b":2}}]', Accepted(2, unparsed=(1,))),
    _json(
        "depth 300 in a line",
        f'{{"a":1,"b":2}}\n{{"a":{DEEPER},"b":1}}\n',
        Accepted(2, unparsed=(2,)),
    ),
    _json("depth 300 cut off", f'[{{"a":1,"b":2}},{{"a":{DEEPER[:-5]}', Refused("cut off")),
    _json("depth 200", '[{"a":' + "[" * 199 + "]" * 199 + ',"b":1}]', Accepted(1)),
    _json(
        "a record over 16 MiB",
        '[{"a":"' + "x" * (17 << 20) + '","b":1}]',
        Refused("at most 16777216 bytes"),
    ),
    _json(
        "a line over 16 MiB",
        '{"a":1,"b":2}\n{"a":"' + "x" * (17 << 20) + '","b":1}\n{"a":5,"b":6}\n',
        Accepted(3, unparsed=(2,)),
    ),
    _json(
        "a field in some records only", '[{"a":"1"},{"a":2,"b":3}]', Accepted(2, first=("1", None))
    ),
    _json("a field in no record", '[{"a":"1"}]', Refused("also needs 'b'")),
    _json("a member within", '[{"p":{"q":"1"}}]', Accepted(1), layout("p.q", format="json")),
    _json("Latin-1", b'{"a":1,"b":2}\n{"a":"caf\xe9","b":2}\n', Refused("byte 23, in record 2,")),
    _json("gzip", _gz(b'{"a":"1","b":"2"}\n'), Accepted(1, first=("1", "2"))),
    _json("CSV where JSON is known", "a,b\n1,2\n", Refused("text that is not JSON")),
    _json("JSON where CSV is known", '{"a":1,"b":2}', Refused("looks like JSON"), AB),
]

CASES = CSV + CONTAINERS + HEADLESS + JSON
