from __future__ import annotations

import numpy as np
import pytest

from likeness.data import masks
from likeness.faces import regions

ALL = masks.FULL_FAMILIES + masks.PARTS


@pytest.mark.parametrize("family", ALL)
def test_a_region_covers_what_it_is_named_after(
    face: tuple[np.ndarray, np.ndarray], family: str
) -> None:
    _, landmarks = face
    drawn = masks.draw_hulls(masks.hull_points(landmarks, family), (220, 220))
    inside = {
        "mouth": regions.LIPS_INNER, "eyes": regions.EYES, "nose": regions.NOSE_TIP,
        "lower_face": regions.LIPS_OUTER, "components": regions.EYES, "inner": regions.LIPS_INNER,
        "whole": regions.FOREHEAD, "extended": regions.FACE_OVAL,
    }[family]  # fmt: skip
    x, y = np.rint(landmarks[list(inside)]).astype(int).T
    assert drawn[y, x].mean() > 0.9
    assert drawn[0].max() == drawn[:, 0].max() == 0.0


def test_families_are_ordered_by_area(face: tuple[np.ndarray, np.ndarray]) -> None:
    area = {f: masks.draw_hulls(masks.hull_points(face[1], f), (220, 220)).sum() for f in ALL}
    assert area["extended"] > area["whole"] > area["inner"] > area["components"]
    assert area["lower_face"] > area["mouth"]
    assert area["eyes"] < area["components"]


@pytest.mark.parametrize("family", ALL)
def test_masks_are_soft_have_a_core_and_end_inside(
    face: tuple[np.ndarray, np.ndarray], family: str
) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        mask = masks.draw_mask(masks.hull_points(face[1], family), (220, 220), rng)
        assert mask.dtype == np.float32 and mask.min() >= 0.0 and mask.max() <= 1.0
        assert mask.max() > 0.95
        assert ((mask > 0.02) & (mask < 0.98)).sum() > 100
        assert np.abs(np.diff(mask, axis=0)).max() < 0.5
        assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) < 0.01


def test_the_coarse_elastic_grid_has_the_statistics_of_the_dense_one() -> None:
    ramp = np.tile(np.arange(256, dtype=np.float32), (256, 1))
    moved = [
        (masks.elastic(ramp, np.random.default_rng(seed)) - ramp)[16:-16, 16:-16]
        for seed in range(8)
    ]
    # white noise of variance 1/3 smoothed by sigma 7 and scaled by 50
    expected = 50 / np.sqrt(3) / (2 * np.sqrt(np.pi) * 7)
    assert np.std(moved) == pytest.approx(expected, rel=0.15)
    field = np.stack(moved)
    rough = np.std(np.diff(field, axis=2)) / np.std(field)
    assert rough == pytest.approx(
        1 / (np.sqrt(2) * 7), rel=0.25
    )  # correlation falls with sigma x sqrt 2


def test_the_boundary_peaks_at_one_half() -> None:
    assert masks.boundary(np.array([0.0, 0.5, 1.0], np.float32)).tolist() == [0.0, 1.0, 0.0]
