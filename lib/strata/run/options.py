"""What the caller asks of a run."""

from __future__ import annotations

from dataclasses import dataclass

from strata.raw.fetch.places import Place


@dataclass(frozen=True, repr=False)
class Erase:
    """One person's erasure; its text form shows no pseudonym."""

    id: str
    tokens: tuple[tuple[str, str, str], ...]
    """(bronze table, column, pseudonym): whose rows go."""


@dataclass(frozen=True)
class Options:
    """What the caller asks of a run."""

    raw: str
    full: bool = False
    """Recompute every table whole."""
    tables: tuple[str, ...] = ()
    """Recompute these tables whole, and their descendants; take no new files."""
    layer: str | None = None
    """Go no further than this layer."""
    overrides: tuple[tuple[str, str], ...] = ()
    """(table, reason): publish though that table's gate says no."""
    takes_new_files: bool = True
    """A replay judges what was taken before; files of which the ledger does not know stay where
    they are.
    """
    places: tuple[Place, ...] = ()
    """Further files and folders to take, where they lie."""
    erase: Erase | None = None
    """Take a person out of the tables that `tables` names and what is computed from them; read no
    file.
    """
    at_once: int = 1
    """How many tables of a small run are built side by side."""
    most_rows_here: int = 50_000
    """A candidate of at most so many input rows is fetched once, and split and counted in the
    driver.
    """
    most_bytes_here: int = 32 << 20
    """Of raw files that the driver reads in any run."""
    fewest_plain_rows: int | None = None
    """In place of every table's own `fewest` (`kit.plain`), and of the rows of an input that are
    sought where few refer to them (`run.inputs.referred`)."""
    on_one_machine: bool = False
    """The caller knows that Spark, if it is asked at all, stands on this machine alone."""
    in_tasks: bool = False
    """Make plain rows in Spark's tasks on one machine too, as on a cluster."""
