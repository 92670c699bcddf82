"""Fit the sharpness part of `mouth` on real faces and self-blends of the mouth or of the lower face."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from likeness import weights
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import read_items, select_items
from likeness.data.pairs import Pair, item_seed, make_pair, roughen_pair
from likeness.data.pseudo_fakes import PseudoFakeConfig
from likeness.detectors._cue import spread
from likeness.detectors._cue_training import Cue, TrainingConfig, fit
from likeness.detectors._mouth_sharpness import NAMES, VERSION, RealFaces, contrasts
from likeness.detectors.mouth import WEIGHTS, frontal_rows
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.types import DoubleArray, Progress

_FAMILIES = ("mouth", "lower_face")
_DRAWS = 12  # half of the parts fit: one face in four thousand finds none


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Fit on role `train`, measure on role `select`, write the weights; returns the figures."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    tag = next(iter(WEIGHTS))
    real, fake = pair_contrasts(config, data, "train", progress)
    norm = RealFaces.fit(real)
    cue = Cue(_no_measure, NAMES, VERSION, tag, WEIGHTS[tag])
    model = fit(cue, _numbers(norm, real), _numbers(norm, fake), config.regularisation)
    check_real, check_fake = pair_contrasts(config, data, "select", progress)
    both = np.concatenate([_numbers(norm, check_real), _numbers(norm, check_fake)])
    labels = np.repeat([0, 1], [len(check_real), len(check_fake)])
    figures = {
        "auc_select": auc(model.logit(both), labels),
        "pairs": float(len(real)),
        "pairs_select": float(len(check_real)),
    }
    resolved = json.dumps(asdict(config), sort_keys=True)
    words = {
        "config": resolved,
        "config_hash": hashlib.sha256(resolved.encode()).hexdigest()[:16],
        "figures": json.dumps({k: round(v, 4) for k, v in figures.items()}),
    }
    path = out / WEIGHTS[tag]
    model.save(path, VERSION, words)
    arrays, metadata = weights.load_arrays(path)
    weights.save_arrays(path, {**arrays, **norm.to_arrays()}, metadata)
    return figures


def pair_contrasts(
    config: TrainingConfig, data: Path, role: str, progress: Progress | None
) -> tuple[DoubleArray, DoubleArray]:
    """((N, 6), (N, 6)) contrasts of real faces and of their twins with another mouth or lower face."""
    items = read_items(data, Path(config.role_file) if config.role_file else None)
    every = select_items(items, source=config.source, role=role)
    chosen = [every[i] for i in spread(len(every), config.faces or len(every))]
    store = Path(config.cache) if config.cache else None
    known = known_faces(data, chosen, store, progress=progress)
    faces = [face for face in known if len(frontal_rows(face.track))]
    found = []
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        one = partial(_pair, data, config)
        for done, values in enumerate(pool.map(one, faces, chunksize=16)):
            if values is not None:
                found.append(values)
            if progress:
                progress(f"pairs for {role}", done + 1, len(faces))
    stacked = np.stack(found)
    return stacked[:, 0], stacked[:, 1]


def _pair(data: Path, config: TrainingConfig, face: KnownFace) -> DoubleArray | None:
    """(2, 6) contrasts of the real face and of its twin."""
    import cv2

    cv2.setNumThreads(1)  # one process per core already
    pair = _lower_pair(data, face, config.seed)
    if pair is None:
        return None
    rng = np.random.default_rng([*item_seed(face, config.seed), 7])
    if rng.random() < config.degraded_share:
        pair = roughen_pair(pair, rng)
    points = pair.track.landmarks_px[0]
    real, fake = contrasts(pair.real[0], points), contrasts(pair.fake[0], points)
    return None if real is None or fake is None else np.stack([real[0], fake[0]])


def _lower_pair(data: Path, face: KnownFace, seed: int) -> Pair | None:
    only = PseudoFakeConfig().only("self_blend_part")
    for draw in range(_DRAWS):
        pair = make_pair(data, face, seed + 1000 * draw, only)
        if pair.recipe.get("family") in _FAMILIES:
            return pair
    return None


def _numbers(norm: RealFaces, values: DoubleArray) -> DoubleArray:
    return np.stack([norm.numbers(row) for row in values])


def _no_measure(*_: Any) -> None:
    """A cue names its measure; this one is fitted on contrasts that were measured in pairs."""
