"""Warps by landmarks: onto itself nothing happens, fits find what was done, folds show nothing."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import ShapeError, UsageError
from likeness.faces import find_faces, hull_mask, regions
from likeness.faces.mesh_warp import MeshWarp, fit_affine, fit_similarity


@pytest.fixture(scope="module")
def face(portrait) -> tuple[np.ndarray, np.ndarray]:
    return portrait, find_faces(portrait).landmarks_px[0].astype(np.float64)


def oval(points: np.ndarray) -> np.ndarray:
    return hull_mask(points[list(regions.FACE_OVAL)], (512, 512)) > 0.5


def test_onto_its_own_shape_the_picture_comes_back(face) -> None:
    image, points = face
    warped, shown = MeshWarp(image, points).to(points, (512, 512))
    inside = oval(points)
    assert np.abs(warped.astype(int) - image)[inside].mean() < 0.5
    assert shown[inside].mean() > 0.995


def test_a_shift_of_the_landmarks_shifts_the_face(face) -> None:
    image, points = face
    warped, _ = MeshWarp(image, points).to(points + np.array([30, 12]), (512, 512))
    inside = oval(points + np.array([30, 12]))
    expected = np.roll(image, (12, 30), axis=(0, 1))
    assert np.abs(warped.astype(int) - expected)[inside].mean() < 1.0


def test_the_mesh_goes_on_outside_of_the_face_without_a_step(face) -> None:
    """Moved by an affine, the whole neighbourhood must move alike, not only the triangles."""
    image, points = face
    turned = (points - 256) @ np.array([[0.9, 0.1], [-0.1, 0.9]]) + 256
    warped, _ = MeshWarp(image, points).to(turned, (512, 512))
    import cv2

    matrix = fit_affine(points, turned)
    expected = cv2.warpAffine(
        image, matrix, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    centre = turned[list(regions.FACE_OVAL)].mean(0)
    wide = hull_mask(centre + (turned[list(regions.FACE_OVAL)] - centre) * 1.1, (512, 512)) > 0.5
    assert np.abs(warped.astype(int) - expected)[wide].mean() < 4.0


def test_a_cheek_that_is_folded_away_shows_nothing(face) -> None:
    image, points = face
    turned = points.copy()
    middle = points[1, 0]
    right = turned[:, 0] > middle
    turned[right, 0] = middle - 0.3 * (
        turned[right, 0] - middle
    )  # the half beyond the nose lies under the other
    _, shown = MeshWarp(image, points).to(turned, (512, 512))
    whole = MeshWarp(image, points).to(points, (512, 512))[1]
    assert shown.sum() < 0.75 * whole.sum()


def test_a_face_turned_inside_out_shows_nothing_at_all(face) -> None:
    image, points = face
    inside_out = points * (-1.0, 1.0) + (512.0, 0.0)
    assert MeshWarp(image, points).to(inside_out, (512, 512))[1].max() == 0.0


def test_fits_find_what_was_done() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (50, 2))
    turn = 1.3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    moved = points @ turn.T + (5, -9)
    similarity = fit_similarity(points, moved)
    assert np.allclose(similarity, np.column_stack([turn, (5, -9)]))
    assert np.allclose(fit_affine(points, moved), similarity)
    noisy = fit_similarity(points, moved + rng.normal(0, 1, moved.shape))
    assert np.allclose(noisy[0, 0], noisy[1, 1]) and np.allclose(noisy[0, 1], -noisy[1, 0])


def test_impossible_points_are_refused(face) -> None:
    image, points = face
    with pytest.raises(UsageError, match="span"):
        fit_similarity(np.zeros((5, 2)), np.zeros((5, 2)))
    with pytest.raises(UsageError, match="one line"):
        fit_affine(np.column_stack([np.arange(5), np.arange(5)]), np.zeros((5, 2)))
    with pytest.raises(UsageError, match="area"):
        MeshWarp(image, np.full((478, 2), 7.0))
    with pytest.raises(ShapeError):
        MeshWarp(image, points[:68])
