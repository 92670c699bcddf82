from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from likeness.errors import DataError
from likeness.scoring.sliced_distance import _pyramid, sliced_wasserstein
from likeness.scoring.synthesis import diversity, kernel_distance, memorisation


def clouds(n, side, seed, blur=2.0):
    """Drawn pictures of soft noise."""
    noise = np.random.default_rng(seed).normal(size=(n, side, side, 3))
    soft = gaussian_filter(noise, (0, blur, blur, 0))
    return np.clip(128 + 50 * soft / soft.std(), 0, 255).astype(np.uint8)


def rows(n, seed, dimensions=12):
    return np.random.default_rng(seed).normal(size=(n, dimensions))


def test_a_set_has_no_distance_to_itself_and_a_little_to_another_of_its_kind():
    first, second = clouds(16, 64, 1), clouds(16, 64, 2)
    assert sliced_wasserstein(first, first).mean == 0.0
    alike = sliced_wasserstein(first, second)
    assert [side for side, _ in alike.levels] == [64, 32, 16]
    assert alike.mean == pytest.approx(np.mean([d for _, d in alike.levels]))
    other = sliced_wasserstein(first, clouds(16, 64, 3, blur=3.0))
    assert 0.0 < alike.mean < 0.8 * other.mean
    assert sliced_wasserstein(second, first).mean == pytest.approx(alike.mean)


def test_each_level_of_the_pyramid_sees_its_own_kind_of_change():
    first, second = clouds(20, 64, 1), clouds(20, 64, 2)
    floor = sliced_wasserstein(first, second).levels
    speckled = second + np.random.default_rng(0).integers(0, 16, second.shape, np.uint8)
    fine = sliced_wasserstein(first, speckled).levels
    ratio = [fine[i][1] / floor[i][1] for i in range(3)]
    assert ratio[0] > 2.0 and ratio[0] > 2 * ratio[1] > ratio[2]


def test_pyramid_is_exact_and_holds_nothing_of_a_flat_picture():
    flat = np.full((1, 64, 64, 3), 77, np.uint8)
    *details, rest = _pyramid(flat)
    assert max(np.abs(d).max() for d in details) < 1e-4
    assert np.allclose(rest, 77.0)
    assert [len(level[0]) for level in _pyramid(np.zeros((1, 96, 96, 3), np.uint8))] == [96, 48, 24]


def test_distance_refuses_what_does_not_compare():
    drawn = clouds(4, 32, 0)
    for other, words in (
        (clouds(4, 64, 0), "resize both"),
        (clouds(1, 32, 0), "2 pictures"),
        (drawn.astype(np.float32), "uint8"),
        (drawn[..., :2], "uint8"),
        (drawn[:, :, :30], "uint8"),
    ):
        with pytest.raises(DataError, match=words):
            sliced_wasserstein(drawn, other)
    with pytest.raises(DataError, match="16 px"):
        sliced_wasserstein(drawn[:, :14, :14], drawn[:, :14, :14])


