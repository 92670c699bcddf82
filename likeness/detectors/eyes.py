"""Detector `eyes`: do both eyes have one colour, do they mirror the same lights, and are eyes and teeth as detailed as the skin?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likeness.detectors import _eyes_ears as ears
from likeness.detectors import _eyes_measures as measures
from likeness.detectors._cue import CueConfig as Config
from likeness.detectors._cue import CueModel, Seen, evidence, look, spread, weights_path
from likeness.detectors._eyes_pupil import pupil_roundness
from likeness.types import (
    Clip,
    DoubleArray,
    Evidence,
    FaceTrack,
    Frame,
    Heatmap,
    IndexArray,
    Progress,
    Reading,
)

INFO = {
    "summary": "Iris colour, reflections and detail of both eyes, teeth and mouth interior, shape of the pupils, both ears",
    "cue": "eyes and teeth",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "face_synthesis"],
    "needs": ["frontal face", "open eyes"],
    "inputs": ["image", "video"],
    "paper": "After Matern, Riess and Stamminger 2019 (Exploiting Visual Artifacts), Hu, Li and Lyu 2021 (corneal specular "
    "highlights) and Guo et al. 2022 (irregular pupil shapes)",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "fitted_on": "none",
    "strength_pair": None,
    "known_failures": [
        "irises below 8 px across are not examined, pupils below 24 px neither: most video frames show no pupil",
        "glasses, contact lenses, eyes of two colours, cataract and one-sided light differ left against right",
        "lamps close to the face are mirrored at different places",
        "only StyleGAN1 was measured: colour and reflections left against right say next to nothing about it",
        "ears are shown and take no part in the score: hair, hats, a slight turn or the picture's edge hide one of them on "
        "most faces, and where both are seen those of photographs differ as much as StyleGAN1's",
    ],
}
WEIGHTS = {"eyes-1": "eyes.safetensors"}
_PART = "eyes"
_MOST_YAW_DEG, _MOST_PITCH_DEG = 20.0, 20.0
_LEAST_OPENING = 0.18
_LEAST_IRIS_PX = 8.0
_LEAST_PUPIL_IRIS_PX = 24.0
_EAR_FRAMES = 5


def build(config: Config) -> Eyes:
    """Load the weights and build the detector; raises `WeightsError`, `ConfigError`."""
    path = weights_path(_PART, WEIGHTS, config)
    return Eyes(config, CueModel.load(path, measures.NAMES, measures.VERSION))


class Eyes:
    """See `INFO`. Score = mean logit over the measured frames of a face, maximum over faces; an illustration."""

    def __init__(self, config: Config, model: CueModel) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face that is seen from the front with open eyes of enough pixels."""
        found = look(clip, tracks, self.config.frames, measure, valid_rows)
        if not found:
            return evidence(
                _PART, INFO, self.model.tag, status="not_applicable", note=_why_not(tracks)
            )
        scores = [self.model.track_score(seen) for seen in found]
        best = max(range(len(scores)), key=lambda k: scores[k].score)
        seen = found[best]
        where, numbers = _ears(clip, seen.track)
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=scores[best].score,
            track_id=scores[best].track_id,
            tracks=tuple(scores),
            heatmaps=where,
            note=self._sentence(seen) + (_EARS if numbers else ""),
            readings=(*self._readings(seen), *_pupils(clip, seen), *numbers),
        )

    def _readings(self, seen: Seen) -> tuple[Reading, ...]:
        """All numbers but the mouth's where it was never open."""
        every = self.model.readings(seen, measures.UNITS)
        closed = bool((seen.values[:, -1] == measures.CLOSED_MOUTH).all())
        return every[:-1] if closed else every

    def _sentence(self, seen: Seen) -> str:
        middle = np.median(seen.values, axis=0)
        off = [
            words
            for words, value, usual in zip(_WORDS, middle, self.model.usual, strict=True)
            if words and value > usual[1]
        ]
        if off:
            return f"{' and '.join(off[:2])} more than in nine of ten real faces"
        return "the eyes differ no more from each other than those of real faces do"


_WORDS = (
    "the irises differ in colour",
    "the irises differ in brightness",
    "reflections lie at different places in the two eyes",
    "reflections in the two eyes differ in size",
    "light falls differently on the two irises",
    "the eyes differ in sharpness",
    "",
    "",
)


def valid_rows(track: FaceTrack) -> IndexArray:
    """(R,) int64 rows of a frontal pose with open eyes and irises of at least 8 px across."""
    return np.flatnonzero(np.logical_and.reduce(_conditions(track)))


