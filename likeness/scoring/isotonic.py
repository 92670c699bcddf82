"""Pool-adjacent-violators: the best monotone map from scores to posteriors at equal priors."""

from __future__ import annotations

import numpy as np

from likeness.scoring.inputs import BoolArray
from likeness.types import DoubleArray

__all__: list[str] = []


def pooled_posterior(
    scores: DoubleArray, fake: BoolArray, weights: DoubleArray
) -> tuple[DoubleArray, DoubleArray, DoubleArray, DoubleArray]:
    """Isotonic posterior of "fake" at each distinct score (Zadrozny and Elkan 2002).

    Each class is scaled to the same total weight, so p / (1 - p) is a likelihood ratio whatever the mixture was.

    Args:
        scores: (N,) finite.
        fake: (N,) True for fakes; both classes present.
        weights: (N,) positive.

    Returns:
        The M distinct scores, rising; the posterior at each in [0, 1], never falling; and the share of the fakes' and of
        the real items' weight at each, summing to 1 each. All (M,) float64.
    """
    from scipy.optimize import isotonic_regression

    distinct, inverse = np.unique(scores, return_inverse=True)
    mass_fake = np.bincount(inverse, np.where(fake, weights, 0.0)) / weights[fake].sum()
    mass_real = np.bincount(inverse, np.where(fake, 0.0, weights)) / weights[~fake].sum()
    mass = mass_fake + mass_real
    fitted = isotonic_regression(mass_fake / mass, weights=mass).x
    posterior = np.clip(np.asarray(fitted, dtype=np.float64), 0.0, 1.0)
    return distinct, posterior, mass_fake, mass_real
