"""One file of `extract`: who is in it, then the faces of one of them, cut out and measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likeness import faces, media
from likeness.data.curation_identity import Sighted, is_mixed
from likeness.data.face_shards import Shard
from likeness.errors import MediaError
from likeness.faces.geometry import transform
from likeness.jobs.consenting import Embed
from likeness.jobs.extract_cutting import CutFaces, Cutting, intruders
from likeness.types import (
    Clip,
    FaceCrop,
    FaceTrack,
    FactValue,
    FloatArray,
    Frame,
    Progress,
)

EMBEDDED_PER_TRACK = 6
SHARD_FACES = 1000


@dataclass(frozen=True, eq=False)
class Looked:
    """What was seen in one file.

    Attributes:
        path: the file.
        sha256: hash of its bytes.
        frames: how many frames were examined.
        tracks: every face that was followed.
        sighted: the same as identity sees them.
    """

    path: Path
    sha256: str
    frames: int
    tracks: tuple[FaceTrack, ...]
    sighted: tuple[Sighted, ...]

    @property
    def faces(self) -> int:
        """Faces that were really seen, of everybody."""
        return sum(int((~t.bridged).sum()) for t in self.tracks)


class FaceCutter:
    """The networks and settings that all files of a run share."""

    def __init__(self, cutting: Cutting, embed: Embed, threads: int = 0) -> None:
        self.cutting = cutting
        self.embed = embed
        self.tracking = faces.TrackingConfig(threads=threads)
        self.models = faces.FaceModels(threads)

    def look(self, path: Path, progress: Progress | None = None) -> Looked:
        """Follow every face of a file and embed a few moments of each.

        Raises:
            MediaError: the file cannot be read.
        """
        clip = media.open_clip(path, self.cutting.limits)
        try:
            return self._look(clip, path, progress)
        finally:
            clip.frames.close()

    def cut(
        self, looked: Looked, own: Sequence[int]
    ) -> Iterator[tuple[Shard, list[dict[str, FactValue]]]]:
        """Cut out the faces of the tracks `own` of a file, a shard and its rows at a time; others give rows only.

        The last pair holds an empty shard and the rows that have no pixels.

        Raises:
            MediaError: the file cannot be read, or was changed since it was looked at.
        """
        clip = media.open_clip(looked.path, self.cutting.limits)
        try:
            if clip.sha256 != looked.sha256:
                raise MediaError(f"{looked.path}: was changed while it was read; run again")
            yield from self._cut(clip, looked, set(own))
        finally:
            clip.frames.close()

    def _look(self, clip: Clip, path: Path, progress: Progress | None) -> Looked:
        if clip.kind == "audio":
            raise MediaError(
                f"{path}: expected pictures or video, got a recording without pictures"
            )
        indices = media.sample(clip, media.Sampling("every", self.cutting.every))
        tracks = faces.track_faces(clip, indices, progress, self.tracking, self.models)
        wanted = {t.track_id: embedded_rows(t) for t in tracks}
        moments: dict[int, list[tuple[FaceTrack, int]]] = {}
        for track in tracks:
            for row in wanted[track.track_id]:
                moments.setdefault(int(track.frame_indices[row]), []).append((track, row))
        found: dict[int, list[FloatArray]] = {t.track_id: [] for t in tracks}
        for frame in clip.frames.at(sorted(moments)):
            for track, row in moments[frame.index]:
                found[track.track_id].append(self.embed(frame.image, track.landmarks_px[row]))
        sighted = tuple(
            Sighted(
                path.name,
                int((~t.bridged).sum()),
                np.stack(found[t.track_id]),
                where_seen(t, clip.size_wh[0]),
            )
            for t in tracks
        )
        return Looked(path, clip.sha256, len(indices), tracks, sighted)

    def _cut(
        self, clip: Clip, looked: Looked, own: set[int]
    ) -> Iterator[tuple[Shard, list[dict[str, FactValue]]]]:
        moments = _by_frame(looked.tracks)
        without: list[dict[str, FactValue]] = []
        batch = CutFaces(self.cutting)
        shown = {i: f for i, f in moments.items() if any(t.track_id in own for t, _ in f)}
        for frame in clip.frames.at(sorted(shown)):
            for track, row in shown[frame.index]:
                if track.track_id not in own or track.bridged[row]:
                    continue
                facts = self._facts(looked, track, row, len(shown[frame.index]))
                crop = self._crop(frame, track, row)
                if intruders(crop.matrix, self.cutting.size_px, track, shown[frame.index]):
                    without.append({**facts, "kept": False, "reason": "face_in_crop"})
                    continue
                sighted = looked.sighted[track.track_id]
                near = _nearest_embedding(track, row, sighted.embeddings)
                batch.add(frame, crop, track.boxes_px[row], near, facts)
                if len(batch.rows) >= SHARD_FACES:
                    yield batch.finished()
                    batch = CutFaces(self.cutting)
        if batch.rows:
            yield batch.finished()
        for index, seen in sorted(moments.items()):
            for track, row in seen:
                if track.track_id not in own and not track.bridged[row]:
                    without.append(self._others(looked, index, track, row, len(seen)))
        yield Shard.joined([], self.cutting.size_px), without

    def _crop(self, frame: Frame, track: FaceTrack, row: int) -> FaceCrop:
        landmarks = track.landmarks_px[row]
        crop = faces.align(frame.image, landmarks, self.cutting.size_px, self.cutting.margin)
        inside = transform(np.asarray(landmarks, np.float64), crop.matrix).astype(np.float32)
        return replace(crop, landmarks_px=inside)

    def _facts(
        self, looked: Looked, track: FaceTrack, row: int, shown: int
    ) -> dict[str, FactValue]:
        place = self._others(looked, int(track.frame_indices[row]), track, row, shown)
        quality, pose = track.quality, track.pose_deg[row]
        matrix = faces.align_matrix(
            track.landmarks_px[row], self.cutting.size_px, self.cutting.margin
        )
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        native = self.cutting.size_px / scale / (1.0 + 2.0 * self.cutting.margin)
        return place | {
            "kept": True,
            "reason": "",
            "native_px": native,
            "yaw_deg": float(pose[0]),
            "pitch_deg": float(pose[1]),
            "roll_deg": float(pose[2]),
            "sharpness": float(quality.sharpness[row]),
            "visible": float(quality.visible[row]),
            "jpeg_quality": float(quality.jpeg_quality[row]),
            "eye_opening": float(quality.eye_aspect_ratio[row].mean()),
            "confidence": float(track.confidence[row]),
        }

    def _others(
        self, looked: Looked, index: int, track: FaceTrack, row: int, shown: int
    ) -> dict[str, FactValue]:
        """Where a face was seen: all that is written of a person whom the record does not cover."""
        return {
            "face_id": f"{looked.sha256[:10]}-{index:06d}-{track.track_id}",
            "kept": False,
            "reason": "other_person",
            "file": looked.path.name,
            "sha256": looked.sha256,
            "frame_index": index,
            "time_s": float(track.times_s[row]),
            "track": track.track_id,
            "faces_in_frame": shown,
        }


def embedded_rows(track: FaceTrack) -> list[int]:
    """Rows of a track to embed: spread over its length, in each stretch the one that faces the camera most."""
    seen = np.flatnonzero(~track.bridged)
    parts = np.array_split(seen, min(EMBEDDED_PER_TRACK, len(seen)))
    turned = np.abs(track.pose_deg[:, 0]) + np.abs(track.pose_deg[:, 1])
    return [int(part[np.argmin(turned[part])]) for part in parts]


def own_tracks(looked: Looked, chosen: Sequence[int]) -> list[int]:
    """The chosen tracks without those that hold two people."""
    return [i for i in chosen if not is_mixed(looked.sighted[i])]


def where_seen(track: FaceTrack, width_px: int) -> str:
    """When and where a face is seen, in words."""
    middle = float(np.median(track.boxes_px[:, [0, 2]].mean(axis=1))) / max(width_px, 1)
    side = "left" if middle < 0.4 else "right" if middle > 0.6 else "middle"
    start, end = float(track.times_s[0]), float(track.times_s[-1])
    return f"{_clock(start)}-{_clock(end)}, {side} of the picture"


def _by_frame(tracks: Sequence[FaceTrack]) -> dict[int, list[tuple[FaceTrack, int]]]:
    """Who is where in each frame, also where a face was not seen for a moment: it may still be in the way."""
    moments: dict[int, list[tuple[FaceTrack, int]]] = {}
    for track in tracks:
        for row in range(len(track)):
            moments.setdefault(int(track.frame_indices[row]), []).append((track, row))
    return moments


def _nearest_embedding(track: FaceTrack, row: int, embeddings: FloatArray) -> FloatArray:
    """The embedding of the embedded moment that is nearest in the track."""
    rows = np.array(embedded_rows(track))
    return np.asarray(embeddings[int(np.argmin(np.abs(rows - row)))], np.float32)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
