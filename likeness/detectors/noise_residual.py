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
from likeness.detectors._noise_picture import APART, GHOSTS, whole_picture
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
    "summary": "Compares noise, camera and compression traces of the face with its surroundings; maps odd regions of the picture "
    "and where a JPEG was compressed once or twice",
    "cue": "noise and compression traces",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method after Popescu and Farid 2005 (colour mosaic), Farid 2009 (JPEG ghosts), Lyu, Pan and Zhang 2014 (noise "
    "inconsistency) and Ferrara et al. 2012; once or twice compressed after Lin et al. 2009 and Bianchi and Piva 2012; round "
    "blobs after Karras et al. 2020",
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
        "once or twice compressed is read from JPEG files as they are, saved at a clearly higher quality than before: lower or "
        "equal quality, a crop, a resize or a screenshot in between hide it, and flat parts say nothing; a collage, a caption "
        "or a retouched spot is honest and lights up too; it has no ratio",
        "round blobs of noise are an illustration: photographs have as many (earrings, teeth, lamps) as StyleGAN1's faces",
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
            whole = whole_picture(clip, 0)
            return evidence(
                _PART,
                INFO,
                self.model.tag,
                status="not_applicable",
                note=_why_not(tracks) + whole.words,
                heatmaps=whole.heatmaps,
                readings=whole.readings,
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
        whole = whole_picture(clip, index, seen.track.boxes_px[row].astype(np.float64))
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=score.score,
            track_id=score.track_id,
            tracks=tuple(scores),
            spans=tuple(spans),
            heatmaps=(*_face_map(clip, seen, row), *whole.heatmaps),
            note=(_ON_VIDEO if clip.kind == "video" else _sentence(score.score)) + whole.words,
            readings=(*self.model.readings(seen), *_of_face(whole.readings, seen.track)),
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
            return (maps.as_heatmap(values, frame.index, track.track_id, maps.NOISE, region[:2]),)
    return ()


def _of_face(readings: Sequence[Reading], track: FaceTrack) -> tuple[Reading, ...]:
    """Readings about the whole picture that compare it with a face belong to that face."""
    return tuple(
        replace(r, track_id=track.track_id) if r.name in (GHOSTS, APART) else r for r in readings
    )


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
