"""The leakage audit: can the label be told from what has nothing to do with manipulation?

A benchmark whose labels follow from picture size, sharpness or file name measures the data set. The audit fits a small
classifier on such nuisance features alone, out of fold and by group, and reports its AUC. Above 0.6 no figure of that data
should be published without saying so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.data.nuisance import CROP_FEATURES, FILE_FEATURES, crop_features, file_features
from likeness.errors import DataError
from likeness.scoring.intervals import Interval, bootstrap_groups
from likeness.scoring.metrics import auc
from likeness.types import DoubleArray, IndexArray

__all__ = [
    "CROP_FEATURES",
    "FILE_FEATURES",
    "LIMIT",
    "AuditResult",
    "crop_features",
    "file_features",
    "leakage_audit",
]

LIMIT = 0.6
_FOLDS = 5
_RIDGE = 1.0


@dataclass(frozen=True)
class AuditResult:
    """What nuisance features alone reach.

    Attributes:
        auc: out-of-fold AUC of all features together; 0.5 = nothing leaks.
        low: lower end of its 95 % bootstrap interval over groups; NaN where there are too few groups for one.
        high: upper end.
        per_feature: (name, AUC of this feature alone, in sample and in its better direction), strongest first.
        limit: the AUC up to which the audit passes.
    """

    auc: float
    low: float
    high: float
    per_feature: tuple[tuple[str, float], ...]
    limit: float = LIMIT

    @property
    def passes(self) -> bool:
        """Whether the AUC stays at or below the limit."""
        return self.auc <= self.limit

    def sentence(self) -> str:
        """One plain sentence for the top of a table."""
        worst = ", ".join(f"{name} {value:.2f}" for name, value in self.per_feature[:3])
        verdict = (
            "passes"
            if self.passes
            else "FAILS: figures below may measure the data set, not manipulation"
        )
        return (
            f"Leakage audit {verdict}: nuisance features alone reach AUC {self.auc:.2f} "
            f"[{self.low:.2f}, {self.high:.2f}] (limit {self.limit:.2f}; strongest alone: {worst})."
        )


def leakage_audit(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: Sequence[str] | npt.ArrayLike,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> AuditResult:
    """Fit ridge logistic regression on nuisance features out of fold and measure it.

    Standardised features and their squares go in, so that "fakes are of medium sharpness" is found too. Folds keep groups whole. A class
    of fewer than five groups (one generator made all fakes) cannot be split so: its items then are folded, and resampled, one by
    one, and the answer holds for those groups only.

    Args:
        features: (N, F) numbers, rows of `crop_features` or `file_features`.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identity, pair or video of each row.
        names: of the F columns; None = those of crop or file features where F fits.
        seed: of folds and bootstrap.

    Returns:
        See `AuditResult`.

    Raises:
        DataError: shapes differ, values are not finite, or a class has fewer than five rows.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(200) % 2
        >>> leaky = np.stack([labels * 3.0 + rng.normal(size=200), rng.normal(size=200)], 1)
        >>> leakage_audit(leaky, labels, np.arange(200), ("size", "noise")).passes
        False
    """
    table, target = np.asarray(features, np.float64), np.asarray(labels).astype(np.int64)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1).astype(np.int64)
    _check(table, target, codes)
    names = _names(names, table.shape[1])
    codes = _separable(codes, target)
    scores = _out_of_fold(table, target, codes, seed)
    interval = bootstrap_groups(auc, scores, target, codes, n=500, seed=seed)
    low, high = (
        (interval.low, interval.high) if isinstance(interval, Interval) else (np.nan, np.nan)
    )
    alone = [max(value, 1.0 - value) for value in (auc(column, target) for column in table.T)]
    order = np.argsort(alone, kind="stable")[::-1]
    return AuditResult(
        auc=auc(scores, target),
        low=float(low),
        high=float(high),
        per_feature=tuple((names[i], float(alone[i])) for i in order),
    )


def _check(table: DoubleArray, target: IndexArray, codes: IndexArray) -> None:
    if table.ndim != 2 or not len(table) == len(target) == len(codes):
        raise DataError(
            f"expected (N, F) features with N labels and groups, got {table.shape}, {target.shape}, {codes.shape}"
        )
    if not np.isfinite(table).all():
        raise DataError("nuisance features hold NaN or infinite numbers; drop those files")
    if not np.isin(target, (0, 1)).all() or min((target == 0).sum(), (target == 1).sum()) < _FOLDS:
        raise DataError(f"expected labels 0 and 1 with at least {_FOLDS} rows each")


def _names(names: Sequence[str] | None, count: int) -> Sequence[str]:
    if names is None:
        known = {len(CROP_FEATURES): CROP_FEATURES, len(FILE_FEATURES): FILE_FEATURES}
        names = known.get(count, tuple(f"feature_{i}" for i in range(count)))
    if len(names) != count:
        raise DataError(f"expected {count} feature names, got {len(names)}")
    return names


def _separable(codes: IndexArray, target: IndexArray) -> IndexArray:
    """Give every row of a class that has fewer groups than folds its own group."""
    out = codes.copy()
    for label in (0, 1):
        rows = target == label
        if len(np.unique(codes[rows])) < _FOLDS:
            out[rows] = out.max() + 1 + np.arange(rows.sum())
    return np.unique(out, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _folds(codes: IndexArray, target: IndexArray, seed: int) -> IndexArray:
    """(N,) fold of each row: whole groups, in random order, each to the fold that has least of the group's own class."""
    rng = np.random.default_rng(seed)
    counts = np.stack(
        [np.bincount(codes[target == label], minlength=codes.max() + 1) for label in (0, 1)]
    )
    order = rng.permutation(codes.max() + 1)
    order = order[np.argsort(-counts.sum(0)[order], kind="stable")]
    load, fold = np.zeros((2, _FOLDS)), np.zeros(codes.max() + 1, np.int64)
    share = counts / counts.sum(1, keepdims=True)
    for group in order:
        fold[group] = int(np.argmin(share[:, group] @ load))
        load[:, fold[group]] += share[:, group]
    return fold[codes]


