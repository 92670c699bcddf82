"""Detector `skin_tone`: do tone, brightness and light of the face go with the skin round it and with the other faces?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.detectors._cue import CueConfig, CueModel, Seen, evidence, look, weights_path
from likeness.detectors._skin_measures import (
    NAMES,
    UNITS,
    VERSION,
    Measured,
    filled,
    light_of,
    measure,
    measured,
    tone_map,
)
from likeness.detectors._skin_shadows import (
    LEAST_SHADOW,
    OTHERS,
    UNIT,
    USUAL,
    Shadows,
    shadow_map,
    shadows_of,
)
from likeness.detectors._skin_shadows import NAMES as SHADOWS
from likeness.detectors._usable import Limits, usable_rows, why_unusable
from likeness.faces.shading import Light, angle_deg
from likeness.types import (
    Clip,
    DoubleArray,
    Evidence,
    FaceTrack,
    Frame,
    Heatmap,
    Progress,
    Reading,
)

INFO = {
    "summary": "Compares tone, brightness, light and cast shadows of the face with neck, ears and the other faces",
    "cue": "skin tone and light",
    "question": "blended",
    "kinds": ["face_swap", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method; light after Johnson and Farid 2007 (lighting inconsistencies) and Ramamoorthi and Hanrahan 2001; cast "
    "shadows after Kee, O'Brien and Farid 2013",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "strength_pair": None,
    "fitted_on": "none",
    "known_failures": [
        "a merge that fits the colours of the face leaves nothing of this cue: it does not tell our own swaps from real clips",
        "make-up, tan lines, blushing, beards and coloured light make real faces differ from their necks",
        "a scarf, a collar or long hair hides the neck, and what is left says little",
        "grey pictures have no tone",
        "a lamp near the face lights it differently from the neck",
        "cast shadows of nose and brow are read only on faces within 20 degrees of the camera that are lit from one side, only "
        "left against right, and lie on the wrong side in one of five real faces: beards, spectacles and a second lamp move "
        "them; they are shown and take no part in the score",
    ],
}

WEIGHTS = {"skin_tone-1": "skin_tone.safetensors"}
_PART = "skin_tone"
_LIMITS = Limits(eyes_px=20.0, yaw_deg=40.0, pitch_deg=35.0)
_NARROW = 0.01
_DIRECTED = 0.2  # strength of a light below which its direction means nothing


@dataclass(frozen=True)
class Config(CueConfig):
    """Options; tone hardly changes over time, so that half as many frames do."""

    frames: int = 16


def build(config: Config) -> SkinTone:
    """Load the weights and build the detector; raises `WeightsError`."""
    path = weights_path(_PART, WEIGHTS, config)
    return SkinTone(config, CueModel.load(path, NAMES, VERSION))


class SkinTone:
    """See `INFO`. Score = mean logit over the scored frames of a track, maximum over tracks."""

    def __init__(self, config: Config, model: CueModel) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Measure every face of the clip; `not_applicable` where none shows enough coloured skin."""
        gaps = look(clip, tracks, self.config.frames, _with_gaps, _rows)
        if not gaps:
            why = why_unusable(tracks, _LIMITS)
            return evidence(
                _PART,
                INFO,
                self.model.tag,
                status="not_applicable",
                note=why
                or "the picture is grey or dark, or shows too little skin to compare its tone",
            )
        every = [_unpacked(one) for one in gaps]
        raw = [Seen(s.track, s.rows, s.values[:, : len(NAMES)]) for s in every]
        cast = [Seen(s.track, s.rows, s.values[:, len(NAMES) :]) for s in every]
        seen = [Seen(s.track, s.rows, filled(s.values)) for s in raw]
        scores = [self.model.track_score(one) for one in seen]
        strongest = int(np.argmax([score.score for score in scores]))
        top = self._again(clip, seen[strongest])
        angles = _other_lights(clip, [one.track for one in seen])
        readings = [r for one in raw for r in self._readings(one)]
        shadows = [r for one in cast for r in _shadow_readings(one)]
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=scores[strongest].score,
            track_id=scores[strongest].track_id,
            tracks=tuple(scores),
            heatmaps=top,
            readings=(*readings, *angles, *shadows),
            note=_sentence(raw[strongest], self.model.usual) + _shadow_words(cast[strongest]),
        )

    def _readings(self, raw: Seen) -> list[Reading]:
        """What was seen in at least one frame; a number that only stands in for a hidden neck is not shown."""
        shown = []
        for k, name in enumerate(NAMES):
            values = raw.values[:, k][np.isfinite(raw.values[:, k])]
            if len(values):
                low, high = (float(v) for v in self.model.usual[k])
                # Seen on so few training faces that the stand-in fills nine in ten: nobody knows what is usual.
                usual = (low, high) if high - low > _NARROW else None
                middle = float(np.float32(np.median(values)))
                shown.append(Reading(name, middle, UNITS[k], usual, raw.track.track_id))
        return shown

    def _again(self, clip: Clip, seen: Seen) -> tuple[Heatmap, ...]:
        """Where the tone differs, and where shadows lie if there are any, in the frame that differs most."""
        row = int(seen.rows[int(np.argmax(self.model.logit(seen.values)))])
        for frame in clip.frames.at([int(seen.track.frame_indices[row])]):
            found = _of(frame, seen.track, row)
            if found is not None:
                corners, owner = found.crop.corners_px, seen.track.track_id
                cast = _shadows(found, seen.track, row)
                maps = {"tone": tone_map(found)}
                if cast is not None:
                    maps["cast shadows"] = shadow_map(found.crop, cast)
                return tuple(
                    Heatmap(values, frame.index, owner, corners, name)
                    for name, values in maps.items()
                )
        return ()


