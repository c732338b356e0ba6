"""What is published of small numbers: nothing below the limit, and nothing that would give a hidden
number away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from strata.feeds.residents import ages, moves
from strata.feeds.residents.authorities import BY_AGE, BY_SEX, publish
from strata.feeds.residents.suppression import hide_breakdowns, hide_totals, rounded

Row = dict[str, Any]
SMALL_BANDS = BY_AGE[:3]


def rows_of(cells: list[list[int]]) -> list[Row]:
    """Authorities with so many people by sex; by age all of them are in bands as `cells` turned
    round.
    """
    return [
        {
            "as_of_date": None,
            "authority_code": f"E{n:08}",
            "authority_name": None,
            "is_authority": True,
            "people": sum(row),
            **dict(zip(BY_SEX, row, strict=True)),
            **dict.fromkeys(BY_AGE, 0),
            **dict(zip(SMALL_BANDS, row[::-1], strict=True)),
        }
        for n, row in enumerate(cells)
        if sum(row)
    ]


def bounds(
    truth: list[Row], shown: list[Row], names: tuple[str, ...], with_columns: bool
) -> dict[tuple[int, str], tuple[float, float]]:
    """Least and largest value of each hidden number, by all that a reader may know: the numbers
    shown, that a row's parts add up to its people, the sum of all people and, with `with_columns`,
    of each part over all rows."""
    places = {
        (n, name): number
        for number, (n, name) in enumerate(
            (n, name) for n in range(len(truth)) for name in ("people", *names)
        )
    }
    equations: list[tuple[dict[int, float], float]] = [
        ({places[n, "people"]: 1.0 for n in range(len(truth))}, sum(r["people"] for r in truth))
    ]
    for n, row in enumerate(shown):
        equations.append(
            ({places[n, name]: 1.0 for name in names} | {places[n, "people"]: -1.0}, 0)
        )
        equations += [
            ({places[n, name]: 1.0}, row[name])
            for name in ("people", *names)
            if row[name] is not None
        ]
    if with_columns:
        equations += [
            ({places[n, name]: 1.0 for n in range(len(truth))}, sum(r[name] for r in truth))
            for name in names
        ]
    matrix = np.zeros((len(equations), len(places)))
    for number, (terms, _) in enumerate(equations):
        for place, factor in terms.items():
            matrix[number, place] = factor
    right = [total for _, total in equations]
    # An authority without people is not listed, so each that is has one at least.
    limits = [(1 if name == "people" else 0, None) for _, name in places]
    found = {}
    for (n, name), place in places.items():
        if shown[n][name] is None:
            goal = np.eye(len(places))[place]
            low, high = (
                linprog(sign * goal, A_eq=matrix, b_eq=right, bounds=limits, method="highs")
                for sign in (1, -1)
            )
            assert (low.status, high.status in (0, 3)) == (0, True), (
                "the truth itself is a solution"
            )
            found[n, name] = low.fun, np.inf if high.status == 3 else -high.fun
    return found


CELLS = st.lists(
    st.lists(st.one_of(st.integers(0, 4), st.integers(0, 30)), min_size=3, max_size=3),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(CELLS, st.integers(2, 10))
def test_no_small_number_is_shown_and_none_that_is_hidden_can_be_computed(
    cells: list[list[int]], limit: int
) -> None:
    truth = rows_of(cells)
    shown = publish(truth, limit)
    figures = ("people", *BY_SEX, *BY_AGE)
    assert [r["authority_code"] for r in shown] == [r["authority_code"] for r in truth]
    for row, true in zip(shown, truth, strict=True):
        assert all(row[name] in (None, true[name]) for name in figures), "what is shown is true"
        assert not any(row[name] is not None and 0 < row[name] < limit for name in figures)
        assert row["is_suppressed"] == any(row[name] is None for name in figures)
    for names in (BY_SEX, SMALL_BANDS):
        # Where everything had to be hidden, the sums themselves are what is told; they are not
        # published.
        everything = all(row[name] is None for row in shown for name in names)
        for (n, name), (low, high) in bounds(
            truth, shown, names, with_columns=not everything
        ).items():
            if truth[n][name] == 0 or all(row["people"] is None for row in shown):
                continue
            assert high - low >= 1 - 1e-6, f"{name} of row {n} can be computed"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(2, 12))
def test_by_the_sum_of_all_each_hidden_total_could_be_anything_up_to_the_limit(
    totals: list[int], limit: int
) -> None:
    hidden = hide_totals(totals, [total < limit for total in totals], limit)
    assert {n for n, total in enumerate(totals) if total < limit} <= hidden
    assume(len(hidden) < len(totals))
    rest = sum(totals[n] for n in hidden)
    assert all(rest - (len(hidden) - 1) >= limit for _ in hidden), (
        "the others may be as few as one each"
    )


def test_nothing_is_hidden_where_no_number_is_small() -> None:
    assert not any(row["is_suppressed"] for row in publish(rows_of([[10, 20, 0], [30, 10, 0]]), 10))


def test_one_small_total_takes_the_smallest_other_with_it() -> None:
    assert hide_totals([3, 50, 12, 70], [True, False, False, False], 10) == {0, 2}


def test_a_breakdown_is_hidden_whole_with_those_that_would_give_it_away() -> None:
    cells = [[20, 5, 0], [20, 20, 0], [90, 90, 0], [95, 95, 0]]
    assert hide_breakdowns([25, 40, 180, 190], cells, set(), 10) == {0, 1}


def test_rows_of_one_sex_only_are_nothing_to_hide_behind() -> None:
    """By the sums of the columns rows 0 and 1 would be known to hold women only, and by their
    totals how many.
    """
    assert hide_breakdowns([5, 30, 40], [[5, 0, 0], [30, 0, 0], [20, 20, 0]], set(), 10) == {
        0,
        1,
        2,
    }


@pytest.mark.parametrize(
    ("people", "hidden"), [([12, 30], []), ([3, 30, 11], ["a", "c"]), ([3], ["a"])]
)
def test_pairs_of_authorities_with_few_movers_are_hidden(
    people: list[int], hidden: list[str]
) -> None:
    pairs = [
        {"from_authority_code": code, "to_authority_code": "z", "moves": n + 1, "people": n}
        for code, n in zip("abc", people, strict=False)
    ]
    told = moves.publish(pairs, ("from_authority_code", "to_authority_code"), 10)
    assert [
        row["from_authority_code"] for row in told if row["people"] is None and row["moves"] is None
    ] == hidden
    assert [row["from_authority_code"] for row in told if row["is_suppressed"]] == hidden


# --- across tables and dates ---------------------------------------------------------------------

CUBES = st.lists(
    st.lists(st.one_of(st.just(0), st.integers(0, 4), st.integers(0, 30)), min_size=9, max_size=9),
    min_size=1,
    max_size=5,
).filter(lambda cube: any(map(any, cube)))


def both_tables(
    cube: list[list[int]], limit: int
) -> tuple[list[Row], list[Row], dict[tuple[str, str], int | None]]:
    """The table by authority, true and shown, and the grid shown, of people by three properties."""
    held = [row for row in cube if any(row)]
    truth = [
        {
            "as_of_date": None, "authority_code": f"E{n:08}", "authority_name": None, "is_authority": True, "people": sum(row),
            **{name: sum(row[3 * sex : 3 * sex + 3]) for sex, name in enumerate(BY_SEX)},
            **dict.fromkeys(BY_AGE, 0),
            **{name: sum(row[band::3]) for band, name in enumerate(SMALL_BANDS)},
        }
        for n, row in enumerate(held)
    ]  # fmt: skip
    cells = [
        {
            "as_of_date": None, "authority_code": f"E{n:08}", "age_band": ages.BANDS[place % 3],
            "sex": ages.SEXES[place // 3], "people": people, "_rows": 1,
        }
        for n, row in enumerate(held)
        for place, people in enumerate(row)
        if people
    ]  # fmt: skip
    grid = {(row["age_band"], row["sex"]): row["people"] for row in ages.publish(cells, limit)}
    return truth, publish(truth, limit), grid


@settings(max_examples=25, deadline=None)
@given(CUBES, st.integers(2, 10))
def test_the_two_tables_together_give_no_hidden_number_away(
    cube: list[list[int]], limit: int
) -> None:
    """Bounds by linear programming over every authority, sex and band, by all that both tables show and the sum of all."""
    truth, shown, grid = both_tables(cube, limit)
    held = [row for row in cube if any(row)]
    size = 9 * len(held)
    known: list[tuple[list[int], float]] = [(list(range(size)), sum(map(sum, held)))]
    hidden: list[tuple[list[int], int]] = []

    def tell(places: list[int], value: int | None, true: int) -> None:
        if value is not None:
            known.append((places, value))
        elif true:
            hidden.append((places, true))

    for n, (row, true) in enumerate(zip(shown, truth, strict=True)):
        tell([9 * n + place for place in range(9)], row["people"], true["people"])
        for k in range(3):
            tell([9 * n + 3 * k + band for band in range(3)], row[BY_SEX[k]], true[BY_SEX[k]])
            tell(
                [9 * n + 3 * sex + k for sex in range(3)], row[SMALL_BANDS[k]], true[SMALL_BANDS[k]]
            )
    is_shown = any(grid[band, sex] for band in ages.BANDS for sex in ages.SEXES)
    for place in range(9):
        value = grid[ages.BANDS[place % 3], ages.SEXES[place // 3]]
        # A grid that shows nobody tells nothing; what its margins tell is for the other table.
        if is_shown:
            tell([9 * n + place for n in range(len(held))], value, sum(row[place] for row in held))
    matrix = np.zeros((len(known), size))
    for number, (places, _) in enumerate(known):
        matrix[number, places] = 1
    for places, true in hidden:
        goal = np.zeros(size)
        goal[places] = 1
        low, high = (
            linprog(sign * goal, A_eq=matrix, b_eq=[v for _, v in known], bounds=[(0, None)] * size, method="highs")
            for sign in (1, -1)
        )  # fmt: skip
        if all(row["people"] is None for row in shown) and not is_shown:
            continue
        assert -high.fun - low.fun >= 1 - 1e-6, (true, places)


def test_a_grid_that_would_tell_of_an_authority_is_not_shown() -> None:
    """All people of the first authority are of one band, and the grid would tell that all of that
    band are women; then its men, who are hidden, would be known.
    """
    women, both = [0, 0, 0], [0, 0, 0]
    alone = [
        [20, 0, 0, *both, *women],
        [0, 15, 5, 0, 5, 15, 0, 0, 0],
        [0, 30, 30, 0, 30, 30, 0, 0, 0],
    ]
    _, shown, grid = both_tables(alone, 10)
    assert shown[1]["people_f"] == 20
    assert grid["0-15", "F"] == 20, "nothing is hidden, so nothing is told"
    alone[1] = [0, 20, 0, 3, 0, 0, 0, 0, 0]
    _, shown, grid = both_tables(alone, 10)
    assert shown[1]["people_f"] is None
    assert {value for value in grid.values() if value != 0} == {None}


@given(st.sampled_from([5, 10]), st.integers(30, 200), st.integers(-9, 9))
def test_two_dates_of_rounded_numbers_leave_every_small_change_open(
    to: int, before: int, change: int
) -> None:
    """Whoever compares two publications sees a change of a multiple, which each of several true
    changes gives.
    """
    shown = rounded(before, to), rounded(before + change, to)
    could_be = {
        later - earlier
        for earlier in range(max(before - to, 0), before + to + 1)
        for later in range(max(before + change - to, 0), before + change + to + 1)
        if (rounded(earlier, to), rounded(later, to)) == shown
    }
    assert change in could_be
    assert max(could_be) - min(could_be) == 2 * (to - 1)
    assert all(number % to == 0 for number in shown if number is not None)


def test_moves_by_month_and_by_pair_hide_what_their_sums_would_tell() -> None:
    """Both add up to the same moves: one hidden month would be told by the other table."""
    months = [
        {"month_start": m, "moves": n, "people": n} for m, n in (("a", 3), ("b", 40), ("c", 20))
    ]
    assert [row["moves"] for row in moves.publish(months, ("month_start",), 10)] == [None, 40, None]
    assert [row["people"] for row in moves.publish(months, ("month_start",), 10, 5)] == [
        None,
        40,
        None,
    ]
