from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.errors import ConfigError, DataError
from likeness.scoring import llr_bound
from likeness.scoring.decision import DecisionThresholds, decide
from likeness.scoring.doubts import FaceFacts, face_facts, unusable
from likeness.scoring.file_fusion import FusedEvidence
from likeness.scoring.wording import verbal_scale
from likeness.types import Evidence, TrackScore

LIMITS = DecisionThresholds()
GOOD = FaceFacts(0, 200.0, 90.0, 5.0)
NO_FRAMES = (np.zeros(0, np.int64), np.zeros(0, np.float32))


def scored(name, llr, question="blended", track_id=0, in_domain=True):
    track = TrackScore(track_id, 0.0, *NO_FRAMES, llr=llr, in_domain=in_domain)
    return Evidence(
        name, "cue", question, "scored", score=0.0, llr=llr, track_id=track_id, tracks=(track,)
    )


def silent(name, status, note=""):
    return Evidence(name, "cue", "blended", status, note=note)


def fused(
    llr, question="blended", track_id=0, answered=("blended", "synthesised"), bound=2.0, people=300
):
    return FusedEvidence(llr, question, track_id, dict.fromkeys(answered, llr), 1, bound, people)


def judged(llr, faces=(GOOD,), evidence=None, thresholds=LIMITS, **more):
    found = [scored("residuals", llr)] if evidence is None else evidence
    return decide("image", faces, found, fused(llr, **more), thresholds)


@pytest.mark.parametrize(
    ("llr", "label"),
    [
        (3.0, "manipulation_likely"),
        (1.0, "manipulation_likely"),
        (0.999, "inconclusive"),
        (0.0, "inconclusive"),
        (-0.499, "inconclusive"),
        (-0.5, "no_manipulation_found"),
        (-2.0, "no_manipulation_found"),
    ],
)
def test_the_llr_alone_decides_when_nothing_speaks_against_it(llr, label):
    decision = judged(llr)
    assert decision.label == label
    assert decision.reasons


STATES = {
    "sound": [False, True],
    "face": ["none", "good", "small"],
    "detectors": ["failed", "not_applicable", "scored"],
    "llr": [None, 2.0, 0.2, -2.0],
    "domain": [True, False, None],
    "conflict": [False, True],
}


@pytest.mark.parametrize("state", list(itertools.product(*STATES.values())))
def test_every_row_of_the_table(state):
    sound, face, detectors, llr, domain, conflict = state
    faces = {"none": (), "good": (GOOD,), "small": (FaceFacts(0, 40.0, 90.0, 5.0),)}[face]
    evidence = {
        "failed": [silent("residuals", "failed", "out of memory")],
        "not_applicable": [silent("residuals", "not_applicable", "no skin in view")],
        "scored": [scored("residuals", llr, in_domain=domain)],
    }[detectors]
    if conflict and detectors == "scored" and llr is not None:
        evidence.append(scored("seams", -1.5 if llr > 0 else 1.5))
    decision = decide(
        "audio" if sound else "image", faces, evidence, None if llr is None else fused(llr), LIMITS
    )
    text = " ".join(decision.reasons)
    if sound:
        expected, words = "inconclusive", "sound only"
    elif face == "none":
        expected, words = "inconclusive", "No face was found"
    elif detectors == "failed":
        expected, words = "inconclusive", "residuals failed: out of memory."
    elif detectors == "not_applicable":
        expected, words = "inconclusive", "no skin in view"
    elif face == "small":
        expected, words = "inconclusive", "too small (40 pixels across, at least 64 are needed)"
    elif llr is None:
        expected, words = "inconclusive", "calibrated"
    elif llr == 0.2:
        expected, words = "inconclusive", "too weak either way"
    elif domain is False:
        expected, words = "inconclusive", "unlike those that residuals was calibrated on"
    elif conflict:
        expected, words = "inconclusive", "contradict one another"
    elif llr > 0:
        expected, words = "manipulation_likely", "100 times more probable"
    else:
        expected, words = "no_manipulation_found", "100 times more probable without"
    assert decision.label == expected
    assert words in text


@pytest.mark.parametrize("llr", [2.0, -2.0])
def test_a_failed_detector_among_others_leaves_the_examination_incomplete(llr):
    evidence = [scored("residuals", llr), silent("spectrum", "failed", "")]
    decision = judged(llr, evidence=evidence)
    assert decision.label == "inconclusive"
    assert "spectrum failed: no details." in decision.reasons[0]
    assert "residuals finished" in decision.reasons[-1]


def test_a_detector_that_does_not_apply_does_not_block_the_others():
    evidence = [scored("residuals", 2.0), silent("lips", "not_applicable", "a picture")]
    assert judged(2.0, evidence=evidence).label == "manipulation_likely"


@pytest.mark.parametrize(
    ("face", "words"),
    [
        (FaceFacts(0, 63.9, 90, 0), "too small"),
        (FaceFacts(0, 64.0, 34.9, 0), "too compressed"),
        (FaceFacts(0, 64.0, 35.0, -45.1), "turned too far (45 degrees"),
        (FaceFacts(0, np.nan, 90, 0), "unknown size"),
        (FaceFacts(0, 100, np.nan, 0), "unknown compression"),
        (FaceFacts(0, 100, 90, np.nan), "unknown angle"),
    ],
)
def test_limits_of_a_face(face, words):
    (reason,) = unusable(face, LIMITS)
    assert words in reason
    for llr in (3.0, -3.0):
        decision = judged(llr, faces=(face,))
        assert decision.label == "inconclusive" and words in decision.reasons[0]


