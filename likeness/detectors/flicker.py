"""Detector `flicker`: does the face jump from frame to frame where its surroundings do not?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.detectors import _flicker_measures as measures
from likeness.detectors._cue import CueConfig, CueModel, evidence, spans_of, weights_path
from likeness.types import (
    Clip,
    Curve,
    Evidence,
    FaceTrack,
    FloatArray,
    Heatmap,
    Progress,
)

INFO = {
    "summary": "Compares how restless the face is from frame to frame with its surroundings, motion taken out",
    "cue": "flicker of the face",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face", "neighbouring frames"],
    "inputs": ["video"],
    "paper": "Own method; registration after Lucas and Kanade 1981; the cue after the temporal artefacts named by Zheng et "
    "al. 2021 (FTCN)",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: fitted on clips of MEAD and of portraits, whose terms carry over",
    "strength_pair": None,
    "fitted_on": "clips",
    "known_failures": [
        "swaps that are smoothed over time, and everything that is steady: it sees unrest only",
        "strong compression (H.264 CRF 28 and worse) freezes subtle unrest away",
        "a flickering lamp, a screen or an automatic exposure that meters the face alone",
        "beautifying filters that follow the face frame by frame",
    ],
}
WEIGHTS = {"flicker-1": "flicker.safetensors"}
_PART = "flicker"
_HIGH = 0.5


@dataclass(frozen=True)
class Config(CueConfig):
    """Options; neighbouring frames are compared, so that it takes all of them."""

    frames: int = 240


def build(config: Config) -> Flicker:
    """Load the weights and build the detector; raises `WeightsError`."""
    path = weights_path(_PART, WEIGHTS, config)
    return Flicker(config, CueModel.load(path, measures.NAMES, measures.VERSION))


class Flicker:
    """See `INFO`. Score = mean logit over windows of 16 neighbouring frames, maximum over faces."""

    def __init__(self, config: Config, model: CueModel) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Compare neighbouring frames of every face; `not_applicable` with a reason where there are none."""
        if clip.kind != "video" or not tracks:
            note = "no face to examine" if not tracks else "a picture does not move"
            return evidence(_PART, INFO, self.model.tag, status="not_applicable", note=note)
        faces, reasons = [], []
        for track in tracks:
            face, reason = measures.look_over_time(clip, track, self.config.frames)
            if face is not None:
                faces.append(face)
            reasons.append(reason)
        if not faces:
            return evidence(_PART, INFO, self.model.tag, status="not_applicable", note=reasons[0])
        scores = [self.model.track_score(face.seen) for face in faces]
        top = int(np.argmax([score.score for score in scores]))
        best = scores[top]
        face = faces[top]
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=best.score,
            track_id=best.track_id,
            tracks=tuple(scores),
            spans=tuple(
                span
                for score, of in zip(scores, faces, strict=True)
                for span in spans_of(score, of.seen.track.times_s[of.seen.rows], _HIGH)
            ),
            heatmaps=(_heatmap(face, best.frame_scores),),
            note=_sentence(best.score),
            readings=self.model.readings(face.seen),
            curves=tuple(_curve(of) for of in faces),
        )


def _heatmap(face: measures.OverTime, scores: FloatArray) -> Heatmap:
    """Where the highest window is restless."""
    from likeness.faces.geometry import invert, transform

    place = int(np.argmax(scores))
    for run, found in zip(face.runs, face.windows, strict=True):
        if place < len(found.starts):
            start = int(found.starts[place])
            middle = start + measures.WINDOW // 2
            size = measures.SIZE_PX
            square = np.array([[0, 0], [size, 0], [size, size], [0, size]]) - 0.5
            corners = transform(square, invert(run.matrices[middle])).astype(np.float32)
            frame = int(face.seen.track.frame_indices[run.rows[middle]])
            values = measures.unrest_map(run, start)
            return Heatmap(values, frame, face.seen.track.track_id, corners)
        place -= len(found.starts)
    raise AssertionError("a score without a window")


def _curve(face: measures.OverTime) -> Curve:
    """Jumps of the face's colour; the ends of every run are NaN, so that no line is drawn across a gap."""
    times = np.concatenate([run.times_s for run in face.runs])
    jumps = np.concatenate([found.jumps for found in face.windows])
    return Curve(
        "jumps of the face's colour against its surroundings",
        times.astype(np.float64),
        jumps,
        "levels",
        None,
        face.seen.track.track_id,
    )


def _sentence(score: float) -> str:
    if score > _HIGH:
        return (
            "colour or light of the face jump from frame to frame where its surroundings are steady"
        )
    if score < -_HIGH:
        return "the face is as steady from frame to frame as its surroundings"
    return "the face is about as restless as in ordinary recordings"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Fit as `recipes/flicker.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._flicker_training import train

    return train(recipe, data, out, progress)
