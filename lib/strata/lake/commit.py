"""Commits: the one door by which a table gets a new version, through delta-rs's public calls.

Spark and Arrow write Parquet files into the table's folder; a commit here names them. Each stands
on the version that its caller has read, or not at all: `max_commit_retries=0` makes delta-rs refuse
whoever comes second, blind appends too. So the process that commits is the one that holds the
lease; a JVM that outlives it may leave files that no commit names, and never a version.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata import failpoint
from strata.errors import CommitUnknown
from strata.lake.data_file import DataFile
from strata.lake.versions import Warehouse, latest_version

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
    from deltalake.transaction import AddAction, RemoveAction

# A writer that shortens the log does not know which version is published: of a table that rests
# longer than the log is kept, it would take that one away before the next is published.
KEEPS_LOG = ("delta.enableExpiredLogCleanup", "false")
PROPERTIES = {
    KEEPS_LOG[0]: KEEPS_LOG[1],
    "delta.logRetentionDuration": "interval 90 days",
    # Published versions stay readable this long after newer ones: a rollback needs their files.
    "delta.deletedFileRetentionDuration": "interval 90 days",
    # Delta's own default; delta-rs would let a reader replay a hundred commits.
    "delta.checkpointInterval": "10",
}
"""What every table is created with."""


@dataclass(frozen=True)
class Shape:
    """What a table is created as."""

    schema: str
    """Delta's JSON of the columns, with their comments and which are NOT NULL."""
    purpose: str = ""
    partition_columns: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


def shape_of(columns: pa.Schema) -> Shape:
    """The shape of a table with these columns of Arrow's, none of them required."""
    from deltalake import Schema

    return Shape(Schema.from_arrow(columns).to_json())


def create(warehouse: Warehouse, table: str, shape: Shape, mark: str) -> None:
    """Version 0, without a row; refused where there is a table."""
    from deltalake import DeltaTable

    with _sent(warehouse, table, None):
        DeltaTable.create(
            _uri(warehouse, table),
            _schema(shape),
            mode="error",
            partition_by=list(shape.partition_columns),
            description=shape.purpose or None,
            configuration={**PROPERTIES, **shape.properties},
            storage_options=warehouse.delta_options,
            commit_properties=_properties(mark, actions=2),
            post_commithook_properties=_hooks(),
        )


def begin(
    warehouse: Warehouse, table: str, shape: Shape, added: Sequence[DataFile], mark: str
) -> None:
    """Version 0 with these files, in one commit; refused where there is a table."""
    from deltalake.transaction import create_table_with_add_actions

    with _sent(warehouse, table, None):
        create_table_with_add_actions(
            _uri(warehouse, table),
            _schema(shape),
            [_add(file) for file in added],
            "error",
            list(shape.partition_columns),
            description=shape.purpose or None,
            configuration={**PROPERTIES, **shape.properties},
            storage_options=warehouse.delta_options,
            commit_properties=_properties(mark, actions=2 + len(added), metrics=_metrics(added)),
        )


def append(
    warehouse: Warehouse, table: str, version: int, added: Sequence[DataFile], mark: str
) -> None:
    """Names files that lie in the folder of a table that stands at this version."""
    exchange(warehouse, table, version, (), added, mark)


def exchange(
    warehouse: Warehouse,
    table: str,
    version: int,
    removed: Collection[dict[str, Any]],
    added: Sequence[DataFile],
    mark: str,
) -> None:
    """Takes files out of a table that stands at this version and names others, in one commit.

    Of each file `removed` has its `add`, as the log has it. An exchange of nothing for nothing
    leaves no commit.
    """
    if not removed and not added:
        return
    now_ms = int(time.time() * 1000)
    # Removals come first, so that of a commit that is torn, what it adds is missing.
    actions = [*(_removal(add, now_ms) for add in removed), *map(_add, added)]
    with _sent(warehouse, table, version) as delta:
        delta.create_write_transaction(
            actions,
            "append",
            delta.schema(),
            delta.metadata().partition_columns,
            commit_properties=_properties(
                mark, version, len(actions), _metrics(added, len(removed))
            ),
            post_commithook_properties=_hooks(),
        )


@dataclass(frozen=True)
class Whole:
    """All that a table then holds."""

    shape: Shape
    files: Sequence[DataFile]
    gone: int
    """How many files it named before."""


