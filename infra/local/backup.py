"""Copies a warehouse so that the copy is whole, and back.

    python infra/local/backup.py WAREHOUSE BACKUP      # each a folder or s3://bucket/path
    python infra/local/backup.py BACKUP WAREHOUSE      # restore, into an empty place

The ledger is copied first: whatever it names exists already and is never changed, so runs may go on
meanwhile and the copy is the state of that moment. Only `strata maintain` and `strata forget`,
which remove files, must not run beside it. A second backup into the same place copies what is new.
To be rid of a forgotten person, make a new copy and delete the old. `strata doctor` on the copy
tells whether a copy is whole. Exit codes: 0 copied, 1 a file could not be copied, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from pyarrow import fs

# Written again under their names, so copied each time; all other files have names of their own.
CHANGING = ("_last_checkpoint", ".json")
LEDGER = "ops/"


def main(arguments: Sequence[str]) -> int:
    """Copies from the first place to the second."""
    if len(arguments) != 2:
        print("backup: name the warehouse and the place of the copy", file=sys.stderr)
        return 2
    try:
        source, target = (_open(place) for place in arguments)
        copied = copy(source, target)
    except OSError as error:
        print(f"backup: {error}", file=sys.stderr)
        return 1
    print(f"backup: {copied} files copied to {arguments[1]}", file=sys.stderr)
    return 0


def copy(source: fs.FileSystem, target: fs.FileSystem) -> int:
    """Copies what the target lacks, the ledger first; returns the number of files."""
    there = {info.path: info.size for info in _files(target)}
    # Tables are listed after the ledger is copied: the list holds all that the ledger names.
    count = _copy_part(source, target, there, is_ledger=True)
    return count + _copy_part(source, target, there, is_ledger=False)


def _copy_part(
    source: fs.FileSystem, target: fs.FileSystem, there: dict[str, int], is_ledger: bool
) -> int:
    count = 0
    for info in _files(source):
        is_new = there.get(info.path) != info.size or info.path.endswith(CHANGING)
        if info.path.startswith(LEDGER) == is_ledger and is_new:
            folder = info.path.rpartition("/")[0]
            if folder:  # The report lies at the top.
                target.create_dir(folder, recursive=True)
            fs.copy_files(
                info.path, info.path, source_filesystem=source, destination_filesystem=target
            )
            count += 1
    return count


def _files(place: fs.FileSystem) -> Iterator[fs.FileInfo]:
    selector = fs.FileSelector("", recursive=True, allow_not_found=True)
    return (info for info in place.get_file_info(selector) if info.type == fs.FileType.File)


def _open(place: str) -> fs.SubTreeFileSystem:
    """A file system whose root is the place."""
    if "://" not in place:
        return fs.SubTreeFileSystem(place, fs.LocalFileSystem())
    system, path = fs.FileSystem.from_uri(place)
    return fs.SubTreeFileSystem(path, system)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
