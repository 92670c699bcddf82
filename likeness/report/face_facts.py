"""Pose and quality of a face in words."""

from __future__ import annotations

from typing import Any

from likeness.report.tracks import summary
from likeness.types import FaceTrack


def face_facts(track: FaceTrack) -> tuple[tuple[str, str], ...]:
    """Name and value of what the report says of a face, in display order; medians over the frames in which it was seen."""
    s = summary(track)
    facts = [("Examined", _frames(s["frames"], s["seen"]))]
    facts.append(("Size", _size(s)))
    facts.append(("Between the eyes", _with_unit(s["eye_distance_px"], "px", 0)))
    facts.append(("Compression as JPEG quality", _with_unit(s["jpeg_quality"], "", 0)))
    facts.append(("Sharpness (log10)", _with_unit(s["sharpness"], "", 2)))
    share = s["visible"]
    facts.append(("Visible", "not measured" if share is None else f"{100 * share:.0f} %"))
    for name in ("yaw", "pitch", "roll"):
        facts.append((name.capitalize(), _angle(s[f"{name}_deg"])))
    return tuple(facts)


def _frames(frames: int, seen: int) -> str:
    noun = "frame" if frames == 1 else "frames"
    return f"{frames} {noun}" + ("" if seen == frames else f", seen in {seen}")


def _size(s: dict[str, Any]) -> str:
    if s["width_px"] is None:
        return "not measured"
    return f"{s['width_px']:.0f} × {s['height_px']:.0f} px"


def _with_unit(value: float | None, unit: str, digits: int) -> str:
    return "not measured" if value is None else f"{value:.{digits}f} {unit}".strip()


def _angle(values: list[float] | None) -> str:
    if values is None:
        return "not measured"
    low, middle, high = (f"{v + 0.0:.0f}°".replace("-0°", "0°").replace("-", "−") for v in values)
    return middle if low == high else f"{middle} ({low} to {high})"
