"""Arrays inside nouns: names for their dtypes, the check when a noun is built, equality by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import ShapeError

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
ImageArray = npt.NDArray[np.uint8]


def check_array(name: str, value: Any, shape: tuple[int | None, ...], dtype: type) -> None:
    """Raise `ShapeError` unless `value` is an array of `dtype` whose shape fits (None = any size)."""
    expected = (
        f"{np.dtype(dtype).name} array of shape {tuple('*' if s is None else s for s in shape)}"
    )
    if not isinstance(value, np.ndarray):
        raise ShapeError(name, expected, type(value).__name__)
    fits = len(value.shape) == len(shape) and all(
        s is None or s == n for s, n in zip(shape, value.shape, strict=True)
    )
    if not fits or value.dtype != np.dtype(dtype):
        raise ShapeError(name, expected, f"{value.dtype.name} array of shape {value.shape}")


def same_value(a: Any, b: Any) -> bool:
    """Equality that looks into arrays (NaN equals NaN), sequences, mappings and nouns."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if isinstance(a, float) and isinstance(b, float) and a != a and b != b:
        return True
    return bool(a == b)


class Value:
    """Value equality for frozen dataclasses that hold arrays."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = [f.name for f in fields(self) if f.compare]  # type: ignore[arg-type]
        return all(same_value(getattr(self, n), getattr(other, n)) for n in names)

    __hash__ = None  # type: ignore[assignment]
