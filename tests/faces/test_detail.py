"""Sharpness and grain: read from the picture, brought to what is wanted, contrast left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from likeness.faces import align, find_faces
from likeness.faces.detail import (
    SHARPEST,
    SOFTEST,
    fineness,
    fit_sharpness,
    grain_sigma,
    grey_of,
    sharpened,
    with_grain,
)


@pytest.fixture(scope="module")
def face(portrait) -> tuple[np.ndarray, np.ndarray]:
    crop = align(portrait, find_faces(portrait).landmarks_px[0], 192)
    return grey_of(crop.image), crop.mask


def test_blur_lowers_fineness_and_contrast_does_not(face) -> None:
    grey, mask = face
    values = [
        fineness(cv2.GaussianBlur(grey, (0, 0), s) if s else grey, mask) for s in (0, 0.6, 1.2, 2)
    ]
    assert values == sorted(values, reverse=True) and values[0] > 2 * values[-1]
    faint = 128 + 0.5 * (grey - 128)
    assert fineness(faint, mask) == pytest.approx(values[0], rel=0.05)


@pytest.mark.parametrize("sigma", [0.8, 1.3, 2.0])
def test_a_face_that_is_too_sharp_is_softened_by_about_what_is_missing(face, sigma: float) -> None:
    grey, mask = face
    soft = cv2.GaussianBlur(grey, (0, 0), sigma)
    change = fit_sharpness(grey, fineness(soft, mask), mask)
    assert change == pytest.approx(-sigma, rel=0.25)
    after = fineness(sharpened(grey, change), mask)
    assert after == pytest.approx(fineness(soft, mask), rel=0.12)


def test_a_face_that_is_too_soft_is_sharpened_within_bounds(face) -> None:
    grey, mask = face
    soft = cv2.GaussianBlur(grey, (0, 0), 0.7)
    change = fit_sharpness(soft, fineness(grey, mask), mask)
    assert 0 < change <= SHARPEST
    gain = abs(np.log(fineness(sharpened(soft, change), mask) / fineness(grey, mask)))
    assert gain < abs(np.log(fineness(soft, mask) / fineness(grey, mask)))
    assert fit_sharpness(grey, 1e-3, mask) == SOFTEST


def test_alike_faces_are_left_alone(face) -> None:
    grey, mask = face
    assert fit_sharpness(grey, fineness(grey, mask, grain_sigma(grey, mask)), mask) == 0.0
    assert fit_sharpness(grey, 1.0, np.zeros_like(mask)) == 0.0


@pytest.mark.parametrize("sigma", [3.0, 6.0, 12.0])
def test_grain_is_measured(face, sigma: float) -> None:
    grey, mask = face
    smooth = cv2.GaussianBlur(grey, (0, 0), 2.0)
    noisy = smooth + np.random.default_rng(0).normal(0, sigma, grey.shape).astype(np.float32)
    assert grain_sigma(noisy, mask) == pytest.approx(sigma, rel=0.15)
    assert grain_sigma(smooth, mask) < 0.5


def test_grain_is_added_to_brightness_and_repeats_with_its_seed() -> None:
    flat = np.full((64, 64, 3), 100, np.float32)
    a, b = (with_grain(flat, 4.0, np.random.default_rng([1, 2])) for _ in range(2))
    assert np.array_equal(a, b)
    assert float((a - flat)[..., 0].std()) == pytest.approx(4.0, rel=0.1)
    assert np.allclose(a[..., 0], a[..., 2])
    assert with_grain(flat, 0.1, np.random.default_rng(0)) is flat
