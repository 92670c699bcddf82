"""What every function of this room accepts: checked once, in one place, with one wording.

Scores and labels come in as anything numpy can read and leave as (N,) arrays; a broken promise is a `DataError` that says
what was expected, what came and what to do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.types import DoubleArray, IndexArray

BoolArray = npt.NDArray[np.bool_]

__all__ = ["identity_weights", "independent_identities"]


def finite_vector(name: str, values: npt.ArrayLike) -> DoubleArray:
    """`values` as (N,) float64; raises `DataError` unless it is one-dimensional and finite."""
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected (N,) numbers, got {error}") from error
    if vector.ndim != 1:
        raise DataError(f"{name}: expected one number per item, (N,), got shape {vector.shape}")
    bad = int(np.count_nonzero(~np.isfinite(vector)))
    if bad:
        raise DataError(
            f"{name}: expected finite numbers, got {bad} of {len(vector)} that are NaN or infinite; "
            "leave out the items that have no score before measuring"
        )
    return vector


def binary_labels(labels: npt.ArrayLike, count: int) -> BoolArray:
    """`labels` as (N,) bool, True = fake; raises `DataError` unless all are 0 or 1 and there are `count`."""
    raw = np.asarray(labels)
    if raw.shape != (count,):
        raise DataError(f"labels: expected one per score, ({count},), got shape {raw.shape}")
    if not np.isin(raw, (0, 1)).all():
        other = raw[~np.isin(raw, (0, 1))][0]
        raise DataError(f"labels: expected 0 (real) or 1 (fake), got {other!r}")
    return raw.astype(np.bool_)


def both_classes(
    scores: npt.ArrayLike, labels: npt.ArrayLike, name: str = "scores"
) -> tuple[DoubleArray, BoolArray]:
    """Scores and labels, checked; raises `DataError` also if only one class is present."""
    values = finite_vector(name, scores)
    fake = binary_labels(labels, len(values))
    n_fake = int(fake.sum())
    if n_fake in (0, len(fake)):
        raise DataError(
            f"labels: expected real and fake items, got {len(fake) - n_fake} real and {n_fake} fake; "
            "this measure needs both classes"
        )
    return values, fake


def probabilities_of(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[DoubleArray, BoolArray]:
    """Probabilities and labels, checked; raises `DataError` if one lies outside [0, 1]."""
    values, fake = both_classes(probabilities, labels, "probabilities")
    if values.min() < 0.0 or values.max() > 1.0:
        raise DataError(
            f"probabilities: expected values in [0, 1], got [{values.min():g}, {values.max():g}]; "
            "turn scores into probabilities with a calibration first"
        )
    return values, fake


def group_codes(groups: npt.ArrayLike, count: int) -> tuple[IndexArray, list[str]]:
    """Number every item's group: codes (N,) int64 into the sorted list of names."""
    raw = np.asarray(groups)
    if raw.shape != (count,):
        raise DataError(f"groups: expected one per score, ({count},), got shape {raw.shape}")
    names, codes = np.unique(raw.astype(np.str_), return_inverse=True)
    return codes.astype(np.int64), [str(name) for name in names]


def groups_per_class(codes: IndexArray, fake: BoolArray) -> tuple[int, int]:
    """Number of distinct groups that carry real items, and that carry fake items."""
    return len(np.unique(codes[~fake])), len(np.unique(codes[fake]))


def independent_identities(groups: npt.ArrayLike, labels: npt.ArrayLike) -> int:
    """Independent identities in the smaller class: what a calibration may lean on.

    A real picture and the pseudo-fakes made of it carry the same group and count once.

    Args:
        groups: (N,) identity, video or source of each item.
        labels: (N,) 0 = real, 1 = fake.

    Raises:
        DataError: lengths differ or labels are not 0 or 1.
    """
    fake = binary_labels(labels, np.asarray(labels).size)
    codes, _ = group_codes(groups, len(fake))
    return min(groups_per_class(codes, fake))


def identity_weights(groups: npt.ArrayLike, labels: npt.ArrayLike) -> DoubleArray:
    """(N,) float64 weights that let every identity count once in each class, however many items it has."""
    fake = binary_labels(labels, np.asarray(labels).size)
    codes, _ = group_codes(groups, len(fake))
    cell = 2 * codes + fake
    counts: IndexArray = np.bincount(cell)
    weights: DoubleArray = 1.0 / counts[cell].astype(np.float64)
    return weights
