"""Raw records written to bronze files by Arrow: the same rows as through Spark, and of each file
what Delta's log says of it.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from strata.declare.contract import BRONZE_PROVENANCE, Contract, Field
from strata.lake import file_check as scan
from strata.raw.look import look
from strata.raw.read import bronze_frame
from strata.run.bronze import files as bronze

from tests.corpus.readback import layout, raw_file

AB = layout("a", "b")
CONTENT = b"a,b\n" + b"".join(b'%d,"x\n%d"\n' % (i, i) for i in range(2000)) + b"ragged\n" + b"7,\n"
CONTRACT = Contract(
    "bronze.toy_things",
    "Things",
    "one row per record",
    (Field("a", "string", "A"), Field("b", "string", "B"), *BRONZE_PROVENANCE),
)
OF_RUN = {"_run_id": "run", "_ingested_at": datetime(2024, 3, 1, 12, 30, 15, 123456, timezone.utc)}


@pytest.mark.spark
def test_the_same_rows_as_through_spark(spark: Any, tmp_path: Path) -> None:
    seen = [
        look(
            raw_file(tmp_path / "raw", CONTENT, "delivery=2024-02-29/x.csv"), [AB], chunk_bytes=1000
        ),
        look(raw_file(tmp_path / "raw", b"b,a,c\nq,r,s\n", "y.csv"), [AB]),
    ]
    (tmp_path / "table").mkdir()
    wanted = ("_file_sha256", "_delivery_date", "_ingested_at")
    told = bronze.write(
        spark, bronze.Records(tuple(seen), (AB,), OF_RUN), CONTRACT, str(tmp_path / "table"), wanted
    ).persist()
    try:
        written = bronze.written(told)
        # On a local disk Hadoop's checksums lie beside the files, and Spark asks them.
        expected_names = [name for file in written for name in (file.name, f".{file.name}.crc")]
        assert sorted(expected_names) == sorted(
            path.name for path in (tmp_path / "table").iterdir()
        )
        assert all(
            scan.fits_checksum(f"{tmp_path}/table/{f.name}", f"{tmp_path}/table/.{f.name}.crc")
            for f in written
        )
        tables = {
            file.name: pq.read_table(
                tmp_path / "table" / file.name, page_checksum_verification=True
            )
            for file in written
        }
        for file in written:
            own = tables[file.name]
            assert (file.rows, file.stats["numRecords"], file.bytes) == (
                own.num_rows,
                own.num_rows,
                (tmp_path / "table" / file.name).stat().st_size,
            )
            shas = own.column("_file_sha256").to_pylist()
            assert (
                file.stats["minValues"]["_file_sha256"],
                file.stats["maxValues"]["_file_sha256"],
            ) == (min(shas), max(shas))
            assert file.stats["minValues"]["_ingested_at"] == "2024-03-01T12:30:15.123Z"
            assert (
                file.stats["nullCount"]["_delivery_date"] == own.column("_delivery_date").null_count
            )
        whole = pa.concat_tables(tables.values())
        assert [
            str(field.type)
            for field in whole.schema
            if field.name in (*wanted, "a", "_record_number")
        ] == [
            "string",
            "string",
            "int64",
            "date32[day]",
            "timestamp[us, tz=UTC]",
        ]
        through_spark = bronze_frame(spark, seen, [AB], CONTRACT.columns)
        columns = [name for name in through_spark.columns if name in CONTRACT.columns]
        expected = {
            tuple(row)
            for row in through_spark.where("_raw_record is null").select(*columns).collect()
        }
        assert {tuple(row.values()) for row in whole.select(columns).to_pylist()} == expected
        assert len(expected) == whole.num_rows == 2002
        assert set(whole.column("_run_id").to_pylist()) == {"run"}
        assert set(whole.column("_ingested_at").to_pylist()) == {OF_RUN["_ingested_at"]}
        assert set(whole.column("_delivery_date").to_pylist()) == {date(2024, 2, 29), None}
        rest = told.where(told[bronze.WRITTEN].isNull()).collect()
        assert [(row["_record_number"], row["_raw_record"]) for row in rest] == [(2001, "ragged")]
    finally:
        told.unpersist()


@pytest.mark.spark
def test_no_record_that_stands_makes_no_file(spark: Any, tmp_path: Path) -> None:
    seen = look(raw_file(tmp_path / "raw", b"a,b\nragged\n"), [AB])
    (tmp_path / "table").mkdir()
    told = bronze.write(
        spark, bronze.Records((seen,), (AB,), OF_RUN), CONTRACT, str(tmp_path / "table"), ()
    )
    assert [row["_raw_record"] for row in told.collect()] == ["ragged"]
    assert not list((tmp_path / "table").iterdir())


def test_which_tables_can_be_written_so() -> None:
    partitioned = Contract(
        "bronze.toy_things",
        "",
        "",
        (Field("a", "string", "", is_partition=True), *BRONZE_PROVENANCE),
    )
    typed = Contract(
        "bronze.toy_things", "", "", (Field("a", "array<string>", ""), *BRONZE_PROVENANCE)
    )
    assert [bronze.can_write(contract) for contract in (CONTRACT, partitioned, typed)] == [
        True,
        False,
        False,
    ]
