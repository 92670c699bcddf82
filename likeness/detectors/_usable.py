"""In which frames a face can be judged from a single picture, and in plain words why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeness.types import FaceTrack, IndexArray


@dataclass(frozen=True)
class Limits:
    """What a cue needs of a face.

    Attributes:
        eyes_px: least distance between the eye centres in pixels.
        yaw_deg, pitch_deg: how far it may turn and nod.
        visible: least share of it inside the picture and not hidden.
    """

    eyes_px: float = 24.0
    yaw_deg: float = 45.0
    pitch_deg: float = 40.0
    visible: float = 0.7


def usable_rows(track: FaceTrack, limits: Limits) -> IndexArray:
    """(K,) int64 rows of a track within the limits; bridged rows never are."""
    tests = _tests(track, limits)
    return np.flatnonzero(~track.bridged & np.all([kept for kept, _ in tests], axis=0))


def why_unusable(tracks: Sequence[FaceTrack], limits: Limits) -> str:
    """Which limit left no frame of any face; empty where some frames were within all of them."""
    if not tracks or all(bool(track.bridged.all()) for track in tracks):
        return "no face to examine"
    if any(len(usable_rows(track, limits)) for track in tracks):
        return ""
    lost: dict[str, int] = {}
    for track in tracks:
        for kept, reason in _tests(track, limits):
            lost[reason] = lost.get(reason, 0) + int((~kept & ~track.bridged).sum())
    return max(lost, key=lambda reason: lost[reason])


def _tests(track: FaceTrack, limits: Limits) -> list[tuple[np.ndarray, str]]:
    """(T,) bool and the reason where it is False, for each limit."""
    yaw, pitch = np.abs(track.pose_deg[:, 0]), np.abs(track.pose_deg[:, 1])
    return [
        (
            track.quality.eye_distance_px >= limits.eyes_px,
            f"the face is too small: fewer than {limits.eyes_px:g} pixels between the eyes",
        ),
        (
            (yaw <= limits.yaw_deg) & (pitch <= limits.pitch_deg),
            f"the face is turned away by more than {limits.yaw_deg:g} degrees, or up or down by more than "
            f"{limits.pitch_deg:g}",
        ),
        (
            track.quality.visible >= limits.visible,
            "too much of the face is hidden or outside the picture",
        ),
    ]