def test_a_face_on_the_limits_can_be_judged():
    assert unusable(FaceFacts(0, 64.0, 35.0, -45.0), LIMITS) == ()


def test_several_reasons_are_all_told():
    reasons = judged(2.0, faces=(FaceFacts(0, 10, 10, 80),)).reasons[0]
    assert all(word in reasons for word in ("too small", "too compressed", "turned too far"))


TINY = FaceFacts(1, 20.0, 90.0, 0.0)


def test_a_second_face_that_cannot_be_judged_blocks_only_the_all_clear():
    likely = judged(2.0, faces=(GOOD, TINY))
    assert likely.label == "manipulation_likely"
    assert "Face 2 of 2 cannot be judged" in likely.reasons[1]
    assert judged(-2.0, faces=(GOOD, TINY)).label == "inconclusive"


def test_evidence_on_a_face_that_cannot_be_judged_is_not_carried():
    decision = judged(2.0, faces=(GOOD, TINY), track_id=1)
    assert decision.label == "inconclusive"
    assert "the face that carries them is too small" in decision.reasons[0]


def test_doubt_about_another_question_blocks_only_the_all_clear():
    evidence = [scored("residuals", 2.0), scored("spectrum", 0.1, "synthesised", in_domain=False)]
    assert judged(2.0, evidence=evidence).label == "manipulation_likely"
    quiet = [scored("residuals", -2.0), scored("spectrum", -2.0, "synthesised", in_domain=False)]
    assert judged(-2.0, evidence=quiet).label == "inconclusive"


def test_different_questions_never_contradict_one_another():
    evidence = [scored("residuals", 2.0), scored("spectrum", -2.0, "synthesised")]
    assert judged(2.0, evidence=evidence).label == "manipulation_likely"


@pytest.mark.parametrize(
    ("a", "b", "conflict"),
    [
        (1.2, 0.1, False),  # far apart, same side
        (0.5, -0.3, False),  # 1.84 nats
        (0.5, -0.4, True),  # 2.07 nats
        (-0.4, 0.5, True),
        (1.2, -0.09, False),  # 2.97 nats, but a ratio of 1.2 speaks against nothing
        (1.2, -0.1, True),
    ],
)
def test_when_detectors_are_in_conflict(a, b, conflict):
    decision = judged(1.1, evidence=[scored("residuals", a), scored("seams", b)])
    assert (decision.label == "inconclusive") == conflict


def test_conflict_is_looked_for_on_the_same_face():
    evidence = [scored("residuals", 2.0, track_id=0), scored("seams", -2.0, track_id=1)]
    faces = (GOOD, FaceFacts(1, 200, 90, 0))
    assert judged(2.0, faces=faces, evidence=evidence).label == "manipulation_likely"


def test_questions_that_were_not_answered_are_named():
    decision = judged(-2.0, answered=("blended",))
    assert decision.label == "no_manipulation_found"
    assert "a generated face or a face moved by somebody else's motion" in decision.reasons[1]
    strict = DecisionThresholds(none_needs=("blended", "synthesised"))
    blocked = judged(-2.0, answered=("blended",), thresholds=strict)
    assert blocked.label == "inconclusive" and "generated face" in blocked.reasons[0]
    assert judged(-2.0, thresholds=strict).label == "no_manipulation_found"


def test_a_small_calibration_says_that_it_cannot_carry_more():
    decision = judged(0.8, bound=llr_bound(19), people=19)
    assert "can support no more than 0.8" in decision.reasons[0]
    assert "can support" not in judged(0.8, bound=2.0).reasons[0]


def test_a_cue_that_may_not_decide_alone_is_said_to_be_one():
    decision = judged(0.5, bound=0.5)
    assert decision.label == "inconclusive"
    assert "may not decide alone" in decision.reasons[0]
    assert "may not decide alone" not in judged(0.5, bound=llr_bound(19), people=19).reasons[0]


def test_thresholds_must_leave_room_for_cannot_tell():
    for wrong in ({"likely_llr": 0.0}, {"none_llr": 0.1}, {"likely_llr": float("nan")}):
        with pytest.raises(ConfigError, match="none_llr < 0 < likely_llr"):
            DecisionThresholds(**wrong)


@pytest.mark.parametrize(
    ("llr", "words"),
    [
        (0.0, "no support either way"),
        (0.3, "no support either way"),
        (np.log10(2), "weak support for"),
        (1.0, "moderate support for"),
        (-1.99, "moderate support against"),
        (2.0, "moderately strong support for"),
        (3.0, "strong support for"),
        (-4.0, "very strong support against"),
        (6.0, "extremely strong support for"),
    ],
)
def test_words_for_llrs(llr, words):
    assert verbal_scale(llr).startswith(words)


def test_there_are_no_words_for_nan():
    with pytest.raises(DataError, match="NaN"):
        verbal_scale(float("nan"))


def test_reasons_are_sentences_for_a_person():
    for llr in (2.0, 0.3, -0.8):
        for reason in judged(llr, answered=("blended",)).reasons:
            assert reason[0].isupper() and reason.endswith(".") and "_" not in reason


def test_facts_of_a_track_are_medians_of_the_frames_it_was_seen_in(drawn_track):
    facts = face_facts(drawn_track)
    assert (facts.track_id, facts.face_px) == (3, 80.0)
    assert facts.jpeg_quality == pytest.approx(70.0)
    assert facts.yaw_deg == pytest.approx(20.0)
