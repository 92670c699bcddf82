"""The written decision table: from fused evidence and reasons for doubt to one of three labels.

Rows are tried in order; the first that fits decides. L = `likely_llr`, N = `none_llr`.

    row  what is found                                                    label
    1    content credentials that verify, of a signer who is trusted,     manipulation_likely
         say that the media were generated; whatever else is found
    2    sound only                                                       inconclusive
    3    no face                                                          inconclusive
    4    a detector failed                                                inconclusive
    5    no detector applies                                              inconclusive
    6    no face can be judged (too small, too compressed, too turned)    inconclusive
    7    no calibrated finding                                            inconclusive
    8    llr >= L, but the face that carries it cannot be judged, the     inconclusive
         detectors of that question are out of their domain on it,
         or they contradict one another
    9    llr >= L                                                         manipulation_likely
    10   llr <= N, but any face cannot be judged, any detector is out     inconclusive
         of its domain, any two contradict one another, a question of
         `none_needs` went unanswered, any mark claims generation or
         editing, or the marks could not be read
    11   llr <= N                                                         no_manipulation_found
    12   anything else                                                    inconclusive

To say that manipulation is likely, the evidence that carries it must be sound; to say that none was found, everything must
be. Absence is not innocence: rows 2 to 7 never give `no_manipulation_found`. Two detectors of one question contradict one
another on a face when one speaks for manipulation, the other against it (at `against_llr` or below), and they lie more than
`conflict_nats` apart.

Marks (`likeness.scoring.claims`) decide in row 1 and nowhere else. Every other claim can be forged: it is told first and
capped below `manipulation_likely`, moves no llr, and can do no more than keep row 11 from being reached. Credentials of a
camera, trusted or not, never decide. The detector `marks` is not one of those that rows 4 and 5 speak of: that a file's marks
cannot be read must not shield it from what the others measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from likeness.errors import ConfigError
from likeness.scoring import claims as marks
from likeness.scoring.doubts import ConflictLimits, FaceFacts, conflicts, out_of_domain, unusable
from likeness.scoring.file_fusion import FusedEvidence
from likeness.scoring.sample import llr_bound
from likeness.scoring.wording import QUESTION_WORDS, listing, strength, times
from likeness.types import QUESTIONS, Evidence, Label, MediaKind, Question

__all__ = ["Decision", "DecisionThresholds", "decide"]


@dataclass(frozen=True)
class DecisionThresholds:
    """Where the lines are drawn; they travel with every result.

    Attributes:
        likely_llr: log10 likelihood ratio from which on manipulation is called likely, > 0.
        none_llr: at or below which no manipulation was found, < 0.
        conflict_nats: log odds (natural) that two detectors of one question may lie apart on opposite sides.
        against_llr: at or below which a single detector speaks against manipulation, <= 0; nearer to zero it says nothing.
        min_face_px: shorter side of a face's box.
        min_jpeg_quality: JPEG-equivalent quality, 1-100.
        max_yaw_deg: how far a face may be turned.
        none_needs: questions that must be answered before "no manipulation found" may be said.
    """

    likely_llr: float = 1.0
    none_llr: float = -0.5
    conflict_nats: float = 2.0
    against_llr: float = -0.1
    min_face_px: float = 64.0
    min_jpeg_quality: float = 35.0
    max_yaw_deg: float = 45.0
    none_needs: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        if not self.none_llr < 0.0 < self.likely_llr:
            raise ConfigError(
                f"decision thresholds: expected none_llr < 0 < likely_llr, "
                f"got {self.none_llr} and {self.likely_llr}"
            )
        if self.against_llr > 0.0:
            raise ConfigError(
                f"decision thresholds: expected against_llr <= 0, got {self.against_llr}"
            )


@dataclass(frozen=True)
class Decision:
    """The label and the plain sentences that carry it, the weightiest first."""

    label: Label
    reasons: tuple[str, ...]


def decide(
    kind: MediaKind,
    faces: Sequence[FaceFacts],
    evidence: Sequence[Evidence],
    fused: FusedEvidence | None,
    thresholds: DecisionThresholds,
) -> Decision:
    """Apply the decision table of this module.

    Args:
        kind: of the file; "audio" = sound only.
        faces: every face that was tracked, usable or not.
        evidence: every detector's finding, that of `marks` with its claims among them.
        fused: what `FileFusion.fuse` made of the usable ones; None where there was nothing to fuse.
        thresholds: where the lines are drawn.

    Returns:
        The decision; a wrong or missing finding is a reason in it, never an exception.
    """
    claims = marks.claims_of(evidence)
    vouched = marks.vouched_generation(claims)
    if vouched is not None:
        measured = () if fused is None else (f"The detectors give {strength(fused.llr)}.",)
        reasons = (*marks.vouched_reasons(vouched, claims), *measured)
        return Decision("manipulation_likely", reasons)
    found = _measured(kind, faces, evidence, fused, thresholds)
    before, after = marks.reasons_before(claims), marks.reasons_after(evidence)
    return Decision(found.label, (*before, *found.reasons, *after))


def _measured(
    kind: MediaKind,
    faces: Sequence[FaceFacts],
    evidence: Sequence[Evidence],
    fused: FusedEvidence | None,
    thresholds: DecisionThresholds,
) -> Decision:
    """Rows 2 to 12."""
    obstacle = _nothing_to_judge(kind, faces, marks.measurements(evidence))
    if obstacle:
        return Decision("inconclusive", obstacle)
    blocked = {face.track_id: why for face in faces if (why := unusable(face, thresholds))}
    unjudged = _unjudged(blocked, len(faces))
    if len(blocked) == len(faces):
        return Decision("inconclusive", unjudged)
    if fused is None:
        return Decision(
            "inconclusive",
            (
                "No detector gave a calibrated finding on a face that can be judged, so its strength is unknown.",
                *unjudged,
            ),
        )
    if fused.llr >= thresholds.likely_llr:
        return _likely(fused, evidence, blocked, unjudged, thresholds)
    if fused.llr <= thresholds.none_llr:
        return _none_found(fused, evidence, unjudged, thresholds)
    return Decision("inconclusive", (_too_weak(fused, thresholds), *unjudged))


def _nothing_to_judge(
    kind: MediaKind, faces: Sequence[FaceFacts], evidence: Sequence[Evidence]
) -> tuple[str, ...]:
    """Rows 2 to 5: why there is no basis for any answer; empty where there is one."""
    if kind == "audio":
        return ("The file holds sound only; voices are not examined.",)
    if not faces:
        return ("No face was found, so there is nothing that the detectors could examine.",)
    failed = [e for e in evidence if e.status == "failed"]
    if failed:
        told = [
            f"The detector {e.detector} failed: {_sentence(e.note, 'no details')}" for e in failed
        ]
        found = [
            f"The detector {e.detector} finished and gives {strength(e.llr)}."
            for e in evidence
            if e.status == "scored" and e.llr is not None
        ]
        return (*told, "The examination is therefore not complete.", *found)
    if not evidence:
        return ("No detector of manipulation was asked; only the marks in the file were read.",)
    if not any(e.status == "scored" for e in evidence):
        told = [f"{e.detector}: {_sentence(e.note, 'does not apply')}" for e in evidence]
        return ("None of the detectors applies to this file.", *told)
    return ()


def _sentence(note: str, otherwise: str) -> str:
    words = note.strip() or otherwise
    return words if words.endswith((".", "!", "?")) else words + "."


def _unjudged(blocked: dict[int, tuple[str, ...]], n_faces: int) -> tuple[str, ...]:
    """One sentence per face that cannot be judged."""
    if n_faces == 1:
        return tuple(f"The face cannot be judged: {listing(why)}." for why in blocked.values())
    return tuple(
        f"Face {track_id + 1} of {n_faces} cannot be judged: {listing(why)}."
        for track_id, why in blocked.items()
    )


def _likely(
    fused: FusedEvidence,
    evidence: Sequence[Evidence],
    blocked: dict[int, tuple[str, ...]],
    unjudged: tuple[str, ...],
    thresholds: DecisionThresholds,
) -> Decision:
    """Rows 8 and 9."""
    finding = (
        f"The findings are about {times(fused.llr)} times more probable if the picture shows "
        f"{QUESTION_WORDS[fused.question]} than if it does not: {strength(fused.llr)}."
    )
    doubts = [
        *out_of_domain(evidence, fused.question, fused.track_id),
        *conflicts(evidence, _limits(thresholds), fused.question, fused.track_id),
    ]
    if fused.track_id in blocked:
        doubts.insert(0, f"the face that carries them is {listing(blocked[fused.track_id])}")
    if doubts:
        return Decision(
            "inconclusive",
            (f"The findings cannot be relied on: {listing(doubts)}.", finding, *unjudged),
        )
    return Decision("manipulation_likely", (finding, *unjudged))


def _limits(thresholds: DecisionThresholds) -> ConflictLimits:
    return ConflictLimits(thresholds.conflict_nats, thresholds.against_llr)


def _none_found(
    fused: FusedEvidence,
    evidence: Sequence[Evidence],
    unjudged: tuple[str, ...],
    thresholds: DecisionThresholds,
) -> Decision:
    """Rows 10 and 11."""
    finding = (
        f"The findings are about {times(fused.llr)} times more probable without the manipulations that "
        f"were looked for than with them: {strength(fused.llr)}."
    )
    unasked = [q for q in QUESTIONS if q not in fused.question_llrs]
    doubts = [
        *out_of_domain(evidence, None, None),
        *conflicts(evidence, _limits(thresholds), None, None),
        *(
            f"no detector could examine whether it shows {QUESTION_WORDS[q]}"
            for q in unasked
            if q in thresholds.none_needs
        ),
    ]
    claimed = marks.claim_doubts(evidence)
    if doubts or claimed or unjudged:
        lead = [f"The findings cannot be relied on: {listing(doubts)}."] if doubts else []
        if claimed:
            lead.append(f"It cannot be said that no manipulation was found: {listing(claimed)}.")
        return Decision("inconclusive", (*lead, *unjudged, finding))
    silent = [QUESTION_WORDS[q] for q in unasked]
    limit = (f"It was not examined whether the picture shows {listing(silent, 'or')}.",)
    return Decision("no_manipulation_found", (finding, *(limit if silent else ())))


def _too_weak(fused: FusedEvidence, thresholds: DecisionThresholds) -> str:
    """Row 12."""
    reason = (
        f"The evidence is too weak either way: {strength(fused.llr)}, where "
        f"{thresholds.likely_llr:g} or more would make manipulation likely and "
        f"{thresholds.none_llr:g} or less would let us say that none was found."
    )
    allowed = min(thresholds.likely_llr, llr_bound(fused.n_identities))
    if fused.llr > 0.0 and fused.bound < allowed - 1e-9:
        reason += (
            " They come from a cue that may not decide alone, whatever it shows: it is given no more "
            f"than {fused.bound:g}."
        )
    elif fused.llr > 0.0 and fused.bound < thresholds.likely_llr:
        reason += (
            f" The calibration rests on {fused.n_identities} people and can support no more "
            f"than {fused.bound:.1f}."
        )
    return reason
