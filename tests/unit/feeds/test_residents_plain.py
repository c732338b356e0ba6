"""Postcodes by DuckDB and numpy, without Spark, against a plain program that looks at one postcode
after the other.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.feeds.residents.plain import PLAIN
from strata.feeds.residents.postcodes import SAME_POSTCODE
from strata.kit.history import SUPERSEDED

from tests.plain import plain_rows

Row = dict[str, Any]
NAMES = {"E06000014": "York", "E06000010": "Hull"}
DAYS = (None, dt.date(2024, 1, 1), dt.date(2024, 3, 1))


def made_up(seed: int, postcodes: int, records: int) -> list[Row]:
    chance = random.Random(seed)
    return [
        {
            "postcode_token": f"k1.00aa11:{chance.randrange(postcodes)}",
            "authority_code": chance.choice(
                [*NAMES, "E06000014", "E08000035", "E99999999", "York"]
            ),
            "terminated": chance.choice([None, None, None, "199606", "1996"]),
            "addresses": chance.choice([None, "3", "12", "many"]),
            "_delivery_date": chance.choice(DAYS),
            "_file_sha256": chance.choice("acb"),
            "_record_number": number,
        }
        for number in range(1, records + 1)
    ]


def is_sound(row: Row) -> bool:
    code, month, homes = row["authority_code"], row["terminated"], row["addresses"]
    return code != "York" and month != "1996" and homes != "many"


def judged(rows: list[Row]) -> tuple[dict[int, tuple[Any, ...]], set[int], Counter[str]]:
    """What stands, by record number; which records are rejected; how many are folded, and why."""
    stands: dict[int, tuple[Any, ...]] = {}
    rejected = {row["_record_number"] for row in rows if not is_sound(row)}
    folds: Counter[str] = Counter()
    by_postcode = defaultdict(list)
    for row in rows:
        by_postcode[row["postcode_token"]].append(row)
    for own in by_postcode.values():
        sound = [row for row in own if is_sound(row)]
        if not sound:
            continue
        day = max((row["_delivery_date"] for row in sound), key=DAYS.index)
        latest = [row for row in sound if row["_delivery_date"] == day]
        folds[SUPERSEDED] += len(sound) - len(latest)
        told = {(row["authority_code"], bool(row["terminated"])) for row in latest}
        if len(told) > 1:
            rejected |= {row["_record_number"] for row in latest}
            continue
        folds[SAME_POSTCODE] += len(latest) - 1
        first = min(latest, key=lambda row: (row["_file_sha256"], row["_record_number"]))
        homes = [
            int(row["addresses"])
            for row in own
            if row["_delivery_date"] == day and (row["addresses"] or "").isdigit()
        ]
        [(code, is_ended)] = told
        known = None if code == "E99999999" else code
        stands[first["_record_number"]] = (
            known, NAMES.get(code), is_ended, max(homes, default=None)
        )  # fmt: skip
    return stands, rejected, folds


@pytest.mark.parametrize(("tasks", "postcodes"), [(0, 90), (1, 900), (3, 90)])
def test_of_each_postcode_the_record_stands_that_a_plain_program_finds(
    tmp_path: Path, tasks: int, postcodes: int
) -> None:
    rows = made_up(postcodes, postcodes, 1000)
    stands, rejected, folds = judged(rows)
    names = {"authority_code": list(NAMES), "authority_name": list(NAMES.values())}
    written, left, done = plain_rows(
        tmp_path,
        "silver.residents_postcodes",
        {"bronze.residents_postcodes": rows},
        tasks,
        {"names": pa.table(names)},
    )
    columns = ("authority_code", "authority_name", "is_terminated", "addresses")
    assert {row["_record_number"]: tuple(row[c] for c in columns) for row in written} == stands
    assert {row["_record_number"] for row in left} == rejected
    assert done.folds == dict(folds)
    assert done.rows + sum(folds.values()) + len(rejected) == len(rows)


def test_postcodes_of_one_hash_are_told_apart() -> None:
    rows = [
        {
            "_group": group, "postcode_token": f"p{place}", "authority_code": f"E0600001{place}",
            "authority_name": None, "is_terminated": False, "addresses": None, "is_sound": True,
            "_delivery_date": DAYS[1], "_file_sha256": 0, "_record_number": number,
        }
        for number, (group, place) in enumerate([(1, 1), (2, 2), (2, 3), (2, 2), (2, 3), (2, 2), (3, 4)])
    ]  # fmt: skip
    schema = pa.schema(
        [("_group", pa.uint64()), ("postcode_token", pa.string()), ("authority_code", pa.string()),
         ("authority_name", pa.string()), ("is_terminated", pa.bool_()), ("addresses", pa.int64()),
         ("is_sound", pa.bool_()), ("_delivery_date", pa.date32()), ("_file_sha256", pa.int32()),
         ("_record_number", pa.int64())]
    )  # fmt: skip
    batches = pa.Table.from_pylist(rows, schema).to_batches(max_chunksize=2)
    assert PLAIN.settle is not None
    found = pa.concat_tables(PLAIN.settle(batches)).to_pylist()
    told = {row["_record_number"]: row["_fold"] for row in found}
    same = SAME_POSTCODE
    assert told == {0: None, 1: None, 2: None, 3: same, 4: same, 5: same, 6: None}


def test_the_least_number_is_the_transforms(tmp_path: Path) -> None:
    """It stands for none where postcodes are settled."""
    rows = [
        {"postcode_token": "k", "authority_code": "E06000014", "addresses": homes}
        | {"_file_sha256": "a", "_record_number": number}
        for number, homes in enumerate((str(-(2**63)), "1"), 1)
    ]
    names = pa.table({"authority_code": list(NAMES), "authority_name": list(NAMES.values())})
    records = {"bronze.residents_postcodes": rows}
    name = "silver.residents_postcodes"
    written, left, _ = plain_rows(tmp_path, name, records, made={"names": names})
    assert [row["_record_number"] for row in written] == [2]
    assert [row["_record_number"] for row in left] == [1]
