"""Addresses: one parser for Arrow, delta-rs, Spark and boto3; what is not understood is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from strata.errors import UsageError
from strata.fs import listing, location
from strata.lake.versions import Warehouse

AZURE = "lake@acme.dfs.core.windows.net"
# address: (store, bucket, path, as Arrow, as delta-rs, as Spark)
ADDRESSES = {
    "/a b/c%20d": ("local", "", "/a b/c%20d", "/a b/c%20d", "/a b/c%20d", "/a b/c%20d"),
    "file:///a": ("local", "", "/a", "/a", "/a", "/a"),
    "file:/a": ("local", "", "/a", "/a", "/a", "/a"),
    "file://localhost/a": ("local", "", "/a", "/a", "/a", "/a"),
    "/a:b://c": ("local", "", "/a:b:/c", "/a:b:/c", "/a:b:/c", "/a:b:/c"),
    "s3://lake/a b/": ("s3", "lake", "a b", "lake/a b", "s3://lake/a b", "s3a://lake/a b"),
    "S3A://lake": ("s3", "lake", "", "lake", "s3://lake", "s3a://lake"),
    "s3n://lake/a": ("s3", "lake", "a", "lake/a", "s3://lake/a", "s3a://lake/a"),
    "gs://lake/a": ("gs", "lake", "a", "lake/a", "gs://lake/a", "gs://lake/a"),
    f"abfss://{AZURE}/a": (
        "abfss", AZURE, "a", "lake/a", f"abfss://{AZURE}/a", f"abfss://{AZURE}/a",
    ),
    "/Volumes/main/raw/files": ("local", "", *["/Volumes/main/raw/files"] * 4),
}  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_told_to_each_library_in_its_own_way(address: str) -> None:
    here = location.parse(address)
    assert (
        here.store, here.bucket, here.path, here.in_store, here.for_delta, here.for_spark,
    ) == ADDRESSES[address]  # fmt: skip


@pytest.mark.parametrize("address", ["s3://lake/raw", "gs://lake/raw", f"abfss://{AZURE}/raw"])
def test_what_is_found_in_a_store_has_an_address_of_the_same_form(address: str) -> None:
    here = location.parse(address)
    assert here.uri_of(f"{here.in_store}/a b.csv") == f"{address}/a b.csv"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ftp://lake/a", "ftp: is not known"),
        ("hdfs://lake/a", "hdfs: is not known"),
        ("hdfs:/a", "hdfs: is not known"),
        ("", "found none"),
        (" s3://lake/a", " s3: is not known"),
        ("s3://lake//a", "no empty part here; found s3://lake//a"),
        ("file://server/a", "file:///path, whole and of this machine"),
        ("file:a", "file:///path, whole and of this machine"),
        ("s3://my bucket/a", "s3://bucket/path; found s3://my bucket/a"),
        ("s3:/lake/a", "s3://bucket/path; found s3:/lake/a"),
        ("s3://", "s3://bucket/path; found s3:"),
        ("gs:lake", "gs://bucket/path; found gs:lake"),
        ("abfss://lake/a", r"abfss://container@account\.dfs\.core\.windows\.net/path"),
        ("dbfs:/raw", "here is no such mount: dbfs:/raw"),
    ],
)
def test_an_address_that_is_not_understood_is_refused_in_a_sentence(
    address: str, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        location.parse(address)
    with pytest.raises(UsageError, match=sentence):
        listing.list_raw(address, "soil", "samples")
    with pytest.raises(UsageError, match=sentence):
        Warehouse(address)


def test_a_key_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="keys come from the environment") as refused:
        location.parse("s3://AKIA123:secret@lake/a")
    assert "secret" not in str(refused.value)
    assert "AKIA123" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("gs://lake/warehouse", "gs:// has no lease here yet"),
        (f"abfss://{AZURE}/warehouse", "abfss:// has no lease here yet"),
        ("/Volumes/main/lake/tables", "neither locks nor hard links"),
        ("s3://lake/a warehouse", "all but plain letters, digits and ._=/- twice"),
        ("s3://lake/../a", "names like any other"),
        ("/srv/lake%20one", "takes a % in a path for an encoded character"),
    ],
)
def test_a_warehouse_lies_only_where_a_second_writer_is_refused(
    address: str, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        Warehouse(address)


def test_a_local_address_is_kept_whole_and_any_other_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert location.absolute("link/x") == str(tmp_path / "real" / "x")
    assert location.absolute("s3a://lake/x/") == "s3a://lake/x"
