"""Outlines: every edge by itself, holes stay, rims are soft."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import ConfigError
from likeness.faces.mask_shape import MaskShape, shaped

Y, X = np.mgrid[0:128, 0:128].astype(np.float32)
DISC = (np.hypot(X - 63.5, Y - 63.5) < 40).astype(np.float32)
WIDTH = 80


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what is above one half."""
    rows, columns = np.flatnonzero((mask > 0.5).any(1)), np.flatnonzero((mask > 0.5).any(0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def test_the_rim_ends_at_the_outline() -> None:
    mask = shaped(DISC, MaskShape(feather=0.05))
    assert mask.dtype == np.float32
    assert mask.min() == 0.0 and mask[64, 64] > 0.999
    assert mask[DISC == 0].max() == 0.0
    assert mask[(DISC > 0) & (np.hypot(X - 63.5, Y - 63.5) > 39)].max() < 0.15


def test_eroding_takes_the_stated_share_off_all_round() -> None:
    before, after = extent(shaped(DISC, MaskShape())), extent(shaped(DISC, MaskShape(erode=0.1)))
    for a, b, sign in zip(before, after, (1, -1, 1, -1), strict=True):
        assert sign * (b - a) == pytest.approx(0.1 * WIDTH, abs=1.5)


@pytest.mark.parametrize(("edge", "place"), [("top", 0), ("bottom", 1), ("left", 2), ("right", 3)])
def test_an_edge_moves_alone(edge: str, place: int) -> None:
    before = extent(shaped(DISC, MaskShape(feather=0.01)))
    after = extent(shaped(DISC, MaskShape(feather=0.01, **{edge: 0.15})))
    moved = [abs(b - a) for a, b in zip(before, after, strict=True)]
    assert moved[place] == pytest.approx(0.15 * WIDTH, abs=2)
    opposite = place ^ 1
    assert moved[opposite] == 0


def test_growing_reaches_over_the_outline() -> None:
    before, after = extent(DISC), extent(shaped(DISC, MaskShape(erode=-0.15, feather=0.01)))
    assert after[0] < before[0] - 8 and after[1] > before[1] + 8


def test_a_hole_stays_where_it_is() -> None:
    hole = DISC.copy()
    hole[60:70, 50:78] = 0.0
    mask = shaped(hole, MaskShape(erode=0.1))
    assert mask[60:70, 50:78].max() == 0.0
    assert mask[56, 64] > 0.99 and mask[74, 64] > 0.99


def test_a_feather_of_twice_the_size_is_twice_as_soft() -> None:
    def rim(feather: float) -> int:
        row = shaped(DISC, MaskShape(feather=feather))[64]
        return int(((row > 0.1) & (row < 0.9)).sum())

    assert rim(0.06) == pytest.approx(2 * rim(0.03), rel=0.25)


def test_an_empty_mask_stays_empty() -> None:
    assert not shaped(np.zeros((64, 64), np.float32), MaskShape()).any()


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="feather"):
        MaskShape(feather=-0.1)
    with pytest.raises(ConfigError, match="erode"):
        MaskShape(top=0.9)
