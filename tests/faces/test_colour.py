"""Colour fits: they find what was done to a picture, and strangers in front of a face do not take part."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import ConfigError
from likeness.faces import align, find_faces
from likeness.faces.colour import apply_colour, fit_colour, skin_weight
from likeness.faces.geometry import transform
from likeness.types import FaceCrop

METHODS = ("mean_std_lab", "mkl", "histogram", "blur_ratio")


@pytest.fixture(scope="module")
def face(portrait) -> FaceCrop:
    points = find_faces(portrait).landmarks_px[0]
    crop = align(portrait, points, 160)
    inside = transform(points.astype(np.float64), crop.matrix).astype(np.float32)
    return FaceCrop(crop.image, crop.mask, crop.matrix, inside)


def tinted(image: np.ndarray) -> np.ndarray:
    """Bluer, darker, with less contrast."""
    changed = image.astype(np.float32) * (0.8, 0.85, 0.95) + (4, 6, 22)
    return np.clip(changed, 0, 255).round().astype(np.uint8)


def gap(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    return float(np.abs(a.astype(np.float32) - b)[weight > 0].mean())


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_takes_a_tint_off_again(face: FaceCrop, method: str) -> None:
    strange = tinted(face.image)
    weight = skin_weight(strange, face.image, face.mask, face.landmarks_px)
    fitted = apply_colour(method, strange, fit_colour(method, strange, face.image, weight))
    assert gap(fitted, face.image, weight) < 0.25 * gap(strange, face.image, weight)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_to_itself_changes_next_to_nothing(face: FaceCrop, method: str) -> None:
    weight = skin_weight(face.image, face.image, face.mask, face.landmarks_px)
    fitted = apply_colour(method, face.image, fit_colour(method, face.image, face.image, weight))
    assert gap(fitted, face.image, weight) < 1.0


@pytest.mark.parametrize("method", METHODS)
def test_a_hand_in_front_of_the_target_does_not_bleed_into_the_face(
    face: FaceCrop, method: str
) -> None:
    strange = tinted(face.image)
    covered = face.image.copy()
    covered[90:125, 40:80] = (20, 200, 40)
    weight = skin_weight(strange, covered, face.mask, face.landmarks_px)
    assert weight[95:120, 45:75].sum() == 0
    fitted = apply_colour(method, strange, fit_colour(method, strange, covered, weight))
    assert gap(fitted, face.image, weight) < 0.35 * gap(strange, face.image, weight)


def test_eyes_brows_and_lips_do_not_take_part(face: FaceCrop) -> None:
    weight = skin_weight(face.image, face.image, face.mask, face.landmarks_px)
    for point in (13, 468, 473, 105, 334):
        x, y = face.landmarks_px[point].round().astype(int)
        assert weight[y, x] == 0


@pytest.mark.parametrize("method", METHODS)
def test_too_few_pixels_change_nothing(face: FaceCrop, method: str) -> None:
    weight = np.zeros((160, 160), np.float32)
    weight[80, 80:90] = 1.0
    fit = fit_colour(method, tinted(face.image), face.image, weight)
    assert gap(apply_colour(method, face.image, fit), face.image, np.ones((160, 160))) < 0.6


def test_the_blur_ratio_brings_light_from_one_side_along(face: FaceCrop) -> None:
    ramp = np.linspace(0.6, 1.0, 160, dtype=np.float32)[None, :, None]
    lit = (face.image * ramp).astype(np.uint8)
    weight = (face.mask > 0.5).astype(np.float32)
    errors = {}
    for method in ("mean_std_lab", "blur_ratio"):
        fitted = apply_colour(method, face.image, fit_colour(method, face.image, lit, weight))
        errors[method] = gap(fitted, lit, weight)
    assert errors["blur_ratio"] < 0.5 * errors["mean_std_lab"]


def test_none_returns_the_picture_and_an_unknown_method_is_refused(face: FaceCrop) -> None:
    weight = np.ones((160, 160), np.float32)
    fit = fit_colour("none", face.image, face.image, weight)
    assert apply_colour("none", face.image, fit) is face.image
    with pytest.raises(ConfigError, match="mkl"):
        fit_colour("sepia", face.image, face.image, weight)  # type: ignore[arg-type]


def test_mkl_matches_how_channels_go_together(face: FaceCrop) -> None:
    """Mean and spread per channel are not enough: a hue is a covariance."""
    mix = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.0, 0.15, 1.0]])
    strange = np.clip(face.image @ mix.T, 0, 255).round().astype(np.uint8)
    weight = skin_weight(strange, face.image, face.mask, face.landmarks_px)
    fitted = apply_colour("mkl", strange, fit_colour("mkl", strange, face.image, weight))
    wanted, before, after = (
        np.cov(i[weight > 0].astype(float), rowvar=False) for i in (face.image, strange, fitted)
    )
    assert np.abs(after - wanted).max() < 0.35 * np.abs(before - wanted).max()
