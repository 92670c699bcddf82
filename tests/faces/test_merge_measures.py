"""Figures of a merge: nothing for one's own face, something for each fault, and each for its own."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from likeness.faces import align, find_faces
from likeness.faces.merge_measures import (
    STEADY_PX,
    Flicker,
    seam_contrast,
    seam_delta_e,
    sharpness_ratio,
    steady_face,
)
from likeness.faces.merge_options import MergeConfig
from likeness.faces.merging import Merged, merge
from likeness.types import Frame

PLAIN = MergeConfig(colour="none", sharpness=0, grain=0, feather=0.01)


@pytest.fixture(scope="module")
def crop(portrait):
    return align(portrait, find_faces(portrait).landmarks_px[0], 224)


def merged(portrait, crop, change) -> Merged:
    image = np.clip(change(crop.image.astype(np.float32)), 0, 255).round().astype(np.uint8)
    return merge(Frame(portrait, 0, 0.0), crop, replace(crop, image=image), PLAIN)


def test_ones_own_face_has_no_seam_and_its_own_sharpness(portrait, crop) -> None:
    own = merged(portrait, crop, lambda i: i)
    assert seam_delta_e(portrait, own) < 0.5
    assert seam_contrast(portrait, own) == pytest.approx(1.0, abs=0.05)
    assert sharpness_ratio(portrait, own) == pytest.approx(1.0, abs=0.08)


def test_a_step_in_colour_is_seen_and_grows(portrait, crop) -> None:
    steps = [
        seam_delta_e(portrait, merged(portrait, crop, lambda i, s=s: i + np.float32([s, 0, -s])))
        for s in (0, 10, 25)
    ]
    assert steps == sorted(steps)
    assert steps[1] > 1.5 and steps[2] > 2 * steps[1]


def test_an_edge_at_the_rim_is_seen(portrait, crop) -> None:
    assert seam_contrast(portrait, merged(portrait, crop, lambda i: i + 60)) > 1.3


def test_a_soft_face_lowers_the_sharpness_alone(portrait, crop) -> None:
    soft = merged(portrait, crop, lambda i: cv2.GaussianBlur(i, (0, 0), 2.0))
    assert sharpness_ratio(portrait, soft) < 0.7
    assert seam_delta_e(portrait, soft) < 1.0


def test_without_a_face_there_is_no_figure(portrait) -> None:
    nothing = Merged(portrait, (0, 0, 0, 0), np.zeros((0, 0), np.float32))
    for measure in (seam_delta_e, seam_contrast, sharpness_ratio):
        assert np.isnan(measure(portrait, nothing))


def flicker_of(levels) -> float:
    flicker, mask = Flicker(), np.ones((STEADY_PX, STEADY_PX), np.float32)
    for index, level in levels:
        flicker.add(index, np.full((STEADY_PX, STEADY_PX), level, np.float32), mask)
    return flicker.level


def test_flicker_is_zero_for_what_is_steady_or_changes_evenly() -> None:
    assert flicker_of([(i, 100) for i in range(10)]) == 0.0
    assert flicker_of([(i, 3.0 * i) for i in range(10)]) == pytest.approx(0.0, abs=1e-4)


def test_flicker_is_the_height_of_the_jumps() -> None:
    assert flicker_of([(i, 100 + 5 * (i % 2)) for i in range(10)]) == pytest.approx(10.0)


def test_flicker_does_not_look_across_missing_frames() -> None:
    assert flicker_of([(0, 0), (1, 0), (5, 90), (6, 90), (7, 90)]) == 0.0
    assert np.isnan(flicker_of([(0, 0), (1, 9), (3, 0), (4, 9)]))


def test_flicker_is_read_inside_the_mask_only() -> None:
    flicker, mask = Flicker(), np.zeros((STEADY_PX, STEADY_PX), np.float32)
    mask[:32] = 1.0
    for index in range(5):
        face = np.zeros((STEADY_PX, STEADY_PX), np.float32)
        face[32:] = 50 * (index % 2)
        flicker.add(index, face, mask)
    assert flicker.level == 0.0


def test_a_moving_face_is_steady_in_its_own_coordinates(portrait, crop) -> None:
    moved = np.roll(portrait, 20, axis=1)
    matrix = crop.matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ (20.0, 0.0)
    still, shifted = steady_face(portrait, crop.matrix, 224), steady_face(moved, matrix, 224)
    assert still.shape == (STEADY_PX, STEADY_PX)
    assert np.abs(still - shifted).mean() < 0.2
    shrunk = cv2.resize(crop.image, (64, 64), interpolation=cv2.INTER_AREA) @ np.array(
        [0.299, 0.587, 0.114]
    )
    assert np.abs(still - shrunk).mean() < 3.0
