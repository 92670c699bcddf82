"""The use case on drawn input: expected outcomes are values, a broken detector is no crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import likeness
from likeness import media, testing
from likeness.errors import LimitError, MediaError, UnknownPartError
from likeness.jobs.demo import portrait_path
from likeness.jobs.detect import DetectOptions, Examiner, measuring_detectors, run_detector
from likeness.jobs.judge import Calibration, calibrate_evidence, shipped_calibration
from likeness.types import Evidence


def test_a_portrait_gets_a_verdict_with_evidence_and_reasons() -> None:
    verdict = likeness.detect(portrait_path())
    assert verdict.label in ("manipulation_likely", "inconclusive", "no_manipulation_found")
    assert verdict.reasons and verdict.limits and verdict.population
    assert len(verdict.tracks) == 1 and len(verdict.sha256) == 64
    scored = {e.detector: e for e in verdict.evidence if e.status == "scored"}
    assert scored["residual_statistics"].llr is not None
    assert abs(verdict.llr or 0.0) <= shipped_calibration().bound + 1e-9


def test_bytes_and_path_give_the_same_verdict() -> None:
    by_path = likeness.detect(portrait_path())
    by_bytes = likeness.detect(portrait_path().read_bytes())
    assert by_path.llr == by_bytes.llr
    assert by_path.evidence == by_bytes.evidence


@pytest.mark.parametrize(
    "image",
    [
        np.full((200, 300, 3), 90, np.uint8),
        np.random.default_rng(0).integers(0, 255, (240, 240, 3), np.uint8),
    ],
    ids=["flat", "noise"],
)
def test_no_face_is_inconclusive_with_a_reason(image: np.ndarray) -> None:
    verdict = likeness.detect(media.clip_from_frames([image]))
    assert verdict.label == "inconclusive"
    assert verdict.llr is None
    assert "No face" in verdict.reasons[0]


def test_a_tiny_face_is_inconclusive_because_it_is_small() -> None:
    import cv2

    small = cv2.resize(testing.portrait(), (200, 200), interpolation=cv2.INTER_AREA)
    verdict = likeness.detect(media.clip_from_frames([small]))
    assert verdict.label == "inconclusive"
    assert any("too small" in reason or "No face" in reason for reason in verdict.reasons)


def test_a_detector_that_breaks_becomes_failed_evidence() -> None:
    class Broken:
        def analyse(self, clip, tracks):
            raise ZeroDivisionError("division by zero")

    clip, tracks = testing.portrait_clip()
    evidence = run_detector("spectrum", Broken(), clip, tracks)
    assert evidence.status == "failed"
    assert "ZeroDivisionError" in evidence.note


def test_a_failed_detector_makes_the_file_inconclusive() -> None:
    class Broken:
        def analyse(self, clip, tracks):
            raise ValueError("no")

    examiner = Examiner()
    examiner.detectors["spectrum"] = Broken()
    verdict = examiner.examine(portrait_path()).verdict
    assert verdict.label == "inconclusive"
    assert any("failed" in reason for reason in verdict.reasons)


def test_neighbouring_frames_are_followed_and_only_some_are_scored() -> None:
    from likeness.jobs.demo import moved

    clip = media.clip_from_frames(moved(testing.portrait(), 60))
    only = ("residual_statistics",)
    for frames, dense, followed in ((4, 20, 20), (4, 0, 4), (30, 20, 30)):
        verdict = likeness.detect(clip, DetectOptions(only, frames=frames, dense_frames=dense))
        (track,), (evidence,) = verdict.tracks, verdict.evidence
        assert len(track) == followed
        assert len(evidence.tracks[0].frame_indices) == min(frames, followed)
        assert (np.diff(track.frame_indices) == 1).all() == bool(dense)


def test_frames_are_decoded_ahead_of_the_face_networks_and_each_once() -> None:
    from likeness.jobs.detect import _Ahead

    clip = media.clip_from_frames([testing.portrait()] * 5)
    frames = _Ahead(clip.frames)
    assert [f.index for f in frames] == [0, 1, 2, 3, 4] and len(frames) == 5
    assert [f.index for f in frames.at([3, 1, 3])] == [1, 3]


def test_evidence_of_foreign_weights_stays_uncalibrated() -> None:
    evidence = Evidence(
        "residual_statistics", "c", "blended", "scored", weights="somebody else's", score=9.0
    )
    assert calibrate_evidence(evidence, shipped_calibration(), {}).llr is None


def test_a_finding_outside_the_detectors_own_domain_is_no_evidence() -> None:
    from likeness.types import TrackScore

    one = np.zeros(1, np.int64), np.zeros(1, np.float32)
    for inside in (True, False):
        track = TrackScore(0, 3.0, *one, llr=1.5, in_domain=inside)
        tag = shipped_calibration().detectors["spectrum"][0]
        evidence = Evidence("spectrum", "c", "synthesised", "scored", tag, 3.0, 1.5, 0, (track,))
        calibrated = calibrate_evidence(evidence, shipped_calibration(), {0: True})
        assert (calibrated.llr is not None) == inside
        assert (calibrated.tracks[0].llr is not None) == inside


def test_calibration_survives_its_file() -> None:
    calibration = shipped_calibration()
    assert Calibration.from_dict(calibration.to_dict()).to_dict() == calibration.to_dict()


def test_what_makes_no_sense_is_said_before_any_file_is_opened() -> None:
    with pytest.raises(UnknownPartError):
        likeness.detect("nowhere.mp4", DetectOptions(detectors=("residuals",)))
    with pytest.raises(MediaError, match="no such file"):
        likeness.detect("nowhere.mp4")
    with pytest.raises(LimitError):
        likeness.detect(portrait_path(), DetectOptions(limits=media.Limits(image_pixels=1000)))


def test_real_clips_of_every_kind_get_a_verdict(data_dir: Path) -> None:
    examiner = Examiner(DetectOptions(frames=6))
    for name in ("video/real/grid_s1/lbwk8n.mpg", "faces/real/celebahq1024/015248.jpg"):
        examination = examiner.examine(data_dir / name)
        assert len(examination.verdict.tracks) == 1
        assert any(e.status == "scored" for e in examination.verdict.evidence)
    sound = next((data_dir / "speech/real").rglob("*.wav"))
    verdict = examiner.examine(sound).verdict
    assert verdict.label == "inconclusive"
    assert "sound only" in verdict.reasons[0]


def test_marks_are_read_by_default_and_measured_by_nobody() -> None:
    from likeness.jobs.detect import default_detectors, fitted_on

    assert "marks" in default_detectors()
    assert "marks" not in measuring_detectors()
    calibration = shipped_calibration()
    known = {*calibration.detectors, *calibration.illustrations}
    assert known == {n for n in measuring_detectors() if fitted_on(n) != "none"}


def test_the_reader_of_marks_learns_whom_to_trust_and_how_closely_to_look(tmp_path: Path) -> None:
    from likeness.jobs.detect import build_detectors

    options = DetectOptions(keys=tmp_path / "keys", frames=7)
    assert build_detectors(options)["marks"].config.keys == str(tmp_path / "keys")
    assert build_detectors(options)["marks"].config.frames == 7
    many = DetectOptions(frames=500, options={"marks": {"keys": "elsewhere"}})
    assert build_detectors(many)["marks"].config.frames == 32
    assert build_detectors(many)["marks"].config.keys == "elsewhere"
    assert build_detectors(DetectOptions())["marks"].config.keys == ""
    assert list(tmp_path.iterdir()) == []


def test_a_marked_picture_is_found_again_and_only_trust_decides(tmp_path: Path) -> None:
    from datetime import date

    from likeness.provenance import GeneratedFrame, KeyStore, Making, write_marked
    from likeness.types import Consent

    today = date(2026, 11, 22)
    consent = Consent("NASA", "public_domain", "research", today, "0" * 64, True, True)
    source = "compositeWithTrainedAlgorithmicMedia"
    making = Making("stand-in", source, (consent,), "research", today, 42)
    keys, path = KeyStore.create(tmp_path / "keys"), tmp_path / "made.png"
    write_marked([GeneratedFrame(testing.portrait())], path, making, keys)
    plain = likeness.detect(path)
    trusting = likeness.detect(path, DetectOptions(keys=keys.folder))
    assert plain.label == "inconclusive" and trusting.label == "manipulation_likely"
    assert plain.llr == trusting.llr and plain.question_llrs == trusting.question_llrs
    assert "can be forged" in plain.reasons[2] and "signer is trusted" in trusting.reasons[1]
    unread = likeness.detect(path, DetectOptions(detectors=measuring_detectors()))
    assert unread.llr == plain.llr  # no claim ever moves a ratio
    assert any("can be stripped" in limit for limit in plain.limits)
    assert any("were not read" in limit for limit in unread.limits)
    assert any("watermark changes what" in limit for limit in plain.limits)
    assert not any("watermark changes what" in limit for limit in unread.limits)


def test_marks_that_cannot_be_read_hide_no_measurement() -> None:
    class Broken:
        def analyse(self, clip, tracks):
            raise ValueError("no")

    examiner = Examiner()
    whole = examiner.examine(portrait_path()).verdict
    examiner.detectors["marks"] = Broken()
    verdict = examiner.examine(portrait_path()).verdict
    assert verdict.llr == whole.llr
    assert "could not be read" in verdict.reasons[-1]
    assert any("were not read" in limit for limit in verdict.limits)