def _rows(track: FaceTrack) -> np.ndarray:
    return usable_rows(track, _LIMITS)


def _of(frame: Frame, track: FaceTrack, row: int) -> Measured | None:
    return measured(frame.image, track.landmarks_px[row], track.pose_deg[row])


def _shadows(found: Measured, track: FaceTrack, row: int) -> Shadows | None:
    return shadows_of(found.crop, found.where, track.pose_deg[row])


def _with_gaps(frame: Frame, track: FaceTrack, row: int) -> DoubleArray | None:
    """Numbers, zero in the gaps, and behind them 1 where they were seen: `look` takes finite numbers only."""
    found = _of(frame, track, row)
    if found is None:
        return None
    cast = _shadows(found, track, row)
    sides = (np.nan,) * len(SHADOWS) if cast is None else cast.agreement
    values = np.concatenate([found.values, sides])
    there = np.isfinite(values)
    return np.concatenate([np.where(there, values, 0.0), there.astype(np.float64)])


def _unpacked(packed: Seen) -> Seen:
    count = len(NAMES) + len(SHADOWS)
    values = np.where(packed.values[:, count:] > 0.5, packed.values[:, :count], np.nan)
    return Seen(packed.track, packed.rows, values)


def _other_lights(clip: Clip, tracks: Sequence[FaceTrack]) -> tuple[Reading, ...]:
    """For each of several faces in one frame, the angle between its light and that of the others."""
    if len(tracks) < 2:
        return ()
    rows = [{int(t.frame_indices[r]): int(r) for r in _rows(t)} for t in tracks]
    shared = sorted(set.intersection(*(set(r) for r in rows)))
    if not shared:
        return ()
    lights: list[tuple[int, Light]] = []
    noses: list[tuple[int, float]] = []
    for frame in clip.frames.at([shared[len(shared) // 2]]):
        for track, row_of in zip(tracks, rows, strict=True):
            row = row_of[frame.index]
            found = _of(frame, track, row)
            light = found and light_of(found.crop, found.where, track.pose_deg[row], upright=False)
            if light and light.strength > _DIRECTED:
                lights.append((track.track_id, light))
            cast = found and _shadows(found, track, row)
            if cast and abs(cast.nose) >= LEAST_SHADOW:
                noses.append((track.track_id, cast.nose))
    name = "direction of light against the other faces"
    return (
        *_against_others(name, "degrees", lights, angle_deg),
        *_against_others(OTHERS, UNIT, noses, lambda a, b: abs(a - b)),
    )


def _against_others(
    name: str, unit: str, of_face: Sequence[tuple[int, Any]], apart: Callable[[Any, Any], float]
) -> tuple[Reading, ...]:
    """For each face the median distance to the others; nothing for a single one."""
    if len(of_face) < 2:
        return ()
    found = (
        (number, [apart(own, other) for k, other in of_face if k != number])
        for number, own in of_face
    )
    return tuple(
        Reading(name, round(float(np.median(values)), 3), unit, None, number)
        for number, values in found
    )


def _shadow_readings(cast: Seen) -> list[Reading]:
    """The median of each shadow over the frames in which it could be read."""
    return [
        Reading(name, float(np.float32(middle)), UNIT, usual, cast.track.track_id)
        for name, usual, middle in zip(SHADOWS, USUAL, map(_median, cast.values.T), strict=True)
        if np.isfinite(middle)
    ]


def _shadow_words(cast: Seen) -> str:
    """What to add to the sentence where a shadow falls towards the light that the shading shows."""
    casters = ("nose", "brows")
    wrong = [
        f"the {caster}"
        for caster, reading in zip(casters, _shadow_readings(cast), strict=False)
        if reading.usual is not None and reading.value < reading.usual[0]
    ]
    if not wrong:
        return ""
    return (
        f"; the shadow of {' and '.join(wrong)} falls towards the side from which the face is lit"
    )


def _sentence(raw: Seen, usual: DoubleArray) -> str:
    """Names what lies outside of what is usual; a score that decides nothing does not choose the words."""
    with np.errstate(invalid="ignore"):
        middle = np.array([_median(column) for column in raw.values.T])
        odd = [
            name
            for name, value, (low, high) in zip(NAMES, middle, usual, strict=True)
            if value > high > low + _NARROW
        ]
    if odd:
        return f"unusual for a real face: {'; '.join(odd)}"
    if not np.isfinite(middle[[3, 4, 7]]).any():
        return "tone and light are even over the face; no neck is seen to compare with"
    return "tone and light of the face go with the skin round it"


def _median(values: DoubleArray) -> float:
    there = values[np.isfinite(values)]
    return float(np.median(there)) if len(there) else float("nan")


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/skin_tone.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._cue_training import Cue, train_cue

    tag, file = next(iter(WEIGHTS.items()))
    return train_cue(Cue(measure, NAMES, VERSION, tag, file), recipe, data, out, progress)
