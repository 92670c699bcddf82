"""Fit the shape model of `head_pose` on real faces, and say honestly what it is worth on pseudo-fakes of others.

Pseudo-fakes leave the landmarks of a pair as they are; here they are found anew on both members, or there would be
nothing to compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import read_items, select_items
from likeness.detectors._cue import CueModel, spread
from likeness.detectors._cue_training import TrainingConfig, pair_values
from likeness.detectors._head_shape import NAMES, VERSION, HeadShape, pose_difference
from likeness.detectors.head_pose import WEIGHTS, frontal_rows
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.scoring.models import LinearModel
from likeness.types import DoubleArray, FaceTrack, Frame, Progress

if TYPE_CHECKING:
    from likeness.faces import FaceModels

_WEIGHTS = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)  # per standard deviation: the unusual numbers, alike
_INTERCEPT = -2.0
_PAIRS = 400
_SIZE_WH = (200, 200)


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Fit on role `train`, measure on role `select`, write the weights; returns the figures."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    known = _frontal(config, data, "train", progress)
    landmarks = np.stack([face.track.landmarks_px[0] for face in known])
    apart = [pose_difference(points, _SIZE_WH) for points in landmarks]
    shape = HeadShape.fit(landmarks, np.stack([a for a in apart if a is not None]))
    model = fixed_model(shape, landmarks)
    check = TrainingConfig(**{**asdict(config), "faces": _PAIRS})
    real, fake = pair_values(Anew(shape), check, data, "select", progress)
    labels = np.repeat([0, 1], [len(real), len(fake)])
    figures = {"auc_select": auc(model.logit(np.concatenate([real, fake])), labels)}
    for k, word in enumerate(("turn", "shift", "size", "pose", "shape", "left_over")):
        figures[f"auc_select_{word}"] = auc(np.concatenate([real[:, k], fake[:, k]]), labels)
    figures |= {"faces": float(len(landmarks)), "pairs_select": float(len(real))}
    _write(out / WEIGHTS["head_pose-1"], model, shape, config, figures)
    return figures


def fixed_model(shape: HeadShape, landmarks_px: npt.NDArray[np.floating]) -> CueModel:
    """Fixed weights on standardised numbers: the unusual ones count alike, the plain ones are only shown."""
    measured = [shape.numbers(points, _SIZE_WH) for points in landmarks_px]
    values: DoubleArray = np.stack([m for m in measured if m is not None])
    linear = LinearModel(values.mean(axis=0), values.std(axis=0), np.array(_WEIGHTS), _INTERCEPT)
    usual = np.ascontiguousarray(np.percentile(values, [5, 95], axis=0).T)
    return CueModel(NAMES, linear, usual, next(iter(WEIGHTS)))


@dataclass(frozen=True)
class Anew:
    """A measure (see `_cue.Measure`) that looks for the landmarks in the picture itself, from where they were."""

    shape: HeadShape

    def __call__(self, frame: Frame, track: FaceTrack, row: int) -> DoubleArray | None:
        """(6,) numbers of the face as it is now."""
        from likeness.faces.finding import mesh_on, mesh_square

        if row not in frontal_rows(track):
            return None
        points = track.landmarks_px[row]
        for _ in range(2):
            points = mesh_on(frame.image, [mesh_square(points)], _models())[0][0]
        return self.shape.numbers(points, (frame.image.shape[1], frame.image.shape[0]))


@cache
def _models() -> FaceModels:
    from likeness.faces import FaceModels

    return FaceModels(threads=1)


def _frontal(
    config: TrainingConfig, data: Path, role: str, progress: Progress | None
) -> list[KnownFace]:
    items = read_items(data, Path(config.role_file) if config.role_file else None)
    every = select_items(items, source=config.source, role=role)
    chosen = [every[i] for i in spread(len(every), config.faces or len(every))]
    store = Path(config.cache) if config.cache else None
    found = known_faces(data, chosen, store, progress=progress)
    return [face for face in found if len(frontal_rows(face.track))]


def _write(
    path: Path, model: CueModel, shape: HeadShape, config: TrainingConfig, figures: dict[str, float]
) -> None:
    resolved = json.dumps(asdict(config), sort_keys=True)
    words = {
        "config": resolved,
        "config_hash": hashlib.sha256(resolved.encode()).hexdigest()[:16],
        "figures": json.dumps({k: round(v, 4) for k, v in figures.items()}),
    }
    model.save(path, VERSION, words)
    arrays, metadata = weights.load_arrays(path)
    weights.save_arrays(path, {**arrays, **shape.to_arrays()}, metadata)
