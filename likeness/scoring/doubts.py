"""Reasons for doubt, in words: faces that cannot be judged, findings out of domain, detectors in conflict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from likeness.scoring.covariates import seen_median
from likeness.scoring.file_fusion import TrackKey, track_llrs
from likeness.scoring.sample import LN10
from likeness.types import Evidence, FaceTrack, Question

__all__ = ["FaceFacts", "face_facts", "unusable"]


class QualityLimits(Protocol):
    """The limits of `decision.DecisionThresholds` that concern a face."""

    @property
    def min_face_px(self) -> float:
        """Shorter side of a face's box."""
        ...

    @property
    def min_jpeg_quality(self) -> float:
        """JPEG-equivalent quality, 1-100."""
        ...

    @property
    def max_yaw_deg(self) -> float:
        """How far a face may be turned."""
        ...


@dataclass(frozen=True)
class FaceFacts:
    """What decides whether a face can be judged; medians over the frames in which it was seen, NaN = not measured.

    Attributes:
        track_id: the face.
        face_px: shorter side of its box in pixels.
        jpeg_quality: JPEG-equivalent quality, 1-100.
        yaw_deg: how far it is turned; the sign does not matter.
    """

    track_id: int
    face_px: float
    jpeg_quality: float
    yaw_deg: float


def face_facts(track: FaceTrack) -> FaceFacts:
    """The facts of one tracked face."""
    boxes = track.boxes_px.astype(np.float64)
    shorter = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return FaceFacts(
        track.track_id,
        seen_median(track, shorter),
        seen_median(track, track.quality.jpeg_quality),
        seen_median(track, np.abs(track.pose_deg[:, 0])),
    )


def unusable(face: FaceFacts, limits: QualityLimits) -> tuple[str, ...]:
    """Why a face cannot be judged, as parts of a sentence; empty where it can be.

    What could not be measured cannot be vouched for and counts as a reason.
    """
    why = []
    if np.isnan(face.face_px):
        why.append("of unknown size")
    elif face.face_px < limits.min_face_px:
        why.append(
            f"too small ({face.face_px:.0f} pixels across, at least {limits.min_face_px:.0f} are needed)"
        )
    if np.isnan(face.jpeg_quality):
        why.append("of unknown compression")
    elif face.jpeg_quality < limits.min_jpeg_quality:
        why.append(
            f"too compressed (like a JPEG of quality {face.jpeg_quality:.0f}, "
            f"at least {limits.min_jpeg_quality:.0f} is needed)"
        )
    if np.isnan(face.yaw_deg):
        why.append("turned by an unknown angle")
    elif abs(face.yaw_deg) > limits.max_yaw_deg:
        why.append(
            f"turned too far ({abs(face.yaw_deg):.0f} degrees to the side, "
            f"at most {limits.max_yaw_deg:.0f} can be judged)"
        )
    return tuple(why)


def out_of_domain(
    evidence: Sequence[Evidence], question: Question | None, track_id: TrackKey
) -> list[str]:
    """Detectors that have met a face unlike those of their calibration.

    Args:
        evidence: every detector's finding.
        question: only its detectors and only the face `track_id`; None = all detectors and faces.
        track_id: see `question`.
    """
    strange = [
        e.detector
        for e in evidence
        if (question is None or e.question == question)
        and any(
            t.in_domain is False
            and t.llr is not None
            and (question is None or t.track_id == track_id)
            for t in e.tracks
        )
    ]
    return [f"the face is unlike those that {name} was calibrated on" for name in strange]


@dataclass(frozen=True)
class ConflictLimits:
    """When two detectors of one question contradict one another.

    Attributes:
        apart_nats: natural log odds that they may lie apart on opposite sides of zero.
        against_llr: at or below which (log10) one speaks against manipulation. A cue whose ratio is 1.02 has nothing to say,
            and the more cues there are, the likelier is it that one of them lies a hair below zero.
    """

    apart_nats: float
    against_llr: float


def conflicts(
    evidence: Sequence[Evidence],
    limits: ConflictLimits,
    question: Question | None,
    track_id: TrackKey,
) -> list[str]:
    """Detectors of one question that contradict one another on one face.

    Args:
        evidence: every detector's finding; only scored and calibrated ones count.
        limits: see `ConflictLimits`.
        question: only this question and only the face `track_id`; None = all questions and faces.
        track_id: see `question`.
    """
    told = []
    for asked in dict.fromkeys(e.question for e in evidence):
        if question not in (None, asked):
            continue
        found = {
            e.detector: track_llrs(e)
            for e in evidence
            if e.question == asked and e.status == "scored"
        }
        keys = dict.fromkeys(key for llrs in found.values() for key in llrs)
        for key in keys if question is None else [track_id]:
            llrs = {name: values[key] for name, values in found.items() if key in values}
            told += _conflict(llrs, limits)
    return list(dict.fromkeys(told))


def _conflict(llrs: dict[str, float], limits: ConflictLimits) -> list[str]:
    if len(llrs) < 2:
        return []
    high, low = max(llrs, key=lambda name: llrs[name]), min(llrs, key=lambda name: llrs[name])
    apart = (llrs[high] - llrs[low]) * LN10
    against = llrs[low] < 0.0 and llrs[low] <= limits.against_llr
    if not (llrs[high] > 0.0 and against and apart > limits.apart_nats):
        return []
    return [
        f"the detectors contradict one another: {high} speaks for manipulation "
        f"(log10 likelihood ratio {llrs[high]:+.1f}), {low} against it ({llrs[low]:+.1f})"
    ]
