"""From the sightings of one face to a `FaceTrack`: measure each, bridge short gaps, stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces.finding import Faces
from likeness.faces.geometry import eye_distance_px, face_box
from likeness.faces.models import overlap
from likeness.faces.pose import head_pose_deg
from likeness.faces.quality import eye_aspect_ratio, face_quality
from likeness.types import FaceQuality, FaceTrack, FloatArray, Frame

_MEASURED = (
    "sharpness",
    "jpeg_quality",
    "visible",
)  # of the pixels; the others follow from the landmarks


@dataclass(frozen=True)
class Sighting:
    """One face in one frame.

    Attributes:
        index, time_s: the frame.
        landmarks_px: (478, 2) float32.
        score, presence: what the detector and the mesh think of it, 0-1.
        pose_deg: (3,) float32.
        quality: with arrays of one entry; None where the pixels were not measured: it changes slowly.
    """

    index: int
    time_s: float
    landmarks_px: FloatArray
    score: float
    presence: float
    pose_deg: FloatArray
    quality: FaceQuality | None


def measured(
    frame: Frame, face: Faces, jpeg_quality: float | None, pixels: bool = True
) -> Sighting:
    """Pose and quality of a single face.

    Args:
        frame: where it was seen.
        face: exactly one.
        jpeg_quality: a carried value; None = estimate it.
        pixels: whether its quality is measured at all.
    """
    image = frame.image
    known = None if jpeg_quality is None else np.array([jpeg_quality])
    return Sighting(
        frame.index,
        frame.time_s,
        face.landmarks_px[0],
        float(face.scores[0]),
        float(face.presence[0]),
        head_pose_deg(face.landmarks_px, (image.shape[1], image.shape[0]))[0],
        face_quality(image, face.landmarks_px, known) if pixels else None,
    )


def folded(tracks: list[list[Sighting]]) -> list[list[Sighting]]:
    """Give glimpses (at most two sightings) back to a longer track that misses exactly these frames in the same place.

    So a head that turns sharply for a moment, and looks like nobody then, does not count as another person.
    """
    kept = [list(t) for t in tracks if len(t) > 2]
    for glimpse in (t for t in tracks if len(t) <= 2):
        home = next((t for t in kept if all(_fills_gap(s, t) for s in glimpse)), None)
        if home is None:
            kept.append(list(glimpse))
        else:
            home += glimpse
            home.sort(key=lambda s: s.index)
    return sorted(kept, key=lambda t: t[0].index)


def _fills_gap(sighting: Sighting, track: list[Sighting]) -> bool:
    """Whether a track was seen before and after, not during, and about where, this sighting is."""
    after = sum(s.index < sighting.index for s in track)
    if after in (0, len(track)) or track[after].index == sighting.index:
        return False
    boxes = face_box(np.stack([track[after - 1].landmarks_px, track[after].landmarks_px]))
    own = face_box(sighting.landmarks_px)[None]
    return bool(overlap(own, boxes).min() > 0.3)


def finished_track(
    track_id: int,
    sightings: list[Sighting],
    examined: list[tuple[int, float]],
    max_gap_s: float,
) -> FaceTrack:
    """Stack the sightings of one face and interpolate over gaps of at most `max_gap_s`.

    Args:
        track_id: number of the track.
        sightings: of this face, ascending in time.
        examined: index and time of every frame that was examined, ascending.
        max_gap_s: longer gaps stay gaps: the track has no entry there.
    """
    seen_index = np.array([s.index for s in sightings], np.int64)
    seen_s = np.array([s.time_s for s in sightings], np.float64)
    kept = [(i, t) for i, t in examined if _within(i, t, seen_index, seen_s, max_gap_s)]
    indices = np.array([i for i, _ in kept], np.int64)
    times = np.array([t for _, t in kept], np.float64)
    bridged = ~np.isin(indices, seen_index)
    # Between sightings a value moves in proportion to time; equal times (broken clocks) fall back to frame numbers.
    clock, seen_clock = (times, seen_s) if np.all(np.diff(seen_s) > 0) else (indices, seen_index)

    def at(values: npt.NDArray[np.floating], known: list[int] | None = None) -> FloatArray:
        places = seen_clock if known is None else seen_clock[np.array(known)]
        flat = values.reshape(len(values), -1)
        columns = [np.interp(clock, places, column) for column in flat.T]
        return np.stack(columns, axis=1).reshape(-1, *values.shape[1:]).astype(np.float32)

    points = np.stack([s.landmarks_px for s in sightings])
    landmarks = at(points)
    confidence = at(np.array([s.presence for s in sightings]))
    looked = [i for i, s in enumerate(sightings) if s.quality is not None]
    found = [s.quality for s in sightings if s.quality is not None]
    quality = {n: at(np.concatenate([getattr(q, n) for q in found]), looked) for n in _MEASURED}
    quality["eye_distance_px"] = at(eye_distance_px(points).astype(np.float32))
    quality["eye_aspect_ratio"] = at(eye_aspect_ratio(points))
    return FaceTrack(
        track_id=track_id,
        frame_indices=indices,
        times_s=times,
        boxes_px=face_box(landmarks),
        landmarks_px=landmarks,
        pose_deg=at(np.stack([s.pose_deg for s in sightings])),
        confidence=np.where(bridged, np.float32(0.0), confidence).astype(np.float32),
        quality=FaceQuality(**quality),
        bridged=bridged,
    )


def _within(
    index: int,
    time_s: float,
    seen_index: npt.NDArray[np.int64],
    seen_s: npt.NDArray[np.float64],
    max_gap_s: float,
) -> bool:
    """Whether a frame was a sighting or lies in a gap that is short enough to bridge."""
    after = int(np.searchsorted(seen_index, index))
    if after < len(seen_index) and seen_index[after] == index:
        return True
    if after == 0 or after == len(seen_index):
        return False
    return bool(seen_s[after] - seen_s[after - 1] <= max_gap_s + 1e-6)
