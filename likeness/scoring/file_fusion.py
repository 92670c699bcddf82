"""From faces and questions to one llr for the file.

The file takes the largest fused llr over its faces and questions. A maximum of many is high by chance, so `FileCalibration`
is fitted on file-level maxima with the natural log of the number of tracks as a covariate:

    logit = slope * maximum + intercept + per_log_track * log(tracks),     slope >= 0, per_log_track <= 0

How many questions were asked is absorbed by the intercept, because the same questions are asked when it is fitted. Where no
such files exist, `FileCalibration.assumed` uses per_log_track = -1 on tracks times questions: if exactly one of k
candidates is manipulated and any is equally likely, the file's likelihood ratio is the mean of the k ratios, which is never
below the maximum divided by k.

Beyond the number of tracks that the fit has seen (one, where the correction is assumed) a correction is no longer a
measurement but a precaution: there it only shrinks evidence of manipulation towards zero, and neither turns it into evidence
of the contrary nor makes that stronger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError, WeightsError
from likeness.scoring import stored
from likeness.scoring.fusion import QuestionFusion
from likeness.scoring.logistic import Targets, fit_logistic
from likeness.scoring.sample import LN10, CalibrationSample, bounded, llr_bound
from likeness.types import DoubleArray, Evidence, Question

__all__ = ["FileCalibration", "FileFusion", "FusedEvidence"]


@dataclass(frozen=True)
class FileCalibration:
    """The llr of a file from the maximum over its faces and questions, see the module's docstring; log10 units.

    Attributes:
        slope: >= 0, llr per unit of the maximum.
        intercept: llr at maximum 0 and one track.
        per_log_track: <= 0, llr per unit of the natural log of the number of tracks.
        n_identities: independent identities in the smaller class.
        population: who it was fitted on.
        n_questions: questions that the correction has to count; 1 where the fit has absorbed them.
        tracks_seen: most faces in a file of the fit; beyond it the correction only shrinks evidence of manipulation.
    """

    slope: float
    intercept: float
    per_log_track: float
    n_identities: int
    population: str
    n_questions: int = 1
    tracks_seen: int = 1

    @property
    def bound(self) -> float:
        """Largest |llr| that it gives."""
        return llr_bound(self.n_identities)

    @classmethod
    def assumed(cls, n_questions: int, n_identities: int, population: str) -> FileCalibration:
        """The correction that follows from theory: the maximum divided by tracks times questions."""
        return cls(1.0, 0.0, -1.0 / LN10, n_identities, population, max(1, n_questions))

    @classmethod
    def fit(cls, sample: CalibrationSample, n_tracks: npt.ArrayLike) -> FileCalibration:
        """Fit on files.

        Args:
            sample: its `scores` are the (N,) maxima of fused llrs; covariates are not used.
            n_tracks: (N,) faces in each file, >= 1. Where it does not vary, `per_log_track` is the theoretical one.

        Raises:
            DataError: the sample breaks its promise, or a number of tracks is below 1.
        """
        maxima, fake, weights, n_identities = sample.checked()
        log_tracks = _log_tracks(n_tracks, len(maxima))
        varies = bool(np.ptp(log_tracks) > 1e-9)
        design = np.column_stack([maxima * LN10, np.ones(len(maxima)), log_tracks])
        targets = Targets.of(fake, weights)
        fixed = (None, 0.0) if varies else (-1.0, -1.0)
        fitted = fit_logistic(
            lambda parameters: (design @ parameters, design),
            np.array([1.0, 0.0, 0.0 if varies else -1.0]),
            [(0.0, None), (None, None), fixed],
            targets,
            np.array([1e-9, 0.0, 0.5 / targets.effective]),
        )
        return cls(
            float(fitted[0]),
            float(fitted[1]) / LN10,
            float(fitted[2]) / LN10,
            n_identities,
            sample.population,
            tracks_seen=int(np.rint(np.exp(log_tracks.max()))),
        )

    def llr(self, maxima: npt.ArrayLike, n_tracks: npt.ArrayLike) -> DoubleArray:
        """(N,) bounded log10 likelihood ratios of files.

        Args:
            maxima: (N,) largest fused llr of each file.
            n_tracks: (N,) faces in each, >= 1.
        """
        values = np.atleast_1d(np.asarray(maxima, dtype=np.float64))
        base = self.slope * values + self.intercept
        log_tracks = _log_tracks(n_tracks, len(values))
        measured = base + self.per_log_track * np.minimum(log_tracks, np.log(self.tracks_seen))
        cautious = base + self.per_log_track * (log_tracks + np.log(self.n_questions))
        llrs = np.where(measured > 0.0, np.maximum(cautious, 0.0), measured)
        return bounded(llrs, self.n_identities)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "kind": "file_calibration",
            "slope": self.slope,
            "intercept": self.intercept,
            "per_log_track": self.per_log_track,
            "n_questions": self.n_questions,
            "tracks_seen": self.tracks_seen,
            "n_identities": self.n_identities,
            "population": self.population,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FileCalibration:
        """Inverse of `to_dict`; raises `WeightsError` if an entry is missing or impossible."""
        stored.of_kind(values, "file_calibration")
        slope, per_log_track = (
            stored.number(values, "slope"),
            stored.number(values, "per_log_track"),
        )
        n_questions = stored.count(values, "n_questions")
        tracks_seen = stored.count(values, "tracks_seen")
        if slope < 0.0 or per_log_track > 0.0 or min(n_questions, tracks_seen) < 1:
            raise WeightsError(
                "file calibration: expected slope >= 0, per_log_track <= 0, n_questions and "
                f"tracks_seen >= 1, got {slope:g}, {per_log_track:g}, {n_questions}, {tracks_seen}"
            )
        return cls(
            slope,
            stored.number(values, "intercept"),
            per_log_track,
            stored.count(values, "n_identities"),
            stored.text(values, "population"),
            n_questions,
            tracks_seen,
        )


def _log_tracks(n_tracks: npt.ArrayLike, count: int) -> DoubleArray:
    tracks = np.atleast_1d(np.asarray(n_tracks, dtype=np.float64))
    if tracks.shape != (count,) or not (tracks >= 1).all():
        raise DataError(f"n_tracks: expected ({count},) numbers >= 1, got {tracks.tolist()[:5]}")
    return np.log(tracks)


@dataclass(frozen=True)
class FusedEvidence:
    """What the detectors say together about one file.

    Attributes:
        llr: bounded log10 likelihood ratio of the file.
        question: the strongest question.
        track_id: the strongest face; None = the whole picture.
        question_llrs: largest fused llr over the faces per answered question, before the file's calibration.
        n_tracks: faces (and whole pictures) that were fused.
        bound: largest |llr| that the calibrations can give.
        n_identities: independent identities behind that bound.
        not_fused: detectors that scored but have no place in the fusion.
    """

    llr: float
    question: Question
    track_id: int | None
    question_llrs: Mapping[Question, float]
    n_tracks: int
    bound: float
    n_identities: int
    not_fused: tuple[str, ...] = ()


TrackKey = int | None


def track_llrs(finding: Evidence) -> dict[TrackKey, float]:
    """Calibrated llr of each face that a detector scored; of its strongest face where it gives no list."""
    found = {t.track_id: t.llr for t in finding.tracks if t.llr is not None}
    if not finding.tracks and finding.llr is not None:
        found[finding.track_id] = finding.llr
    return {key: llr for key, llr in found.items() if np.isfinite(llr)}


@dataclass(frozen=True)
class FileFusion:
    """All questions and the file's calibration: the whole way from evidence to one llr.

    Attributes:
        questions: one fusion per question.
        file: calibration of the file-level maximum.
    """

    questions: tuple[QuestionFusion, ...]
    file: FileCalibration

    def fuse(
        self, evidence: Sequence[Evidence], covariates: Mapping[TrackKey, Mapping[str, float]]
    ) -> FusedEvidence | None:
        """Fuse the findings about one file.

        Args:
            evidence: every detector's finding; only scored and calibrated ones are used.
            covariates: face to its quality covariates (`covariates_of`); **only the faces named here are fused**, so
                that the caller leaves out those that cannot be judged. Name None to fuse findings about the whole
                picture, with an empty mapping where nothing is known of it.

        Returns:
            The fused evidence, or None where no question has a calibrated finding on any of these faces.
        """
        scored = {
            e.detector: {key: llr for key, llr in track_llrs(e).items() if key in covariates}
            for e in evidence
            if e.status == "scored"
        }
        strongest: dict[Question, tuple[float, TrackKey]] = {}
        for fusion in self.questions:
            best = _strongest_face(fusion, scored, covariates)
            if best is not None:
                strongest[fusion.question] = best
        if not strongest:
            return None
        question = max(strongest, key=lambda q: strongest[q][0])
        maximum, track_id = strongest[question]
        used = next(f for f in self.questions if f.question == question)
        fused_names = {name for fusion in self.questions for name in fusion.detectors}
        candidates = {key for name in fused_names for key in scored.get(name, {})}
        return FusedEvidence(
            float(self.file.llr([maximum], [len(candidates)])[0]),
            question,
            track_id,
            {q: llr for q, (llr, _) in strongest.items()},
            len(candidates),
            min(used.bound, self.file.bound),
            min(used.n_identities, self.file.n_identities),
            tuple(sorted(name for name in scored if name not in fused_names)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "kind": "file_fusion",
            "questions": [fusion.to_dict() for fusion in self.questions],
            "file": self.file.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FileFusion:
        """Inverse of `to_dict`; raises `WeightsError` if an entry is missing or impossible."""
        stored.of_kind(values, "file_fusion")
        questions = tuple(QuestionFusion.from_dict(q) for q in stored.entry(values, "questions"))
        names = [fusion.question for fusion in questions]
        if len(set(names)) != len(names):
            raise WeightsError(f"fusion file: expected one fusion per question, got {names}")
        return cls(questions, FileCalibration.from_dict(stored.entry(values, "file")))


def _strongest_face(
    fusion: QuestionFusion,
    scored: Mapping[str, Mapping[TrackKey, float]],
    covariates: Mapping[TrackKey, Mapping[str, float]],
) -> tuple[float, TrackKey] | None:
    keys = list(covariates)
    if not keys:
        return None
    nan = float("nan")
    llrs = {name: [scored.get(name, {}).get(key, nan) for key in keys] for name in fusion.detectors}
    quality = {
        name: [covariates[key].get(name, nan) for key in keys] for name in fusion.standardiser.names
    }
    fused = fusion.llr(llrs, quality)
    if np.isnan(fused).all():
        return None
    best = int(np.nanargmax(fused))
    return float(fused[best]), keys[best]
