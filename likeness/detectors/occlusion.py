"""Detector `occlusion`: what happens to the face while a hand or an object crosses it? An illustration, never a likelihood ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeness.detectors import _occlusion_measures as measures
from likeness.detectors._cue import CueModel, Seen, evidence, spans_of
from likeness.detectors._runs import Run, aligned_runs
from likeness.scoring.models import LinearModel
from likeness.types import Clip, Curve, Evidence, FaceTrack, Heatmap

INFO = {
    "summary": "Looks for the face showing through, blurring or flickering while something passes in front of it",
    "cue": "behaviour under occlusion",
    "question": "blended",
    "kinds": ["face_swap", "reenactment"],
    "needs": ["face", "neighbouring frames"],
    "inputs": ["video"],
    "paper": "Own method; the cue is that of masks which ignore occluders, as Nirkin et al. 2018 (On Face Segmentation, "
    "Face Swapping, and Face Perception) describe them",
    "licence": "Apache-2.0",
    "weights_licence": "has no weights: fixed numbers that stand in the file",
    "strength_pair": None,
    "fitted_on": "none",
    "known_failures": [
        "measured on drawn occluders only: an illustration that says where to look",
        "swaps with an occlusion-aware mask, and everything without an occlusion, which is the common case",
        "glass, smoke, veils and strands of hair let a real face show through",
        "a hard shadow that sweeps over the face is taken for an object",
    ],
}
WEIGHTS: dict[str, str] = {}
_PART = "occlusion"
_HIGH = 0.5


@dataclass(frozen=True)
class Config:
    """Options of the detector.

    Attributes:
        frames: at most this many neighbouring frames of a face are compared.
    """

    frames: int = 240


def build(config: Config) -> Occlusion:
    """Build the detector; it needs no weights."""
    return Occlusion(config)


def fixed_model() -> CueModel:
    """The score: weighted z-values of the three numbers against opaque objects drawn over real clips; signs from the physics."""
    mean, scale, usual = (np.array(column) for column in zip(*measures.OPAQUE, strict=True))
    linear = LinearModel(mean, scale, np.array([1.5, 0.25, 0.25]), -1.0)
    return CueModel(measures.NAMES, linear, np.asarray(usual, np.float64), "fixed-1")


@dataclass(frozen=True)
class _Face:
    seen: Seen
    track: FaceTrack
    runs: list[Run]
    events: list[tuple[Run, measures.Event]]


class Occlusion:
    """See `INFO`. Score = mean over the frames in which something covers the face, maximum over faces."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model = fixed_model()

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Look for occlusions in every face; `not_applicable` where none is seen, which is the common case."""
        if clip.kind != "video" or not tracks:
            note = "no face to examine" if not tracks else "a picture does not move"
            return evidence(_PART, INFO, status="not_applicable", note=note)
        looked = [self._look(clip, track) for track in tracks]
        faces = [face for face, _ in looked if face is not None]
        if not faces:
            return evidence(_PART, INFO, status="not_applicable", note=looked[0][1])
        scores = [self.model.track_score(face.seen) for face in faces]
        top = int(np.argmax([score.score for score in scores]))
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=scores[top].score,
            track_id=scores[top].track_id,
            tracks=tuple(scores),
            spans=tuple(
                span
                for score, face in zip(scores, faces, strict=True)
                for span in spans_of(score, face.track.times_s[face.seen.rows], _HIGH)
            ),
            heatmaps=(_heatmap(faces[top], int(np.argmax(scores[top].frame_scores))),),
            note=_sentence(scores[top].score),
            readings=self.model.readings(faces[top].seen),
            curves=tuple(_curve(face) for face in faces),
        )

    def _look(self, clip: Clip, track: FaceTrack) -> tuple[_Face | None, str]:
        """What crosses one face, or why nothing can be said."""
        cut = (measures.SIZE_PX, measures.MARGIN)
        runs = list(aligned_runs(clip, track, cut, measures.LEAST_FRAMES, self.config.frames))
        if not runs:
            return None, f"too few neighbouring frames ({measures.LEAST_FRAMES} are needed)"
        held = np.median(track.pose_deg[~track.bridged, :2], axis=0)
        away = np.abs(track.pose_deg[:, :2] - held).max(axis=1)
        events = [
            (run, event)
            for run in runs
            for event in measures.events_of(run, away[run.rows] <= measures.MOST_TURNED_DEG)
        ]
        if not events:
            return None, "nothing is seen to cross the face"
        seen = Seen(
            track,
            np.concatenate([run.rows[event.frames] for run, event in events]),
            np.concatenate([event.values for _, event in events]),
        )
        return _Face(seen, track, runs, events), ""


def _heatmap(face: _Face, place: int) -> Heatmap:
    """What covers the face in the frame of the highest score."""
    from likeness.faces.geometry import invert, transform

    for run, event in face.events:
        if place < len(event.frames):
            frame = int(event.frames[place])
            size = measures.SIZE_PX
            square = np.array([[0, 0], [size, 0], [size, size], [0, size]]) - 0.5
            corners = transform(square, invert(run.matrices[frame])).astype(np.float32)
            index = int(face.track.frame_indices[run.rows[frame]])
            values = event.covered[place].astype(np.float32)
            return Heatmap(values, index, face.track.track_id, corners)
        place -= len(event.frames)
    raise AssertionError("a score without a frame")


def _curve(face: _Face) -> Curve:
    """Share of the face that is covered, over all frames that were compared."""
    times = np.concatenate([run.times_s for run in face.runs])
    values = np.zeros(len(times), np.float32)
    rows = np.concatenate([run.rows for run in face.runs])
    for run, event in face.events:
        share = event.covered.mean(axis=(1, 2)) / max(event.face_share, 1e-6)
        values[np.searchsorted(rows, run.rows[event.frames])] = share
    name = "share of the face that something covers"
    return Curve(name, times.astype(np.float64), values, "", None, face.track.track_id)


def _sentence(score: float) -> str:
    if score > _HIGH:
        return "the face shows through what passes in front of it, as when a mask ignores hands and objects"
    return "something passes in front of the face and covers it as an object does"
