"""From the detectors' findings to a verdict: calibrate, check the domain, fuse, decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import likeness
from likeness import weights
from likeness.errors import WeightsError
from likeness.scoring import (
    DecisionThresholds,
    DomainGate,
    FileFusion,
    PavCalibration,
    PlattCalibration,
    calibration_from_dict,
    covariates_of,
    decide,
    face_facts,
    unusable,
)
from likeness.scoring.claims import MARKS, claims_of
from likeness.types import Clip, DoubleArray, Evidence, FaceTrack, TrackScore, Verdict

FORMAT = "likeness-calibration/1"
FILE = "calibration.json"
DOMAIN_COVARIATES = ("sharpness", "jpeg_quality", "abs_yaw")
# Size is no part of the gate: crops have one size, the sources of the fit lie in clusters of size that no ellipse describes,
# and the decision table has a smallest face of its own. The fusion knows size as a covariate that is never extrapolated.
LIMITS = (
    "A verdict is about the faces that were examined, not about who is shown, when, or why.",
    "A likelihood ratio holds for media like those it was calibrated on; other cameras, codecs and generators can behave "
    "differently.",
    "Voices and other sound are not examined yet.",
    '"No manipulation found" does not mean that a file is real.',
)
MARKS_LIMIT = (
    "Marks and content credentials can be stripped, so that none found says nothing, and forged or copied, so that one found "
    "decides only if it verifies and its signer is trusted."
)
WATERMARK_LIMIT = (
    "This toolkit's watermark changes what the detectors measure, mostly towards no manipulation: on a file that carries it "
    "their ratios are lower than on the same file without."
)
NO_MARKS_LIMIT = "Marks and content credentials were not read."


@dataclass(frozen=True)
class Calibration:
    """Everything between a raw score and a label.

    Attributes:
        tag: name of this calibration.
        detectors: detector -> (weights tag it holds for, calibration).
        fusion: per question, and the file's.
        gate: where the faces of the calibration lie in terms of quality.
        thresholds: of the decision table.
        population: who it was fitted on.
        illustrations: detector -> its best AUC, for those that tell too little to have a calibration.
    """

    tag: str
    detectors: Mapping[str, tuple[str, PlattCalibration | PavCalibration]]
    fusion: FileFusion
    gate: DomainGate
    thresholds: DecisionThresholds
    population: str
    illustrations: Mapping[str, float] = field(default_factory=dict)

    @property
    def bound(self) -> float:
        """Largest |llr| of a file."""
        return self.fusion.file.bound

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "format": FORMAT,
            "tag": self.tag,
            "population": self.population,
            "detectors": {
                name: {"weights": tag, "calibration": c.to_dict()}
                for name, (tag, c) in self.detectors.items()
            },
            "fusion": self.fusion.to_dict(),
            "gate": {k: v.tolist() for k, v in self.gate.to_arrays().items()},
            "thresholds": asdict(self.thresholds),
            "illustrations": dict(self.illustrations),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Calibration:
        """Inverse of `to_dict`; raises `WeightsError` for anything else."""
        if stored.get("format") != FORMAT:
            raise WeightsError(
                f"calibration: expected format {FORMAT}, got {stored.get('format')!r}"
            )
        try:
            thresholds = {**stored["thresholds"]}
            thresholds["none_needs"] = tuple(thresholds["none_needs"])
            gate = DomainGate.from_arrays({k: np.array(v) for k, v in stored["gate"].items()})
            if len(gate.mean) != len(DOMAIN_COVARIATES):
                raise WeightsError(
                    f"calibration: expected a gate over {', '.join(DOMAIN_COVARIATES)}, got one over "
                    f"{len(gate.mean)} values; run `likeness calibrate` again"
                )
            return cls(
                str(stored["tag"]),
                {
                    name: (str(entry["weights"]), calibration_from_dict(entry["calibration"]))
                    for name, entry in stored["detectors"].items()
                },
                FileFusion.from_dict(stored["fusion"]),
                gate,
                DecisionThresholds(**thresholds),
                str(stored["population"]),
                {str(n): float(v) for n, v in stored.get("illustrations", {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"calibration: damaged or incomplete ({error})") from error


def shipped_calibration() -> Calibration:
    """The calibration that the package carries; read once."""
    return _read(weights.path_of("fusion", FILE))


def read_calibration(path: Path) -> Calibration:
    """A calibration file; raises `WeightsError`."""
    return Calibration.from_dict(weights.load_json(path))


@cache
def _read(path: Path) -> Calibration:
    return read_calibration(path)


def judge(
    clip: Clip,
    tracks: Sequence[FaceTrack],
    evidence: Sequence[Evidence],
    calibration: Calibration,
) -> Verdict:
    """Make the verdict about one clip from what the detectors found."""
    domain = {track.track_id: in_domain(track, len(tracks), calibration) for track in tracks}
    calibrated = [calibrate_evidence(e, calibration, domain) for e in evidence]
    facts = [face_facts(track) for track in tracks]
    usable: dict[int | None, Mapping[str, float]] = {
        track.track_id: covariates_of(track, len(tracks))
        for track, fact in zip(tracks, facts, strict=True)
        if not unusable(fact, calibration.thresholds)
    }
    fused = calibration.fusion.fuse(calibrated, usable) if usable else None
    decision = decide(clip.kind, facts, calibrated, fused, calibration.thresholds)
    return Verdict(
        name=clip.name,
        sha256=clip.sha256,
        label=decision.label,
        llr=fused.llr if fused else None,
        reasons=decision.reasons,
        question_llrs={str(q): v for q, v in fused.question_llrs.items()} if fused else {},
        evidence=tuple(calibrated),
        tracks=tuple(tracks),
        limits=limits(calibrated),
        population=calibration.population,
        facts=dict(clip.facts),  # a copy: decoding goes on counting damaged frames
        versions={
            "likeness": likeness.__version__,
            "calibration": calibration.tag,
            **{e.detector: e.weights for e in calibrated if e.weights},
        },
    )


def limits(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """What a verdict on this evidence cannot carry."""
    read = any(e.detector == MARKS and e.status != "failed" for e in evidence)
    carried = any(c.source == "watermark" for c in claims_of(evidence))
    marks = (MARKS_LIMIT if read else NO_MARKS_LIMIT, *((WATERMARK_LIMIT,) if carried else ()))
    return (*LIMITS[:2], *marks, *LIMITS[2:])


def calibrate_evidence(
    evidence: Evidence, calibration: Calibration, domain: Mapping[int, bool]
) -> Evidence:
    """Add llrs and the domain check.

    Evidence of other weights than the calibration's stays uncalibrated, and so does a face that the detector itself puts
    outside what it was calibrated on: a score there is no evidence for either side.
    """
    if evidence.status != "scored":
        return evidence
    known = calibration.detectors.get(evidence.detector)
    if known is None or known[0] != evidence.weights:
        return evidence
    tracks = tuple(_calibrate_track(t, known[1], domain) for t in evidence.tracks)
    known_llrs = [t.llr for t in tracks if t.llr is not None]
    return replace(evidence, llr=max(known_llrs, default=None), tracks=tracks)


def detector_llrs(
    calibration: Calibration, name: str, scores: Sequence[float]
) -> DoubleArray | None:
    """(N,) calibrated llrs of raw scores of a detector's shipped weights; None if it has no calibration."""
    known = calibration.detectors.get(name)
    return None if known is None else known[1].llr(scores)


def in_domain(track: FaceTrack, n_tracks: int, calibration: Calibration) -> bool:
    """Whether the face was seen as the calibration's faces were (sharpness, compression, turn)."""
    row = quality_row(track, n_tracks)
    return bool(np.isfinite(row).all()) and bool(calibration.gate.inside(row[None])[0])


def quality_row(track: FaceTrack, n_tracks: int = 1) -> DoubleArray:
    """(3,) the covariates of `DOMAIN_COVARIATES`."""
    covariates = covariates_of(track, n_tracks)
    return np.array([covariates[name] for name in DOMAIN_COVARIATES])


def _calibrate_track(
    score: TrackScore, known: PlattCalibration | PavCalibration, domain: Mapping[int, bool]
) -> TrackScore:
    if score.in_domain is False:  # the detector itself says that its score means nothing here
        return replace(score, llr=None)
    (llr,) = known.llr([score.score])
    inside = domain.get(score.track_id) if score.track_id is not None else None
    return replace(score, llr=float(llr), in_domain=inside)
