"""Detector `noise_residual`: does the face carry the noise, the camera's traces and the compression of its surroundings?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness.detectors import _noise_maps as maps
from likeness.detectors import _noise_measures as measures
from likeness.detectors._cue import CueConfig as Config
from likeness.detectors._cue import CueModel, Seen, evidence, look, spans_of, weights_path
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
    "summary": "Compares noise, camera and compression traces of the face with its surroundings; maps odd regions of the picture",
    "cue": "noise and compression traces",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method after Popescu and Farid 2005 (colour mosaic), Farid 2009 (JPEG ghosts), Lyu, Pan and Zhang 2014 (noise "
    "inconsistency) and Ferrara et al. 2012",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "fitted_on": "stills",
    "strength_pair": "blend",
    "known_failures": [
        "video codecs remove noise and leave their own: after H.264 at CRF 23 it is weak (.75) or blind (.51 at 256 px), real "
        "clips of low bit rate score higher than photographs, and swapped faces may score lower: video gets no ratio",
        "shallow depth of field, make-up, beautifying filters and one-sided light change noise as pasting does",
        "a face blended from the same picture with little change passes; so do faces that were generated whole",
        "the map of the whole picture marks lettering, water, foliage and sky too: it is an illustration and has no ratio",
        "JPEG ghosts of regions that were pasted off the picture's 8 px grid are missed",
    ],
}
WEIGHTS = {"noise_residual-1": "noise_residual.safetensors"}
_PART = "noise_residual"


def build(config: Config) -> NoiseResidual:
    """Load the weights and build the detector; raises `WeightsError`, `ConfigError`."""
    path = weights_path(_PART, WEIGHTS, config)
    return NoiseResidual(config, CueModel.load(path, measures.NAMES, measures.VERSION))


class NoiseResidual:
    """See `INFO`. Score = mean logit over the measured frames of a face, maximum over faces."""

    def __init__(self, config: Config, model: CueModel) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face; without one only the map of the whole picture is given (`not_applicable`)."""
        found = look(clip, tracks, self.config.frames, measure)
        if not found:
            note = _why_not(tracks)
            return evidence(
                _PART,
                INFO,
                self.model.tag,
                status="not_applicable",
                note=note,
                heatmaps=_picture_maps(clip, 0),
            )
        scores = [self.model.track_score(seen) for seen in found]
        if clip.kind == "video":  # coding over time evens out what these numbers compare
            scores = [replace(score, in_domain=False) for score in scores]
        best = max(range(len(scores)), key=lambda k: scores[k].score)
        score, seen = scores[best], found[best]
        row = int(seen.rows[int(np.argmax(score.frame_scores))])
        index = int(seen.track.frame_indices[row])
        spans = [
            span
            for one, its in zip(scores, found, strict=True)
            for span in spans_of(one, its.track.times_s[its.rows], above=1.0)
        ]
        shown = (*_face_map(clip, seen, row), *_picture_maps(clip, index))
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=score.score,
            track_id=score.track_id,
            tracks=tuple(scores),
            spans=tuple(spans),
            heatmaps=shown,
            note=_ON_VIDEO if clip.kind == "video" else _sentence(score.score),
            readings=(*self.model.readings(seen), *_history(shown, seen.track, row)),
        )


def measure(frame: Frame, track: FaceTrack, row: int) -> DoubleArray | None:
    """(8,) numbers of one face in one frame; see `likeness.detectors._noise_measures`."""
    return measures.of_face(frame.image, track.landmarks_px[row], track.boxes_px[row])


def _face_map(clip: Clip, seen: Seen, row: int) -> tuple[Heatmap, ...]:
    track = seen.track
    for frame in clip.frames.at([int(track.frame_indices[row])]):
        height, width = frame.image.shape[:2]
        region = measures.face_region(track.boxes_px[row], (width, height))
        if region is not None:
            inside, _ = measures.face_cells(track.landmarks_px[row], region)
            values = maps.map_of_face(frame.image, region, inside)
            return (maps.as_heatmap(values, frame.index, track.track_id, region[:2]),)
    return ()


def _picture_maps(clip: Clip, index: int) -> tuple[Heatmap, ...]:
    """Noise of the whole picture, and for stills its JPEG ghosts: illustrations that carry no score."""
    found = []
    for frame in clip.frames.at([index] if len(clip.frames) else []):
        found.append(maps.picture_map(frame.image))
        if clip.kind == "image":
            found.append(maps.ghost_map(frame.image))
    return tuple(maps.as_heatmap(values, index, None) for values in found if values is not None)


def _history(shown: Sequence[Heatmap], track: FaceTrack, row: int) -> tuple[Reading, ...]:
    """How much more of the face than of the rest has another JPEG history: what the ghosts say in a number."""
    ghosts = [h for h in shown if h.track_id is None][1:]
    if not ghosts:
        return ()
    left, top, right, bottom = (track.boxes_px[row] / measures.CELL).astype(int)
    values = ghosts[0].values
    face = np.zeros(values.shape, bool)
    face[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    if not face.any() or face.all():
        return ()
    name = "JPEG ghosts: how much stronger on the face than elsewhere"
    gap = float(values[face].mean() - values[~face].mean())
    return (Reading(name, float(np.float32(gap)), "", None, track.track_id),)


def _why_not(tracks: Sequence[FaceTrack]) -> str:
    if not any((~track.bridged).any() for track in tracks):
        return "no face to compare with its surroundings"
    return (
        "the face and its surroundings are too small, too dark or too smooth to compare their noise"
    )


_ON_VIDEO = (
    "noise in coded video is mostly the codec's own: what was measured is shown and not judged"
)


def _sentence(score: float) -> str:
    if score > 0.5:
        return "the face carries other noise or compression traces than its surroundings, as after pasting"
    if score < -0.5:
        return "noise and compression traces of the face fit its surroundings"
    return "the noise of face and surroundings differs about as much as in ordinary pictures"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/noise_residual.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._cue_training import Cue, train_cue

    ((tag, file),) = WEIGHTS.items()
    cue = Cue(measure, measures.NAMES, measures.VERSION, tag, file)
    return train_cue(cue, recipe, data, out, progress)
