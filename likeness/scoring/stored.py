"""Reading fitted numbers back from JSON: every missing, foreign or non-finite entry is a `WeightsError`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from likeness.errors import WeightsError
from likeness.scoring.covariates import Standardiser

__all__: list[str] = []


def entry(stored: Mapping[str, Any], key: str) -> Any:
    """The value of `key`."""
    if not isinstance(stored, Mapping) or key not in stored:
        raise WeightsError(
            f"calibration file: expected the entry {key!r}, found none; fit it again"
        )
    return stored[key]


def number(stored: Mapping[str, Any], key: str) -> float:
    """The finite number at `key`."""
    value = entry(stored, key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise WeightsError(f"calibration file: {key}: expected a finite number, got {value!r}")
    return float(value)


def count(stored: Mapping[str, Any], key: str) -> int:
    """The whole number >= 0 at `key`."""
    value = number(stored, key)
    if value < 0 or value != int(value):
        raise WeightsError(f"calibration file: {key}: expected a whole number >= 0, got {value:g}")
    return int(value)


def text(stored: Mapping[str, Any], key: str) -> str:
    """The text at `key`."""
    value = entry(stored, key)
    if not isinstance(value, str):
        raise WeightsError(f"calibration file: {key}: expected text, got {value!r}")
    return value


def numbers(stored: Mapping[str, Any], key: str, length: int | None = None) -> tuple[float, ...]:
    """The finite numbers at `key`, as many as `length` says."""
    value = entry(stored, key)
    if not isinstance(value, (list, tuple)) or (length is not None and len(value) != length):
        size = "a list" if length is None else f"a list of {length}"
        raise WeightsError(f"calibration file: {key}: expected {size} of numbers, got {value!r}")
    return tuple(number({key: item}, key) for item in value)


def texts(stored: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The texts at `key`."""
    value = entry(stored, key)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise WeightsError(f"calibration file: {key}: expected a list of texts, got {value!r}")
    return tuple(value)


def of_kind(stored: Mapping[str, Any], kind: str) -> None:
    """Raise unless the entry `kind` says `kind`."""
    found = text(stored, "kind")
    if found != kind:
        raise WeightsError(f"calibration file: expected kind {kind!r}, got {found!r}")


def standardiser(stored: Mapping[str, Any], key: str) -> Standardiser:
    """The `Standardiser` at `key`."""
    inner = entry(stored, key)
    names = texts(inner, "names")
    means, scales, lows, highs = (
        numbers(inner, part, len(names)) for part in ("means", "scales", "lows", "highs")
    )
    if any(scale <= 0 for scale in scales) or any(
        low > high for low, high in zip(lows, highs, strict=True)
    ):
        raise WeightsError(f"calibration file: {key}: expected positive scales and low <= high")
    return Standardiser(names, means, scales, lows, highs)
