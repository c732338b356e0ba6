"""The way back: a table unloaded by Redshift says the same as the export that was loaded."""

from __future__ import annotations

import json
from typing import Any

from strata.declare.contract import Field
from strata.errors import ResourceMissing
from strata.fs import files
from strata.fs.objects import ObjectFolder
from strata.serve.export.tally import Tally
from strata.serve.redshift import statements
from strata.serve.redshift.data_api import DataApi, Target
from strata.serve.redshift.statements import Entry

CHECKS = "checks"
"""Where tables are unloaded to, below the export: the only place that Redshift's role writes to."""


def assert_unloaded(folder: ObjectFolder, entry: Entry, database: DataApi, target: Target) -> None:
    """GateFailed unless rows, values that are not NULL, sums and bytes of text are the same in the
    export and in what Redshift unloads.
    """
    place = f"{CHECKS}/{entry['table_name']}/"
    to = folder.address_of(place)
    database.transact([statements.unload(target.schema, entry, to, target.role)])
    listed = folder.read(f"{place}manifest")
    if listed is None:
        raise ResourceMissing(f"Redshift's UNLOAD writes a manifest; {to}manifest is not there")
    unloaded = [str(item["url"]) for item in json.loads(listed[0])["entries"]]
    sent = _tally(entry, [folder.address_of(file["path"]) for file in entry["files"]])
    arrived = _tally(entry, unloaded)
    sent.reconcile(entry["table_name"], entry["row_count"], arrived.facts(), "Redshift")


def _tally(entry: Entry, addresses: list[str]) -> Tally:
    import pyarrow as pa
    from pyarrow import parquet

    from strata.serve.export.types import arrow_type

    fields = tuple(Field(c["name"], c["type"], c["description"]) for c in entry["columns"])
    schema = pa.schema([(field.name, arrow_type(field.type)) for field in fields])
    tally = Tally(fields)
    for address in addresses:
        with files.open_input(address) as stream:
            source: Any = parquet.ParquetFile(stream)
            for batch in source.iter_batches(columns=schema.names):
                cast = [batch.column(own.name).cast(own.type) for own in schema]
                tally.add(pa.RecordBatch.from_arrays(cast, schema=schema))
    return tally
