"""Follow every face of a clip over the frames that are examined, which may lie half a second apart.

Where a face was seen, the mesh looks again at the same place (cheap); the detector looks at the whole picture at
intervals and when a face is lost, and at tiles of it less often. The faces of a frame are then given to the tracks by the
Hungarian method (Kuhn 1955) on overlap and appearance. Frames stream: none is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from likeness.errors import ConfigError
from likeness.faces.appearance import descriptor, likeness_of
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


_SAME_PLACE = 0.42  # similarity that a face needs to go on where it was
_SAME_FACE = 0.68  # similarity that it needs to be taken up elsewhere or after a cut
_SAME_SHOT = 0.5  # correlation of thumbnails below which the picture has been cut
_NEW_LOOK = 0.85  # a look that is less like all that are known joins the gallery
_GALLERY = 12
_QUALITY_EVERY_S = 2.0  # compression changes slowly and is the costly measure


@dataclass
class _Track:
    sightings: list[Sighting]
    looks: list[FloatArray]  # a gallery of unlike ones: frontal, turned, lit from elsewhere
    measured_s: float
    jpeg_quality: float

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]


@dataclass
class _State:
    """What one frame hands to the next."""

    tracks: list[_Track] = field(default_factory=list)
    following: list[_Track] = field(default_factory=list)
    thumbnail: npt.NDArray[np.float32] | None = None
    looked_s: float = -np.inf
    tiled_s: float = -np.inf


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
    faces, lost = _follow(image, followed, models)
    tiles_due = still or cut or frame.time_s - state.tiled_s >= config.tiles_every_s
    look_due = tiles_due or lost or not followed
    if look_due or frame.time_s - state.looked_s >= config.look_every_s:
        tiles = tiles_due or (lost and frame.time_s - state.tiled_s >= config.look_every_s)
        smallest = config.min_still_face_px if still else config.min_face_px
        views = views_of((image.shape[1], image.shape[0]), smallest, tiles, not len(faces))
        found = _elsewhere(candidates_in(image, views, config.min_score, models), faces)
        faces = _joined(faces, meshed(image, found, models))
        state.looked_s = frame.time_s
        state.tiled_s = frame.time_s if tiles else state.tiled_s
    faces = faces.take(distinct_faces(faces)[: config.max_faces])
    looks = [descriptor(image, p, models.appearance) for p in faces.landmarks_px]
    chosen = _assignment(
        faces, np.array(looks), state.tracks, np.inf if cut else frame.time_s, config
    )
    _give_to_tracks(frame, faces, looks, chosen, state)


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


def _follow(image: ImageArray, tracks: list[_Track], models: FaceModels) -> tuple[Faces, bool]:
    """Look again where faces were; the second value says whether one of them was lost."""
    none = Faces(*(np.zeros(s, np.float32) for s in ((0, 4), 0, (0, 6, 2), (0, 478, 2), 0)))
    if not tracks:
        return none, False
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
    return Faces(boxes, scores[seen], points, landmarks[seen], presence[seen]), len(seen) < len(
        tracks
    )


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
    frame: Frame, faces: Faces, looks: list[FloatArray], chosen: dict[int, _Track], state: _State
) -> None:
    """Measure the faces of one frame and append them to their tracks; start tracks for the others."""
    seen: list[_Track] = []
    for i in range(len(faces)):
        track = chosen.get(i)
        stale = track is None or frame.time_s - track.measured_s >= _QUALITY_EVERY_S
        carried = None if track is None or stale else track.jpeg_quality
        sighting = measured(frame, faces.take([i]), carried)
        if track is None:
            track = _Track([], [], frame.time_s, 0.0)
            state.tracks.append(track)
        track.sightings.append(sighting)
        if not track.looks or likeness_of(looks[i], np.array(track.looks)).max() < _NEW_LOOK:
            track.looks = [*track.looks[: _GALLERY - 1], looks[i]]
        track.jpeg_quality = float(sighting.quality.jpeg_quality[0])
        track.measured_s = frame.time_s if stale else track.measured_s
        seen.append(track)
    state.following = seen


def _assignment(
    faces: Faces, looks: FloatArray, tracks: list[_Track], now_s: float, config: TrackingConfig
) -> dict[int, _Track]:
    """Which track each face continues (face index -> track); faces that fit none are left out.

    After a cut `now_s` is infinite: places mean nothing then, only looks do.
    """
    if not len(faces) or not tracks:
        return {}
    from scipy.optimize import (
        linear_sum_assignment,
    )  # half a second; a single picture has no need of it

    boxes = np.array([face_box(t.last.landmarks_px) for t in tracks])
    age_s = now_s - np.array([t.last.time_s for t in tracks])
    shared = overlap(faces.boxes_px, boxes) * (age_s <= config.max_gap_s)
    alike = np.stack([likeness_of(looks, np.array(t.looks)).max(axis=1) for t in tracks], axis=1)
    fits = ((shared > 0.15) & (alike >= _SAME_PLACE)) | (alike >= _SAME_FACE)
    # Half a second later a place says less than a look; a thirtieth of a second later it says more.
    cost = np.where(fits, (1.0 - alike) + (1.0 - shared) * np.exp(-age_s / 0.25), 10.0)
    rows, columns = linear_sum_assignment(cost)
    return {int(r): tracks[int(c)] for r, c in zip(rows, columns, strict=True) if fits[r, c]}


def _believable(sightings: list[Sighting], examined: int) -> bool:
    """A single glimpse in a clip counts only if both networks are sure of it."""
    if len(sightings) > 1 or examined <= 2:
        return True
    return sightings[0].score >= 0.85 and sightings[0].presence >= 0.95
