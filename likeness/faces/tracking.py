"""Follow every face of a clip over the frames that are examined, which may lie half a second apart.

Where a face was seen, the mesh looks again at the same place (cheap); the detector looks at the whole picture at
intervals and when a face is lost, and at tiles of it less often. The faces of a frame are then given to the tracks by the
Hungarian method (Kuhn 1955) on overlap and appearance. Frames stream: none is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from likeness.errors import ConfigError
from likeness.faces.appearance import descriptor
from likeness.faces.association import OpenTrack, assignment, remember
from likeness.faces.finding import (
    MIN_PRESENCE,
    Faces,
    candidates_in,
    distinct_faces,
    mesh_on,
    mesh_square,
    meshed,
    views_of,
)
from likeness.faces.geometry import face_box
from likeness.faces.models import Candidates, FaceModels, overlap
from likeness.faces.trajectory import Sighting, finished_track, folded, measured
from likeness.types import Clip, FaceTrack, FloatArray, Frame, ImageArray, Progress


@dataclass(frozen=True)
class TrackingConfig:
    """How faces are followed.

    Attributes:
        min_score: detector score below which a candidate is dropped.
        min_face_px: width of the smallest face that is looked for in video; stills use `min_still_face_px`.
        min_still_face_px: the same for stills.
        look_every_s: the detector sees the whole picture at least this often.
        tiles_every_s: it sees the tiles at least this often.
        max_gap_s: a face that is unseen for longer starts a new track unless it looks the same.
        max_faces: the largest faces that are followed in one frame.
        threads: threads of the networks; 0 = one per physical core.
    """

    min_score: float = 0.6
    min_face_px: int = 40
    min_still_face_px: int = 24
    look_every_s: float = 1.5
    tiles_every_s: float = 5.0
    max_gap_s: float = 1.5
    max_faces: int = 32
    threads: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.min_score < 1.0 or self.max_faces < 1 or self.threads < 0:
            raise ConfigError(
                f"tracking: min_score {self.min_score} must be within 0-1, max_faces {self.max_faces} at least 1 "
                f"and threads {self.threads} not negative"
            )


_SAME_SHOT = 0.5  # correlation of thumbnails below which the picture has been cut
_QUALITY_EVERY_S = 2.0  # compression changes slowly and is the costly measure
_PIXELS_EVERY_S = 0.19  # sharpness and visibility of neighbouring frames differ little
_NEXT_S = (
    0.15  # after so short a time a face that stays in place is the same, whatever it looks like
)
_NEXT_OVERLAP = 0.6
_LOOKS_EVERY_S = (
    0.3  # and yet its look is compared so often: a cut may put another face in its place
)


@dataclass
class _State:
    """What one frame hands to the next."""

    tracks: list[OpenTrack] = field(default_factory=list)
    following: list[OpenTrack] = field(default_factory=list)
    thumbnail: npt.NDArray[np.float32] | None = None
    looked_s: float = -np.inf
    tiled_s: float = -np.inf
    compared_s: float = -np.inf


def track_faces(
    clip: Clip,
    indices: Iterable[int],
    progress: Progress | None = None,
    config: TrackingConfig | None = None,
    models: FaceModels | None = None,
) -> tuple[FaceTrack, ...]:
    """Follow every face over the frames at `indices`.

    Args:
        clip: what `likeness.media.open_clip` returned; a picture is a clip of one frame, sound has none.
        indices: positions of the frames to examine.
        progress: called as progress("faces", done, total) after every frame.
        config: see `TrackingConfig`.
        models: loaded networks; pass them where many clips are examined.

    Returns:
        Tracks in order of first appearance, in one frame the largest face first. No face is an empty tuple.

    Raises:
        MediaError: a frame cannot be decoded.
    """
    config = config or TrackingConfig()
    models = models or FaceModels(config.threads)
    wanted = sorted({int(i) for i in indices})
    if not wanted or clip.kind == "audio":
        return ()
    state = _State()
    examined: list[tuple[int, float]] = []
    for frame in clip.frames.at(wanted):
        _step(frame, state, len(wanted) <= 2, config, models)
        examined.append((frame.index, frame.time_s))
        if progress is not None:
            progress("faces", len(examined), len(wanted))
    paths = folded([t.sightings for t in state.tracks])
    kept = [p for p in paths if _believable(p, len(wanted))]
    return tuple(
        finished_track(number, t, examined, config.max_gap_s) for number, t in enumerate(kept)
    )


def _step(
    frame: Frame, state: _State, still: bool, config: TrackingConfig, models: FaceModels
) -> None:
    """Examine one frame: follow, look where due, give the faces to the tracks."""
    image = frame.image
    cut = _is_cut(image, state)
    followed = [] if cut else state.following
    faces, kept = _follow(image, followed, models)
    lost = len(faces) < len(followed)
    tiles_due = still or cut or frame.time_s - state.tiled_s >= config.tiles_every_s
    look_due = tiles_due or lost or not followed
    look_due |= frame.time_s - state.looked_s >= config.look_every_s
    if not look_due and _same_as_before(frame.time_s, faces, kept, state):
        _give_to_tracks(frame, faces, [None] * len(faces), dict(enumerate(kept)), state)
        return
    if look_due:
        tiles = tiles_due or (lost and frame.time_s - state.tiled_s >= config.look_every_s)
        smallest = config.min_still_face_px if still else config.min_face_px
        views = views_of((image.shape[1], image.shape[0]), smallest, tiles, not len(faces))
        found = _elsewhere(candidates_in(image, views, config.min_score, models), faces)
        faces = _joined(faces, meshed(image, found, models))
        state.looked_s = frame.time_s
        state.tiled_s = frame.time_s if tiles else state.tiled_s
    faces = faces.take(distinct_faces(faces)[: config.max_faces])
    looks = [descriptor(image, p, models.appearance) for p in faces.landmarks_px]
    state.compared_s = frame.time_s
    now_s = np.inf if cut else frame.time_s
    chosen = assignment(faces, np.array(looks), state.tracks, now_s, config.max_gap_s)
    _give_to_tracks(frame, faces, looks, chosen, state)


def _same_as_before(now_s: float, faces: Faces, tracks: list[OpenTrack], state: _State) -> bool:
    """Whether every followed face stayed where it was a moment ago, apart from the others."""
    if now_s - state.compared_s >= _LOOKS_EVERY_S:
        return False
    if any(now_s - t.last.time_s > _NEXT_S for t in tracks):
        return False
    before = face_box(np.stack([t.last.landmarks_px for t in tracks]))
    stayed = np.diag(overlap(faces.boxes_px, before)) >= _NEXT_OVERLAP
    return bool(stayed.all()) and len(distinct_faces(faces)) == len(faces)


def _is_cut(image: ImageArray, state: _State) -> bool:
    """Whether this frame looks nothing like the one before; remembers its thumbnail."""
    import cv2

    small = cv2.resize(
        image[:: max(1, image.shape[0] // 64), :: max(1, image.shape[1] // 64)], (16, 16)
    )
    grey = small.astype(np.float32).mean(axis=2)
    grey = (grey - grey.mean()) / (grey.std() + 1.0)
    before, state.thumbnail = state.thumbnail, grey
    return before is not None and float((before * grey).mean()) < _SAME_SHOT * float(
        max((before * before).mean(), 1e-3)
    )


def _follow(
    image: ImageArray, tracks: list[OpenTrack], models: FaceModels
) -> tuple[Faces, list[OpenTrack]]:
    """Look again where faces were; the second value says whose place each of the found ones was found at."""
    none = Faces(*(np.zeros(s, np.float32) for s in ((0, 4), 0, (0, 6, 2), (0, 478, 2), 0)))
    if not tracks:
        return none, []
    landmarks, presence = mesh_on(image, [mesh_square(t.last.landmarks_px) for t in tracks], models)
    seen = np.flatnonzero(presence >= MIN_PRESENCE)
    # A face that moved lay off the middle of its square, where the mesh is less exact: look again.
    before = np.array([face_box(tracks[i].last.landmarks_px) for i in seen]).reshape(-1, 4)
    after = face_box(landmarks[seen])
    size = np.maximum(after[:, 2:] - after[:, :2], 1.0).max(axis=1)
    moved = np.flatnonzero(np.abs(after - before).max(axis=1) > 0.12 * size)
    if len(moved):
        again = seen[moved]
        squares = [mesh_square(p) for p in landmarks[again]]
        landmarks[again], presence[again] = mesh_on(image, squares, models)
        seen = np.flatnonzero(presence >= MIN_PRESENCE)
    scores = np.array([t.last.score for t in tracks], np.float32)
    points = np.zeros((len(seen), 6, 2), np.float32)
    boxes = face_box(landmarks[seen])
    found = Faces(boxes, scores[seen], points, landmarks[seen], presence[seen])
    return found, [tracks[i] for i in seen]


def _elsewhere(found: Candidates, faces: Faces) -> Candidates:
    """The candidates that no followed face covers."""
    if not len(faces) or not len(found.scores):
        return found
    covered = overlap(found.boxes, faces.boxes_px).max(axis=1) > 0.3
    return Candidates(found.boxes[~covered], found.scores[~covered], found.keypoints[~covered])


def _joined(a: Faces, b: Faces) -> Faces:
    return Faces(
        np.concatenate([a.boxes_px, b.boxes_px]),
        np.concatenate([a.scores, b.scores]),
        np.concatenate([a.keypoints_px, b.keypoints_px]),
        np.concatenate([a.landmarks_px, b.landmarks_px]),
        np.concatenate([a.presence, b.presence]),
    )


def _give_to_tracks(
    frame: Frame,
    faces: Faces,
    looks: Sequence[FloatArray | None],
    chosen: dict[int, OpenTrack],
    state: _State,
) -> None:
    """Measure the faces of one frame and append them to their tracks; start tracks for the others."""
    seen: list[OpenTrack] = []
    for i in range(len(faces)):
        track = chosen.get(i)
        now = frame.time_s
        stale = track is None or now - track.measured_s >= _QUALITY_EVERY_S
        pixels = stale or track is None or now - track.pixels_s >= _PIXELS_EVERY_S
        carried = None if track is None or stale else track.jpeg_quality
        sighting = measured(frame, faces.take([i]), carried, pixels)
        if track is None:
            track = OpenTrack([], [], now, 0.0)
            state.tracks.append(track)
        track.sightings.append(sighting)
        remember(track, looks[i])
        if sighting.quality is not None:
            track.jpeg_quality = float(sighting.quality.jpeg_quality[0])
            track.pixels_s = now
        track.measured_s = now if stale else track.measured_s
        seen.append(track)
    state.following = seen


def _believable(sightings: list[Sighting], examined: int) -> bool:
    """A single glimpse in a clip counts only if both networks are sure of it."""
    if len(sightings) > 1 or examined <= 2:
        return True
    return sightings[0].score >= 0.85 and sightings[0].presence >= 0.95
