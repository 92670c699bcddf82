"""Merging: outside nothing changes, one's own face comes back, what flickers in does not flicker out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import ConfigError, UsageError
from likeness.faces import align, find_faces
from likeness.faces.geometry import transform
from likeness.faces.merge_options import MergeConfig, MergeState
from likeness.faces.merging import merge
from likeness.types import FaceCrop, Frame

COLOURS = ("none", "mean_std_lab", "mkl", "histogram", "blur_ratio", "seamless")


@pytest.fixture(scope="module")
def target(portrait) -> FaceCrop:
    points = find_faces(portrait).landmarks_px[0]
    crop = align(portrait, points, 224)
    inside = transform(points.astype(np.float64), crop.matrix).astype(np.float32)
    return replace(crop, landmarks_px=inside)


def frame(image: np.ndarray, index: int = 0) -> Frame:
    return Frame(image, index, index / 25.0)


def tinted(crop: FaceCrop, shift: tuple[float, float, float]) -> FaceCrop:
    image = np.clip(crop.image.astype(np.float32) + shift, 0, 255).round().astype(np.uint8)
    return replace(crop, image=image)


@pytest.mark.parametrize("colour", COLOURS)
def test_ones_own_face_comes_back_and_the_rest_is_untouched(portrait, target, colour: str) -> None:
    merged = merge(frame(portrait), target, target, MergeConfig(colour=colour))
    x0, y0, x1, y1 = merged.box
    covered = np.zeros(portrait.shape[:2], bool)
    covered[y0:y1, x0:x1] = merged.alpha > 0
    assert np.array_equal(merged.image[~covered], portrait[~covered])
    assert np.abs(merged.image.astype(int) - portrait)[covered].mean() < 1.5
    assert (merged.alpha > 0.5).mean() > 0.5


@pytest.mark.parametrize("colour", [c for c in COLOURS if c != "none"])
def test_a_tint_is_taken_off(portrait, target, colour: str) -> None:
    strange = tinted(target, (25, -10, 30))
    left = {}
    for method in ("none", colour):
        merged = merge(frame(portrait), target, strange, MergeConfig(colour=method))
        x0, y0, x1, y1 = merged.box
        off = np.abs(merged.image.astype(int) - portrait)[y0:y1, x0:x1]
        left[method] = float(off[merged.alpha > 0.9].mean())
    assert left[colour] < 0.3 * left["none"]


def test_half_the_strength_takes_half_the_tint_off(portrait, target) -> None:
    strange = tinted(target, (30, 30, 30))
    faces = [
        merge(
            frame(portrait),
            target,
            strange,
            MergeConfig(colour="mkl", colour_strength=s, sharpness=0, grain=0),
        )
        .image[200, 230]
        .astype(float)
        for s in (0.0, 0.5, 1.0)
    ]
    assert np.allclose(faces[1], (faces[0] + faces[2]) / 2, atol=1.5)


def test_colours_that_flicker_are_steadied(portrait, target) -> None:
    """The generator changes its colour from frame to frame; the fit alone follows it, the fading one does not lag much."""
    rng = np.random.default_rng(5)
    covered = np.zeros(portrait.shape[:2], bool)
    unrest = {}
    for fade in (0.0, 0.4):
        state, means = MergeState(), []
        config = MergeConfig(colour_fade_s=fade, sharpness=0, grain=0, colour="mean_std_lab")
        rng = np.random.default_rng(5)
        for index in range(20):
            noisy = portrait.astype(np.float32)
            # the footage itself is steady; what is in front of the face is not, and the fit wobbles with it
            noisy[100:150, 205:255] += rng.normal(0, 25)
            shaken = np.clip(noisy, 0, 255).astype(np.uint8)
            seen = replace(align_like(shaken, target), landmarks_px=target.landmarks_px)
            merged = merge(frame(portrait, index), seen, target, config, state)
            x0, y0, x1, y1 = merged.box
            covered[y0:y1, x0:x1] |= merged.alpha > 0.9
            means.append(merged.image.astype(np.float64))
        series = np.array([m[covered].mean() for m in means])
        unrest[fade] = float(np.abs(np.diff(series, n=2)).mean())
    assert unrest[0.4] < 0.4 * unrest[0.0]


def align_like(image: np.ndarray, crop: FaceCrop) -> FaceCrop:
    from likeness.faces.geometry import warp

    return replace(crop, image=warp(image, crop.matrix, crop.image.shape[0]))


def test_a_soft_face_is_sharpened_and_a_sharp_one_softened(portrait, target) -> None:
    import cv2

    from likeness.faces.merge_measures import sharpness_ratio

    off = MergeConfig(sharpness=0, grain=0)
    soft, softer = (cv2.GaussianBlur(portrait, (0, 0), sigma) for sigma in (0.7, 1.5))
    for image, old, new in (
        (portrait, target, align_like(soft, target)),
        (softer, align_like(softer, target), target),
    ):
        left = sharpness_ratio(image, merge(frame(image), old, new, off))
        matched = sharpness_ratio(image, merge(frame(image), old, new))
        assert abs(np.log(matched)) < 0.6 * abs(np.log(left))


def test_missing_grain_is_added_and_repeats(portrait, target) -> None:
    noise = np.random.default_rng(0).normal(0, 8, portrait.shape[:2])[..., None]
    grainy = np.clip(portrait + noise, 0, 255).astype(np.uint8)
    seen = align_like(grainy, target)
    config = MergeConfig(sharpness=0)
    first, second = (merge(frame(grainy, 3), seen, target, config).image for _ in range(2))
    assert np.array_equal(first, second)
    without = merge(frame(grainy, 3), seen, target, replace(config, grain=0.0))
    x0, y0, x1, y1 = without.box
    core = without.alpha > 0.9

    def roughness(image: np.ndarray) -> float:
        from likeness.faces.detail import grain_sigma, grey_of

        return grain_sigma(grey_of(image[y0:y1, x0:x1]), without.alpha)

    assert core.any()
    wanted = roughness(grainy)
    assert roughness(first) == pytest.approx(wanted, rel=0.2)
    assert roughness(without.image) < 0.6 * wanted


def test_masks_are_the_hull_the_learned_one_or_both(portrait, target) -> None:
    learned = np.zeros_like(target.mask)
    learned[:, :112] = 1.0
    half = replace(target, mask=learned)
    areas = {
        mask: float(merge(frame(portrait), target, half, MergeConfig(mask=mask)).alpha.sum())
        for mask in ("hull", "learned", "product")
    }
    assert areas["product"] < 0.6 * areas["hull"]
    assert areas["product"] < areas["learned"]
    bare = replace(target, landmarks_px=None)
    with pytest.raises(UsageError, match="hull"):
        merge(frame(portrait), bare, bare, MergeConfig(mask="hull"))
    assert merge(frame(portrait), bare, bare).alpha.any()


def test_an_empty_mask_leaves_the_frame_alone(portrait, target) -> None:
    nothing = replace(target, mask=np.zeros_like(target.mask))
    merged = merge(frame(portrait), target, nothing)
    assert np.array_equal(merged.image, portrait) and merged.alpha.size == 0


def test_a_face_that_sticks_out_of_the_picture_is_merged_as_far_as_it_goes(
    portrait, target
) -> None:
    cut = np.ascontiguousarray(portrait[:, 200:])
    matrix = target.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (200.0, 0.0)
    moved = replace(align_like(cut, replace(target, matrix=matrix)))
    merged = merge(frame(cut), moved, moved)
    assert merged.box[0] == 0
    assert merged.image.shape == cut.shape and merged.alpha[:, 0].max() > 0.5


def test_crops_that_do_not_belong_together_are_refused(portrait, target) -> None:
    other = align(portrait, find_faces(portrait).landmarks_px[0], 128)
    with pytest.raises(UsageError, match="size and matrix"):
        merge(frame(portrait), target, other)
    with pytest.raises(UsageError, match="size and matrix"):
        merge(frame(portrait), target, replace(target, matrix=target.matrix + 1))


@pytest.mark.parametrize("bad", [{"grain": 2.0}, {"colour_fade_s": -1.0}, {"feather": 0.9}])
def test_impossible_settings_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        MergeConfig(**bad)


def fits_over(frames: int, target: FaceCrop, portrait: np.ndarray, monkeypatch, **settings) -> int:
    from likeness.faces import membrane

    calls = []
    own = membrane.fit_membrane
    monkeypatch.setattr(membrane, "fit_membrane", lambda *a: calls.append(1) or own(*a))
    state, config = MergeState(), MergeConfig(**settings)
    for index in range(frames):
        merge(Frame(portrait, index, index / 25.0), target, target, config, state)
    return len(calls)


def test_a_fading_fit_is_kept_for_a_frame_and_one_that_does_not_fade_never(
    portrait, target, monkeypatch
) -> None:
    assert fits_over(6, target, portrait, monkeypatch) == 3
    assert fits_over(6, target, portrait, monkeypatch, refit_s=0.0) == 6
    assert fits_over(6, target, portrait, monkeypatch, colour_fade_s=0.0) == 6


def test_a_fit_of_later_frames_is_not_used_for_earlier_ones() -> None:
    state = MergeState()
    assert [state.fit("a", when, 0.06, lambda when=when: when) for when in (1.0, 1.04, 0.5)] == [
        1.0,
        1.0,
        0.5,
    ]
