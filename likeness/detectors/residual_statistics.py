"""Detector `residual_statistics`: does the face carry the same noise, sharpness and colour statistics as its surroundings?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.detectors import _residual_features as features
from likeness.errors import WeightsError
from likeness.scoring.models import LinearModel, TreeEnsemble
from likeness.types import Clip, Evidence, FaceTrack, Heatmap, Progress, TrackScore

INFO = {
    "summary": "Compares residual, contrast and colour statistics of the face with its surroundings",
    "cue": "residual statistics",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own method after Li and Lyu 2019 (FWA), Li et al. 2020 (Face X-ray) and Shiohara and Yamasaki 2022 "
    "(self-blended images)",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace pictures, whose terms carry over",
    "strength_pair": "blend",
    "known_failures": [
        "faces that were generated whole (GAN, diffusion) are more uniform than photographs and score as genuine",
        "strong recompression and shrinking below 64 px between the eyes remove the traces it looks for",
        "make-up, beautifying filters and shallow depth of field look like blending",
        "good blends of one camera's footage onto itself pass",
    ],
}

WEIGHTS = {"residual_statistics-1": "residual_statistics.safetensors"}
_PART = "residual_statistics"


@dataclass(frozen=True)
class Config:
    """Options of the detector.

    Attributes:
        frames: at most this many frames of a track are scored, evenly spread.
        weights: path of a safetensors file of the same recipe; empty = the shipped one.
    """

    frames: int = 32
    weights: str = ""


def build(config: Config) -> ResidualStatistics:
    """Load the weights and build the detector; raises `WeightsError`."""
    path = (
        Path(config.weights)
        if config.weights
        else weights.path_of(_PART, WEIGHTS["residual_statistics-1"])
    )
    return ResidualStatistics(config, Model.load(path))


@dataclass(frozen=True)
class Model:
    """A logistic regression and a boosted ensemble on the same features; the score is the mean of their logits."""

    linear: LinearModel
    trees: TreeEnsemble
    tag: str

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a safetensors file written by `save`; raises `WeightsError` for anything else."""
        arrays, metadata = weights.load_arrays(path)
        if metadata.get("features") != features.VERSION:
            raise WeightsError(
                f"{path.name}: expected features {features.VERSION}, got {metadata.get('features')!r}; "
                f"retrain with recipes/residual_statistics.toml"
            )
        return cls(
            LinearModel.from_arrays(arrays, "linear."),
            TreeEnsemble.from_arrays(arrays, "trees."),
            metadata.get("tag", path.stem),
        )

    def save(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write atomically as safetensors."""
        arrays = {**self.linear.to_arrays("linear."), **self.trees.to_arrays("trees.")}
        weights.save_arrays(
            path, arrays, {**metadata, "features": features.VERSION, "tag": self.tag}
        )

    def logit(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(N, F) features to (N,) logits of "manipulated"."""
        return np.round(0.5 * (self.linear.logit(x) + self.trees.logit(x)), 9)


class ResidualStatistics:
    """See `INFO`. Score = mean logit over the scored frames of a track, maximum over tracks."""

    def __init__(self, config: Config, model: Model) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of the clip; `not_applicable` without faces."""
        found = [s for s in (self._score_track(clip, track) for track in tracks) if s is not None]
        if not found:
            return _evidence(
                status="not_applicable", weights=self.model.tag, note="no face to examine"
            )
        score, heatmap = max(found, key=lambda pair: pair[0].score)
        return _evidence(
            status="scored",
            weights=self.model.tag,
            score=score.score,
            track_id=score.track_id,
            tracks=tuple(pair[0] for pair in found),
            heatmaps=(heatmap,),
            note=_sentence(score.score),
        )

    def _score_track(self, clip: Clip, track: FaceTrack) -> tuple[TrackScore, Heatmap] | None:
        from likeness.faces import corners_px

        seen = np.flatnonzero(~track.bridged)
        if not len(seen):
            return None
        rows = seen[
            np.unique(np.linspace(0, len(seen) - 1, min(self.config.frames, len(seen))).astype(int))
        ]
        row_of = {int(track.frame_indices[row]): row for row in rows}
        indices, x, corners = [], [], []
        for frame in clip.frames.at(row_of):  # a damaged frame is left out
            values, crop = features.of_face(frame.image, track.landmarks_px[row_of[frame.index]])
            indices.append(frame.index)
            x.append(values)
            corners.append(corners_px(crop))
        if not x:
            return None
        stacked = np.stack(x)
        logits = self.model.logit(stacked)
        score = TrackScore(
            track.track_id,
            float(logits.mean()),
            np.array(indices, np.int64),
            logits.astype(np.float32),
        )
        top = int(np.argmax(logits))
        cells = features.cell_contributions(self.model.linear, stacked[top])
        return score, Heatmap(cells, indices[top], track.track_id, corners[top])


def _evidence(**values: Any) -> Evidence:
    return Evidence(detector=_PART, cue=str(INFO["cue"]), question="blended", **values)


def _sentence(score: float) -> str:
    if score > 0.5:
        return (
            "noise, sharpness or colour of the face differ from its surroundings, as after pasting"
        )
    if score < -0.5:
        return "the face shares the noise, sharpness and colour statistics of its surroundings"
    return "the statistics of the face and of its surroundings differ about as much as in ordinary pictures"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/residual_statistics.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._residual_training import train

    return train(recipe, data, out, progress)