def test_kernel_distance_is_unbiased_and_its_interval_tells():
    draws = [kernel_distance(rows(60, i), rows(400, 1000 + i)).value for i in range(150)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(len(draws))
    assert min(draws) < 0.0 < max(draws)
    shifted = kernel_distance(rows(200, 1) + 0.3, rows(200, 2))
    assert 0.0 < shifted.interval.low < shifted.value < shifted.interval.high
    assert kernel_distance(rows(200, 1) + 0.6, rows(200, 2)).value > 2 * shifted.value
    assert kernel_distance(rows(200, 1) * 0.5, rows(200, 2)).value > 0.0


def test_kernel_distance_is_the_textbook_sum_and_does_not_know_units():
    x, y = rows(30, 1), rows(24, 2)
    scaled = [(v - y.mean(0)) / y.std(0) for v in (x, y)]
    k = [[(a @ b.T / 12 + 1) ** 3 for b in scaled] for a in scaled]
    inner = [(k[i][i].sum() - np.trace(k[i][i])) / (n * (n - 1)) for i, n in ((0, 30), (1, 24))]
    assert kernel_distance(x, y).value == pytest.approx(sum(inner) - 2 * k[0][1].mean())
    units = np.linspace(0.1, 100, 12)
    assert kernel_distance(x * units + 5, y * units + 5).value == pytest.approx(
        kernel_distance(x, y).value
    )
    constant = np.ones((54, 1))
    with_constant = kernel_distance(np.hstack([x, constant[:30]]), np.hstack([y, constant[:24]]))
    assert np.isfinite(with_constant.value)


def test_interval_of_the_kernel_distance_covers():
    shift = 0.4
    truth = np.mean(
        [kernel_distance(rows(300, i) + shift, rows(300, 500 + i)).value for i in range(60)]
    )
    hits = 0
    for i in range(100):
        found = kernel_distance(rows(100, 2000 + i) + shift, rows(100, 3000 + i)).interval
        hits += found.low <= truth <= found.high
    assert hits >= 85


def test_diversity_falls_with_collapse():
    real = rows(100, 1)
    same = diversity(rows(120, 2), real)
    assert same.ratio == pytest.approx(1.0, abs=0.05)
    assert same.nearest_ratio == pytest.approx(1.0, abs=0.1)
    assert diversity(rows(100, 2) * 0.5, real).ratio == pytest.approx(0.5, abs=0.05)
    repeated = diversity(np.repeat(rows(20, 2), 5, axis=0), real)
    assert repeated.ratio > 0.9 and repeated.nearest_ratio < 1e-3


def test_copies_are_found_however_few_and_new_faces_are_not_accused():
    training, kept_out = rows(1000, 1), rows(200, 2)
    new = memorisation(rows(200, 3), training, kept_out)
    assert not new.memorised and new.copied < 0.05
    assert new.auc_interval.low < 0.5 < new.auc_interval.high
    assert new.distance_ratio == pytest.approx(1.0, abs=0.1)

    some = rows(200, 3)
    some[:40] = training[100:140] + 0.05 * rows(40, 4)
    found = memorisation(some, training, kept_out)
    assert found.memorised and found.copied == pytest.approx(0.2, abs=0.03)
    assert found.nearest[:40].tolist() == list(range(100, 140))
    low, high = found.copied_interval
    assert 0.05 < low < found.copied < high


def test_smooth_pictures_lie_near_to_everything_and_are_no_copies():
    training, kept_out = rows(1000, 1, 100), rows(200, 2, 100)
    smooth = memorisation(0.3 * rows(200, 3, 100), training, kept_out)
    assert smooth.auc > 0.95 and smooth.distance_ratio < 0.9
    assert not smooth.memorised


def test_new_faces_are_rarely_accused():
    accused = [
        memorisation(rows(64, 3 * i), rows(300, 3 * i + 1), rows(64, 3 * i + 2)) for i in range(60)
    ]
    assert sum(found.memorised for found in accused) <= 3


def test_features_are_checked():
    good = rows(60, 1)
    bad = good.copy()
    bad[3, 3] = np.nan
    for measure in (kernel_distance, diversity):
        for other in (bad, good[0], rows(60, 1, 5)):
            with pytest.raises(DataError, match=r"features|drawn"):
                measure(other, good)
        with pytest.raises(DataError, match="expected"):
            measure(good[:1], good)
    with pytest.raises(DataError, match="51 training"):
        memorisation(good, good[:50], good)
    with pytest.raises(DataError, match="10 drawn"):
        memorisation(good[:9], good, good)
    with pytest.raises(DataError, match="equal"):
        diversity(good, np.ones((10, 12)))


def test_the_measures_import_neither_scipy_nor_torch_until_called():
    code = (
        "import sys, likeness.scoring.synthesis\n"
        "print([m for m in ('scipy', 'cv2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
