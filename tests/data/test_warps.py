"""Batches for autoencoders: what is warped, what is not, and that all of it follows the seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness.data.warps import STILL, FacePool, WarpConfig
from likeness.errors import ConfigError, DataError
from likeness.faces import align, regions
from likeness.faces.geometry import transform

ONLY_WARP = replace(STILL, warp=5 / 256)


@pytest.fixture(scope="module")
def crop(portrait):
    landmarks = np.load(Path(__file__).with_name("portrait_landmarks.npy")).astype(np.float64)
    crop = align(portrait, landmarks, 160)
    return crop.image, transform(landmarks, crop.matrix).astype(np.float32)


@pytest.fixture(scope="module")
def pool(crop):
    image, points = crop
    dark = (image * 0.5).astype(np.uint8)
    return FacePool(np.stack([image, dark]), np.stack([points, points]), coverage=0.8)


def draw(pool, config, rows=(0,), seed=0, sizes=(64, 128), other=None):
    return pool.draw(list(rows), np.random.default_rng(seed), config, sizes, other)


def test_without_variation_input_and_target_are_the_middle_of_the_crop(pool, crop):
    batch = draw(pool, STILL)
    middle = crop[0][16:144, 16:144]
    assert np.abs(batch.targets[0].astype(int) - middle).mean() < 0.5
    smaller = cv2.resize(middle, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(batch.inputs[0].astype(int) - smaller).mean() < 1.5
    assert np.array_equal(batch.gains, np.ones((1, 3))) and not batch.offsets.any()


def test_the_seed_decides_everything(pool):
    one, same, other = (draw(pool, WarpConfig(), (0, 1), s) for s in (1, 1, 2))
    assert all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(same).values(), strict=True)
    )
    assert not np.array_equal(one.inputs, other.inputs)
    assert not np.array_equal(one.targets, other.targets)


def test_only_the_input_is_warped(pool):
    still, warped = draw(pool, STILL), draw(pool, ONLY_WARP)
    assert np.array_equal(still.targets, warped.targets)
    assert np.abs(still.inputs.astype(int) - warped.inputs).mean() > 3


def test_warp_displacements_have_the_published_size(pool):
    """A ramp of one grey level per pixel shows how far each pixel came."""
    ramp = np.repeat(np.arange(160, dtype=np.uint8)[None, :, None], 160, 0).repeat(3, 2)
    points = np.full((1, 478, 2), 80, np.float32) + np.random.default_rng(0).normal(
        0, 9, (1, 478, 2)
    ).astype(np.float32)
    shifts = []
    for seed in range(40):
        one = FacePool(ramp[None], points, coverage=1.0)
        at = [draw(one, c, (0,), seed, (160, 160)).inputs[0, 80, 80, 0] for c in (STILL, ONLY_WARP)]
        shifts.append(float(at[1]) - float(at[0]))
    # the centre of the picture is a node of the grid: its shift is that of one draw, 5/256 of the side
    assert 0.6 * 160 * 5 / 256 < np.std(shifts) < 1.5 * 160 * 5 / 256


def test_regions_follow_the_target(pool, crop):
    config = replace(STILL, rotation_deg=10, shift=0.05, zoom=0.05, flip=1.0)
    batch = draw(pool, config, seed=5)
    mirrored = batch.regions[0]
    assert mirrored[..., 0].any() and mirrored[..., 1].any() and mirrored[..., 2].any()
    still = draw(pool, STILL)
    points = (crop[1] - 16)[list(regions.LIPS_INNER)].mean(axis=0).astype(int)
    assert still.regions[0, points[1], points[0], 2] == 255
    # Inside the mouth's region the lips are redder than the skin, in the mirrored and turned picture too.
    red = batch.targets[0].astype(float)
    red = red[..., 0] - red[..., 1]
    mouth = mirrored[..., 2] > 127
    skin = (mirrored[..., 0] > 127) & ~mouth & (mirrored[..., 1] < 127)
    assert red[mouth].mean() > red[skin].mean() + 5


def test_flip_mirrors_input_and_target_alike(pool):
    still, flipped = draw(pool, STILL), draw(pool, replace(STILL, flip=1.0))
    assert np.abs(still.targets[:, :, ::-1].astype(int) - flipped.targets).mean() < 0.5
    assert np.abs(still.inputs[:, :, ::-1].astype(int) - flipped.inputs).mean() < 0.5


def test_colours_are_matched_to_the_other_identity(crop, pool):
    image, points = crop
    light = FacePool((255 - (255 - image) // 2)[None], points[None])
    batch = draw(pool, replace(STILL, match=1.0), (0,), other=light)
    inside = batch.regions[0, ..., 0] > 127
    colours = (batch.targets[0] / 255 * batch.gains[0] + batch.offsets[0])[inside]
    assert np.allclose(colours.mean(axis=0), light.colours[0, 0], atol=0.02)
    assert np.allclose(colours.std(axis=0), light.colours[0, 1], atol=0.03)


def test_light_and_tint_stay_within_their_range(pool):
    batch = draw(pool, replace(STILL, light=0.1, tint=0.03), (0,) * 64)
    assert (
        batch.gains.min() > 0.9 * 0.9 * 0.97 - 1e-6 and batch.gains.max() < 1.1 * 1.1 * 1.03 + 1e-6
    )
    assert batch.gains.std() > 0.02


def test_the_mean_face_is_the_mean(crop):
    image, points = crop
    pair = FacePool(np.stack([image, 255 - image]), np.stack([points, points]))
    mean = pair.mean(128)
    assert mean.shape == (4, 128, 128) and mean.dtype == np.float32
    assert np.abs(mean[:3] - 0.5).max() < 0.01
    assert mean[3, 64, 64] == 1 and mean[3, 0, 0] == 0


@pytest.mark.parametrize("change", [{"nodes": 1}, {"warp": -1.0}, {"flip": 1.5}, {"zoom": 1.0}])
def test_impossible_settings_are_refused(change):
    with pytest.raises(ConfigError):
        WarpConfig(**change)


def test_an_empty_pool_is_refused():
    with pytest.raises(DataError, match="got none"):
        FacePool(np.zeros((0, 64, 64, 3), np.uint8), np.zeros((0, 478, 2), np.float32))