def overwrite(warehouse: Warehouse, table: str, version: int, whole: Whole, mark: str) -> None:
    """Puts these files in the place of all that the table names, and gives it this shape's columns,
    in one commit."""
    schema = _schema(whole.shape)
    with _sent(warehouse, table, version) as delta:
        changes = schema != delta.schema()
        delta.create_write_transaction(
            list(map(_add, whole.files)),
            "overwrite",
            schema,
            list(whole.shape.partition_columns),
            commit_properties=_properties(
                mark,
                version,
                whole.gone + len(whole.files) + changes,
                _metrics(whole.files, whole.gone),
            ),
            post_commithook_properties=_hooks(),
        )


def restore(warehouse: Warehouse, table: str, version: int, wanted: int, mark: str) -> None:
    """Makes a table that stands at `version` hold again what version `wanted` holds, columns too.

    Every file of that version must still be there.
    """
    with _sent(warehouse, table, version) as delta:
        delta.restore(
            wanted,
            commit_properties=_properties(f"restore {wanted} {mark}", version),
            post_commithook_properties=_hooks(),
        )


@contextmanager
def _sent(warehouse: Warehouse, table: str, version: int | None) -> Iterator[Any]:
    """The table at this version, for one commit on it.

    An error that leaves a new version behind is an outcome unknown, and nothing is cleaned up: the
    response may be lost, or another writer was first. The next run finds out.
    """
    try:
        delta = None if version is None else _open(warehouse, table, version)
        failpoint.reach("log.before", table)
        yield delta
        failpoint.reach("log.after", table)
    except Exception as error:
        after = latest_version(warehouse, table)
        if after == version or isinstance(error, CommitUnknown):
            raise
        raise CommitUnknown(
            f"the outcome of a commit must be known; {table} went from version {version} "
            f"to {after} while its writer was told "
            f"{' '.join(str(error).split())[:200]}: nothing was published and nothing "
            "cleaned up, run again"
        ) from error


def _open(warehouse: Warehouse, table: str, version: int) -> DeltaTable:
    from deltalake import DeltaTable

    delta = DeltaTable(_uri(warehouse, table), storage_options=warehouse.delta_options)
    if delta.version() != version:
        raise CommitUnknown(
            f"a commit is built on the version that its run has read; {table} went from "
            f"version {version} to {delta.version()}: another program writes this table; stop it "
            "and run again"
        )
    return delta


def _uri(warehouse: Warehouse, table: str) -> str:
    return warehouse.delta_path(table)


def _schema(shape: Shape) -> Schema:
    from deltalake import Schema

    return Schema.from_json(shape.schema)


def _add(file: DataFile) -> AddAction:
    from deltalake.transaction import AddAction

    return AddAction(file.name, file.bytes, file.partition, file.changed_ms, True, file.stats_json)


def _removal(add: dict[str, Any], now_ms: int) -> RemoveAction:
    from deltalake.transaction import RemoveAction

    # The log writes a path percent-encoded; delta-rs does so itself.
    path, partition = unquote(add["path"]), dict(add.get("partitionValues") or {})
    return RemoveAction(path, True, now_ms, add["size"], partition)


def _metrics(added: Sequence[DataFile], removed: int = 0) -> dict[str, str]:
    """By the names that Delta's own writers use, so that a table's history reads as ever."""
    counts = {
        "numFiles": len(added),
        "numOutputRows": sum(file.rows for file in added),
        "numOutputBytes": sum(file.bytes for file in added),
        "numRemovedFiles": removed,
    }
    return {name: str(count) for name, count in counts.items()}


def _hooks() -> PostCommitHookProperties:
    """Checkpoints as the table says; the log is not shortened, whatever an older table says."""
    from deltalake import PostCommitHookProperties

    return PostCommitHookProperties(cleanup_expired_logs=False)


def _properties(
    mark: str,
    version: int | None = None,
    actions: int | None = None,
    metrics: Mapping[str, str] | None = None,
) -> CommitProperties:
    from deltalake import CommitProperties

    told: dict[str, Any] = {"userMetadata": mark, "isolationLevel": "Serializable"}
    if version is not None:
        told |= {"readVersion": version, "isBlindAppend": False}
    if metrics is not None:
        told["operationMetrics"] = dict(metrics)
    if actions is not None:
        # By this a commit that is cut off between two actions is known for torn.
        told["strataActions"] = actions
    return CommitProperties(custom_metadata=told, max_commit_retries=0)
