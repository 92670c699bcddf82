"""Numbers and arrays as JSON that comes back equal.

What a person may want to read or query (scores, boxes, times) is written as lists of numbers, in the shortest decimals
that give the same float back; pictures (heatmaps, landmarks) as base64 of the little-endian bytes. JSON knows no NaN:
inside lists it is `null`, a lone number that is not finite is `{"float": "nan"}`, and a bare NaN is never written.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError

# Arrays of a report are small; what is larger than this is a forged file.
_MOST_VALUES = 64_000_000


def number_to_json(value: Any) -> Any:
    """A scalar (bool, int, float, str or None, numpy's included) as JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def number_from_json(value: Any) -> Any:
    """Inverse of `number_to_json`."""
    return float(value["float"]) if isinstance(value, dict) else value


def list_to_json(array: npt.NDArray[Any]) -> list[Any]:
    """A 1-D or 2-D array as (nested) lists of numbers; NaN is null."""
    if array.ndim > 1:
        return [list_to_json(row) for row in array]
    if array.dtype.kind != "f":
        return list(array.tolist())
    return [_float_to_json(value) for value in array]


def list_from_json(value: list[Any], dtype: type, columns: int | None = None) -> npt.NDArray[Any]:
    """Inverse of `list_to_json`; `columns` is the width of a 2-D array (an empty list has none to read)."""

    def read(item: Any) -> Any:
        return math.nan if item is None else number_from_json(item)

    if columns is None:
        return np.array([read(v) for v in value], dtype=dtype)
    rows = [[read(v) for v in row] for row in value]
    return np.array(rows, dtype=dtype).reshape(len(rows), columns)


def array_to_json(array: npt.NDArray[Any]) -> dict[str, Any]:
    """An array as {"dtype", "shape", "base64"}, little-endian, row by row."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def array_from_json(value: dict[str, Any]) -> npt.NDArray[Any]:
    """Inverse of `array_to_json`.

    Raises:
        DataError: another dtype than float32 or float64, or bytes that do not fill the shape.
    """
    name, shape = value["dtype"], tuple(int(n) for n in value["shape"])
    if name not in ("float32", "float64"):
        raise DataError(f"report array: expected dtype float32 or float64, got {name!r}")
    native = np.dtype(name)
    if any(n < 0 for n in shape) or math.prod(shape) > _MOST_VALUES:
        raise DataError(f"report array: impossible shape {shape}")
    try:
        raw = base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"report array: not base64 ({error})") from error
    if len(raw) != math.prod(shape) * native.itemsize:
        raise DataError(
            f"report array: shape {shape} needs {math.prod(shape) * native.itemsize} bytes, got {len(raw)}"
        )
    return np.frombuffer(raw, dtype=native.newbyteorder("<")).reshape(shape).astype(native)


def _float_to_json(value: Any) -> Any:
    if math.isnan(value):
        return None
    if not math.isfinite(value):
        return {"float": str(float(value))}
    short = float(str(value))  # numpy prints the shortest decimal that is unique for the dtype
    return short if type(value)(short) == value else float(value)
