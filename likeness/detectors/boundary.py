"""Detector `boundary`: does something end along the contour of the face, as a pasted face does?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.detectors import _boundary_features as features
from likeness.detectors._boundary_crop import SIZE_PX, crop_of
from likeness.detectors._cue import CueConfig as Config
from likeness.detectors._cue import CueModel, Seen, evidence, look, spans_of, weights_path
from likeness.detectors._usable import Limits, usable_rows
from likeness.errors import WeightsError
from likeness.types import (
    Clip,
    Evidence,
    FaceTrack,
    FloatArray,
    Frame,
    Heatmap,
    ImageArray,
    IndexArray,
    Progress,
    TrackScore,
    check_array,
)

INFO = {
    "summary": "Looks for the line along which a pasted face ends: steps of colour and texture, doubled edges, a small network",
    "cue": "blending boundary",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method after Li et al., Face X-ray, CVPR 2020; trained on self-blends after Shiohara and Yamasaki, CVPR 2022",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "strength_pair": "blend",
    "fitted_on": "stills",
    "known_failures": [
        "faces with more than 164 px between the eyes get no ratio: it learnt from faces half that size, and 20 of 20 real pictures "
        "of CelebA-HQ at 1024 px spoke for manipulation",
        "faces that were generated whole, and frames that a network drew whole, have no boundary",
        "blends with a wide, soft mask and matched colours, and strong recompression, hide the line",
        "make-up, beards, spectacles, masks and hard shadows end in lines too",
    ],
}

WEIGHTS = {"boundary-1": "boundary.safetensors"}
GRAPH = "network.onnx"
NAMES = (*features.NAMES, "boundary that the network sees")
UNITS = (*features.UNITS, "logit")
LARGEST_EYES_PX = 164.0
"""Twice the 95th percentile of the faces that it learnt from (82 px)."""
LEAST_COLOUR = 1.5
"""Mean distance from grey in levels of chroma: a picture below it has no colour."""
_PART = "boundary"
_LIMITS = Limits(eyes_px=20.0, yaw_deg=50.0, pitch_deg=90.0)  # a nod hides none of the contour


def build(config: Config) -> Boundary:
    """Load the weights and build the detector; raises `WeightsError`."""
    path = weights_path(_PART, WEIGHTS, config)
    model = CueModel.load(path, NAMES, features.VERSION)
    return Boundary(config, model, Network.load(path.with_name(GRAPH)))


@dataclass(frozen=True)
class Network:
    """The boundary network in onnxruntime.

    Attributes:
        session: of the graph.
    """

    session: Any

    @classmethod
    def load(cls, path: Path, threads: int = 0) -> Network:
        """Open a graph that the recipe wrote; raises `WeightsError` for anything else."""
        if not path.is_file():
            raise WeightsError(f"{path.name}: there is no such file beside the weights")
        session = weights.session(path, threads)
        inputs = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
        outputs = [o.name for o in session.get_outputs()]
        if inputs != [("images", "tensor(uint8)", [SIZE_PX, SIZE_PX, 3])] or outputs != [
            "boundary",
            "logit",
        ]:
            raise WeightsError(f"{path.name}: not a boundary network; train one with its recipe")
        return cls(session)

    def __call__(self, images: ImageArray) -> tuple[FloatArray, FloatArray]:
        """(N, 160, 160, 3) uint8 crops to (N, 40, 40) float32 boundaries in [0, 1] and (N,) float32 logits."""
        check_array("images", images, (None, SIZE_PX, SIZE_PX, 3), np.uint8)
        drawn, logits = self.session.run(["boundary", "logit"], {"images": images})
        return np.clip(drawn, 0.0, 1.0), np.round(logits, 4)


@dataclass(frozen=True)
class _Looking:
    """Measures faces and keeps what was drawn on them: of every frame, by track and row."""

    network: Network
    maps: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    def __call__(self, frame: Frame, track: FaceTrack, row: int) -> npt.NDArray[np.floating] | None:
        from likeness.faces import corners_px

        crop = crop_of(frame.image, track.landmarks_px[row])
        if crop.landmarks_px is None or _colour(crop.image) < LEAST_COLOUR:
            return None
        drawn, logit = self.network(crop.image[None])
        self.maps[track.track_id, row] = (drawn[0], corners_px(crop))
        return np.append(features.of_crop(crop.image, crop.landmarks_px), logit)


class Boundary:
    """See `INFO`. Score = mean logit over the frames of a face, maximum over faces."""

    def __init__(self, config: Config, model: CueModel, network: Network) -> None:
        self.config = config
        self.model = model
        self.network = network

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of the clip; `not_applicable` without one that is large, frontal and coloured enough."""
        looking = _Looking(self.network)
        found = look(clip, tracks, self.config.frames, looking, _usable)
        if not found:
            return evidence(
                _PART, INFO, self.model.tag, status="not_applicable", note=_why_not(tracks)
            )
        scores = tuple(_within_domain(self.model.track_score(seen), seen) for seen in found)
        best = int(np.argmax([s.score for s in scores]))
        score, seen = scores[best], found[best]
        spans = [
            spans_of(s, f.track.times_s[f.rows], 1.0) for s, f in zip(scores, found, strict=True)
        ]
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=score.score,
            track_id=score.track_id,
            tracks=scores,
            spans=tuple(span for some in spans for span in some),
            heatmaps=(self._heatmap(seen, looking),),
            readings=tuple(r for f in found for r in self.model.readings(f, UNITS)),
            note=_sentence(score.score),
        )

    def _heatmap(self, seen: Seen, looking: _Looking) -> Heatmap:
        top = int(seen.rows[int(np.argmax(self.model.logit(seen.values)))])
        drawn, corners = looking.maps[seen.track.track_id, top]
        return Heatmap(drawn, int(seen.track.frame_indices[top]), seen.track.track_id, corners)


def _usable(track: FaceTrack) -> IndexArray:
    """Rows in which the face was seen, is large enough, not turned away and not cut off."""
    return usable_rows(track, _LIMITS)


def _colour(image: ImageArray) -> float:
    import cv2

    chroma = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) - 128.0
    return float(np.abs(chroma).mean())


def _within_domain(score: TrackScore, seen: Seen) -> TrackScore:
    """Much larger faces than it learnt from are sharper, once reduced, than any that it saw: no ratio for them."""
    eyes = np.median(seen.track.quality.eye_distance_px[seen.rows])
    return replace(score, in_domain=False) if eyes > LARGEST_EYES_PX else score


def _why_not(tracks: Sequence[FaceTrack]) -> str:
    if not tracks:
        return "no face to examine"
    if any(len(_usable(track)) for track in tracks):
        return "the picture has no colour, and half of what this cue compares is colour"
    return "every face is too small, turned too far away or cut off: its contour cannot be followed"


def _sentence(score: float) -> str:
    if score > 1.0:
        return "a line round the face, or round part of it, looks as if a picture had been pasted there"
    if score < -1.0:
        return "no line was seen along which a pasted face would end"
    return "lines round the face are about as marked as in ordinary pictures"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/boundary.toml` says; needs the extra `create` (torch, scikit-learn)."""
    from likeness.detectors._boundary_training import train

    return train(recipe, data, out, progress)
