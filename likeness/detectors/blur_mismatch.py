"""Detector `blur_mismatch`: is the face as sharp, octave by octave, as the hair, neck and clothes round it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likeness.detectors._blur_measures import (
    NAMES,
    UNIT,
    VERSION,
    Measured,
    measure,
    measured,
    mismatch_map,
)
from likeness.detectors._cue import CueConfig as Config
from likeness.detectors._cue import CueModel, Seen, evidence, look, spans_of, weights_path
from likeness.detectors._usable import Limits, usable_rows, why_unusable
from likeness.types import Clip, Evidence, FaceTrack, Heatmap, Progress

INFO = {
    "summary": "Compares the sharpness of the face, octave by octave, with hair, neck, clothes and background",
    "cue": "blur mismatch",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method after Li and Lyu 2019 (FWA) and Zhuo and Sim 2011 (defocus from the fall of gradients)",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "strength_pair": "blend",
    "fitted_on": "stills",
    "known_failures": [
        "beautifying filters, heavy make-up and shallow depth of field soften a real face or what lies round it",
        "a merge that matches sharpness and grain to the surroundings leaves little of this cue",
        "strong compression and shrinking make everything equally soft",
        "a beard, glasses or a fringe change which edges are compared",
        "faces that were generated whole are evenly sharp and pass",
    ],
}

WEIGHTS = {"blur_mismatch-1": "blur_mismatch.safetensors"}
_PART = "blur_mismatch"
_LIMITS = Limits()


def build(config: Config) -> BlurMismatch:
    """Load the weights and build the detector; raises `WeightsError`."""
    path = weights_path(_PART, WEIGHTS, config)
    return BlurMismatch(config, CueModel.load(path, NAMES, VERSION))


class BlurMismatch:
    """See `INFO`. Score = mean logit over the scored frames of a track, maximum over tracks."""

    def __init__(self, config: Config, model: CueModel) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of the clip; `not_applicable` where none has enough detail."""
        seen = look(
            clip, tracks, self.config.frames, measure, lambda track: usable_rows(track, _LIMITS)
        )
        if not seen:
            why = why_unusable(tracks, _LIMITS)
            return evidence(
                _PART,
                INFO,
                self.model.tag,
                status="not_applicable",
                note=why or "the picture shows too little detail to compare sharpness",
            )
        scores = [self.model.track_score(one) for one in seen]
        spans = [
            span
            for one, score in zip(seen, scores, strict=True)
            for span in spans_of(score, one.track.times_s[one.rows], above=1.0)
        ]
        strongest = int(np.argmax([score.score for score in scores]))
        top = self._again(clip, seen[strongest])
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=scores[strongest].score,
            track_id=scores[strongest].track_id,
            tracks=tuple(scores),
            spans=tuple(spans),
            heatmaps=_heatmaps(top),
            readings=tuple(r for s in seen for r in self.model.readings(s, (UNIT,) * len(NAMES))),
            note=_sentence(scores[strongest].score, top[2].sharper if top else 0.0),
        )

    def _again(self, clip: Clip, seen: Seen) -> tuple[int, int, Measured] | None:
        """(frame, face, what was measured) where the cue shows most; its pictures are not kept on the way."""
        row = int(seen.rows[int(np.argmax(self.model.logit(seen.values)))])
        for frame in clip.frames.at([int(seen.track.frame_indices[row])]):
            found = measured(frame.image, seen.track.landmarks_px[row])
            if found is not None:
                return frame.index, seen.track.track_id, found
        return None


def _heatmaps(top: tuple[int, int, Measured] | None) -> tuple[Heatmap, ...]:
    if top is None:
        return ()
    index, track_id, found = top
    return (Heatmap(mismatch_map(found), index, track_id, found.grid_corners_px()),)


def _sentence(score: float, sharper: float) -> str:
    if score > 1.0:
        which = "sharper" if sharper > 0.0 else "softer"
        return f"the face is {which} than hair, jaw and clothes beside it, as after pasting"
    if score < -0.2:
        return "the face is about as sharp as hair, jaw and clothes beside it"
    return "face and surroundings differ in sharpness about as much as in ordinary pictures"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/blur_mismatch.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._cue_training import Cue, train_cue

    tag, file = next(iter(WEIGHTS.items()))
    return train_cue(Cue(measure, NAMES, VERSION, tag, file), recipe, data, out, progress)
