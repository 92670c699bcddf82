"""The pack that MesoNet trains on: one matrix for both members, as in the detector; where the recipe looks for it."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from likeness.data.pairs import Pair
from likeness.detectors import mesonet
from likeness.types import FaceQuality, FaceTrack

ROOT = Path(__file__).resolve().parents[2]
EYES_X, EYES_Y, MOUTH_Y, NOSE_XY = (123.0, 143.5), 140.5, 161.5, (133.25, 146.0)


def drawn_pair() -> Pair:
    """A picture with noise for a background; in the fake the nose, and nothing else, is a white square."""
    points = np.zeros((1, 478, 2), np.float32)
    points[0, list(mesonet._RIGHT_EYE)] = (EYES_X[0], EYES_Y)
    points[0, list(mesonet._LEFT_EYE)] = (EYES_X[1], EYES_Y)
    points[0, list(mesonet._MOUTH)] = (NOSE_XY[0], MOUTH_Y)
    points[0, list(mesonet._NOSE)] = NOSE_XY
    ones = np.ones(1, np.float32)
    track = FaceTrack(
        0, np.zeros(1, np.int64), np.zeros(1), np.array([[120, 130, 146, 166]], np.float32), points,
        np.zeros((1, 3), np.float32), ones,
        FaceQuality(ones, ones, ones, ones, np.ones((1, 2), np.float32)), np.zeros(1, bool),
    )  # fmt: skip
    real = np.random.default_rng(0).integers(0, 128, (260, 250, 3), dtype=np.uint8)
    fake = real.copy()
    fake[145:148, 132:135] = 255
    return Pair([real], [fake], track, {})


def test_both_crops_are_those_that_the_detector_would_cut():
    pair = drawn_pair()
    real, fake = runpy.run_path(str(ROOT / "recipes" / "mesonet_pack.py"))["pair_crops"](pair)
    assert real.shape == fake.shape == (256, 256, 3) and real.dtype == fake.dtype == np.uint8
    matrix = mesonet.crop_matrix(pair.track.landmarks_px[0])
    np.testing.assert_array_equal(real, mesonet.warp_crop(pair.real[0], matrix))
    ys, xs = np.nonzero((real != fake).any(2))
    reach = 3 * np.hypot(*matrix[:, 0])  # the square's half side and the interpolation, in the crop
    assert fake[128, 128].min() == 255
    assert max(np.abs(ys - 128).max(), np.abs(xs - 128).max()) <= reach


def test_the_working_directory_comes_before_the_data_folder(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from likeness.detectors._mesonet_training import pack_folder

    here, data = tmp_path / "here", tmp_path / "data"
    (here / "packs" / "both").mkdir(parents=True)
    monkeypatch.chdir(here)
    assert pack_folder("packs/both", data).resolve() == here / "packs" / "both"
    assert pack_folder("packs/other", data) == data / "packs" / "other"
    assert pack_folder(str(tmp_path / "elsewhere"), data) == tmp_path / "elsewhere"
