"""Scores of pictures that a detector had not learned from, kept beside its weights so that others can be fused with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from likeness.errors import WeightsError

__all__ = ["FORMAT", "HeldOutScore", "held_out_from_dict", "held_out_to_dict"]

FORMAT = "likeness-held-out/1"


class HeldOutScore(NamedTuple):
    """One picture.

    Attributes:
        score: raw; None = the detector did not apply.
        label: 0 = real, 1 = fake.
        group: identity; a generated picture is its own.
    """

    score: float | None
    label: int
    group: str


def held_out_to_dict(rows: Iterable[tuple[str, HeldOutScore]]) -> dict[str, Any]:
    """Plain dict for JSON of (path in the data folder, score)."""
    items = [
        [path, s.label, s.group, None if s.score is None else round(s.score, 5)] for path, s in rows
    ]
    return {"format": FORMAT, "items": items}


def held_out_from_dict(stored: Mapping[str, Any]) -> dict[str, HeldOutScore]:
    """Inverse of `held_out_to_dict`; raises `WeightsError` for anything else."""
    try:
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']!r}")
        return {
            str(path): HeldOutScore(None if score is None else float(score), int(label), str(group))
            for path, label, group, score in stored["items"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"held-out scores: damaged or incomplete ({error})") from error
