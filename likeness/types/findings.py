"""What was found: evidence of one detector, claims of the file itself, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from likeness.errors import ShapeError
from likeness.types.arrays import DoubleArray, FloatArray, IndexArray, Value, check_array
from likeness.types.faces import FaceTrack
from likeness.types.media import FactValue

Status = Literal["scored", "not_applicable", "failed"]
Label = Literal["manipulation_likely", "inconclusive", "no_manipulation_found"]
Question = Literal["blended", "synthesised", "reenacted"]
QUESTIONS: tuple[Question, ...] = ("blended", "synthesised", "reenacted")
ClaimSource = Literal["credentials", "watermark", "metadata"]
ClaimContent = Literal["generated", "edited", "captured", "unstated"]


@dataclass(frozen=True, eq=False)
class Heatmap(Value):
    """Where in one frame the evidence lies.

    Attributes:
        values: (h, w) float32 in [0, 1]; higher = more of the cue. Row 0 is the top of the crop.
        frame_index: frame that it belongs to.
        track_id: face that it belongs to; None for the whole picture.
        corners_px: (4, 2) float32 where the map's corners lie in the frame: top-left, top-right, bottom-right,
            bottom-left (crops may be rotated).
        name: what it shows, where its detector draws maps of several things; empty where it draws one.
    """

    values: FloatArray
    frame_index: int
    track_id: int | None
    corners_px: FloatArray
    name: str = ""

    def __post_init__(self) -> None:
        check_array("Heatmap.values", self.values, (None, None), np.float32)
        check_array("Heatmap.corners_px", self.corners_px, (4, 2), np.float32)


@dataclass(frozen=True, eq=False)
class TrackScore(Value):
    """What one detector found on one face.

    Attributes:
        track_id: the face; None for a finding about the whole picture.
        score: aggregated raw score (logit unless the detector says otherwise); higher = more likely manipulated.
        frame_indices: (F,) int64 frames that were scored.
        frame_scores: (F,) float32 raw score of each.
        llr: calibrated log10 likelihood ratio of `score`; None if uncalibrated.
        in_domain: whether the face looks like those the calibration knows; None if not checked.
    """

    track_id: int | None
    score: float
    frame_indices: IndexArray
    frame_scores: FloatArray
    llr: float | None = None
    in_domain: bool | None = None

    def __post_init__(self) -> None:
        check_array("TrackScore.frame_indices", self.frame_indices, (None,), np.int64)
        check_array(
            "TrackScore.frame_scores", self.frame_scores, (len(self.frame_indices),), np.float32
        )


@dataclass(frozen=True)
class Span:
    """A stretch of time in which a cue shows, in seconds; `score` is its mean raw score."""

    start_s: float
    end_s: float
    score: float
    track_id: int | None = None


@dataclass(frozen=True)
class Reading:
    """One number that a cue measured, in words and units that a person can check.

    Attributes:
        name: what was measured, such as "sharpness of the face against the hair".
        value: the number.
        unit: its unit, empty for a ratio.
        usual: what nine in ten real faces give, lowest and highest; None where that is not known.
        track_id: the face; None for the whole picture.
    """

    name: str
    value: float
    unit: str = ""
    usual: tuple[float, float] | None = None
    track_id: int | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise ShapeError(f"Reading.value of {self.name}", "a finite number", str(self.value))


@dataclass(frozen=True, eq=False)
class Curve(Value):
    """Something that a cue measured over time: what the report draws as a line.

    Attributes:
        name: what was measured.
        times_s: (T,) float64 ascending presentation times in seconds.
        values: (T,) float32; NaN where it could not be measured, which breaks the line.
        unit: of the values, empty for a ratio.
        usual: what nine in ten real faces give, lowest and highest; None where that is not known.
        track_id: the face; None for the whole picture or the sound.
    """

    name: str
    times_s: DoubleArray
    values: FloatArray
    unit: str = ""
    usual: tuple[float, float] | None = None
    track_id: int | None = None

    def __post_init__(self) -> None:
        check_array("Curve.times_s", self.times_s, (None,), np.float64)
        check_array("Curve.values", self.values, (len(self.times_s),), np.float32)


@dataclass(frozen=True)
class Claim:
    """What a file says of its own making: a signed manifest, a watermark or a line of metadata.

    Attributes:
        source: where it stands.
        says: that the media were generated, edited, or captured by a camera; unstated where it speaks of none of them.
        decides: True only for content credentials whose hash verifies and whose signer is trusted. Everything else can
            be forged or copied: it is shown and never decides.
        text: one plain sentence for the reader.
        details: what was read, in display order.
    """

    source: ClaimSource
    says: ClaimContent
    decides: bool
    text: str
    details: Mapping[str, FactValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.decides and self.source != "credentials":
            raise ShapeError("Claim.decides", "False for a watermark or metadata", "True")


@dataclass(frozen=True, eq=False)
class Evidence(Value):
    """One detector's finding about one clip.

    Attributes:
        detector: name of the part.
        weights: tag of the weights that were used; empty if it has none.
        cue: the cue in the field's words.
        question: which of the fusion's questions it speaks to.
        status: scored, not_applicable (an expected outcome; `note` says why) or failed (`note` says what broke).
        score: raw score of the strongest face; higher = more likely manipulated. None unless scored.
        llr: its calibrated log10 likelihood ratio; None if uncalibrated.
        track_id: the strongest face; None for the whole picture.
        tracks: the finding per face.
        spans: stretches of time in which the cue shows.
        heatmaps: where it shows.
        note: one plain sentence.
        claims: what the file says of its own making, see `Claim`; only the detector `marks` makes them.
        readings: the numbers behind the score.
        curves: what was measured over time.
    """

    detector: str
    cue: str
    question: Question
    status: Status
    weights: str = ""
    score: float | None = None
    llr: float | None = None
    track_id: int | None = None
    tracks: tuple[TrackScore, ...] = ()
    spans: tuple[Span, ...] = ()
    heatmaps: tuple[Heatmap, ...] = ()
    note: str = ""
    claims: tuple[Claim, ...] = ()
    readings: tuple[Reading, ...] = ()
    curves: tuple[Curve, ...] = ()

    def __post_init__(self) -> None:
        if (self.status == "scored") != (self.score is not None):
            raise ShapeError(
                f"Evidence.score of {self.detector}",
                "a number exactly when status is 'scored'",
                f"status {self.status!r} with score {self.score!r}",
            )
        if self.score is not None and not np.isfinite(self.score):
            raise ShapeError(
                f"Evidence.score of {self.detector}", "a finite number", str(self.score)
            )


@dataclass(frozen=True, eq=False)
class Verdict(Value):
    """The answer about one file.

    Attributes:
        name: what was examined.
        sha256: hash of its bytes.
        label: manipulation_likely, inconclusive or no_manipulation_found; never "real".
        llr: fused log10 likelihood ratio (file level); None where there is nothing to fuse.
        reasons: plain sentences that carry the label, the weightiest first.
        question_llrs: fused llr per question that was answered.
        evidence: every detector's finding, scored or not.
        tracks: the faces.
        limits: what this answer cannot carry, in plain sentences.
        population: who the calibration was fitted on.
        facts: the file's facts.
        versions: package, weights and calibration tags.
    """

    name: str
    sha256: str
    label: Label
    llr: float | None
    reasons: tuple[str, ...]
    question_llrs: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    tracks: tuple[FaceTrack, ...] = ()
    limits: tuple[str, ...] = ()
    population: str = ""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
