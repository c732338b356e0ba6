"""A folder of Parquet or CSV files in S3, named by one manifest that is put last.

`<folder>/manifest.json` is the copy, as in a folder of this machine. A data file of the lake never
changes under its name, so neither does its object: what an older copy sent is not sent again, and a
killed copy goes on with what it had sent. `<name>/publication-N.manifest` is what Redshift's COPY
takes of one table.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from strata import __version__, failpoint
from strata.errors import Damaged, UsageError
from strata.fs.objects import ObjectFolder
from strata.lake.versions import Warehouse
from strata.serve.export.forward import with_held
from strata.serve.export.part import columns_of, sha256_of, standing_files, write_part
from strata.serve.export.source import Pinned, rows_of
from strata.serve.export.tally import Tally

MANIFEST = "manifest.json"
_OURS = re.compile(r"\w+/([^/]+-[0-9a-f]{8}\.(parquet|csv)|publication-\d+\.manifest)$")
Facts = tuple[str, int, int, str]


def copy_to_bucket(
    warehouse: Warehouse, chosen: tuple[Pinned, ...], to: str, form: str
) -> list[Facts]:
    """Copies the tables to S3; returns table, publication, rows and outcome of each.

    A file is written on this machine first, one at a time. LeaseHeld where another copy to the
    place ended meanwhile.
    """
    folder = ObjectFolder(to)
    before, etag = read_manifest(folder)
    if before and before["format"] != form:
        raise UsageError(
            f"a folder holds one format; {to} holds {before['format']}: name another folder"
        )
    held = {entry["table_name"]: entry for entry in before.get("tables", ())}
    wanted = with_held(warehouse, chosen, held, to)
    if held and all(held.get(p.name, {}).get("publication") == p.publication for p in wanted):
        return [(p.table, p.publication, p.rows, "up to date") for p in wanted]
    done = [_copy_table(folder, pinned, form, held.get(pinned.name)) for pinned in wanted]
    others = [entry for name, entry in held.items() if name not in {p.name for p in wanted}]
    tables = sorted([e for e, _ in done] + others, key=lambda entry: str(entry["table_name"]))
    begun = _begun(folder, {str(entry["table_name"]) for entry in tables})
    _publish(folder, form, tables, etag)
    folder.remove(begun)
    _remove_others(folder, [*tables, *held.values()])
    outcomes = zip(wanted, done, strict=True)
    return [(p.table, p.publication, p.rows, outcome) for p, (_, outcome) in outcomes]


def read_manifest(folder: ObjectFolder) -> tuple[dict[str, Any], str | None]:
    """The manifest of a copy and its ETag; empty where there is none. Damaged where it is none."""
    found = folder.read(MANIFEST)
    if found is None:
        return {}, None
    try:
        return dict(json.loads(found[0])), found[1]
    except ValueError:
        raise Damaged(
            f"a copy has a whole manifest; {folder.address_of(MANIFEST)} is none: remove the "
            "folder and copy again"
        ) from None


def _copy_table(
    folder: ObjectFolder, pinned: Pinned, form: str, old: dict[str, Any] | None
) -> tuple[dict[str, Any], str]:
    known = standing_files(old, pinned)
    files, tally, sent = [], Tally(pinned.fields), 0
    for source in pinned.sources:
        name = _name(pinned, source, form)
        standing = known.get(source) or _sent_already(folder, name, source)
        if standing is None:
            standing = _send(folder, pinned, source, name, tally)
            sent += 1
        else:
            # What was sent before was counted then.
            tally.rows += int(standing["rows"])
        files.append(standing)
    tally.reconcile(pinned.table, pinned.rows, tally.facts(), folder.address)
    entry = {**rows_of(pinned), "columns": columns_of(pinned), "files": files}
    return entry, "copied" if sent else "same rows"


def _name(pinned: Pinned, source: str, form: str) -> str:
    """`launches_core_reuse/part-00000-1f2e3d4c.parquet`: other columns make another object."""
    columns = json.dumps(columns_of(pinned), sort_keys=True)
    digest = hashlib.sha256(columns.encode()).hexdigest()[:8]
    return f"{pinned.name}/{Path(source).name.split('.')[0]}-{digest}.{form}"


def _sent_already(folder: ObjectFolder, name: str, source: str) -> dict[str, Any] | None:
    """What a killed copy had sent whole: S3 has its checksum, and its notes say the same."""
    facts = folder.facts(name)
    if facts is None or facts.sha256 is None or facts.notes.get("sha256") != facts.sha256:
        return None
    if "rows" not in facts.notes:
        return None
    rows = int(facts.notes["rows"])
    return _entry(source, name, rows, facts.size, facts.sha256)


def _send(
    folder: ObjectFolder, pinned: Pinned, source: str, name: str, tally: Tally
) -> dict[str, Any]:
    failpoint.reach("export.file", pinned.table)
    with tempfile.TemporaryDirectory(prefix="strata-export-") as aside:
        path = Path(aside) / Path(name).name
        own = write_part(path, pinned, source, path.suffix)
        tally.include(own)
        sha256 = sha256_of(path)
        folder.put_file(name, path, sha256, {"rows": str(own.rows), "sha256": sha256})
        return _entry(source, name, own.rows, path.stat().st_size, sha256)


def _entry(source: str, name: str, rows: int, size: int, sha256: str) -> dict[str, Any]:
    return {"source": source, "path": name, "rows": rows, "bytes": size, "sha256": sha256}


def _publish(
    folder: ObjectFolder, form: str, tables: list[dict[str, Any]], etag: str | None
) -> None:
    """Redshift's manifests under names of their own, then the one that names the copy."""
    for entry in tables:
        entry["copy_manifest"] = (
            f"{entry['table_name']}/publication-{entry['publication']}.manifest"
        )
        listed = [
            {
                "url": folder.address_of(file["path"]),
                "mandatory": True,
                "meta": {"content_length": file["bytes"]},
            }
            for file in entry["files"]
        ]
        text = json.dumps({"entries": listed}, indent=1)
        standing = folder.read(entry["copy_manifest"])
        if standing is None or standing[0] != text.encode():
            folder.replace(entry["copy_manifest"], text.encode(), standing and standing[1])
    manifest = {"format": form, "strata_version": __version__, "tables": tables}
    failpoint.reach("export.finished", folder.address)
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    folder.replace(MANIFEST, text.encode(), etag)


def _remove_others(folder: ObjectFolder, entries: Iterable[dict[str, Any]]) -> None:
    """Removes what neither this copy nor the one before names: a COPY may still read that one."""
    entries = list(entries)
    named = {MANIFEST, *(entry["copy_manifest"] for entry in entries)}
    named |= {file["path"] for entry in entries for file in entry["files"]}
    folders = tuple(f"{entry['table_name']}/" for entry in entries)
    folder.remove([n for n in folder.names() if n.startswith(folders) and n not in named])


def _begun(folder: ObjectFolder, tables: set[str]) -> list[str]:
    """What a killed copy sent of tables that this copy does not have: an internal one would lie in
    a public copy. An object is ours where its notes have its checksum.
    """
    others = [n for n in folder.names() if _OURS.match(n) and n.split("/")[0] not in tables]
    sent = [n for n in others if _sent_already(folder, n, "") is not None]
    folders = {name.split("/")[0] for name in sent}
    return sent + [n for n in others if n.split("/")[0] in folders and n.endswith(".manifest")]
