from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.errors import DataError, WeightsError
from likeness.scoring import metrics
from likeness.scoring.file_fusion import FileCalibration, FileFusion
from likeness.scoring.fusion import QuestionFusion
from likeness.scoring.sample import CalibrationSample, llr_bound
from likeness.types import Evidence, TrackScore


def finding(detector, question, llrs, status="scored"):
    """One detector's llr per face (None = uncalibrated)."""
    empty = (np.zeros(0, np.int64), np.zeros(0, np.float32))
    tracks = tuple(TrackScore(k, 0.0, *empty, llr=v) for k, v in llrs.items())
    score = 0.0 if status == "scored" else None
    return Evidence(detector, "cue", question, status, score=score, tracks=tracks)


@pytest.fixture
def fusion():
    return FileFusion(
        (
            QuestionFusion.single("blended", "residuals", 2000, "drawn"),
            QuestionFusion.single("synthesised", "spectrum", 500, "drawn"),
        ),
        FileCalibration(1.0, 0.0, 0.0, 1000, "drawn"),
    )


def test_absence_of_one_kind_never_outvotes_evidence_of_another(fusion):
    blended = finding("residuals", "blended", {0: 1.4})
    alone = fusion.fuse([blended], {0: {}})
    for llr in (-9.0, -1.0, 0.0):
        both = fusion.fuse([blended, finding("spectrum", "synthesised", {0: llr})], {0: {}})
        assert both.llr == alone.llr == pytest.approx(1.4)
        assert both.question == "blended"
    stronger = fusion.fuse([blended, finding("spectrum", "synthesised", {0: 1.9})], {0: {}})
    assert stronger.question == "synthesised" and stronger.llr == pytest.approx(1.9)
    assert stronger.question_llrs == {
        "blended": pytest.approx(1.4),
        "synthesised": pytest.approx(1.9),
    }
    assert (stronger.n_identities, stronger.bound) == (500, llr_bound(500))


def test_the_strongest_face_is_named_and_only_named_faces_are_fused(fusion):
    seen = finding("residuals", "blended", {0: -0.5, 1: 1.2, 2: 0.3, None: 0.1})
    found = fusion.fuse([seen], {0: {}, 1: {}, 2: {}})
    assert (found.track_id, found.n_tracks) == (1, 3)
    without = fusion.fuse([seen], {0: {}, 2: {}})
    assert (without.track_id, without.llr) == (2, pytest.approx(0.3))
    whole = fusion.fuse([seen], {0: {}, None: {}})
    assert (whole.track_id, whole.n_tracks) == (None, 2)


def test_nothing_to_fuse_is_none(fusion):
    uncalibrated = finding("residuals", "blended", {0: None})
    broken = finding("residuals", "blended", {}, status="failed")
    stranger = finding("mesonet", "blended", {0: 3.0})
    for evidence in ([], [uncalibrated], [broken], [stranger]):
        assert fusion.fuse(evidence, {0: {}}) is None
    assert fusion.fuse([finding("residuals", "blended", {0: 3.0})], {}) is None


def test_detectors_without_a_place_are_named_and_change_nothing(fusion):
    seen = finding("residuals", "blended", {0: 0.5})
    found = fusion.fuse([seen, finding("mesonet", "blended", {0: -3.0})], {0: {}})
    assert found.not_fused == ("mesonet",)
    assert found.llr == fusion.fuse([seen], {0: {}}).llr


def test_a_finding_without_a_list_of_faces_counts_for_its_face(fusion):
    bare = Evidence("residuals", "cue", "blended", "scored", score=0.0, llr=0.8, track_id=4)
    assert fusion.fuse([bare], {4: {}}).track_id == 4
    assert fusion.fuse([bare], {5: {}}) is None


