"""One small fitter behind every calibration: constrained logistic regression at equal priors.

Both classes get the same total weight, so that the fitted log odds are a log likelihood ratio whatever the mixture of the
calibration set was (prior-weighted logistic regression, Bruemmer and du Preez 2006). Targets are smoothed as in Platt
1999, with the effective size of the smaller class for both classes: a separable set stays finite and scores that say
nothing give exactly an llr of zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from likeness.errors import DataError
from likeness.scoring.inputs import BoolArray
from likeness.types import DoubleArray

__all__: list[str] = []

Bounds = list[tuple[float | None, float | None]]
# parameters (P,) -> logit (N,) in nats and its derivative (N, P)
Forward = Callable[[DoubleArray], tuple[DoubleArray, DoubleArray]]


@dataclass(frozen=True)
class Targets:
    """Smoothed targets and class-balanced weights of N items; `effective` is the weight of the smaller class."""

    values: DoubleArray
    weights: DoubleArray
    effective: float

    @classmethod
    def of(cls, fake: BoolArray, weights: DoubleArray) -> Targets:
        """Targets for labels (N,) and positive weights (N,), one unit of weight per independent item."""
        total = np.where(fake, weights[fake].sum(), weights[~fake].sum())
        effective = float(total.min())
        margin = 1.0 / (effective + 2.0)
        return cls(np.where(fake, 1.0 - margin, margin), 0.5 * weights / total, effective)


def fit_logistic(
    forward: Forward, start: DoubleArray, bounds: Bounds, targets: Targets, ridge: DoubleArray
) -> DoubleArray:
    """Parameters (P,) float64 that minimise weighted cross entropy plus `ridge @ parameters**2 / 2`.

    Args:
        forward: parameters to logits in nats and their Jacobian.
        start: (P,) where to begin.
        bounds: (low, high) per parameter, None = open.
        targets: what to fit.
        ridge: (P,) >= 0 penalties.

    Raises:
        DataError: the fit does not converge.
    """
    from scipy.optimize import minimize

    def objective(parameters: DoubleArray) -> tuple[float, DoubleArray]:
        logit, jacobian = forward(parameters)
        loss = np.logaddexp(0.0, logit) - targets.values * logit
        slope = targets.weights * (0.5 * (1.0 + np.tanh(0.5 * logit)) - targets.values)
        penalty = 0.5 * float(ridge @ parameters**2)
        gradient: DoubleArray = slope @ jacobian + ridge * parameters
        return float(targets.weights @ loss) + penalty, gradient

    result = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-9},
    )
    # Status 2 is a line search that can no longer improve in float64; the point is as good as it gets.
    if result.status == 1 or not np.isfinite(result.x).all():
        raise DataError(
            f"calibration: the fit does not converge ({result.message}); check the scores"
        )
    fitted: DoubleArray = np.asarray(result.x, dtype=np.float64)
    return fitted
