"""Detector `mouth`: is the lower face as sharp as the upper, is it steady, and does it open with the sound?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.detectors._cue import CueConfig as Config
from likeness.detectors._cue import CueModel, Seen, evidence, look, spans_of, weights_path
from likeness.detectors._mouth_sharpness import (
    NAMES,
    PLAIN,
    SIZE_PX,
    VERSION,
    RealFaces,
    contrasts,
)
from likeness.detectors._mouth_time import Moving, watch
from likeness.detectors._usable import Limits, usable_rows
from likeness.types import (
    Clip,
    Evidence,
    FaceTrack,
    FloatArray,
    Frame,
    Heatmap,
    IndexArray,
    Progress,
    TrackScore,
)

INFO = {
    "summary": "Compares sharpness and flicker of the lower face with the upper, and the opening mouth with the sound",
    "cue": "mouth",
    "question": "blended",
    "kinds": ["lip_sync", "reenactment", "face_swap"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method: sharpness after Li and Lyu 2019 (warping artifacts), self-blends of the lower face after Shiohara and "
    "Yamasaki 2022; lips against sound after Chung and Zisserman 2016 (Out of time), without a network",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "strength_pair": None,
    "fitted_on": "stills",
    "known_failures": [
        "fakes that replace the whole face are as sharp below as above",
        "a microphone, a hand, a beard or shallow depth of field make the halves differ in real pictures",
        "strong compression takes the fine detail from both halves",
        "lips and sound: music, several speakers, a voice-over and dubbing look out of step; good lip-sync fakes are in step",
        "lips and sound were checked on three people only and are shown, never weighed",
    ],
}
WEIGHTS = {"mouth-1": "mouth.safetensors"}
_PART = "mouth"
MOST_YAW_DEG, MOST_PITCH_DEG = 30.0, 25.0
LEAST_EYES_PX = 28.0
_LIMITS = Limits(LEAST_EYES_PX, MOST_YAW_DEG, MOST_PITCH_DEG, visible=0.0)
UNUSUAL = 2.5  # raw score; the highest of 30 real clips had 2.3
_MAP_SIDE = 32
_MAP_FULL = 2.5  # standard deviations of real faces that a map shows in full


def build(config: Config) -> Mouth:
    """Load the weights and build the detector; raises `WeightsError`."""
    path = weights_path(_PART, WEIGHTS, config)
    model = CueModel.load(path, NAMES, VERSION)
    return Mouth(config, model, RealFaces.from_arrays(weights.load_arrays(path)[0]))


class Mouth:
    """See `INFO`. Score: mean logit of the sharpness over the measured frames, maximum over faces.

    Flicker of the lower face and lips against sound are shown beside it and do not move the score.
    """

    def __init__(self, config: Config, model: CueModel, real: RealFaces) -> None:
        self.config = config
        self.model = model
        self.real = real

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Measure every face that looks towards the camera; `not_applicable` without one."""

        def measure(frame: Frame, track: FaceTrack, row: int) -> npt.NDArray[np.floating] | None:
            found = contrasts(frame.image, track.landmarks_px[row])
            return None if found is None else self.real.numbers(found[0])

        seen = look(clip, tracks, self.config.frames, measure, frontal_rows)
        if not seen:
            return evidence(
                _PART, INFO, self.model.tag, status="not_applicable", note=_why_not(tracks)
            )
        scored = [(self.model.track_score(one), one) for one in seen]
        if (
            clip.kind == "video"
        ):  # coded lower faces are softer than those of the photographs that the fit knows
            scored = [(replace(score, in_domain=False), one) for score, one in scored]
        score, strongest = max(scored, key=lambda pair: pair[0].score)
        moving = [watch(clip, one.track, frontal_rows(one.track)) for one in seen]
        top = next(m for m, one in zip(moving, seen, strict=True) if one is strongest)
        readings = [r for one in seen for r in self.model.readings(one)[:PLAIN]]
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=score.score,
            track_id=score.track_id,
            tracks=tuple(pair[0] for pair in scored),
            spans=spans_of(score, strongest.track.times_s[strongest.rows], above=UNUSUAL),
            heatmaps=self._heatmaps(clip, score, strongest),
            readings=(*readings, *(r for m in moving for r in m.readings)),
            curves=tuple(c for m in moving for c in m.curves),
            note=_sentence(score.score, top),
        )

    def _heatmaps(self, clip: Clip, score: TrackScore, seen: Seen) -> tuple[Heatmap, ...]:
        """The parts of the face, each as strong as its sharpness is unusual."""
        import cv2

        from likeness.faces.geometry import invert, transform

        row = int(seen.rows[int(np.argmax(score.frame_scores))])
        frame = next(iter(clip.frames.at([int(seen.track.frame_indices[row])])), None)
        found = None if frame is None else contrasts(frame.image, seen.track.landmarks_px[row])
        if frame is None or found is None:
            return ()
        values, masks, matrix = found
        far = self.real.numbers(values)[PLAIN : 2 * PLAIN].reshape(3, 2).max(axis=1)
        total: FloatArray = np.zeros((SIZE_PX, SIZE_PX), np.float32)
        for name, amount in zip(("lower", "mouth", "chin"), far, strict=True):
            total[masks[name]] = np.maximum(total[masks[name]], min(amount / _MAP_FULL, 1.0))
        small = cv2.resize(total, (_MAP_SIDE, _MAP_SIDE), interpolation=cv2.INTER_AREA)
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * SIZE_PX - 0.5
        corners = transform(square, invert(matrix)).astype(np.float32)
        values_map = np.asarray(np.clip(small, 0.0, 1.0), np.float32)
        return (Heatmap(values_map, frame.index, seen.track.track_id, corners),)


def frontal_rows(track: FaceTrack) -> IndexArray:
    """(R,) int64 rows in which the face was seen, large enough, and turned so little that both halves show."""
    return usable_rows(track, _LIMITS)


def _why_not(tracks: Sequence[FaceTrack]) -> str:
    if not tracks:
        return "no face to examine"
    return (
        f"no face looks towards the camera within {MOST_YAW_DEG:.0f} degrees with {LEAST_EYES_PX:.0f} pixels or more "
        "between the eyes: the lower half cannot be compared with the upper"
    )


def _sentence(score: float, moving: Moving) -> str:
    if score > UNUSUAL:
        said = "mouth and chin are sharper or softer than the rest of the face, as after pasting"
    elif score > 0.0:
        said = "mouth and chin differ from the rest of the face, as they do in many real videos"
    else:
        said = "mouth and chin are as sharp as the rest of the face"
    return f"{said}; {moving.words}" if moving.words else said


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/mouth.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._mouth_training import train

    return train(recipe, data, out, progress)