def _conditions(track: FaceTrack) -> tuple[Any, ...]:
    """Per row: seen, frontal, eyes open, irises large enough."""
    frontal = (np.abs(track.pose_deg[:, 0]) <= _MOST_YAW_DEG) & (
        np.abs(track.pose_deg[:, 1]) <= _MOST_PITCH_DEG
    )
    opened = track.quality.eye_aspect_ratio.min(axis=1) >= _LEAST_OPENING
    size = np.array([2.0 * measures.iris_radii_px(p).min() for p in track.landmarks_px])
    return ~track.bridged, frontal, opened, size >= _LEAST_IRIS_PX


def measure(frame: Frame, track: FaceTrack, row: int) -> DoubleArray | None:
    """(8,) numbers of one face in one frame; None where its pose, size or light does not allow them."""
    if not all(bool(holds[row]) for holds in _conditions(track)):
        return None
    return measures.of_face(frame.image, track.landmarks_px[row])


def _pupils(clip: Clip, seen: Seen) -> tuple[Reading, ...]:
    """How well an ellipse fits each pupil, in the frame with the largest irises."""
    track = seen.track
    sizes = np.array([2.0 * measures.iris_radii_px(track.landmarks_px[r]).min() for r in seen.rows])
    best = int(np.argmax(sizes))
    if sizes[best] < _LEAST_PUPIL_IRIS_PX:
        return ()
    row = int(seen.rows[best])
    for frame in clip.frames.at([int(track.frame_indices[row])]):
        eyes = measures.both_eyes(frame.image, track.landmarks_px[row])
        fits = [pupil_roundness(eye) for eye in eyes or ()]
        return tuple(
            Reading(f"overlap of the {side} pupil with an ellipse", fit, "", None, track.track_id)
            for side, fit in zip(("right", "left"), fits, strict=False)
            if fit is not None
        )
    return ()


def _ears(clip: Clip, track: FaceTrack) -> tuple[tuple[Heatmap, ...], tuple[Reading, ...]]:
    """Where the two ears differ and by how much, in the frames that show both; nothing where none does."""
    frontal = (np.abs(track.pose_deg[:, 0]) <= ears.MOST_YAW_DEG) & (
        np.abs(track.pose_deg[:, 1]) <= _MOST_PITCH_DEG
    )
    large = track.quality.eye_distance_px >= ears.LEAST_EYES_PX
    rows = np.flatnonzero(~track.bridged & frontal & large)
    row_of = {int(track.frame_indices[r]): int(r) for r in rows[spread(len(rows), _EAR_FRAMES)]}
    seen = []
    for frame in clip.frames.at(row_of):
        found = ears.of_face(frame.image, track.landmarks_px[row_of[frame.index]])
        if found is not None:
            seen.append((frame.index, found))
    if not seen:
        return (), ()
    middle = np.median([found.values for _, found in seen], axis=0)
    index, first = seen[0]
    drawn = tuple(
        Heatmap(values, index, track.track_id, corners, name)
        for name, values, corners in zip(
            ("right ear", "left ear"), first.maps, first.tiles_px, strict=True
        )
    )
    return drawn, tuple(
        Reading(name, float(np.float32(value)), unit, None, track.track_id)
        for name, value, unit in zip(ears.NAMES, middle, ears.UNITS, strict=True)
    )


_EARS = "; both ears are seen, and how they differ is shown but not weighed"


def _why_not(tracks: Sequence[FaceTrack]) -> str:
    seen = [t for t in tracks if (~t.bridged).any()]
    if not seen:
        return "no face whose eyes could be examined"
    reasons = (
        "no face was seen",
        f"no face looks within {_MOST_YAW_DEG:.0f} degrees of the camera",
        "the eyes are closed or nearly so wherever the face is frontal",
        f"the irises are smaller than {_LEAST_IRIS_PX:.0f} px",
    )
    holds = [np.concatenate(parts) for parts in zip(*(_conditions(t) for t in seen), strict=True)]
    left = np.ones(len(holds[0]), bool)
    for reason, condition in zip(reasons, holds, strict=True):
        left &= condition
        if not left.any():
            return reason
    return "the irises are hidden, cut off by the picture's edge or without colour"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/eyes.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._cue_training import Cue, train_cue

    ((tag, file),) = WEIGHTS.items()
    cue = Cue(measure, measures.NAMES, measures.VERSION, tag, file)
    return train_cue(cue, recipe, data, out, progress)
