from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.errors import DataError, WeightsError
from likeness.scoring import metrics
from likeness.scoring.fusion import FusionSample, QuestionFusion
from likeness.scoring.sample import llr_bound

NAN = float("nan")


def faces(n=1200, seed=0):
    """Two detectors of one question: `a` is sound where the picture is sharp and noise where it is soft; `b` weaker."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], n)
    sharpness = rng.uniform(-1, 1, 2 * n)
    side = labels - 0.5
    seen = np.where(sharpness > 0, 2.0, 0.0)
    a = rng.normal(size=2 * n) * 0.6 + side * seen
    b = rng.normal(size=2 * n) * 0.5 + side * 0.5
    return FusionSample(
        {"a": a, "b": b}, labels, np.repeat(np.arange(n), 2), "drawn", {"sharpness": sharpness}
    )


@pytest.fixture(scope="module")
def fusion():
    return QuestionFusion.fit("blended", faces())


def test_fusion_beats_each_detector_and_is_calibrated(fusion):
    fresh = faces(seed=1)
    llrs = fusion.llr(fresh.llrs, fresh.covariates)
    alone = max(metrics.auc(fresh.llrs[name], fresh.labels) for name in ("a", "b"))
    assert metrics.auc(llrs, fresh.labels) > alone + 0.02
    assert metrics.cllr(llrs, fresh.labels) - metrics.min_cllr(llrs, fresh.labels) < 0.05


def test_poor_quality_dampens_evidence(fusion):
    sharp, soft = (fusion.llr({"a": [1.0], "b": [0.0]}, {"sharpness": [s]})[0] for s in (0.9, -0.9))
    assert sharp > 1.0 > soft + 0.5
    assert fusion.damping[0] > 0.3
    stiff = QuestionFusion.fit("blended", faces(), damping=False)
    assert stiff.damping == ()


@settings(max_examples=80, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 3), st.sampled_from("ab"))
def test_more_evidence_never_lowers_the_llr(fusion, a, b, sharpness, more, name):
    before = {"a": [a], "b": [b]}
    after = before | {name: [before[name][0] + more]}
    quality = {"sharpness": [sharpness]}
    assert fusion.llr(after, quality)[0] >= fusion.llr(before, quality)[0] - 1e-12


def test_a_backward_detector_gets_no_weight():
    sample = faces()
    turned = FusionSample(
        {"a": sample.llrs["a"], "b": -sample.llrs["b"]}, sample.labels, sample.groups, "drawn"
    )
    assert QuestionFusion.fit("blended", turned).weights[1] == 0.0


def test_a_detector_that_does_not_apply_changes_nothing(fusion):
    quality = {"sharpness": [0.5]}
    with_nan = fusion.llr({"a": [1.0], "b": [NAN]}, quality)
    absent = fusion.llr({"a": [1.0]}, quality)
    unknown = fusion.llr({"a": [1.0], "b": [NAN], "z": [9.0]}, quality)
    neutral = fusion.llr({"a": [1.0], "b": [0.0]}, quality)
    assert with_nan == absent == unknown == neutral


def test_fitting_with_a_detector_that_never_applied_changes_nothing():
    sample = faces(400)
    never = np.full(800, NAN)
    more = FusionSample(
        {**sample.llrs, "c": never}, sample.labels, sample.groups, "drawn", sample.covariates
    )
    one, two = QuestionFusion.fit("blended", sample), QuestionFusion.fit("blended", more)
    assert two.llr(sample.llrs, sample.covariates) == pytest.approx(
        one.llr(sample.llrs, sample.covariates), abs=1e-3
    )


def test_nothing_applies_is_nan_not_zero(fusion):
    found = fusion.llr({"a": [NAN, 0.5], "b": [NAN, NAN]}, {"sharpness": [0.0, 0.0]})
    assert np.isnan(found).tolist() == [True, False]


def test_the_bound_counts_identities_to_which_a_detector_applied():
    sample = faces(200)
    a = np.array(sample.llrs["a"])
    a[100:] = NAN  # 50 people are left
    fusion = QuestionFusion.fit("blended", FusionSample({"a": a}, sample.labels, sample.groups, ""))
    assert fusion.n_identities == 50
    assert fusion.llr({"a": [1e6, -1e6]}) == pytest.approx([llr_bound(50), -llr_bound(50)])


def test_single_passes_the_llr_through():
    fusion = QuestionFusion.single("synthesised", "spectrum", 300, "drawn")
    assert fusion.llr({"spectrum": [0.7, -0.2, 9.0]}) == pytest.approx([0.7, -0.2, llr_bound(300)])


def test_comes_back_from_json_equal(fusion):
    back = QuestionFusion.from_dict(json.loads(json.dumps(fusion.to_dict(), allow_nan=False)))
    assert back == fusion


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "platt"},
        {"question": "haunted"},
        {"weights": [1.0, -0.1]},
        {"weights": [1.0]},
        {"damping": [-1.0]},
        {"damping": [1.0, 1.0]},
        {"offset": []},
        {"detectors": []},
        {"intercept": None},
    ],
)
def test_a_damaged_file_is_a_typed_error(fusion, change):
    with pytest.raises(WeightsError):
        QuestionFusion.from_dict(fusion.to_dict() | change)


def test_bad_samples_are_refused_in_words():
    sample = faces(20)
    with pytest.raises(DataError, match="log_eye_distance"):
        QuestionFusion.fit(
            "blended",
            FusionSample(sample.llrs, sample.labels, sample.groups, "", {"mood": np.zeros(40)}),
        )
    only_real = np.where(np.asarray(sample.labels) == 0, 0.1, NAN)
    with pytest.raises(DataError, match="both real and fake"):
        QuestionFusion.fit(
            "blended", FusionSample({"a": only_real}, sample.labels, sample.groups, "")
        )
    with pytest.raises(DataError, match="infinite"):
        QuestionFusion.single("blended", "a", 9, "").llr({"a": [np.inf]})
    with pytest.raises(DataError, match="shape"):
        QuestionFusion.single("blended", "a", 9, "").llr({"a": [0.0], "b": [0.0, 1.0]})


def test_a_cap_holds_and_survives_the_file():
    fusion = QuestionFusion.single("synthesised", "spectrum", 300, "drawn", cap=0.5)
    assert fusion.bound == 0.5
    assert fusion.llr({"spectrum": [9.0, -9.0, 0.2]}).tolist() == pytest.approx([0.5, -0.5, 0.2])
    assert QuestionFusion.from_dict(fusion.to_dict()) == fusion
    uncapped = QuestionFusion.single("synthesised", "spectrum", 300, "drawn")
    assert QuestionFusion.from_dict(uncapped.to_dict()) == uncapped
