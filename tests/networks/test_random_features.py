from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import ShapeError
from likeness.scoring.synthesis import kernel_distance

pytest.importorskip("torch")
from likeness.networks.random_features import FEATURES, RandomFeatures, random_features


def pictures(n, seed, top):
    return np.random.default_rng(seed).integers(0, top, (n, 64, 64, 3), np.uint8)


def test_features_are_fixed_and_do_not_depend_on_the_batch():
    images = pictures(70, 0, 256)
    found = random_features(images)
    assert found.shape == (70, FEATURES) and found.dtype == np.float32
    assert np.allclose(random_features(images[65:]), found[65:], atol=1e-5)
    assert np.array_equal(random_features(images), found)
    assert not np.allclose(random_features(images[:2], RandomFeatures(seed=1)), found[:2])
    assert random_features(images[:0]).shape == (0, FEATURES)
    # Pinned: a published distance means nothing if the network moves.
    assert np.abs(found[0]).sum() == pytest.approx(356.724, rel=1e-4)


def test_features_tell_sets_apart_and_know_where_things_lie():
    bright, dim = pictures(60, 1, 256), pictures(60, 2, 200)
    far = kernel_distance(random_features(dim), random_features(bright))
    near = kernel_distance(random_features(pictures(60, 3, 256)), random_features(bright))
    assert far.interval.low > near.interval.high
    half = np.zeros((1, 64, 64, 3), np.uint8)
    half[:, :32] = 255
    assert not np.allclose(
        random_features(half)[:, -256:], random_features(half[:, ::-1])[:, -256:]
    )


def test_larger_pictures_are_averaged_down():
    small = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    at_64, at_128 = (np.repeat(np.repeat(small, n, 1), n, 2) for n in (8, 16))
    one, other = random_features(at_64), random_features(at_128)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99
    with pytest.raises(ShapeError, match="uint8"):
        random_features(at_64.astype(np.float32))