def files(n=3000, seed=0, crowds=True):
    """Maxima over k calibrated faces, one of which is manipulated in fake files."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], n)
    tracks = rng.integers(1, 9, 2 * n) if crowds else np.ones(2 * n, int)
    distance = 2.5
    maxima = []
    for label, k in zip(labels, tracks, strict=True):
        scores = rng.normal(size=k) - distance / 2
        scores[0] += label * distance
        maxima.append(distance * scores.max() / np.log(10))
    return CalibrationSample(np.array(maxima), labels, np.arange(2 * n), "drawn"), tracks


def test_many_faces_are_paid_for():
    sample, tracks = files()
    calibration = FileCalibration.fit(sample, tracks)
    assert calibration.per_log_track < 0
    fresh, fresh_tracks = files(seed=1)
    naive = FileCalibration(1.0, 0.0, 0.0, 3000, "drawn")
    crowd = fresh_tracks >= 6
    labels = np.asarray(fresh.labels)

    def loss(llrs):
        chosen = llrs[crowd]
        return metrics.cllr(chosen, labels[crowd]) - metrics.min_cllr(chosen, labels[crowd])

    fitted = calibration.llr(fresh.scores, fresh_tracks)
    assert loss(fitted) < 0.04 < 0.2 < loss(naive.llr(fresh.scores, fresh_tracks))
    assumed = FileCalibration.assumed(1, 3000, "drawn").llr(fresh.scores, fresh_tracks)
    real = (labels == 0) & crowd
    assert np.mean(assumed[real] > 0.5) < 0.5 * np.mean(np.asarray(fresh.scores)[real] > 0.5)


def test_beyond_the_faces_that_the_fit_has_seen_only_evidence_for_shrinks():
    calibration = FileCalibration(1.0, 0.0, -1.0, 5000, "drawn", tracks_seen=3)
    inside, edge, beyond = np.log([2, 3, 30])
    assert calibration.llr([0.5, 0.5, 2.0], [2, 3, 3]) == pytest.approx(
        [0.5 - inside, 0.5 - edge, 2.0 - edge]
    )
    assert calibration.llr([2.0, 0.5, -1.0], [30, 30, 30]) == pytest.approx(
        [0.0, 0.5 - edge, -1.0 - edge]
    )
    assert calibration.llr([3.0], [10]) == pytest.approx([3.0 - np.log(10)])
    assert beyond > 2.0


def test_where_the_number_of_faces_never_varies_theory_fills_in():
    calibration = FileCalibration.fit(*files(400, crowds=False))
    assert calibration.per_log_track == pytest.approx(-1 / np.log(10))
    one, ten = calibration.llr([2.0, 2.0], [1, 10])
    assert one - ten == pytest.approx(1.0)


def test_assumed_divides_by_faces_and_questions():
    calibration = FileCalibration.assumed(2, 10_000, "drawn")
    assert calibration.llr([2.0], [5]) == pytest.approx([1.0])


@given(st.floats(-3, 3), st.floats(0, 2), st.integers(1, 40), st.integers(0, 40))
def test_the_correction_only_shrinks_towards_zero(maximum, more, tracks, extra):
    calibration = FileCalibration.assumed(3, 5000, "drawn")
    plain = FileCalibration(1.0, 0.0, 0.0, 5000, "drawn").llr([maximum], [1])[0]
    corrected = calibration.llr([maximum], [tracks])[0]
    if maximum <= 0:
        assert corrected == plain
    else:
        assert 0.0 <= corrected <= plain
    assert calibration.llr([maximum], [tracks + extra])[0] <= corrected
    assert calibration.llr([maximum + more], [tracks])[0] >= corrected


def test_comes_back_from_json_equal(fusion):
    back = FileFusion.from_dict(json.loads(json.dumps(fusion.to_dict(), allow_nan=False)))
    assert back == fusion


def test_damaged_files_and_impossible_counts_are_refused(fusion):
    good = fusion.to_dict()
    for change in ({"slope": -1.0}, {"per_log_track": 0.1}, {"n_questions": 0}, {"tracks_seen": 0}):
        with pytest.raises(WeightsError):
            FileFusion.from_dict(good | {"file": good["file"] | change})
    with pytest.raises(WeightsError, match="one fusion per question"):
        FileFusion.from_dict(good | {"questions": good["questions"][:1] * 2})
    with pytest.raises(DataError, match=">= 1"):
        fusion.file.llr([0.0], [0])
