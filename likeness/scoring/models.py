"""Evaluating in numpy what scikit-learn fitted: linear models and histogram gradient boosting.

scikit-learn is used for training only and never imported here: `from_sklearn` reads the attributes of the fitted object,
the arrays go to safetensors, and the logits agree with scikit-learn's `decision_function` to 1e-6 on float64 features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError, WeightsError
from likeness.types import DoubleArray

__all__ = ["LinearModel", "TreeEnsemble"]

Arrays = Mapping[str, npt.NDArray[Any]]
IntArray = npt.NDArray[np.int32]
CELLS_PER_CHUNK = 1 << 19  # samples x trees walked at once: stays within a few MB of cache


def feature_table(features: npt.ArrayLike, width: int) -> DoubleArray:
    """`features` as (N, width) float64; raises `DataError` on another shape."""
    table = np.ascontiguousarray(features, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != width:
        raise DataError(f"features: expected (N, {width}), got {table.shape}")
    return table


def stored_array(arrays: Arrays, name: str, ndim: int) -> npt.NDArray[Any]:
    """The finite array `name`; raises `WeightsError` if it is missing, has another rank or is not finite."""
    if name not in arrays:
        raise WeightsError(f"weights: expected the array {name!r}, found none; train them again")
    array = np.asarray(arrays[name])
    if array.ndim != ndim or array.dtype.kind not in "fiub" or np.isnan(array).any():
        raise WeightsError(
            f"weights: {name}: expected {ndim} dimensions of numbers, got {array.dtype} {array.shape}"
        )
    return array


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Logistic regression on standardised features.

    Attributes:
        mean: (P,) float64 subtracted.
        scale: (P,) float64 divided by, > 0.
        weights: (P,) float64 logit per standardised feature.
        intercept: logit of the mean face.
    """

    mean: DoubleArray
    scale: DoubleArray
    weights: DoubleArray
    intercept: float

    @classmethod
    def from_sklearn(cls, pipeline: Any) -> LinearModel:
        """From a fitted pipeline of `StandardScaler` and a binary `LogisticRegression` (or a linear SVM).

        Raises:
            DataError: the steps are others, or there are more than two classes.
        """
        try:
            scaler, model = (step for _, step in pipeline.steps)
            weights = np.asarray(model.coef_, dtype=np.float64)
            intercept = np.asarray(model.intercept_, dtype=np.float64)
            mean, scale = scaler.mean_, scaler.scale_
        except (AttributeError, ValueError) as error:
            raise DataError(
                f"expected a fitted pipeline of StandardScaler and LogisticRegression, got {error}"
            ) from error
        if weights.shape[0] != 1 or intercept.size != 1:
            raise DataError(f"expected two classes, got a coefficient table of {weights.shape}")
        width = weights.shape[1]
        return cls(
            np.zeros(width) if mean is None else np.asarray(mean, dtype=np.float64),
            np.ones(width) if scale is None else np.asarray(scale, dtype=np.float64),
            weights[0],
            float(intercept.ravel()[0]),
        )

    def contributions(self, features: npt.ArrayLike) -> DoubleArray:
        """(N, P) float64 logit that each feature adds to that of the mean face; rows sum to logit - intercept."""
        table = feature_table(features, len(self.weights))
        added: DoubleArray = (table - self.mean) / self.scale * self.weights
        return added

    def logit(self, features: npt.ArrayLike) -> DoubleArray:
        """(N,) float64 logits of (N, P) features, P(fake) = 1 / (1 + exp(-logit))."""
        table = feature_table(features, len(self.weights))
        logits: DoubleArray = (table - self.mean) / self.scale @ self.weights + self.intercept
        return logits

    def to_arrays(self, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
        """Arrays for safetensors, each name after `prefix`."""
        return {
            f"{prefix}mean": self.mean,
            f"{prefix}scale": self.scale,
            f"{prefix}weights": self.weights,
            f"{prefix}intercept": np.array([self.intercept]),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, prefix: str = "") -> LinearModel:
        """Inverse of `to_arrays`; raises `WeightsError` on missing or impossible arrays."""
        mean, scale, weights, intercept = (
            stored_array(arrays, prefix + name, 1).astype(np.float64)
            for name in ("mean", "scale", "weights", "intercept")
        )
        if not len(mean) == len(scale) == len(weights) or len(intercept) != 1 or (scale <= 0).any():
            raise WeightsError(
                f"weights: {prefix}*: expected equal lengths and positive scales, got "
                f"{len(mean)}, {len(scale)}, {len(weights)} and {len(intercept)} intercepts"
            )
        return cls(mean, scale, weights, float(intercept[0]))


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Gradient-boosted trees of scikit-learn's `HistGradientBoostingClassifier`, two classes, numerical features.

    All trees lie one after the other in arrays over M nodes; children come after their parent. A walk moves all samples
    through all trees one level at a time; a leaf leads to itself.

    Attributes:
        feature: (M,) int32 column that a node looks at; 0 at leaves.
        threshold: (M,) float64; a sample goes left where its feature is <= this. Infinite at leaves.
        left: (M,) int32 next node; itself at leaves.
        right: (M,) int32 next node; itself at leaves.
        value: (M,) float64 logit of a leaf, learning rate included; 0 at inner nodes.
        is_leaf: (M,) uint8.
        missing_go_left: (M,) uint8 whether NaN goes left.
        roots: (T,) int32 first node of each tree.
        baseline: logit before the first tree.
        n_features: columns P of the features.
    """

    feature: IntArray
    threshold: DoubleArray
    left: IntArray
    right: IntArray
    value: DoubleArray
    is_leaf: npt.NDArray[np.uint8]
    missing_go_left: npt.NDArray[np.uint8]
    roots: IntArray
    baseline: float
    n_features: int

    @classmethod
    def from_sklearn(cls, model: Any) -> TreeEnsemble:
        """From a fitted `HistGradientBoostingClassifier`.

        Raises:
            DataError: more than two classes, categorical features, or not such a model.
        """
        try:
            rounds = [list(trees) for trees in model._predictors]
            baseline = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
            width = int(model.n_features_in_)
        except AttributeError as error:
            raise DataError(
                f"expected a fitted HistGradientBoostingClassifier, got {error}"
            ) from error
        if any(len(trees) != 1 for trees in rounds) or baseline.size != 1:
            raise DataError("expected a model of two classes, got one with more trees per round")
        tables = [np.asarray(trees[0].nodes) for trees in rounds]
        if any(table["is_categorical"].any() for table in tables):
            raise DataError("expected numerical features only, got categorical splits")
        sizes = np.array([len(table) for table in tables], dtype=np.int64)
        roots = np.cumsum(sizes) - sizes
        nodes = np.concatenate(tables)
        leaf = nodes["is_leaf"].astype(bool)
        shift = np.repeat(roots, sizes)
        itself = np.arange(len(nodes))
        return cls(
            np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
            np.where(leaf, np.inf, nodes["num_threshold"]).astype(np.float64),
            np.where(leaf, itself, nodes["left"] + shift).astype(np.int32),
            np.where(leaf, itself, nodes["right"] + shift).astype(np.int32),
            np.where(leaf, nodes["value"], 0.0).astype(np.float64),
            leaf.astype(np.uint8),
            nodes["missing_go_to_left"].astype(np.uint8),
            roots.astype(np.int32),
            float(baseline[0]),
            width,
        )

    def depth(self) -> int:
        """Steps from the roots to the deepest leaf."""
        level, steps = np.unique(self.roots), 0
        while not self.is_leaf[level].all():
            inner = level[self.is_leaf[level] == 0]
            level = np.unique(np.concatenate([self.left[inner], self.right[inner]]))
            steps += 1
        return steps

    def logit(self, features: npt.ArrayLike) -> DoubleArray:
        """(N,) float64 logits of (N, P) features; NaN is a missing value. P(fake) = 1 / (1 + exp(-logit))."""
        table = feature_table(features, self.n_features)
        # right child at 2 * node, left child at 2 * node + 1: the comparison itself is the address
        children = np.stack([self.right, self.left], axis=1).ravel()
        steps = self.depth()
        rows = max(1, CELLS_PER_CHUNK // max(1, len(self.roots)))
        logits = np.empty(len(table))
        for first in range(0, len(table), rows):
            part = table[first : first + rows]
            leaves = self._walk(part, children, steps)
            logits[first : first + rows] = self.value[leaves].sum(axis=1) + self.baseline
        return logits

    def _walk(self, table: DoubleArray, children: IntArray, steps: int) -> IntArray:
        """(N, T) leaf that each sample reaches in each tree."""
        node = np.broadcast_to(self.roots, (len(table), len(self.roots)))
        row = (np.arange(len(table)) * self.n_features)[:, None]
        flat = table.ravel()
        has_missing = bool(np.isnan(flat).any())
        for _ in range(steps):
            seen = flat.take(row + self.feature.take(node))
            go_left = seen <= self.threshold.take(node)
            if has_missing:
                go_left |= np.isnan(seen) & (self.missing_go_left.take(node) == 1)
            node = children.take(2 * node + go_left)
        return node

    def to_arrays(self, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
        """Arrays for safetensors, each name after `prefix`."""
        names = ("feature", "threshold", "left", "right", "value", "is_leaf", "missing_go_left")
        arrays: dict[str, npt.NDArray[Any]] = {prefix + name: getattr(self, name) for name in names}
        arrays[f"{prefix}roots"] = self.roots
        arrays[f"{prefix}baseline"] = np.array([self.baseline])
        arrays[f"{prefix}n_features"] = np.array([self.n_features], dtype=np.int64)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays, prefix: str = "") -> TreeEnsemble:
        """Inverse of `to_arrays`; raises `WeightsError` unless every walk stays inside the arrays and ends."""
        names = (
            *("feature", "threshold", "left", "right", "value", "is_leaf", "missing_go_left"),
            *("roots", "baseline", "n_features"),
        )
        raw = {name: stored_array(arrays, prefix + name, 1) for name in names}
        if len(raw["baseline"]) != 1 or len(raw["n_features"]) != 1:
            raise WeightsError(f"weights: {prefix}baseline, n_features: expected one number each")
        model = cls(
            raw["feature"].astype(np.int32),
            raw["threshold"].astype(np.float64),
            raw["left"].astype(np.int32),
            raw["right"].astype(np.int32),
            raw["value"].astype(np.float64),
            raw["is_leaf"].astype(np.uint8),
            raw["missing_go_left"].astype(np.uint8),
            raw["roots"].astype(np.int32),
            float(raw["baseline"][0]),
            int(raw["n_features"][0]),
        )
        if not model._sound():
            raise WeightsError(
                f"weights: {prefix}*: the trees do not hang together; expected equal lengths and "
                "children that come after their parent; train them again"
            )
        return model

    def _sound(self) -> bool:
        nodes = len(self.feature)
        columns = (self.threshold, self.left, self.right, self.value, self.is_leaf)
        if any(len(c) != nodes for c in (*columns, self.missing_go_left)) or not len(self.roots):
            return False
        itself, leaf = np.arange(nodes), self.is_leaf == 1
        after = [
            np.where(leaf, side == itself, (side > itself) & (side < nodes)).all()
            for side in (self.left, self.right)
        ]
        in_table = ((self.feature >= 0) & (self.feature < self.n_features)).all()
        rooted = ((self.roots >= 0) & (self.roots < nodes)).all()
        finite = np.isfinite(self.value).all() and np.isfinite(self.baseline)
        return bool(all(after) and in_table and rooted and finite)
