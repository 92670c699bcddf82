from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import likeness.scoring as room
from likeness.scoring.covariates import COVARIATES, Standardiser, covariates_of


def test_every_name_is_there_and_sorted():
    assert room.__all__ == sorted(set(room.__all__))
    assert all(getattr(room, name) is not None for name in room.__all__)
    assert set(room.__all__) <= set(dir(room))
    with pytest.raises(AttributeError, match="no attribute 'accuracy'"):
        room.accuracy  # noqa: B018


def test_deciding_and_evaluating_need_numpy_alone():
    code = (
        "import sys, likeness.scoring as s\n"
        "s.decide, s.TreeEnsemble, s.FileFusion\n"
        "s.PlattCalibration(1.0, 0.0, 30, '').llr([1.0])\n"
        "print([m for m in ('scipy', 'sklearn', 'cv2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_covariates_of_a_track(drawn_track):
    found = covariates_of(drawn_track, 3)
    assert found.keys() == COVARIATES.keys()
    assert found["log_eye_distance"] == pytest.approx(np.log(32))
    assert found["abs_yaw"] == pytest.approx(20.0)
    assert found["jpeg_quality"] == pytest.approx(70.0)
    assert found["sharpness"] == pytest.approx(2.0)
    assert found["log_tracks"] == pytest.approx(np.log(3))


def test_standardised_covariates_have_mean_zero_and_scale_one():
    values = {"sharpness": np.array([1.0, 2, 3, np.nan]), "abs_yaw": np.full(4, 7.0)}
    table = Standardiser.fit(values, 4).transform(values, 4)
    assert table[:3, 0].mean() == pytest.approx(0) and table[:3, 0].std() == pytest.approx(1)
    assert table[3, 0] == 0 and (table[:, 1] == 0).all()
