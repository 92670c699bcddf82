"""Llrs of people whom a fit had not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.types import DoubleArray, IndexArray

FOLDS = 5


def cross_fitted(
    groups: npt.NDArray[Any], llr: Callable[[IndexArray, IndexArray], DoubleArray]
) -> DoubleArray:
    """(N,) llrs of each item from a fit that saw nothing of its identity; llr(rows to fit on, rows to tell)."""
    names = np.unique(groups)
    fold_of = dict(
        zip(names, np.random.default_rng(0).permutation(len(names)) % FOLDS, strict=True)
    )
    folds = np.array([fold_of[g] for g in groups])
    out = np.zeros(len(groups))
    for fold in range(FOLDS):
        out[folds == fold] = llr(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
    return out
