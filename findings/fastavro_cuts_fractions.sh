#!/bin/sh
# fastavro writes 6.7 as 6 where the schema says long, and a number beyond 32 bits where it says
# int. Found with fastavro 1.13.1; exits non-zero if that changes.
#
# Expected: Avro's specification: int is a "32-bit signed integer", long a "64-bit signed
# integer"; a value that is neither belongs to no such field, and a reader of 32 bits cannot hold
# it. fastavro itself refuses 6.7 for a field that is null or long, and so does Apache's avro
# package for both.
# Seen: for a plain long, 6.7 and Decimal("6.7") are cut to 6 without a word: pH values, or cents
# told as euros. 2^40 is written as an int and read back by fastavro alone.
# Strata writes no Avro.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "fastavro==1.13.1" "avro==1.12.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import json
import sys
from decimal import Decimal

import avro.io
import avro.schema
import fastavro

print("fastavro", fastavro.__version__)


def by_fastavro(kind, value):
    schema = {"type": "record", "name": "row", "fields": [{"name": "value", "type": kind}]}
    stream = io.BytesIO()
    try:
        fastavro.writer(stream, schema, [{"value": value}])
    except (ValueError, TypeError):
        return "refused"
    stream.seek(0)
    return next(iter(fastavro.reader(stream)))["value"]


def by_avro(kind, value):
    writer = avro.io.DatumWriter(avro.schema.parse(json.dumps(kind)))
    try:
        writer.write(value, avro.io.BinaryEncoder(io.BytesIO()))
    except Exception as error:
        return type(error).__name__
    return value


seen = []
for kind, value in (
    ("long", 6.7),
    ("long", Decimal("6.7")),
    (["null", "long"], 6.7),
    ("int", 2**40),
):
    seen.append((by_fastavro(kind, value), by_avro(kind, value)))
    print(f"{value!r} as {kind}: fastavro {seen[-1][0]}; avro {seen[-1][1]}")
if [own for own, _ in seen] != [6, 6, "refused", 2**40] or any(
    other != "AvroTypeException" for _, other in seen
):
    sys.exit("the behaviour has changed")
PYTHON