def _out_of_fold(
    table: DoubleArray, target: IndexArray, codes: IndexArray, seed: int
) -> DoubleArray:
    fold = _folds(codes, target, seed)
    scores = np.zeros(len(target))
    for held_out in range(_FOLDS):
        test = fold == held_out
        if not test.any():
            continue
        if len(np.unique(target[~test])) < 2:
            raise DataError(
                "a class lies in one fold: the groups are too few or too uneven to audit"
            )
        scale = _Scale.of(table[~test])
        weights = _fit_ridge_logistic(scale(table[~test]), target[~test])
        scores[test] = scale(table[test]) @ weights
    return scores


@dataclass(frozen=True, eq=False)
class _Scale:
    """Standardised features, their squares and a constant."""

    mean: DoubleArray
    spread: DoubleArray

    @classmethod
    def of(cls, table: DoubleArray) -> _Scale:
        spread = table.std(0)
        return cls(table.mean(0), np.where(spread > 1e-9, spread, np.inf))

    def __call__(self, table: DoubleArray) -> DoubleArray:
        z = np.clip((table - self.mean) / self.spread, -5.0, 5.0)
        return np.hstack([z, z * z - 1.0, np.ones((len(z), 1))])


def _fit_ridge_logistic(design: DoubleArray, target: IndexArray) -> DoubleArray:
    """Newton's method with class-balanced weights; the ridge keeps it finite where classes separate."""
    weights: DoubleArray = np.zeros(design.shape[1])
    balance = np.where(target == 1, 0.5 / target.mean(), 0.5 / (1.0 - target.mean()))
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[-1] = 1e-6
    for _ in range(50):
        probability = 0.5 * (1.0 + np.tanh(0.5 * (design @ weights)))
        gradient = design.T @ (balance * (probability - target)) + ridge * weights
        curvature = np.maximum(balance * probability * (1.0 - probability), 1e-6)
        step = np.linalg.solve((design.T * curvature) @ design + np.diag(ridge), gradient)
        weights = weights - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return weights
