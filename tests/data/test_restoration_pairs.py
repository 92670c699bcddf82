"""Pairs for a restorer: seeded, of one size, worn as drawn."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.data.degradations import Degradation
from likeness.data.restoration_pairs import PairPool, Wear, WearConfig
from likeness.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def pool(face) -> PairPool:
    image, landmarks_px = face
    return PairPool(np.stack([image, image[:, ::-1]]), np.stack([landmarks_px] * 2))


def test_the_same_seed_gives_the_same_pairs_and_another_does_not(pool: PairPool) -> None:
    first, again, other = (pool.draw([0, 1, 0], np.random.default_rng(s), 96) for s in (3, 3, 4))
    for name in ("inputs", "targets", "areas"):
        assert getattr(first, name).shape == (3, 96, 96, 3)
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.inputs, other.inputs)


def test_nothing_happens_to_clean_ones_and_halved_ones_lose_their_detail(face) -> None:
    image, landmarks_px = face
    for wear, alike in ((WearConfig(1.0, 0.0), True), (WearConfig(0.0, 1.0), False)):
        pool = PairPool(image[None], landmarks_px[None], wear)
        pairs = pool.draw([0, 0], np.random.default_rng(0), 96)
        assert np.array_equal(pairs.inputs, pairs.targets) == alike
    small = Wear(0.5)(image)
    assert small.shape == image.shape
    rows = np.abs(np.diff(small.astype(int), axis=0)).mean()
    assert rows < 0.9 * np.abs(np.diff(image.astype(int), axis=0)).mean()


def test_wear_keeps_sizes_and_says_what_it_was(face) -> None:
    image = np.ascontiguousarray(face[0][:97, :131])
    wear = Wear(0.4, Degradation(blur_px=0.8, noise=4.0, jpeg=40), 30)
    assert wear(image).shape == image.shape and wear.recipe()["coding"]["jpeg"] == 40
    assert np.array_equal(wear(image), wear(image))


def test_all_kinds_of_wear_are_drawn() -> None:
    rng, config = np.random.default_rng(0), WearConfig()
    drawn = [config.draw(rng) for _ in range(600)]
    assert 20 < sum(w == Wear() for w in drawn) < 90
    assert 40 < sum(w == Wear(0.5) for w in drawn) < 110
    assert any(w.h264 for w in drawn) and not any(w.h264 and w.coding.jpeg for w in drawn)
    assert min(w.small for w in drawn) >= config.smallest
    assert max(w.coding.blur_px for w in drawn) > 2.5 and max(w.coding.noise for w in drawn) > 8


def test_a_part_without_colour_has_none(face) -> None:
    image, landmarks_px = face
    grey = PairPool(image[None], landmarks_px[None], WearConfig(1.0, 0.0), grey=1.0)
    part = grey.draw([0], np.random.default_rng(0), 96).targets[0]
    assert np.array_equal(part[..., 0], part[..., 2]) and part.std() > 5


def test_eyes_and_mouth_are_marked_where_they_are(face) -> None:
    image, landmarks_px = face
    still = PairPool(image[None], landmarks_px[None], WearConfig(1.0, 0.0), (1.0, 1.0), 0.0)
    rng = np.random.default_rng(0)
    pairs = still.draw([0], rng, 220)
    eyes, mouth = pairs.areas[0, :, :, 1] > 127, pairs.areas[0, :, :, 2] > 127
    assert eyes.any() and mouth.any()
    assert np.flatnonzero(eyes.any(axis=1)).max() < np.flatnonzero(mouth.any(axis=1)).min()
    assert (pairs.areas[0, :, :, 0] == 255).all()


def test_impossible_pools_are_refused(face) -> None:
    image, landmarks_px = face
    pool = PairPool(image[None], landmarks_px[None])
    with pytest.raises(ConfigError, match="do not fit"):
        pool.draw([0], np.random.default_rng(0), 200)
    with pytest.raises(DataError, match="needs faces"):
        PairPool(image[None][:0], landmarks_px[None][:0])
    with pytest.raises(ConfigError, match="shares"):
        WearConfig(clean=0.7, halved=0.6)
    with pytest.raises(ConfigError, match="factors"):
        PairPool(image[None], landmarks_px[None], scale=(0.9, 0.5))
