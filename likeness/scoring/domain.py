"""The domain gate: does this face look like those the calibration knows?

A calibration is a statement about a population. Outside it the llr means nothing, however large. The gate is a Mahalanobis
distance to the calibration's real faces (Lee et al. 2018) with a covariance shrunk towards a scaled identity (Ledoit and
Wolf 2004); its limit is the 99th percentile of distances measured on faces of identities that the fit had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError, WeightsError
from likeness.scoring.inputs import BoolArray, group_codes
from likeness.scoring.models import feature_table, stored_array
from likeness.types import DoubleArray, IndexArray

__all__ = ["DomainGate"]

FOLDS = 5
QUANTILE = 0.99


def shrunk_covariance(centred: DoubleArray) -> DoubleArray:
    """(D, D) Ledoit-Wolf covariance of centred (N, D) features."""
    n, d = centred.shape
    sample = centred.T @ centred / n
    target = float(np.trace(sample)) / d * np.eye(d)
    distance = float(np.sum((sample - target) ** 2))
    # mean squared error of the sample covariance: sum over items of |x x' - sample|^2 / n^2
    noise = float(np.sum(np.sum(centred**2, axis=1) ** 2) / n - np.sum(sample**2)) / n
    share = min(1.0, noise / distance) if distance > 0 else 1.0
    shrunk: DoubleArray = share * target + (1.0 - share) * sample
    return shrunk


@dataclass(frozen=True, eq=False)
class DomainGate:
    """Distance of (N, D) features, D small, to the calibration's real faces.

    Attributes:
        mean: (D,) float64 of the real faces.
        scale: (D,) float64 standard deviation, > 0.
        precision: (D, D) float64 inverse of the shrunk covariance of standardised features.
        limit: distance beyond which a face is outside.
    """

    mean: DoubleArray
    scale: DoubleArray
    precision: DoubleArray
    limit: float

    @classmethod
    def fit(cls, features: npt.ArrayLike, groups: npt.ArrayLike, seed: int = 0) -> DomainGate:
        """Fit on real faces of the calibration source.

        Args:
            features: (N, D) finite, D well below N.
            groups: (N,) identity of each face; folds never split one.
            seed: of the assignment of identities to folds.

        Raises:
            DataError: not finite, fewer faces than twice the features, or fewer than ten identities.
        """
        table = np.asarray(features, dtype=np.float64)
        if table.ndim != 2 or not np.isfinite(table).all():
            raise DataError(f"features: expected finite (N, D), got shape {table.shape}")
        codes, names = group_codes(groups, len(table))
        if len(names) < 10 or len(table) < 2 * table.shape[1]:
            raise DataError(
                f"domain gate: expected 10 identities and {2 * table.shape[1]} faces or more, "
                f"got {len(names)} and {len(table)}"
            )
        shuffled = np.random.default_rng(seed).permutation(len(names))
        fold: IndexArray = shuffled[codes] % FOLDS
        held_out = np.concatenate(
            [cls._around(table[fold != k]).distance(table[fold == k]) for k in range(FOLDS)]
        )
        fitted = cls._around(table)
        limit = float(np.quantile(held_out, QUANTILE))
        return cls(fitted.mean, fitted.scale, fitted.precision, limit)

    @classmethod
    def _around(cls, table: DoubleArray) -> DomainGate:
        mean, deviation = table.mean(axis=0), table.std(axis=0)
        scale = np.where(deviation > 1e-12, deviation, 1.0)
        covariance = shrunk_covariance((table - mean) / scale)
        # features that never vary leave zero variance; a floor keeps the inverse finite
        floor = 1e-9 * max(1.0, float(np.trace(covariance)))
        precision = np.linalg.inv(covariance + floor * np.eye(len(mean)))
        return cls(mean, scale, np.asarray(precision, dtype=np.float64), np.inf)

    def distance(self, features: npt.ArrayLike) -> DoubleArray:
        """(N,) float64 Mahalanobis distances, >= 0; infinite where a feature is not finite."""
        table = feature_table(features, len(self.mean))
        finite: BoolArray = np.asarray(np.isfinite(table).all(axis=1))
        centred = (np.where(finite[:, None], table, self.mean) - self.mean) / self.scale
        squared = np.einsum("nd,de,ne->n", centred, self.precision, centred)
        distances: DoubleArray = np.where(finite, np.sqrt(np.maximum(squared, 0.0)), np.inf)
        return distances

    def inside(self, features: npt.ArrayLike) -> BoolArray:
        """(N,) bool, whether each face looks like those the calibration knows."""
        within: BoolArray = self.distance(features) <= self.limit
        return within

    def to_arrays(self, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
        """Arrays for safetensors, each name after `prefix`."""
        return {
            f"{prefix}mean": self.mean,
            f"{prefix}scale": self.scale,
            f"{prefix}precision": self.precision,
            f"{prefix}limit": np.array([self.limit]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str = "") -> DomainGate:
        """Inverse of `to_arrays`; raises `WeightsError` on missing or impossible arrays."""
        mean = stored_array(arrays, f"{prefix}mean", 1).astype(np.float64)
        scale = stored_array(arrays, f"{prefix}scale", 1).astype(np.float64)
        precision = stored_array(arrays, f"{prefix}precision", 2).astype(np.float64)
        limit = stored_array(arrays, f"{prefix}limit", 1)
        if (
            scale.shape != mean.shape
            or precision.shape != (len(mean), len(mean))
            or len(limit) != 1
            or (scale <= 0).any()
        ):
            raise WeightsError(
                f"weights: {prefix}*: expected (D,), (D,) > 0, (D, D) and one limit, got "
                f"{mean.shape}, {scale.shape}, {precision.shape}, {limit.shape}"
            )
        return cls(mean, scale, precision, float(limit[0]))
