"""Named landmark groups."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.faces import regions
from likeness.faces.finding import find_faces
from likeness.faces.models import FaceModels


@pytest.fixture(scope="module")
def landmarks(portrait: np.ndarray) -> np.ndarray:
    return find_faces(portrait, models=FaceModels(1), min_face_px=60).landmarks_px[0]


def crosses(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


@pytest.mark.parametrize("name", sorted(set(regions.GROUPS) - {"jaw", "right_iris", "left_iris"}))
def test_rings_do_not_cross_themselves(landmarks: np.ndarray, name: str) -> None:
    ring = landmarks[list(regions.GROUPS[name])]
    edges = [(ring[i], ring[(i + 1) % len(ring)]) for i in range(len(ring))]
    for i in range(len(edges)):
        for j in range(i + 2, len(edges)):
            assert not crosses(*edges[i], *edges[j]), (name, i, j)


def test_groups_lie_where_their_names_say(landmarks: np.ndarray) -> None:
    def centre(group: regions.Group) -> np.ndarray:
        return landmarks[list(group)].mean(axis=0)

    for right, left in (
        (regions.RIGHT_EYE, regions.LEFT_EYE),
        (regions.RIGHT_BROW, regions.LEFT_BROW),
        (regions.RIGHT_CHEEK, regions.LEFT_CHEEK),
    ):
        assert centre(right)[0] < centre(regions.NOSE)[0] < centre(left)[0]
    order = [
        regions.FOREHEAD,
        regions.BROWS,
        regions.EYES,
        regions.NOSE,
        regions.LIPS,
        regions.CHIN,
    ]
    heights = [centre(group)[1] for group in order]
    assert heights == sorted(heights)


def test_indices_are_valid_and_unique() -> None:
    for name, group in regions.GROUPS.items():
        assert len(set(group)) == len(group), name
        assert min(group) >= 0 and max(group) < 478
    assert len(regions.IBUG_68) == 68 and len(regions.FACE_OVAL) == 36
