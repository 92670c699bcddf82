"""Marks in the decision table: one kind decides, everything else is told and capped."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import ShapeError
from likeness.scoring.claims import FORGEABLE, MARKS, claims_of, vouched_generation
from likeness.scoring.decision import DecisionThresholds, decide
from likeness.scoring.doubts import FaceFacts
from likeness.scoring.file_fusion import FusedEvidence
from likeness.types import Claim, Evidence, TrackScore

LIMITS = DecisionThresholds()
GOOD = FaceFacts(0, 200.0, 90.0, 5.0)
TEXTS = {
    "credentials": "Credentials speak.",
    "watermark": "A mark speaks.",
    "metadata": "A tag speaks.",
}


def claim(source="credentials", says="generated", decides=False):
    return Claim(source, says, decides, f"{TEXTS[source][:-1]} of {says} media.")


def marks(*claims, status=None, note="as it was read"):
    strong = [c for c in claims if c.says in ("generated", "edited")]
    status = status or ("scored" if strong else "not_applicable")
    score = 2.0 if status == "scored" else None
    return Evidence(
        MARKS, "cue", "synthesised", status, score=score, note=note, claims=tuple(claims)
    )


def measured(llr, status="scored"):
    if status != "scored":
        return Evidence("residuals", "cue", "blended", status, note="out of memory")
    track = TrackScore(0, 0.0, np.zeros(0, np.int64), np.zeros(0, np.float32), llr, True)
    return Evidence(
        "residuals", "cue", "blended", "scored", score=0.0, llr=llr, track_id=0, tracks=(track,)
    )


def fused(llr):
    return FusedEvidence(llr, "blended", 0, {"blended": llr, "synthesised": llr}, 1, 2.0, 300)


def decided(llr, *evidence, kind="image", faces=(GOOD,)):
    given = [measured(0.0 if llr is None else llr), *evidence]
    return decide(kind, faces, given, None if llr is None else fused(llr), LIMITS)


@pytest.mark.parametrize("llr", [2.0, 0.2, -2.0, None])
@pytest.mark.parametrize(("kind", "faces"), [("image", (GOOD,)), ("video", ()), ("audio", ())])
@pytest.mark.parametrize("status", ["scored", "failed", "not_applicable"])
def test_trusted_credentials_of_generation_decide_whatever_else_is_found(llr, kind, faces, status):
    evidence = [measured(llr or 0.0, status), marks(claim(decides=True))]
    decision = decide(kind, faces, evidence, None if llr is None else fused(llr), LIMITS)
    assert decision.label == "manipulation_likely"
    assert decision.reasons[0] == "Credentials speak of generated media."
    assert "the signer's word, not a measurement" in decision.reasons[1]
    assert FORGEABLE not in decision.reasons
    assert any("The detectors give" in r for r in decision.reasons) == (llr is not None)


EVERY = [
    claim(source, says, decides)
    for source, says, decides in itertools.product(
        ("credentials", "watermark", "metadata"),
        ("generated", "edited", "captured", "unstated"),
        (True, False),
    )
    if not decides or source == "credentials"
]


@pytest.mark.parametrize("found", EVERY, ids=lambda c: f"{c.source}-{c.says}-{c.decides}")
@pytest.mark.parametrize("llr", [2.0, 0.2, -2.0, None])
def test_no_other_claim_ever_raises_a_label(found, llr):
    """Of all claims only one kind makes manipulation likely; the others leave a label or take an all-clear away."""
    alone, beside = decided(llr), decided(llr, marks(found))
    if found.decides and found.says == "generated":
        assert beside.label == "manipulation_likely"
    elif found.says in ("generated", "edited") and alone.label == "no_manipulation_found":
        assert beside.label == "inconclusive"
    else:
        assert beside.label == alone.label
    told = any(found.text in reason for reason in beside.reasons)
    assert told == (found.source != "metadata" or found.says in ("generated", "edited"))


@pytest.mark.parametrize("source", ["credentials", "watermark", "metadata"])
def test_forgeable_claims_stand_first_and_are_called_forgeable(source):
    for llr in (2.0, 0.2, -2.0, None):
        reasons = decided(llr, marks(claim(source))).reasons
        assert reasons[0] == claim(source).text
        assert reasons[1] == FORGEABLE and "stamp real footage" in FORGEABLE


def test_why_the_all_clear_is_withheld_is_told():
    reasons = decided(-2.0, marks(claim("watermark"), claim("metadata", "edited"))).reasons
    told = next(r for r in reasons if r.startswith("It cannot be said"))
    assert "a watermark claims that the file was generated" in told
    assert "the metadata claim that the file was edited" in told
    assert any("without the manipulations that were looked for" in r for r in reasons)


@pytest.mark.parametrize("decides", [True, False])
def test_a_camera_clears_nothing(decides):
    camera = claim(says="captured", decides=decides)
    for llr in (2.0, 0.2, None):
        assert decided(llr, marks(camera)).label == decided(llr).label
    assert decided(0.2, marks(camera)).label == "inconclusive"
    assert "clears nothing" in decided(-2.0, marks(camera)).reasons[-1]
    assert decide("audio", (), [marks(camera)], None, LIMITS).label == "inconclusive"


def test_a_trusted_edit_decides_nothing():
    edit = claim(says="edited", decides=True)
    for llr in (0.2, -2.0, None):
        decision = decided(llr, marks(edit))
        assert decision.label == "inconclusive"
        assert "decides nothing" in decision.reasons[0]
        assert FORGEABLE not in decision.reasons
    assert decided(2.0, marks(edit)).label == "manipulation_likely"


@pytest.mark.parametrize("decides", [True, False])
def test_a_contradiction_among_the_marks_is_shown_and_not_averaged(decides):
    both = marks(claim(says="captured", decides=decides), claim("watermark"))
    for llr, label in ((2.0, "manipulation_likely"), (0.2, "inconclusive"), (-2.0, "inconclusive")):
        decision = decided(llr, both)
        assert decision.label == label
        told = [r for r in decision.reasons if "contradict one another" in r]
        assert len(told) == 1 and "according to a watermark the media were generated" in told[0]
    generated = marks(claim(decides=True), claim(says="captured"))
    decision = decided(-2.0, generated)
    assert decision.label == "manipulation_likely"
    assert any("contradict one another" in r for r in decision.reasons)
    leftover = marks(claim("watermark"), claim("metadata", "captured"))
    assert not any("contradict" in r for r in decided(0.2, leftover).reasons)


def test_two_claims_of_change_are_no_contradiction():
    reasons = decided(0.2, marks(claim(says="edited"), claim("watermark"))).reasons
    assert not any("contradict" in r for r in reasons)


def test_marks_that_cannot_be_read_shield_from_nothing_and_clear_nothing():
    broken = marks(status="failed", note="this detector broke down: boom")
    assert decided(2.0, broken).label == "manipulation_likely"
    clear = decided(-2.0, broken)
    assert clear.label == "inconclusive"
    assert "the marks in the file could not be read" in clear.reasons[0]
    assert "boom" in clear.reasons[-1]


def test_found_nothing_changes_nothing():
    nothing = marks(note="no marks were found; that says nothing either way")
    for llr in (2.0, 0.2, -2.0, None):
        assert decided(llr, nothing) == decided(llr)


def test_marks_do_not_count_as_a_detector_that_applies():
    silent = replace(measured(0.0, "not_applicable"), note="no skin in view")
    decision = decide("image", (GOOD,), [silent, marks(claim("watermark"))], None, LIMITS)
    assert decision.label == "inconclusive"
    assert any("None of the detectors applies" in r for r in decision.reasons)
    alone = decide("image", (GOOD,), [marks(claim("watermark"))], None, LIMITS)
    assert any("only the marks in the file were read" in r for r in alone.reasons)


def test_only_the_reader_of_marks_makes_claims():
    stranger = replace(measured(0.2), claims=(claim(decides=True),))
    assert claims_of([stranger]) == ()
    assert decide("image", (GOOD,), [stranger], fused(0.2), LIMITS).label == "inconclusive"


@pytest.mark.parametrize("source", ["watermark", "metadata"])
def test_only_credentials_can_decide(source):
    with pytest.raises(ShapeError, match=r"Claim\.decides"):
        claim(source, decides=True)
    assert vouched_generation([claim(source)]) is None


def test_reasons_are_sentences():
    for found in EVERY:
        for llr in (2.0, -2.0, None):
            for reason in decided(llr, marks(found, claim(says="captured"))).reasons:
                assert reason[0].isupper() and reason.endswith("."), reason
