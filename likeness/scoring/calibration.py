"""From a raw score to a log10 likelihood ratio, bounded by what the calibration set can carry.

Two calibrations: Platt's (logistic; Platt 1999, with equal priors so that the output does not depend on the mixture it was
fitted on) and pool-adjacent-violators (PAV; Zadrozny and Elkan 2002). Both say who they were fitted on and how many
independent identities that were, and neither claims more than `llr_bound` of that number.

Example:
    >>> sample = CalibrationSample([0.0, 1.0, 2.0, 1.5, 2.5, 3.0], [0, 0, 0, 1, 1, 1], list("abcabc"), "six drawn faces")
    >>> calibration = PlattCalibration.fit(sample)
    >>> calibration.n_identities, bool(abs(calibration.llr([9.0])[0]) <= calibration.bound)
    (3, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError, WeightsError
from likeness.scoring import stored
from likeness.scoring.covariates import Covariates, Standardiser
from likeness.scoring.inputs import finite_vector
from likeness.scoring.isotonic import pooled_posterior
from likeness.scoring.logistic import Targets, fit_logistic
from likeness.scoring.sample import LN10, CalibrationSample, bounded, llr_bound
from likeness.types import DoubleArray

__all__ = [
    "Calibration",
    "PavCalibration",
    "PlattCalibration",
    "calibration_from_dict",
]


class Calibration(Protocol):
    """Turns raw scores into bounded log10 likelihood ratios."""

    @property
    def population(self) -> str:
        """Who it was fitted on."""
        ...

    @property
    def n_identities(self) -> int:
        """Independent identities in the smaller class."""
        ...

    @property
    def bound(self) -> float:
        """Largest |llr| that it gives."""
        ...

    def llr(self, scores: npt.ArrayLike, covariates: Covariates | None = None) -> DoubleArray:
        """(N,) log10 likelihood ratios."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        ...


@dataclass(frozen=True)
class PlattCalibration:
    """llr = slope * score + intercept + weights @ standardised covariates, clipped; everything in log10 units.

    Attributes:
        slope: llr per unit of score, >= 0: a calibration never turns a detector round.
        intercept: llr at score 0 and mean covariates.
        weights: llr per standardised covariate.
        standardiser: mean, scale and range of the covariates.
        n_identities: independent identities in the smaller class.
        population: who it was fitted on.
    """

    slope: float
    intercept: float
    n_identities: int
    population: str
    weights: tuple[float, ...] = ()
    standardiser: Standardiser = field(default_factory=Standardiser)

    @property
    def bound(self) -> float:
        """Largest |llr| that it gives."""
        return llr_bound(self.n_identities)

    @classmethod
    def fit(cls, sample: CalibrationSample) -> PlattCalibration:
        """Fit with smoothed targets; covariate weights carry a unit normal prior.

        Raises:
            DataError: the sample breaks its promise (see `CalibrationSample`).
        """
        scores, fake, item_weights, n_identities = sample.checked()
        mean, deviation = float(scores.mean()), float(scores.std())
        scale = deviation if deviation > 1e-12 else 1.0
        standardiser = Standardiser.fit(sample.covariates, len(scores))
        design = np.column_stack(
            [
                (scores - mean) / scale,
                np.ones(len(scores)),
                standardiser.transform(sample.covariates, len(scores)),
            ]
        )
        targets = Targets.of(fake, item_weights)
        n_free = len(standardiser.names)
        fitted = fit_logistic(
            lambda parameters: (design @ parameters, design),
            np.zeros(2 + n_free),
            [(0.0, None), (None, None), *[(None, None)] * n_free],
            targets,
            np.array([1e-9, 0.0] + [0.5 / targets.effective] * n_free),
        )
        slope = float(fitted[0]) / scale
        return cls(
            slope / LN10,
            (float(fitted[1]) - slope * mean) / LN10,
            n_identities,
            sample.population,
            tuple((fitted[2:] / LN10).tolist()),
            standardiser,
        )

    def llr(self, scores: npt.ArrayLike, covariates: Covariates | None = None) -> DoubleArray:
        """Bounded log10 likelihood ratios.

        Args:
            scores: (N,) raw scores.
            covariates: name to (N,) values; NaN or None = as in the mean of the calibration set.

        Raises:
            DataError: a score is not finite, or a covariate is missing.
        """
        values = finite_vector("scores", scores)
        offset = self.standardiser.transform(covariates, len(values)) @ np.array(self.weights)
        return bounded(self.slope * values + self.intercept + offset, self.n_identities)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "kind": "platt",
            "slope": self.slope,
            "intercept": self.intercept,
            "weights": list(self.weights),
            "covariates": self.standardiser.to_dict(),
            "n_identities": self.n_identities,
            "population": self.population,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlattCalibration:
        """Inverse of `to_dict`; raises `WeightsError` if an entry is missing or impossible."""
        stored.of_kind(values, "platt")
        slope = stored.number(values, "slope")
        if slope < 0.0:
            raise WeightsError(f"calibration file: slope: expected >= 0, got {slope:g}")
        standardiser = stored.standardiser(values, "covariates")
        return cls(
            slope,
            stored.number(values, "intercept"),
            stored.count(values, "n_identities"),
            stored.text(values, "population"),
            stored.numbers(values, "weights", len(standardiser.names)),
            standardiser,
        )


