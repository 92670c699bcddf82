"""The typology angle of skin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness import testing
from likeness.faces.complexion import skin_ita_deg


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    _, (track,) = testing.portrait_clip()
    return track.landmarks_px[0]


def flat(l_star: float, b_star: float) -> np.ndarray:
    """A picture of one colour, given in CIELAB with a = 12."""
    import cv2

    lab = np.full((512, 512, 3), (l_star, 12.0, b_star), np.float32)
    return np.rint(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)).astype(np.uint8)


@pytest.mark.parametrize(("l_star", "b_star"), [(75.0, 15.0), (50.0, 20.0), (30.0, 12.0)])
def test_the_angle_is_that_of_the_colour(
    landmarks: np.ndarray, l_star: float, b_star: float
) -> None:
    expected = math.degrees(math.atan2(l_star - 50.0, b_star))
    assert skin_ita_deg(flat(l_star, b_star), landmarks) == pytest.approx(expected, abs=2.0)


def test_the_portrait_is_light_and_darkening_it_lowers_the_angle(landmarks: np.ndarray) -> None:
    image = testing.portrait()
    light = skin_ita_deg(image, landmarks)
    assert light > 20.0
    assert skin_ita_deg((image * 0.5).astype(np.uint8), landmarks) < light - 30.0


def test_a_grey_picture_has_no_angle(landmarks: np.ndarray) -> None:
    grey = testing.portrait().mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    assert math.isnan(skin_ita_deg(grey, landmarks))


def test_landmarks_that_span_nothing_have_no_angle() -> None:
    assert math.isnan(skin_ita_deg(testing.portrait(), np.zeros((478, 2), np.float32)))
