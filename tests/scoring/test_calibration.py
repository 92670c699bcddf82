from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.errors import DataError, WeightsError
from likeness.scoring import metrics
from likeness.scoring.calibration import PavCalibration, PlattCalibration, calibration_from_dict
from likeness.scoring.inputs import identity_weights, independent_identities
from likeness.scoring.sample import CalibrationSample, llr_bound


def gaussian(n_real, n_fake, distance=2.0, seed=0, **more):
    """Every item another person; the true llr of a score s is distance * s / ln 10."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n_real, n_fake])
    scores = rng.normal(size=n_real + n_fake) + (labels - 0.5) * distance
    return CalibrationSample(scores, labels, np.arange(len(labels)), "drawn", **more)


def test_bound_and_independent_identities():
    assert llr_bound(0) == llr_bound(1) == llr_bound(2) == 0.0
    assert llr_bound(999) == pytest.approx(2.5)
    # three people with a real picture each; two of them have pseudo-fakes, many
    groups = ["a", "b", "c", *["a"] * 50, *["b"] * 50]
    assert independent_identities(groups, [0, 0, 0] + [1] * 100) == 2
    weights = identity_weights(groups, [0, 0, 0] + [1] * 100)
    assert weights[:3].tolist() == [1, 1, 1] and weights[3:].sum() == pytest.approx(2.0)


@pytest.mark.parametrize("n_fake", [4000, 400])
def test_platt_recovers_gaussian_likelihood_ratios_whatever_the_mixture(n_fake):
    calibration = PlattCalibration.fit(gaussian(4000, n_fake))
    scores = np.linspace(-1.5, 1.5, 7)
    assert calibration.llr(scores) == pytest.approx(2.0 * scores / np.log(10), abs=0.12)
    assert calibration.n_identities == n_fake


def test_platt_does_not_depend_on_the_unit_of_the_score():
    sample = gaussian(300, 300)
    moved = CalibrationSample(
        np.asarray(sample.scores) * 50 + 900, sample.labels, sample.groups, "drawn"
    )
    first, second = PlattCalibration.fit(sample), PlattCalibration.fit(moved)
    assert second.llr(np.array([-1, 0, 1.0]) * 50 + 900) == pytest.approx(
        first.llr([-1, 0, 1.0]), abs=1e-4
    )


@pytest.mark.parametrize("fit", [PlattCalibration.fit, PavCalibration.fit])
def test_held_out_llrs_are_calibrated(fit):
    calibration = fit(gaussian(1500, 1500, seed=1))
    held_out = gaussian(3000, 3000, seed=2)
    llrs = calibration.llr(held_out.scores)
    assert metrics.cllr(llrs, held_out.labels) - metrics.min_cllr(llrs, held_out.labels) < 0.03
    p = metrics.probability_from_llr(llrs)
    assert metrics.ece(p, held_out.labels) < 0.04


@pytest.mark.parametrize("fit", [PlattCalibration.fit, PavCalibration.fit])
def test_a_separable_set_claims_no_more_than_its_size(fit):
    scores = np.r_[np.arange(20.0), np.arange(100.0, 120.0)]
    sample = CalibrationSample(scores, np.repeat([0, 1], 20), np.tile(np.arange(20), 2), "drawn")
    calibration = fit(sample)
    llrs = calibration.llr([-1e9, 0, 119, 1e9])
    assert np.abs(llrs).max() <= llr_bound(20) == calibration.bound
    assert llrs[0] < -0.5 and llrs[-1] > 0.5


def test_targets_are_smoothed_by_the_number_of_identities():
    """Two separate values: the fit reaches Platt's targets (n + 1) / (n + 2) and no further."""
    sample = CalibrationSample(np.repeat([0.0, 1.0], 20), np.repeat([0, 1], 20), range(40), "drawn")
    calibration = PlattCalibration.fit(sample)
    assert calibration.intercept == pytest.approx(-np.log10(21), abs=1e-3)
    assert calibration.slope == pytest.approx(2 * np.log10(21), abs=1e-3)


