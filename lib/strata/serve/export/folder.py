"""A folder of Parquet or CSV files, named by one manifest that is written last.

`<folder>/manifest.json` is the copy: it names exactly the files of one publication of each feed,
with rows, bytes and SHA-256. A table's files lie in `<folder>/<name>/publication-N/`. Files that
an older publication had already are linked, not written again. `<name>.manifest` is the same as
Redshift's COPY takes it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Container
from pathlib import Path
from typing import Any

from strata import __version__, failpoint
from strata.errors import Damaged, UsageError
from strata.lake.versions import Warehouse
from strata.serve.export.aside import appear, flush, hold
from strata.serve.export.forward import with_held
from strata.serve.export.part import columns_of, sha256_of, standing_files, write_part
from strata.serve.export.source import Pinned, rows_of
from strata.serve.export.tally import Tally

MANIFEST = "manifest.json"
_BEGUN = ".strata-begun"
"""Names the tables that copies were begun for, until one ends: what none took is taken away."""
Facts = tuple[str, int, int, str]


def copy_to_folder(
    warehouse: Warehouse, chosen: tuple[Pinned, ...], to: str, form: str
) -> list[Facts]:
    """Copies the tables to a folder of this machine; returns table, publication, rows and outcome
    of each.
    """
    place = Path(to).absolute()
    with hold(place):
        before = read_manifest(place)
        if before and before["format"] != form:
            raise UsageError(
                f"a folder holds one format; {place} holds {before['format']}: name another folder"
            )
        held = {entry["table_name"]: entry for entry in before.get("tables", ())}
        wanted = with_held(warehouse, chosen, held, str(place))
        if held and all(held.get(p.name, {}).get("publication") == p.publication for p in wanted):
            _remove_begun(place, held)
            return [(p.table, p.publication, p.rows, "up to date") for p in wanted]
        place.mkdir(exist_ok=True)
        _note_begun(place, {pinned.name for pinned in wanted})
        entries = [_copy_table(place, pinned, form, held.get(pinned.name)) for pinned in wanted]
        kept = [entry for name, entry in held.items() if name not in {p.name for p in wanted}]
        _publish(
            place, form, sorted([e for e, _ in entries] + kept, key=lambda e: str(e["table_name"]))
        )
        _remove_begun(place, {*held, *(p.name for p in wanted)})
        return [
            (p.table, p.publication, p.rows, outcome)
            for p, (_, outcome) in zip(wanted, entries, strict=True)
        ]


def read_manifest(place: Path) -> dict[str, Any]:
    """The manifest of a copy; empty where there is none. Damaged where it is not readable."""
    path = place / MANIFEST
    if not path.exists():
        if (
            place.is_dir()
            and any(not item.name.startswith(".") for item in place.iterdir())
            and not _is_begun(place)
        ):
            raise UsageError(
                f"a copy goes to a folder of its own; {place} holds other files: name another "
                "folder"
            )
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Damaged(
            f"a copy has a whole manifest; {path} is none: remove the folder and copy again"
        ) from None
    return dict(manifest)


def _is_begun(place: Path) -> bool:
    """Whether a killed first copy left its folders, and nobody else anything."""
    begun = _begun(place)
    return all(
        item.is_dir() and item.name in begun
        for item in place.iterdir()
        if not item.name.startswith(".")
    )


def _begun(place: Path) -> set[str]:
    note = place / _BEGUN
    return set(note.read_text(encoding="utf-8").split()) if note.is_file() else set()


def _note_begun(place: Path, names: set[str]) -> None:
    aside = place / f"{_BEGUN}.part"
    aside.write_text("\n".join(sorted(names | _begun(place))), encoding="utf-8")
    appear(aside, place / _BEGUN)


def _remove_begun(place: Path, named: Container[str]) -> None:
    """Removes what a killed copy left of tables that the manifest does not name: an internal one
    would lie in a public copy. Nothing else in the folder is touched.
    """
    for name in sorted(_begun(place)):
        folder = place / name
        if name in named or folder.parent != place or not folder.is_dir():
            continue
        for old in folder.glob("publication-*"):
            shutil.rmtree(old)
        if not any(folder.iterdir()):
            folder.rmdir()
    (place / _BEGUN).unlink(missing_ok=True)


def _copy_table(
    place: Path, pinned: Pinned, form: str, old: dict[str, Any] | None
) -> tuple[dict[str, Any], str]:
    folder = place / pinned.name / f"publication-{pinned.publication}"
    folder.mkdir(parents=True, exist_ok=True)
    known = standing_files(old, pinned)
    files, tally, written = [], Tally(pinned.fields), 0
    for source in pinned.sources:
        target = folder / (Path(source).name.split(".")[0] + ("." + form))
        standing = known.get(source)
        if standing and _link(place / standing["path"], target, standing["bytes"]):
            entry = {**standing, "path": str(target.relative_to(place))}
            # A linked file was counted when it was written.
            tally.rows += int(standing["rows"])
        else:
            entry = _write(place, pinned, source, target, tally)
            written += 1
        files.append(entry)
    tally.reconcile(pinned.table, pinned.rows, tally.facts(), str(folder))
    flush(folder)
    entry = {**rows_of(pinned), "columns": columns_of(pinned), "files": files}
    return entry, "copied" if written else "same rows"


def _link(standing: Path, target: Path, size: int) -> bool:
    """The same file under the new publication's name; False where it is gone, cut, or the disk
    has no links.
    """
    if not standing.is_file() or standing.stat().st_size != size:
        return False
    if target.exists():
        target.unlink()
    try:
        os.link(standing, target)
    except OSError:
        return False
    return True


def _write(place: Path, pinned: Pinned, source: str, target: Path, tally: Tally) -> dict[str, Any]:
    """Writes one file of the table aside; a killed copy's finished files are written again, for
    nothing vouches for them.
    """
    failpoint.reach("export.file", pinned.table)
    aside = target.with_name(f".{target.name}.part")
    own = write_part(aside, pinned, source, target.suffix)
    tally.include(own)
    os.replace(aside, target)
    return {
        "source": source,
        "path": str(target.relative_to(place)),
        "rows": own.rows,
        "bytes": target.stat().st_size,
        "sha256": sha256_of(target),
    }


def _publish(place: Path, form: str, tables: list[dict[str, Any]]) -> None:
    """The manifest last, by one rename: before it the old copy stands, after it the new one."""
    manifest = {"format": form, "strata_version": __version__, "tables": tables}
    aside = place / f".{MANIFEST}.part"
    aside.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    failpoint.reach("export.finished", place.name)
    appear(aside, place / MANIFEST)
    for entry in tables:
        _copy_manifest(place, entry)
        current = {Path(f["path"]).parent.name for f in entry["files"]} | {
            f"publication-{entry['publication']}"
        }
        for old in (place / entry["table_name"]).glob("publication-*"):
            if old.name not in current:
                shutil.rmtree(old)


def _copy_manifest(place: Path, entry: dict[str, Any]) -> None:
    """What Redshift's COPY … MANIFEST takes, once `<prefix>` is where the folder was uploaded."""
    entries = [
        {"url": f"<prefix>/{f['path']}", "mandatory": True, "meta": {"content_length": f["bytes"]}}
        for f in entry["files"]
    ]
    aside = place / f".{entry['table_name']}.manifest.part"
    aside.write_text(json.dumps({"entries": entries}, indent=1) + "\n", encoding="utf-8")
    appear(aside, place / f"{entry['table_name']}.manifest")
