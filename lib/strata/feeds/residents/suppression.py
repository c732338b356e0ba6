"""Hides small numbers of people, and as many others as it takes that nobody can compute the hidden
ones.

Primary: a number of people below the limit is hidden, unless it is zero. Secondary: what is
published, and the totals that it adds up to, must leave every hidden number open. The functions are
plain Python over a few hundred rows, one for each local authority.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence


def rounded(number: int | None, to: int) -> int | None:
    """The nearest multiple, the larger one of two as near; a hidden number stays hidden.

    From the rounded numbers of two dates nobody learns how many came or went, only within what
    bounds. `to` divides the limit, so that no number falls below it.
    """
    return None if number is None else (number + to // 2) // to * to


def hide_totals(totals: Sequence[int], is_small: Sequence[bool], limit: int) -> set[int]:
    """Which rows' totals are hidden: the small ones, and the smallest of the others until these are
    safe.

    A reader who knows the sum of all rows knows the sum of the hidden ones. They are safe when each
    of them could, by that sum, be anything from 1 to `limit`. Where all rows together are too few,
    all are hidden.
    """

    def is_safe(hidden: Collection[int]) -> bool:
        return are_totals_safe([totals[n] for n in hidden], limit)

    small = {n for n, is_one in enumerate(is_small) if is_one}
    return _widened(small, totals, is_safe)


def are_totals_safe(hidden: Sequence[int], limit: int) -> bool:
    """Whether hidden totals, whose sum is known, could each be anything from 1 to `limit`."""
    return not hidden or (len(hidden) > 1 and sum(hidden) >= limit + len(hidden) - 1)


def hide_breakdowns(
    totals: Sequence[int],
    cells: Sequence[Sequence[int]],
    without_total: Collection[int],
    limit: int,
) -> set[int]:
    """Which rows' breakdowns are hidden, each whole: those with a small cell or a hidden total, and
    the smallest of the others until these are safe.

    A reader may know each row's total and each column's. Hidden cells are safe when each of them
    that is not zero could be one more or one less, with another row and column making up for it, so
    that no total tells.
    """

    def is_safe(hidden: Collection[int]) -> bool:
        return all(
            _can_move(cells, hidden, n, column)
            for n in hidden
            for column, value in enumerate(cells[n])
            if value
        )

    small = {
        n
        for n, row in enumerate(cells)
        if n in without_total or any(0 < value < limit for value in row)
    }
    return _widened(small, totals, is_safe)


Cube = dict[tuple[int, int, int], int]
"""People by three properties, each as a number; what is not there is zero."""


def can_all_move(
    cube: Cube, axes: tuple[int, int, int], rows: Collection[int], cover: Collection[int]
) -> bool:
    """Whether each number of people of a row (first axis) and column (second) that is not zero
    could be one more or one less, though all other sums of the cube are known.

    It could where, within one slice of the third axis, it and another hidden row can trade one
    person for one of another column: sums over the slice, and those by row or column and slice,
    stay.
    """
    own: dict[int, set[tuple[int, int]]] = {}
    for place, people in cube.items():
        if people:
            row, column, slice_ = (place[axis] for axis in axes)
            own.setdefault(row, set()).add((column, slice_))
    held: dict[tuple[int, int], int] = {}
    for row in cover:
        for cell in own.get(row, ()):
            held[cell] = held.get(cell, 0) + 1

    def has_partner(row: int, cell: tuple[int, int]) -> bool:
        return held.get(cell, 0) > (cell in own.get(row, ()))

    def can_move(row: int, column: int) -> bool:
        slices = {slice_ for _, slice_ in held}
        others = {other for other, _ in held} - {column}
        cells = own.get(row, set())
        return any(
            ((column, s) in cells and has_partner(row, (other, s)))
            or ((other, s) in cells and has_partner(row, (column, s)))
            for s in slices
            for other in others
        )

    return all(can_move(row, column) for row in rows for column in {c for c, _ in own.get(row, ())})


def _widened(
    hidden: set[int], totals: Sequence[int], is_safe: Callable[[Collection[int]], bool]
) -> set[int]:
    """`hidden`, and the smallest other rows, one by one, until they are safe or all are hidden."""
    wider = set(hidden)
    for n in sorted(set(range(len(totals))) - wider, key=lambda n: (totals[n], n)):
        if not wider or is_safe(wider):
            break
        wider.add(n)
    return wider


def _can_move(
    cells: Sequence[Sequence[int]], hidden: Collection[int], row: int, column: int
) -> bool:
    """Whether the cell, which is not zero, can change by one along a rectangle of hidden cells,
    none below zero.

    | one less        | one more        |
    | --------------- | --------------- |
    | cell -1, a +1   | cell +1, a -1   |
    | b +1, c -1      | b -1, c +1      |
    """
    others = [cells[n] for n in hidden if n != row]
    can_fall = any(value for other in others for n, value in enumerate(other) if n != column)
    can_rise = any(other[column] for other in others) and any(
        value for n, value in enumerate(cells[row]) if n != column
    )
    return can_fall or can_rise