@pytest.mark.parametrize("fit", [PlattCalibration.fit, PavCalibration.fit])
def test_scores_that_say_nothing_give_zero(fit):
    sample = CalibrationSample(
        np.zeros(90), np.repeat([0, 1], [80, 10]), np.r_[np.arange(80), np.arange(10)], "drawn"
    )
    assert fit(sample).llr([0.0, 5.0]) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_platt_never_turns_a_detector_round():
    sample = gaussian(200, 200)
    backwards = CalibrationSample(-np.asarray(sample.scores), sample.labels, sample.groups, "drawn")
    calibration = PlattCalibration.fit(backwards)
    assert calibration.slope == 0.0
    assert calibration.llr([-9.0, 9.0]) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_each_identity_counts_equally():
    """One person with 400 odd items must not outvote 100 people with one item each."""
    rng = np.random.default_rng(3)
    labels = np.r_[np.tile([0, 1], 100), np.zeros(400, dtype=int)]
    scores = np.r_[rng.normal(size=200) + np.tile([-1, 1], 100), np.full(400, 2.0)]
    groups = np.r_[np.repeat(np.arange(100), 2), np.full(400, 100)]
    equal = PlattCalibration.fit(CalibrationSample(scores, labels, groups, "drawn"))
    plain = PlattCalibration.fit(
        CalibrationSample(scores, labels, groups, "drawn", equal_identities=False)
    )
    assert equal.llr([1.5])[0] > 0.8
    assert plain.llr([1.5])[0] < 0.3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=12, max_size=60),
    st.lists(st.floats(-9, 9), min_size=2, max_size=20),
)
def test_pav_is_monotone_and_bounded(values, queries):
    labels = np.arange(len(values)) % 2
    sample = CalibrationSample(np.array(values, float), labels, np.arange(len(values)), "drawn")
    calibration = PavCalibration.fit(sample)
    llrs = calibration.llr(sorted(queries))
    assert (np.diff(llrs) >= -1e-12).all()
    assert np.abs(llrs).max() <= calibration.bound
    at_items = calibration.llr(values)
    # every stair lies between its best value and zero, so it never costs more than saying nothing
    assert metrics.cllr(at_items, labels) <= 1.0 + 1e-9


def covariate_sample(seed=4, n=1500):
    """The score rises by 1.5 per unit of blur for real and fake alike: only a covariate can take that out."""
    rng = np.random.default_rng(seed)
    blur = rng.normal(10, 4, 2 * n)
    labels = np.repeat([0, 1], n)
    scores = rng.normal(size=2 * n) + (labels - 0.5) * 2 + 1.5 * blur
    return CalibrationSample(scores, labels, np.arange(2 * n), "drawn", {"sharpness": blur})


def test_covariates_take_out_what_quality_does_to_the_score():
    sample = covariate_sample()
    calibration = PlattCalibration.fit(sample)
    blind = PlattCalibration.fit(CalibrationSample(sample.scores, sample.labels, sample.groups, ""))
    with_blur = metrics.cllr(calibration.llr(sample.scores, sample.covariates), sample.labels)
    assert with_blur < 0.6 < 0.9 < metrics.cllr(blind.llr(sample.scores), sample.labels)


def test_missing_and_extreme_covariates_are_not_extrapolated():
    calibration = PlattCalibration.fit(covariate_sample())
    mean = calibration.standardiser.means[0]
    assert calibration.llr([15.0], {"sharpness": [np.nan]}) == calibration.llr(
        [15.0], {"sharpness": [mean]}
    )
    assert calibration.llr([15.0]) == calibration.llr([15.0], {"sharpness": [mean]})
    far = calibration.standardiser.transform({"sharpness": [-1e6, 1e6]}, 2)[:, 0]
    seen = (np.asarray(covariate_sample().covariates["sharpness"]) - mean) / np.std(
        covariate_sample().covariates["sharpness"]
    )
    assert far == pytest.approx([seen.min(), seen.max()])
    with pytest.raises(DataError, match="sharpness is missing"):
        calibration.llr([15.0], {"abs_yaw": [3.0]})


@pytest.mark.parametrize(
    "calibration",
    [
        PlattCalibration.fit(gaussian(50, 50)),
        PlattCalibration.fit(covariate_sample(n=60)),
        PavCalibration.fit(gaussian(50, 50)),
    ],
    ids=["platt", "platt with covariates", "pav"],
)
def test_comes_back_from_json_equal(calibration):
    text = json.dumps(calibration.to_dict(), allow_nan=False)
    back = calibration_from_dict(json.loads(text))
    assert back == calibration
    assert back.population == "drawn" and back.n_identities >= 50


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "oracle"}, "platt"),
        ({"slope": float("nan")}, "finite number"),
        ({"slope": -1.0}, ">= 0"),
        ({"slope": "1"}, "finite number"),
        ({"n_identities": -3}, ">= 0"),
        ({"n_identities": 2.5}, "whole number"),
        ({"weights": [1.0]}, "a list of 0"),
        ({"population": None}, "text"),
        ({"covariates": 3}, "names"),
    ],
)
def test_a_damaged_file_is_a_typed_error(change, words):
    with pytest.raises(WeightsError, match=words):
        calibration_from_dict(PlattCalibration.fit(gaussian(20, 20)).to_dict() | change)


def test_a_damaged_staircase_is_a_typed_error():
    stored = PavCalibration.fit(gaussian(20, 20)).to_dict()
    with pytest.raises(WeightsError, match="never fall"):
        calibration_from_dict(stored | {"llrs": stored["llrs"][::-1]})
    with pytest.raises(WeightsError, match="'knots'"):
        calibration_from_dict({k: v for k, v in stored.items() if k != "knots"})


def test_pav_refuses_covariates_and_calibrations_refuse_nan():
    with pytest.raises(DataError, match="PlattCalibration"):
        PavCalibration.fit(covariate_sample(n=20))
    with pytest.raises(DataError, match="finite"):
        PlattCalibration.fit(gaussian(20, 20)).llr([np.nan])
