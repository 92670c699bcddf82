"""Fusing detectors: one question at a time, then the strongest question.

Blended, synthesised and re-enacted faces leave different traces, and a detector of one calls the fakes of another the most
genuine of all. So detectors are fused only with those of their own question, and the file takes the llr of its strongest
question and face: never a sum or a mean, so that evidence of one kind is never outvoted by the absence of another. What
taking a maximum costs is corrected in `file_fusion.FileCalibration`.

One question, one face, with x_d the calibrated llr of detector d in nats (0 where it did not apply) and z the standardised
quality covariates:

    logit = intercept + offset @ z + gain(z) * sum_d weight_d * x_d,      weight_d >= 0
    gain(z) = exp(-sum_k damping_k * badness_k(z)) in (0, 1],              damping_k >= 0

where badness is how far a covariate lies on its bad side of the calibration mean. The result never falls when a detector's
llr rises, and poor quality can only weaken evidence. Detectors come in calibrated (`calibration`), so that "says nothing"
is zero for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError, WeightsError
from likeness.scoring import stored
from likeness.scoring.covariates import COVARIATES, Covariates, Standardiser, stack
from likeness.scoring.inputs import binary_labels, identity_weights, independent_identities
from likeness.scoring.logistic import Forward, Targets, fit_logistic
from likeness.scoring.sample import LN10, llr_bound
from likeness.types import QUESTIONS, DoubleArray, Question

__all__ = ["FusionSample", "QuestionFusion"]


@dataclass(frozen=True)
class FusionSample:
    """Faces with every detector's llr: a source that was kept out of training and of the detectors' calibration.

    Attributes:
        llrs: detector to (N,) calibrated log10 likelihood ratios; NaN where it did not apply.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identity of each face; a real one and its pseudo-fakes carry the same.
        population: who they are, in a sentence for the report.
        covariates: names of `COVARIATES` to (N,) values, NaN where not measured.
    """

    llrs: Covariates
    labels: npt.ArrayLike
    groups: npt.ArrayLike
    population: str
    covariates: Covariates = field(default_factory=dict)


def _evidence(detectors: tuple[str, ...], llrs: Covariates) -> tuple[DoubleArray, DoubleArray]:
    """(N, D) llrs in nats with 0 for NaN, and (N,) number of detectors that applied."""
    given = {name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in llrs.items()}
    count = max((len(v) for v in given.values()), default=0)
    silent = np.full(count, np.nan)
    table = stack(detectors, {name: given.get(name, silent) for name in detectors}, count)
    if np.isinf(table).any():
        raise DataError(
            "llrs: expected finite numbers or NaN (not applicable), got an infinite one"
        )
    applied = np.isfinite(table)
    return np.where(applied, table, 0.0) * LN10, applied.sum(axis=1).astype(np.float64)


def _badness(standardiser: Standardiser, scaled: DoubleArray) -> DoubleArray:
    """(N, C) distance to the bad side of the calibration mean, >= 0."""
    signs = np.array([COVARIATES[name] for name in standardiser.names], dtype=np.float64)
    worse: DoubleArray = np.maximum(scaled * signs, 0.0)
    return worse


def _forward(x: DoubleArray, z: DoubleArray, bad: DoubleArray) -> Forward:
    """The model of this module over parameters (intercept, weights, offset, damping) with its Jacobian."""
    d, c, k = x.shape[1], z.shape[1], bad.shape[1]

    def forward(parameters: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        intercept, weights, offset, damping = np.split(parameters, [1, 1 + d, 1 + d + c])
        gain = np.exp(-bad @ damping) if k else np.ones(len(x))
        pull = gain * (x @ weights)
        logit: DoubleArray = intercept[0] + z @ offset + pull
        ones = np.ones((len(x), 1))
        return logit, np.hstack([ones, gain[:, None] * x, z, -bad * pull[:, None]])

    return forward


@dataclass(frozen=True)
class QuestionFusion:
    """The fused llr of one question for one face, see the module's docstring; intercept and offset are in nats.

    Attributes:
        question: what it answers.
        detectors: whose llrs it fuses, in the order of the weights.
        weights: >= 0, one per detector.
        n_identities: independent identities in the smaller class.
        population: who it was fitted on.
        intercept: logit where nothing is said at mean quality.
        standardiser: of the covariates.
        offset: logit per standardised covariate.
        damping: >= 0, one per covariate; empty = quality does not damp.
        cap: largest |llr| that its detectors are allowed together, whatever their calibration says; for cues that must
            not decide alone.
    """

    question: Question
    detectors: tuple[str, ...]
    weights: tuple[float, ...]
    n_identities: int
    population: str
    intercept: float = 0.0
    standardiser: Standardiser = field(default_factory=Standardiser)
    offset: tuple[float, ...] = ()
    damping: tuple[float, ...] = ()
    cap: float = float("inf")

    @property
    def bound(self) -> float:
        """Largest |llr| that it gives."""
        return min(llr_bound(self.n_identities), self.cap)

    @classmethod
    def single(
        cls,
        question: Question,
        detector: str,
        n_identities: int,
        population: str,
        cap: float = float("inf"),
    ) -> QuestionFusion:
        """A question with one detector: its calibrated llr passes through, bounded."""
        return cls(question, (detector,), (1.0,), n_identities, population, cap=cap)

    @classmethod
    def fit(
        cls, question: Question, sample: FusionSample, *, damping: bool = True
    ) -> QuestionFusion:
        """Fit on a source kept out of training; each identity counts equally in each class.

        Args:
            question: what the detectors of the sample answer.
            sample: faces; those to which no detector applies are left out.
            damping: whether poor quality may weaken evidence.

        Raises:
            DataError: unknown covariate, unequal lengths, no or one class left.
        """
        unknown = [name for name in sample.covariates if name not in COVARIATES]
        if unknown:
            raise DataError(
                f"covariates: expected some of {', '.join(COVARIATES)}, got {', '.join(unknown)}"
            )
        detectors = tuple(sample.llrs)
        x, applied = _evidence(detectors, sample.llrs)
        fake = binary_labels(sample.labels, len(x))
        groups = np.asarray(sample.groups)
        standardiser = Standardiser.fit(sample.covariates, len(x))
        z = standardiser.transform(sample.covariates, len(x))
        kept = applied > 0
        if kept.sum() == 0 or fake[kept].all() or not fake[kept].any():
            raise DataError(
                f"fusion of {question}: no detector applies to both real and fake faces"
            )
        x, z, fake, groups = x[kept], z[kept], fake[kept], groups[kept]
        n_identities = independent_identities(groups, fake)
        bad = _badness(standardiser, z)[:, : z.shape[1] if damping else 0]
        targets = Targets.of(fake, identity_weights(groups, fake))
        d, c, k = x.shape[1], z.shape[1], bad.shape[1]
        prior = 0.5 / targets.effective  # a unit normal on every coefficient of a covariate
        # One detector's weight is told by the data; several that say much the same share theirs evenly.
        shared = prior if d > 1 else 1e-6
        fitted = fit_logistic(
            _forward(x, z, bad),
            np.concatenate([[0.0], np.full(d, 1.0 / d), np.zeros(c + k)]),
            [(None, None), *[(0.0, None)] * d, *[(None, None)] * c, *[(0.0, None)] * k],
            targets,
            np.concatenate([[0.0], np.full(d, shared), np.full(c + k, prior)]),
        )
        intercept, weights, offset, damped = np.split(fitted, [1, 1 + d, 1 + d + c])
        return cls(
            question,
            detectors,
            tuple(weights.tolist()),
            n_identities,
            sample.population,
            float(intercept[0]),
            standardiser,
            tuple(offset.tolist()),
            tuple(damped.tolist()),
        )

    def llr(self, llrs: Covariates, covariates: Covariates | None = None) -> DoubleArray:
        """Fused, bounded log10 likelihood ratios.

        Args:
            llrs: detector to (N,) calibrated llrs, NaN or absent = not applicable; other detectors are not used.
            covariates: name to (N,) values; None = as in the mean of the calibration set.

        Returns:
            (N,) float64; NaN where no detector of this question applies.

        Raises:
            DataError: unequal lengths or an infinite llr.
        """
        x, applied = _evidence(self.detectors, llrs)
        z = self.standardiser.transform(covariates, len(x))
        bad = _badness(self.standardiser, z)[:, : len(self.damping)]
        parameters = np.concatenate([[self.intercept], self.weights, self.offset, self.damping])
        logit, _ = _forward(x, z, bad)(parameters)
        fused: DoubleArray = np.where(
            applied > 0, np.clip(logit / LN10, -self.bound, self.bound), np.nan
        )
        return fused

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "kind": "question_fusion",
            "question": self.question,
            "detectors": list(self.detectors),
            "weights": list(self.weights),
            "intercept": self.intercept,
            "covariates": self.standardiser.to_dict(),
            "offset": list(self.offset),
            "damping": list(self.damping),
            "cap": self.cap if np.isfinite(self.cap) else None,
            "n_identities": self.n_identities,
            "population": self.population,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> QuestionFusion:
        """Inverse of `to_dict`; raises `WeightsError` if an entry is missing or impossible."""
        stored.of_kind(values, "question_fusion")
        question = stored.text(values, "question")
        detectors = stored.texts(values, "detectors")
        standardiser = stored.standardiser(values, "covariates")
        weights = stored.numbers(values, "weights", len(detectors))
        damping = stored.numbers(values, "damping")
        if question not in QUESTIONS or not detectors or min((*weights, *damping)) < 0.0:
            raise WeightsError(
                f"fusion file: expected a question of {', '.join(QUESTIONS)}, detectors, and weights and "
                f"damping >= 0, got {question!r}, {detectors}, {weights}, {damping}"
            )
        names = standardiser.names
        if len(damping) not in (0, len(names)) or any(name not in COVARIATES for name in names):
            raise WeightsError(
                f"fusion file: expected covariates of {', '.join(COVARIATES)} with a damping each or none, "
                f"got {', '.join(names)} with {len(damping)}"
            )
        return cls(
            question,
            detectors,
            weights,
            stored.count(values, "n_identities"),
            stored.text(values, "population"),
            stored.number(values, "intercept"),
            standardiser,
            stored.numbers(values, "offset", len(names)),
            damping,
            float("inf") if values.get("cap") is None else stored.number(values, "cap"),
        )
