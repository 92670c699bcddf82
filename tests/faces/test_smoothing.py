"""Smoothing: trembling goes, motion stays, gaps and cuts are not smoothed across."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import ConfigError
from likeness.faces import find_faces
from likeness.faces.smoothing import Fading, SmoothingConfig, smooth_landmarks

TIMES = np.arange(60) / 25.0


@pytest.fixture(scope="module")
def face(portrait) -> np.ndarray:
    return find_faces(portrait).landmarks_px[0].astype(np.float64)


def moving(face: np.ndarray, step: tuple[float, float] = (1.5, -0.7)) -> np.ndarray:
    return face[None] + np.arange(60)[:, None, None] * np.array(step)


def unrest(points: np.ndarray) -> float:
    return float(np.sqrt(np.square(np.diff(points.astype(np.float64), n=2, axis=0)).mean()))


def test_trembling_is_halved_and_motion_stays(face: np.ndarray) -> None:
    true = moving(face)
    rng = np.random.default_rng(3)
    seen = true + rng.normal(0, 0.6, true.shape) + rng.normal(0, 0.8, (60, 1, 2))
    smooth = smooth_landmarks(TIMES, seen)
    assert smooth.shape == true.shape and smooth.dtype == np.float32
    assert unrest(smooth) < 0.4 * unrest(seen)
    assert np.abs(smooth - true).mean() < 0.6 * np.abs(seen - true).mean()


def test_even_motion_turning_and_growing_come_through_unaltered(face: np.ndarray) -> None:
    angle = 0.004 * np.arange(60)
    scale = 1.0 + 0.002 * np.arange(60)
    turn = np.stack([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(
        2, 0, 1
    )
    true = scale[:, None, None] * (moving(face) @ turn)
    assert np.abs(smooth_landmarks(TIMES, true) - true).max() < 0.05


def test_a_jump_is_not_smoothed_across(face: np.ndarray) -> None:
    true = np.repeat(face[None], 60, axis=0)
    true[30:] += (90.0, 0.0)
    assert np.abs(smooth_landmarks(TIMES, true) - true).max() < 0.01


def test_a_gap_in_time_is_not_smoothed_across(face: np.ndarray) -> None:
    true = np.repeat(face[None], 60, axis=0)
    true[30:] += (6.0, 0.0)  # no jump, but half a second is missing
    times = np.where(np.arange(60) < 30, TIMES, TIMES + 0.5)
    assert np.abs(smooth_landmarks(times, true) - true).max() < 0.01
    assert np.abs(smooth_landmarks(TIMES, true) - true).max() > 1.0


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_short_tracks_come_back_as_they_were(face: np.ndarray, count: int) -> None:
    seen = moving(face)[:count]
    assert np.allclose(smooth_landmarks(TIMES[:count], seen), seen, atol=1e-3)


def test_windows_of_zero_change_nothing(face: np.ndarray) -> None:
    seen = moving(face) + np.random.default_rng(0).normal(0, 1, (60, 478, 2))
    assert np.allclose(smooth_landmarks(TIMES, seen, SmoothingConfig(0.0, 0.0)), seen, atol=1e-3)
    with pytest.raises(ConfigError, match="0-5 s"):
        SmoothingConfig(place_s=-1)


def test_a_fading_value_follows_with_its_time_constant() -> None:
    fading = Fading(0.4)
    assert float(fading.follow(0.0, 0.0)) == 0.0
    for frame in range(1, 11):
        value = float(fading.follow(1.0, frame * 0.04))
    assert value == pytest.approx(1 - np.exp(-1), abs=1e-5)


def test_a_fading_value_starts_anew_after_a_pause_and_with_another_shape() -> None:
    fading = Fading(0.4, pause_s=0.5)
    fading.follow(np.zeros(3), 0.0)
    assert fading.follow(np.ones(3), 2.0).tolist() == [1, 1, 1]
    assert fading.follow(np.full((2, 2), 7.0), 2.04).tolist() == [[7, 7], [7, 7]]
    assert Fading(0.0).follow(5.0, 0.0) == 5.0
