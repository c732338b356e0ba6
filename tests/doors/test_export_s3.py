"""Copies in S3: one manifest names exactly the files of one publication, and S3 has their checksums."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from strata import failpoint
from strata.cli import main
from strata.errors import GateFailed, LeaseHeld, ResourceMissing, UsageError
from strata.fs.objects import ObjectFolder
from strata.lake.versions import Warehouse
from strata.serve.export import copy_tables

from tests import s3_server
from tests.doors.publishing import publish

TRENDS, TOP = "gold.commerce_trends", "gold.commerce_top_products"
MONTHS = [
    {
        "period": "month", "period_start": date(2024, month, 1), "currency": "EUR", "orders": month, "units": 5,
        "revenue": Decimal("1234567890123456.78"), "revenue_change": None,
    }
    for month in (1, 2, 3)
]  # fmt: skip
BEST = [
    {
        "category_id": "1", "currency": "EUR", "rank": rank, "category_name": "Tea", "product_id": f"p{rank}",
        "product_name": "Žluť\n🍵", "units": 3, "revenue": Decimal("10.00"),
    }
    for rank in (1, 2)
]  # fmt: skip
PLACE = "s3://exports/shop"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server.serve() as endpoint:
        yield endpoint


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in s3_server.environment(server).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket="exports")
    for item in client.list_objects_v2(Bucket="exports").get("Contents", ()):
        client.delete_object(Bucket="exports", Key=item["Key"])
    return client


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    publish(made, "commerce", {TRENDS: MONTHS, TOP: BEST})
    return made


def copy(warehouse: Warehouse, *tables: str, form: str = "parquet") -> dict[str, str]:
    return {one.table: one.outcome for one in copy_tables(warehouse, tables, PLACE, form)}


def body(s3: Any, key: str) -> bytes:
    return bytes(s3.get_object(Bucket="exports", Key=f"shop/{key}")["Body"].read())


def manifest(s3: Any) -> dict[str, Any]:
    return {entry["table_name"]: entry for entry in json.loads(body(s3, "manifest.json"))["tables"]}


def keys(s3: Any) -> dict[str, str]:
    listed = s3.list_objects_v2(Bucket="exports", Prefix="shop/").get("Contents", ())
    return {item["Key"].removeprefix("shop/"): str(item["LastModified"]) for item in listed}


def rows(s3: Any, name: str) -> pa.Table:
    parts = [body(s3, file["path"]) for file in manifest(s3)[name]["files"]]
    return pa.concat_tables(parquet.read_table(io.BytesIO(part)) for part in parts)


def test_the_manifest_names_exactly_what_lies_there_with_checksums(
    s3: Any, warehouse: Warehouse
) -> None:
    assert copy(warehouse, TRENDS, TOP) == {TRENDS: "copied", TOP: "copied"}
    found = sorted(rows(s3, "commerce_trends").to_pylist(), key=lambda row: row["orders"])
    assert [{name: row[name] for name in MONTHS[0]} for row in found] == MONTHS
    entries = manifest(s3)
    named = {"manifest.json"}
    for entry in entries.values():
        assert (entry["feed"], entry["publication"]) == ("commerce", 1)
        named |= {entry["copy_manifest"], *(file["path"] for file in entry["files"])}
        for file in entry["files"]:
            content = body(s3, file["path"])
            assert (len(content), hashlib.sha256(content).hexdigest()) == (
                file["bytes"],
                file["sha256"],
            )
            assert ObjectFolder(PLACE).facts(file["path"]).sha256 == file["sha256"]  # type: ignore[union-attr]
        loaded = json.loads(body(s3, entry["copy_manifest"]))["entries"]
        assert loaded == [
            {
                "url": f"{PLACE}/{f['path']}",
                "mandatory": True,
                "meta": {"content_length": f["bytes"]},
            }
            for f in entry["files"]
        ]
    assert keys(s3).keys() == named


def test_an_increment_sends_what_changed_and_keeps_the_copy_before(
    s3: Any, warehouse: Warehouse
) -> None:
    copy(warehouse, TRENDS, TOP)
    first = manifest(s3)
    assert copy(warehouse, TRENDS) == {TRENDS: "up to date", TOP: "up to date"}
    publish(warehouse, "commerce", {TRENDS: MONTHS[:1]})
    assert copy(warehouse, TRENDS) == {TRENDS: "copied", TOP: "same rows"}
    assert rows(s3, "commerce_trends").num_rows == 1
    assert manifest(s3)["commerce_top_products"]["files"] == first["commerce_top_products"]["files"]
    # A COPY that is under way still finds the files of the manifest that it began with …
    assert {file["path"] for file in first["commerce_trends"]["files"]} <= keys(s3).keys()
    assert first["commerce_trends"]["copy_manifest"] in keys(s3)
    publish(warehouse, "commerce", {TRENDS: MONTHS[:2]})
    copy(warehouse, TRENDS)
    # … until the copy after the next.
    assert not {file["path"] for file in first["commerce_trends"]["files"]} & keys(s3).keys()


def test_a_killed_copy_goes_on_with_what_it_had_sent(
    s3: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as armed:
        armed.setattr(failpoint, "armed", failpoint.parse("export.finished=crash"))
        with pytest.raises(failpoint.Crash):
            copy(warehouse, TRENDS, TOP)
    sent = keys(s3)
    assert "manifest.json" not in sent, "nothing is named before all is there"
    assert copy(warehouse, TRENDS, TOP) == {TRENDS: "same rows", TOP: "same rows"}
    assert {key: at for key, at in keys(s3).items() if key != "manifest.json"} == sent


def test_of_two_copies_at_once_one_is_told(s3: Any, warehouse: Warehouse) -> None:
    copy(warehouse, TRENDS)
    folder = ObjectFolder(PLACE)
    found = folder.read("manifest.json")
    assert found is not None
    folder.replace("manifest.json", found[0] + b" ", found[1])
    with pytest.raises(LeaseHeld, match="another has done so"):
        folder.replace("manifest.json", found[0], found[1])
    with pytest.raises(LeaseHeld):
        folder.replace("manifest.json", found[0], None)


def test_what_does_not_add_up_is_not_named(s3: Any, warehouse: Warehouse) -> None:
    copy(warehouse, TRENDS)
    publish(warehouse, "commerce", {TRENDS: MONTHS[:2]}, counted={TRENDS: 7})
    with pytest.raises(GateFailed, match="published with 7 and 2 were read"):
        copy(warehouse, TRENDS)
    assert rows(s3, "commerce_trends").num_rows == 3


def test_csv_and_one_format_a_folder(s3: Any, warehouse: Warehouse) -> None:
    copy(warehouse, TOP, form="csv")
    (file,) = manifest(s3)["commerce_top_products"]["files"]
    options = arrow_csv.ParseOptions(newlines_in_values=True)
    read = arrow_csv.read_csv(io.BytesIO(body(s3, file["path"])), parse_options=options)
    assert sorted(read["product_id"].to_pylist()) == ["p1", "p2"]
    with pytest.raises(UsageError, match="one format"):
        copy(warehouse, TOP)


def test_the_command_says_what_s3_says(
    s3: Any, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["export", "commerce_trends", "--warehouse", warehouse.root, "--to"]
    assert main([*asked, PLACE]) == 0
    assert "copied" in capsys.readouterr().out
    assert main([*asked, "s3://no-such-bucket/shop"]) == ResourceMissing.exit_code
    assert "NoSuchBucket" in capsys.readouterr().err


def test_what_a_stopped_copy_sent_of_other_tables_is_in_no_later_one(
    s3: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as armed:
        armed.setattr(failpoint, "armed", failpoint.parse("export.finished=crash"))
        with pytest.raises(failpoint.Crash):
            copy(warehouse, TRENDS, TOP)
    assert any(key.startswith("commerce_top_products/") for key in keys(s3))
    own = ("notes/part-00000-12345678.parquet", "own/publication-1.manifest")
    for key in own:
        s3.put_object(Bucket="exports", Key=f"shop/{key}", Body=b"mine")
    copy(warehouse, TRENDS)
    assert [key for key in keys(s3) if key.startswith("commerce_top_products/")] == []
    assert {*own} <= {*keys(s3)}, "what is not ours stays"
