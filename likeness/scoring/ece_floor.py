"""What the calibration error of a perfect forecaster looks like in a sample of this size.

Each bin's rate differs from its forecast by chance alone, and absolute differences do not cancel: with 200 items in 15 bins a
perfectly calibrated forecaster shows an ECE near 0.1 (Broecker and Smith 2007, "Increasing the reliability of reliability
diagrams": consistency by resampling). An ECE says something only against that.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.types import FloatArray


def ece_if_calibrated(
    probabilities: npt.ArrayLike, n_bins: int = 15, draws: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Mean and 95th percentile of `ece` if every probability were true.

    Args:
        probabilities: (N,) in [0, 1], of manipulation.
        n_bins: as in `likeness.scoring.ece`.
        draws: sets of labels that are drawn.
        seed: of the draws.

    Raises:
        DataError: no values, or values outside [0, 1].

    Example:
        >>> mean, high = ece_if_calibrated([0.3] * 100 + [0.8] * 100)
        >>> 0.05 < mean < high < 0.2
        True
    """
    p = np.sort(np.asarray(probabilities, np.float64).ravel())
    if not len(p) or not np.all((p >= 0) & (p <= 1)):
        raise DataError("ece_if_calibrated: expected probabilities in [0, 1], at least one")
    rng = np.random.default_rng(seed)
    gaps: FloatArray = ((rng.random((draws, len(p))) < p) - p).astype(np.float32)
    edges = [part[0] for part in np.array_split(np.arange(len(p)), min(n_bins, len(p)))]
    found = np.abs(np.add.reduceat(gaps, edges, axis=1)).sum(axis=1) / len(p)
    return float(found.mean()), float(np.quantile(found, 0.95))
