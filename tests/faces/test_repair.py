"""Classical repair: each method comes nearer to the original of what it is for, and leaves good pictures alone."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.data.degradations import degrade
from likeness.faces import repair


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a.astype(np.float64) - b).mean())


@pytest.mark.parametrize(
    ("method", "step", "gain"),
    [
        (repair.denoised, "noise_10", 0.6),
        (repair.deblurred, "blur_1", 0.6),
        (repair.deblocked, "jpeg_30", 0.99),
    ],
)
def test_each_method_mends_what_it_is_for(portrait, method, step: str, gain: float) -> None:
    clean = np.ascontiguousarray(portrait[20:240, 115:335])
    worn = degrade([clean], step)[0]
    mended = method(worn)
    assert mended.shape == clean.shape and mended.dtype == np.uint8
    assert error(mended, clean) < gain * error(worn, clean)


def test_a_quiet_picture_is_not_smoothed(portrait) -> None:
    soft = degrade([portrait], "blur_2")[0]
    assert np.array_equal(repair.denoised(soft), soft)


def test_noise_is_measured(portrait) -> None:
    soft = degrade([portrait], "blur_2")[0]
    grey = np.repeat(np.random.default_rng(0).normal(0, 6, soft.shape[:2])[..., None], 3, axis=2)
    noisy = np.clip(soft + grey, 0, 255).astype(np.uint8)
    assert 4.5 < repair.noise_sigma(noisy) < 7.5
    assert repair.noise_sigma(np.zeros((2, 2, 3), np.uint8)) == 0.0


def test_enlarging_keeps_the_picture(portrait) -> None:
    large = repair.enlarged(portrait[:101, :77])
    assert large.shape == (202, 154, 3)
    assert error(large[::2, ::2], portrait[:101, :77]) < 200


def test_tiny_pictures_do_not_break_anything() -> None:
    tiny = np.random.default_rng(0).integers(0, 255, (3, 2, 3)).astype(np.uint8)
    for method in (repair.denoised, repair.deblurred, repair.deblocked):
        assert method(tiny).shape == tiny.shape
