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
from strata.feeds.residents import moves
from strata.feeds.residents.authorities import BY_AGE, BY_SEX, publish
from strata.feeds.residents.suppression import hide_breakdowns, hide_totals

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
    told = moves.publish(pairs, 10)
    assert [
        row["from_authority_code"] for row in told if row["people"] is None and row["moves"] is None
    ] == hidden
    assert [row["from_authority_code"] for row in told if row["is_suppressed"]] == hidden
