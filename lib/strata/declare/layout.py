"""The layouts in which a feed's files are known to arrive, and which of them a file has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from strata.declare.near import SAME, likeness, near_names, perhaps
from strata.declare.protection import Protection
from strata.errors import BadFile, DeclarationError

DELIVERY = "delivery"

NO_HEADER = "none"

READER = 3
"""Part of every bronze table's fingerprint: raise it when a mend changes what is read from the same
bytes.
"""


@dataclass(frozen=True)
class Field:
    """One field of a layout and the bronze column it becomes."""

    column: str
    name: str  # in the file: a header name, or a dotted path such as `properties.name`
    required: bool = False  # the file's header must have it
    protect: str | None = (
        None  # what becomes of a personal field, one of protect.WAYS; None: it is open
    )
    pattern: str | None = (
        # without a header: what its text must match in the first record, or be empty if not
        # required
        None
    )
    values: tuple[str, ...] = ()  # of a field protected as `listed`: what is let through
    identifies: bool = False  # a person is known by it, and found by it who asks to be forgotten

    @property
    def is_personal(self) -> bool:
        """Whether the reader protects it."""
        return self.protect is not None


@dataclass(frozen=True)
class Layout:
    """One known way in which a source's files arrive, as its source contract tells it."""

    name: str  # the last part of the contract's name: `isis` in `soil_samples.isis.yaml`
    feed: str
    source: str
    table: str  # the bronze table it fills
    format: str  # one of FORMATS
    fields: tuple[Field, ...]
    options: Mapping[str, str] = field(default_factory=dict)  # delimiter, header, records
    constants: Mapping[str, str] = field(default_factory=dict)  # bronze column -> its fixed text
    order: str | None = None  # a bronze column, or `delivery`; None: records have no order
    made: tuple[Protection, ...] = ()  # personal columns that the reader makes of other fields
    contract: str = ""  # the contract that it is one year of: `nspl_by_year`; else empty
    crs: str | None = None  # the bronze column that takes the coordinate system a file names
    aside: tuple[str, ...] = ()  # fields that its publisher has and nothing here reads
    whole: bool = False  # each dated delivery is whole: what it lacks has ended
    whole_of: str = ""  # what a whole delivery tells all of; layouts of one name end each other's
    one_of: tuple[str, ...] = ()  # columns of which a file must have one: else it says nothing

    @property
    def delimiter(self) -> str:
        """What stands between the fields of a CSV."""
        return self.options.get("delimiter", ",")

    @property
    def has_header(self) -> bool:
        """Whether its files tell the names of their fields; else these stand in the order of
        `fields`.
        """
        return self.options.get("header") != NO_HEADER

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read from the file: its fields, then its constants."""
        return (*(f.column for f in self.fields), *self.constants)

    @property
    def bronze_columns(self) -> tuple[str, ...]:
        """The bronze columns it fills: without the fields that the reader drops, and with those it
        makes.
        """
        dropped = {f.column for f in self.fields if f.protect == "drop"}
        return (
            *(name for name in self.columns if name not in dropped),
            *(rule.column for rule in self.made),
            *((self.crs,) if self.crs else ()),
        )

    @property
    def personal(self) -> tuple[Protection, ...]:
        """What becomes of each personal field, and what is made of them; empty for a source without
        any.
        """
        return (
            *(
                Protection(f.column, f.protect, values=f.values, identifies=f.identifies)
                for f in self.fields
                if f.protect
            ),
            *self.made,
        )

    @property
    def identifying(self) -> tuple[Protection, ...]:
        """The personal fields by which a person is known."""
        return tuple(rule for rule in self.personal if rule.identifies)

    @property
    def required(self) -> frozenset[str]:
        """The fields by which it is known."""
        return frozenset(f.name for f in self.fields if f.required)

    @property
    def tells(self) -> frozenset[str]:
        """The fields of which a file must have one; empty where any file of the layout will do."""
        return frozenset(f.name for f in self.fields if f.column in self.one_of)

    @cached_property  # Each record asks.
    def named(self) -> frozenset[str]:
        """Every field it reads."""
        return frozenset(f.name for f in self.fields)

    @property
    def known(self) -> frozenset[str]:
        """Every field it reads, and those that it knows and leaves aside."""
        return self.named.union(self.aside)


# --- which layout a file has ------------------------------------------------------------------


def match_layout(header: Iterable[str], layouts: Sequence[Layout]) -> Layout:
    """The layout whose required fields are all in the header; of several, the most demanding.

    BadFile tells the nearest layout and what is missing; DeclarationError where two are equal.
    """
    found = frozenset(header)
    fits = [layout for layout in layouts if layout.required <= found]
    if not fits:
        raise _no_layout(found, layouts)
    most = max(len(layout.required) for layout in fits)
    return _only([layout for layout in fits if len(layout.required) == most], "header")


def _only(best: Sequence[Layout], what: str) -> Layout:
    if len(best) > 1:
        names = " and ".join(sorted(layout.name for layout in best))
        raise DeclarationError(
            f"a file has one layout; {names} fit this {what} equally well: require another "
            "field in one of them",
            layouts=[layout.name for layout in best],
        )
    return best[0]


def _no_layout(found: frozenset[str], layouts: Sequence[Layout]) -> BadFile:
    nearest = min(layouts, key=lambda layout: _distance(layout, found))
    missing = sorted(nearest.required - found)
    # Where people are told of, a "header" may be somebody's record: then only its length is told.
    told = (
        f"{len(found)} fields"
        if any(layout.personal for layout in layouts)
        else _listed(sorted(found - {"*"})) or "none"
    )
    hint = _parted_by(found, nearest) or perhaps(missing, found - nearest.known)
    return BadFile(
        f"its fields must be those of a known layout; the nearest, {nearest.name}, also needs "
        f"{_listed(missing)}; found {told}{hint}",
        nearest=nearest.name,
        missing=missing,
    )


def _parted_by(found: frozenset[str], nearest: Layout) -> str:
    """The hint for a CSV whose whole header was taken for one field."""
    if nearest.format != "csv" or len(found) != 1:
        return ""
    [header] = found
    marks = {";": "';'", "\t": "a tab", "|": "'|'", ",": "','"}
    for mark, told in marks.items():
        parts = {part.strip(' "') for part in header.split(mark)}
        if mark != nearest.delimiter and len(parts) > 1 and parts & nearest.named:
            return (
                f"; its fields are perhaps parted by {told}: write it with "
                f"{nearest.delimiter!r}, or state the delimiter in a source contract"
            )
    return ""


def _distance(layout: Layout, found: frozenset[str]) -> tuple[float, int, str]:
    """The nearest layout has most of its required fields in the file; what is nearly one counts
    half, and nearly whole where it differs by case or marks alone.
    """
    alike = near_names(layout.required - found, found - layout.known)
    parts = sum(0.9 if likeness(*pair) == SAME else 0.5 for pair in alike.items())
    return -len(layout.required & found) - parts, len(layout.required), layout.name


def match_record(values: Sequence[str], layouts: Sequence[Layout]) -> Layout:
    """The layout without a header that the first record of a file fits; of several, the one with
    most patterns.

    BadFile tells what the record breaks of each; DeclarationError where two are equal.
    """
    broken = {layout.name: _why_not(values, layout) for layout in layouts}
    fits = [layout for layout in layouts if not broken[layout.name]]
    if not fits:
        told = "; ".join(f"{name}: {why}" for name, why in broken.items())
        # Only a file with as many columns may be one of them with a header above it.
        alike = any(len(values) == len(layout.fields) for layout in layouts)
        hint = "; take a header row away, or mend that record" if alike else ""
        raise BadFile(
            "a file without a header is known by its first record, and this one fits no "
            f"layout: {told}{hint}",
            nearest=layouts[0].name,
            unlike=not alike,
        )
    most = max(sum(f.pattern is not None for f in layout.fields) for layout in fits)
    return _only(
        [layout for layout in fits if sum(f.pattern is not None for f in layout.fields) == most],
        "record",
    )


def _why_not(values: Sequence[str], layout: Layout) -> str:
    """What of the layout a record breaks; empty where it fits."""
    if len(values) != len(layout.fields):
        return f"it has {len(layout.fields)} columns, not {len(values)}"
    for number, (known, value) in enumerate(zip(layout.fields, values, strict=True), 1):
        if not value and not known.required:
            continue
        if not value or (known.pattern and not re.fullmatch(known.pattern, value)):
            # Only the place is told: the value may be personal.
            return (
                f"column {number}, {known.name}, must "
                f"{'match ' + known.pattern if known.pattern else 'not be empty'}"
            )
    return ""


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
