"""Face tracks as JSON: a summary for people beside the arrays, and the arrays back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.report.encoding import (
    array_from_json,
    array_to_json,
    list_from_json,
    list_to_json,
    number_to_json,
)
from likeness.types import LANDMARK_COUNT, FaceQuality, FaceTrack

_QUALITY = ("eye_distance_px", "sharpness", "jpeg_quality", "visible")


def track_to_dict(track: FaceTrack, *, landmarks: bool = False) -> dict[str, Any]:
    """One face over time. `summary` is for people; the lists are row by row over the examined frames."""
    value: dict[str, Any] = {
        "track_id": track.track_id,
        "summary": summary(track),
        "frame_indices": list_to_json(track.frame_indices),
        "times_s": list_to_json(track.times_s),
        "boxes_px": list_to_json(track.boxes_px),
        "pose_deg": list_to_json(track.pose_deg),
        "confidence": list_to_json(track.confidence),
        "bridged": list_to_json(track.bridged),
        "quality": {name: list_to_json(getattr(track.quality, name)) for name in _QUALITY},
    }
    value["quality"]["eye_aspect_ratio"] = list_to_json(track.quality.eye_aspect_ratio)
    if landmarks:
        value["landmarks_px"] = array_to_json(track.landmarks_px)
    return value


def track_from_dict(value: Mapping[str, Any]) -> FaceTrack:
    """Inverse of `track_to_dict`; landmarks that were not written are NaN."""
    indices = list_from_json(value["frame_indices"], np.int64)
    if "landmarks_px" in value:
        landmarks = array_from_json(value["landmarks_px"])
    else:
        landmarks = np.full((len(indices), LANDMARK_COUNT, 2), np.nan, np.float32)
    quality = value["quality"]
    return FaceTrack(
        track_id=value["track_id"],
        frame_indices=indices,
        times_s=list_from_json(value["times_s"], np.float64),
        boxes_px=list_from_json(value["boxes_px"], np.float32, columns=4),
        landmarks_px=landmarks,
        pose_deg=list_from_json(value["pose_deg"], np.float32, columns=3),
        confidence=list_from_json(value["confidence"], np.float32),
        quality=FaceQuality(
            **{name: list_from_json(quality[name], np.float32) for name in _QUALITY},
            eye_aspect_ratio=list_from_json(quality["eye_aspect_ratio"], np.float32, columns=2),
        ),
        bridged=list_from_json(value["bridged"], np.bool_),
    )


def summary(track: FaceTrack) -> dict[str, Any]:
    """Medians and extremes of one face over the frames in which it was seen; None where nothing was measured.

    Returns:
        frames, seen, first_s, last_s, width_px, height_px, eye_distance_px, sharpness, jpeg_quality, visible,
        yaw_deg, pitch_deg, roll_deg (each as [least, median, greatest] for the angles, medians otherwise).
    """
    seen = ~track.bridged
    sizes = track.boxes_px[:, 2:] - track.boxes_px[:, :2]
    angles = {
        f"{name}_deg": _range(track.pose_deg[seen, column])
        for column, name in enumerate(("yaw", "pitch", "roll"))
    }
    return {
        "frames": len(track),
        "seen": int(seen.sum()),
        "first_s": number_to_json(track.times_s[0]) if len(track) else None,
        "last_s": number_to_json(track.times_s[-1]) if len(track) else None,
        "width_px": _median(sizes[seen, 0]),
        "height_px": _median(sizes[seen, 1]),
        **{name: _median(getattr(track.quality, name)[seen]) for name in _QUALITY},
        **angles,
    }


def _median(values: npt.NDArray[Any]) -> float | None:
    finite = values[np.isfinite(values)]
    return round(float(np.median(finite)), 4) if len(finite) else None


def _range(values: npt.NDArray[Any]) -> list[float] | None:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    return [round(float(v), 2) for v in (finite.min(), np.median(finite), finite.max())]