@dataclass(frozen=True)
class PavCalibration:
    """A rising staircase of llrs over the score, joined by straight lines, clipped.

    Attributes:
        knots: (K,) rising scores at the ends of the stairs.
        llrs: (K,) bounded log10 likelihood ratio at each, never falling.
        n_identities: independent identities in the smaller class.
        population: who it was fitted on.
    """

    knots: tuple[float, ...]
    llrs: tuple[float, ...]
    n_identities: int
    population: str

    @property
    def bound(self) -> float:
        """Largest |llr| that it gives."""
        return llr_bound(self.n_identities)

    @classmethod
    def fit(cls, sample: CalibrationSample) -> PavCalibration:
        """Fit by pooling adjacent violators; raises `DataError` on a broken sample or one with covariates."""
        if sample.covariates:
            raise DataError(
                "PAV calibration: expected no covariates, got "
                f"{', '.join(sample.covariates)}; use PlattCalibration for them"
            )
        scores, fake, weights, n_identities = sample.checked()
        knots, posterior, _, _ = pooled_posterior(scores, fake, weights)
        with np.errstate(divide="ignore"):
            llrs = bounded(np.log10(posterior) - np.log10(1.0 - posterior), n_identities)
        step = np.append(True, llrs[1:] != llrs[:-1])
        ends = step | np.append(step[1:], True)
        return cls(
            tuple(knots[ends].tolist()),
            tuple(llrs[ends].tolist()),
            n_identities,
            sample.population,
        )

    def llr(self, scores: npt.ArrayLike, covariates: Covariates | None = None) -> DoubleArray:
        """Bounded log10 likelihood ratios of (N,) raw scores; covariates are not used."""
        values = finite_vector("scores", scores)
        return bounded(np.interp(values, self.knots, self.llrs), self.n_identities)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "kind": "pav",
            "knots": list(self.knots),
            "llrs": list(self.llrs),
            "n_identities": self.n_identities,
            "population": self.population,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PavCalibration:
        """Inverse of `to_dict`; raises `WeightsError` if an entry is missing or impossible."""
        stored.of_kind(values, "pav")
        knots = stored.numbers(values, "knots")
        llrs = stored.numbers(values, "llrs", len(knots))
        if not knots or any(np.diff(knots) <= 0) or any(np.diff(llrs) < 0):
            raise WeightsError(
                "calibration file: knots: expected rising scores and llrs that never fall"
            )
        return cls(
            knots, llrs, stored.count(values, "n_identities"), stored.text(values, "population")
        )


def calibration_from_dict(values: Mapping[str, Any]) -> PlattCalibration | PavCalibration:
    """Read back either calibration by its `kind`; raises `WeightsError` if it is neither."""
    kind = stored.text(values, "kind")
    if kind == "platt":
        return PlattCalibration.from_dict(values)
    if kind == "pav":
        return PavCalibration.from_dict(values)
    raise WeightsError(f"calibration file: kind: expected 'platt' or 'pav', got {kind!r}")
