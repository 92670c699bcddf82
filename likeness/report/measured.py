"""Readings and curves of a cue as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from likeness.report.encoding import (
    list_from_json,
    list_to_json,
    number_from_json,
    number_to_json,
)
from likeness.types import Curve, Reading


def reading_to_dict(reading: Reading) -> dict[str, Any]:
    """One number with its usual range."""
    return {
        "name": reading.name,
        "value": number_to_json(reading.value),
        "unit": reading.unit,
        "usual": _range_to_json(reading.usual),
        "track_id": number_to_json(reading.track_id),
    }


def reading_from_dict(value: Mapping[str, Any]) -> Reading:
    """Inverse of `reading_to_dict`; raises `KeyError`, `ValueError` or `ShapeError` for what is no reading."""
    return Reading(
        name=value["name"],
        value=number_from_json(value["value"]),
        unit=value["unit"],
        usual=_range_from_json(value["usual"]),
        track_id=value["track_id"],
    )


def curve_to_dict(curve: Curve) -> dict[str, Any]:
    """Values over time, comparable by eye in the file; what could not be measured is null."""
    return {
        "name": curve.name,
        "times_s": list_to_json(curve.times_s),
        "values": list_to_json(curve.values),
        "unit": curve.unit,
        "usual": _range_to_json(curve.usual),
        "track_id": number_to_json(curve.track_id),
    }


def curve_from_dict(value: Mapping[str, Any]) -> Curve:
    """Inverse of `curve_to_dict`; raises `KeyError`, `ValueError` or `ShapeError` for what is no curve."""
    return Curve(
        name=value["name"],
        times_s=list_from_json(value["times_s"], np.float64),
        values=list_from_json(value["values"], np.float32),
        unit=value["unit"],
        usual=_range_from_json(value["usual"]),
        track_id=value["track_id"],
    )


def _range_to_json(usual: tuple[float, float] | None) -> list[Any] | None:
    return None if usual is None else [number_to_json(v) for v in usual]


def _range_from_json(value: list[Any] | None) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = (number_from_json(v) for v in value)
    return low, high
