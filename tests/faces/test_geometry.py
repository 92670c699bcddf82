"""Align and its inverse."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from likeness.errors import ShapeError, UsageError
from likeness.faces.finding import find_faces
from likeness.faces.geometry import (
    align,
    align_matrix,
    corners_px,
    eye_centres,
    eye_distance_px,
    invert,
    paste,
    square_matrix,
    transform,
    warp,
)
from likeness.faces.models import FaceModels


@pytest.fixture(scope="module")
def landmarks(portrait: np.ndarray) -> np.ndarray:
    return find_faces(portrait, models=FaceModels(1), min_face_px=60).landmarks_px[0]


def turned(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((225.0, 130.0), degrees, 1.0)
    return transform(landmarks, matrix)


def test_inverse_is_exact(landmarks: np.ndarray) -> None:
    matrix = align_matrix(landmarks)
    points = np.random.default_rng(0).uniform(-500, 500, (50, 2))
    assert np.abs(transform(transform(points, matrix), invert(matrix)) - points).max() < 1e-6


@pytest.mark.parametrize("degrees", [-60.0, 0.0, 25.0, 170.0])
def test_crop_is_upright_and_holds_the_whole_mesh(landmarks: np.ndarray, degrees: float) -> None:
    points = turned(landmarks, degrees)
    in_crop = transform(points, align_matrix(points, 160, 0.25))
    right, left = eye_centres(in_crop)
    assert abs(right[1] - left[1]) < 1e-6 and right[0] < left[0]
    mesh = in_crop[:468]
    # The longer side fills 1 / (1 + 2 * 0.25) of the crop, centred.
    assert (mesh.max(axis=0) - mesh.min(axis=0)).max() == pytest.approx(160 / 1.5, rel=1e-6)
    assert (mesh.max(axis=0) + mesh.min(axis=0)) / 2 == pytest.approx(79.5, abs=1e-6)


def test_round_trip_keeps_the_picture(portrait: np.ndarray, landmarks: np.ndarray) -> None:
    matrix = align_matrix(landmarks)
    equal_scale = round(160 / np.sqrt(np.linalg.det(matrix[:, :2])))
    crop = align(portrait, landmarks, equal_scale)
    back = paste(portrait, crop)
    touched = paste(np.zeros_like(portrait), replace(crop, image=crop.image * 0 + 255)).max(-1) > 0
    assert np.array_equal(back[~touched], portrait[~touched])
    error = (back.astype(float) - portrait)[touched]
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 38
    assert 4000 < touched.sum() < 12000


def test_paste_changes_the_face_and_nothing_else(
    portrait: np.ndarray, landmarks: np.ndarray
) -> None:
    crop = align(portrait, landmarks, 128)
    red = np.zeros_like(crop.image)
    red[..., 0] = 255
    result = paste(portrait, replace(crop, image=red))
    nose = landmarks[1].round().astype(int)
    assert tuple(result[nose[1], nose[0]]) == (255, 0, 0)
    changed = (result != portrait).any(-1)
    rows, columns = np.nonzero(changed)
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    assert (
        np.abs(box - np.concatenate([landmarks.min(0), landmarks.max(0)])).max() < 4
    )  # the oval's own box
    assert np.array_equal(paste(portrait, replace(crop, mask=np.zeros_like(crop.mask))), portrait)


def test_face_at_the_edge_is_aligned_and_pasted(
    portrait: np.ndarray, landmarks: np.ndarray
) -> None:
    part = np.ascontiguousarray(portrait[80:, 200:])
    moved = landmarks - np.array([200, 80], np.float32)
    crop = align(part, moved)
    assert crop.image.std() > 20
    assert paste(part, crop).shape == part.shape
    far = paste(part, align(part, moved + 5000))
    assert np.array_equal(far, part)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the crop can show: must become grey
    for side in (330.0, 640.0, 790.0):
        crop = warp(stripes, square_matrix((400, 400), side, 0.0, 160), 160)
        assert crop[20:-20, 20:-20].astype(float).std() < 12


@pytest.mark.parametrize("side", [100.0, 250.0, 420.0])
def test_warp_puts_things_where_the_matrix_says(side: float) -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    cv2.circle(picture, (260, 240), 12, (255, 255, 255), -1)
    matrix = square_matrix((250, 250), side, 0.3, 160)
    crop = warp(picture, matrix, 160)[..., 0].astype(float)
    rows, columns = np.mgrid[:160, :160]
    centre = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
    assert np.abs(centre - transform(np.array([260.0, 240.0]), matrix)).max() < 0.1


def test_corners_name_the_crop_in_the_frame(portrait: np.ndarray, landmarks: np.ndarray) -> None:
    crop = align(portrait, landmarks, 100)
    corners = corners_px(crop)
    sides = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    assert sides == pytest.approx(100 / np.sqrt(np.linalg.det(crop.matrix[:, :2])), rel=1e-4)
    assert (corners[0] < corners[2]).all()


def test_eye_distance_scales(landmarks: np.ndarray) -> None:
    assert eye_distance_px(landmarks * 3) == pytest.approx(3 * eye_distance_px(landmarks))
    assert 40 < eye_distance_px(landmarks) < 55


def test_wrong_input_is_named(portrait: np.ndarray, landmarks: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="landmarks_px"):
        align(portrait, landmarks[:68])
    with pytest.raises(ShapeError, match="image"):
        align(portrait.astype(np.float32), landmarks)
    with pytest.raises(UsageError, match="no area"):
        align(portrait, landmarks * 0)
    with pytest.raises(UsageError, match="margin"):
        align(portrait, landmarks, margin=-0.1)
