"""Points and the edges of pieces by numpy, against shapely."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely
from strata.kit import piece_edges
from strata.kit.piece_edges import Pieces, edges_of, spread

HOLED = shapely.Polygon(
    [(0, 0), (4, 0), (4, 4), (2, 2), (0, 4)], [[(1, 0.5), (1, 1), (2, 1), (2, 0.5)]]
)
PIECES = [
    shapely.box(10, 50, 11, 51),
    HOLED,
    # Valid: parts touch in a point at most.
    shapely.MultiPolygon([shapely.box(-2, -2, -1, -1), shapely.box(-1, -1, -0.5, 0), HOLED]),
    # A shore of many short edges, level ones and ones of no length among them.
    shapely.Polygon([(0, 0), (5, 0), *((5 - n / 40, 2 + n % 3 // 2) for n in range(200)), (0, 2), (0, 2)]),
]  # fmt: skip
BESIDE_DEG = 1e-8


def made_points(piece: int, many: int) -> np.ndarray:
    """Around a piece, level with its vertices, on them and on its edges."""
    lot, shape = np.random.default_rng(piece), PIECES[piece]
    west, south, east, north = shapely.bounds(shape)
    around = lot.uniform((west - 1, south - 1), (east + 1, north + 1), (many, 2))
    vertices = shapely.get_coordinates(shape)
    level = around.copy()
    level[:, 1] = vertices[lot.integers(0, len(vertices), many), 1]
    places = shapely.line_interpolate_point(
        shape.boundary, lot.uniform(0, 1, many), normalized=True
    )
    return np.vstack([around, level, vertices, shapely.get_coordinates(places)])


@pytest.mark.parametrize("piece", range(len(PIECES)))
def test_a_piece_holds_the_points_that_shapely_tells(piece: int) -> None:
    lon, lat = made_points(piece, 2_000).T
    which = np.full(len(lon), piece)
    found, is_doubtful = edges_of(np.array(PIECES)).holds(lon, lat, which, BESIDE_DEG)
    sure, at = ~is_doubtful, shapely.points(lon, lat)
    assert np.array_equal(found[sure], shapely.intersects(PIECES[piece], at)[sure])
    away = shapely.distance(PIECES[piece].boundary, at)
    assert is_doubtful[away <= BESIDE_DEG].all()
    assert not is_doubtful[away > 2 * BESIDE_DEG].any()
    assert sure.sum() > 3_000


@pytest.mark.parametrize("piece", range(len(PIECES)))
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_nearest_place_is_as_far_as_shapely_tells(piece: int, scale: float) -> None:
    lon, lat = made_points(piece, 500).T
    which, scales = np.full(len(lon), piece), np.full(len(lon), scale)
    east, north = edges_of(np.array(PIECES)).nearest(lon, lat, scales, which)
    plane = shapely.transform(PIECES[piece].boundary, lambda xy: xy * [scale, 1])
    away = shapely.distance(plane, shapely.points(lon * scale, lat))
    assert np.hypot(east, north) == pytest.approx(away, abs=1e-12)
    places = shapely.points(lon * scale + east, lat + north)
    assert shapely.distance(plane, places).max() < 1e-12


def test_each_point_is_asked_of_its_own_piece() -> None:
    """The first point lies in the second piece alone, the other one in the first."""
    lon, lat, one_each = np.array([3.5, 10.5]), np.array([0.5, 50.5]), np.ones(2)
    edges = edges_of(np.array([PIECES[0], None, PIECES[1]]))
    for rows, expected in (([2, 0], [True, True]), ([0, 2], [False, False])):
        found, _ = edges.holds(lon, lat, np.array(rows), BESIDE_DEG)
        assert found.tolist() == expected
    _, north = edges.nearest(lon, lat, one_each, np.array([0, 2]))
    assert north.tolist() == [49.5, -48.0 + 1.5]


def test_many_edges_are_compared_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    lon, lat = made_points(1, 500).T
    which = np.arange(len(lon)) % len(PIECES)
    edges, scales = edges_of(np.array(PIECES)), np.full(len(lon), 0.5)

    def told() -> list[list[float]]:
        both = (
            *edges.holds(lon, lat, which, BESIDE_DEG),
            *edges.nearest(lon, lat, scales, which),
        )
        return [one.tolist() for one in both]

    whole = told()
    for most in (1, 7, 1_000):
        monkeypatch.setattr(piece_edges, "_AT_ONCE", most)
        assert told() == whole


@pytest.mark.parametrize("many", [1, 100])
def test_pieces_are_the_same_few_or_all(many: int) -> None:
    wkb: list[bytes | None] = []
    for shape in PIECES * 4:
        wkb += [None, shape.wkb]
    pieces = Pieces(pa.chunked_array([wkb[:5], wkb[5:]], pa.binary()))
    rows = np.array([3, 7, 3] * many)
    shapes, edges, piece = pieces.of(rows)
    assert len(shapes) == (2 if many == 1 else len(wkb))
    assert [shapes[n].wkb for n in piece] == [wkb[n] for n in rows]
    counts = np.diff(edges.starts)[piece].tolist()
    assert counts == [9, 200 + 4, 9] * many


def test_nothing_is_asked_of_nobody() -> None:
    none, pieces = np.zeros(0), np.zeros(0, dtype=np.int64)
    edges = edges_of(np.array(PIECES))
    assert [len(told) for told in edges.holds(none, none, pieces, BESIDE_DEG)] == [0, 0]
    assert [len(told) for told in edges.nearest(none, none, none, pieces)] == [0, 0]


def test_entries_are_spread_in_their_order() -> None:
    owner, entry = spread(np.array([0, 2, 2, 5]), np.array([2, 1, 0, 2]))
    assert owner.tolist() == [0, 0, 0, 2, 2, 3, 3, 3]
    assert entry.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
