"""Training of `boundary`: its network on most of the training identities, the weights of its score on the others."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import read_items, select_items
from likeness.detectors import _boundary_features as features
from likeness.detectors import _boundary_network_training as network
from likeness.detectors._boundary_pack import Draws, cells, pack_of, twins_of
from likeness.detectors._cue import spread
from likeness.detectors._cue_training import Cue, fit
from likeness.detectors.boundary import GRAPH, NAMES, WEIGHTS, Network
from likeness.networks.boundary import BoundaryNet
from likeness.networks.convolutions import Shipped
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.training import FitConfig
from likeness.training.exporting import export
from likeness.training.schedules import rise_and_fall
from likeness.types import DoubleArray, FloatArray, Progress

_BATCH = 32


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        source: data source of the real faces.
        twins_per_face: pseudo-fakes of each face that the network learns from.
        held_out_share: share of the training identities that the network never sees; the score is fitted on them.
        fit_faces: at most this many of the held-out faces fit the score.
        degraded_share: share of pairs that are degraded (both members alike).
        seed: fixes every draw, the initialisation and the batches.
        steps: optimiser steps.
        pairs: twins in a batch.
        learning_rate: the highest; it rises for a twentieth of the steps, then falls to a hundredth.
        weight_decay: of AdamW.
        average: decay of the moving average of the weights, which is what is shipped.
        precision: `float32`, or `bfloat16` for processors that have it.
        checkpoint_every_s: seconds between checkpoints.
        regularisation: C of the logistic regression.
        role_file: CSV that corrects the roles of unlabelled identities; empty = none.
        cache: folder for found faces; empty = none.
        packs: folder for the crops that the network learns from.
        run: folder for the checkpoints.
    """

    source: str = "utkface"
    twins_per_face: int = 1
    held_out_share: float = 0.2
    fit_faces: int = 600
    degraded_share: float = 0.7
    seed: int = 1
    steps: int = 900
    pairs: int = 16
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    average: float = 0.99
    precision: str = "bfloat16"
    checkpoint_every_s: float = 60.0
    regularisation: float = 0.1
    role_file: str = ""
    cache: str = "runs/faces"
    packs: str = "runs/packs"
    run: str = "runs/boundary"


@dataclass(frozen=True)
class Examples:
    """What was measured on N pairs: row i of `real` and of `fake` belong together.

    Attributes:
        real: (N, K) numbers of real faces, the network's logit last.
        fake: (N, K) numbers of their twins.
        correlation: mean correlation of the map that the network drew with the boundary of the blend.
    """

    real: DoubleArray
    fake: DoubleArray
    correlation: float

    def auc(self, columns: int | slice) -> float:
        """How well one number tells twins from reals."""
        values = np.concatenate([self.real[:, columns], self.fake[:, columns]])
        return auc(values, np.repeat([0, 1], [len(self.real), len(self.fake)]))


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train the network, or go on with its run, then fit the score; measure on role `select`; write the weights."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    learn, rest = _split(_faces(data, config, "train", progress), config.held_out_share)
    figures = train_network(config, data, learn, out, progress)
    seen = Network.load(out / GRAPH)
    draws = Draws(config.seed + 1, 1, config.degraded_share)
    some = [rest[i] for i in spread(len(rest), config.fit_faces)]
    fitted = examples(data, some, draws, seen, progress)
    check = examples(data, _faces(data, config, "select", progress), draws, seen, progress)
    tag = next(iter(WEIGHTS))
    cue = Cue(features.of_crop, NAMES, features.VERSION, tag, WEIGHTS[tag])  # type: ignore[arg-type]
    model = fit(cue, fitted.real, fitted.fake, config.regularisation)
    both = np.concatenate([check.real, check.fake])
    labels = np.repeat([0, 1], [len(check.real), len(check.fake)])
    figures |= {
        "auc_select": auc(model.logit(both), labels),
        "auc_select_network": check.auc(len(NAMES) - 1),
        "correlation_select": check.correlation,
        "pairs_fitted": float(len(fitted.real)),
        "pairs_select": float(len(check.real)),
    }
    resolved = json.dumps(asdict(config), sort_keys=True)
    words = {
        "config": resolved,
        "config_hash": hashlib.sha256(resolved.encode()).hexdigest()[:16],
        "figures": json.dumps({k: round(v, 4) for k, v in figures.items()}),
    }
    model.save(out / cue.file, cue.version, words)
    return figures


def train_network(
    config: TrainingConfig,
    data: Path,
    faces: Sequence[KnownFace],
    out: Path,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Train on twins of these faces and write the network into `out`; a run that was stopped goes on."""
    draws = Draws(config.seed, config.twins_per_face, config.degraded_share)
    pack = pack_of(data, faces, draws, Path(config.packs), progress)
    net = BoundaryNet(config.seed)
    keys = ("seed", "steps", "pairs", "learning_rate", "weight_decay", "average", "precision")
    chosen = {key: getattr(config, key) for key in keys}
    about = json.dumps({**chosen, "pairs_in_pack": len(pack) // 2, "draws": str(draws)})
    run = hashlib.sha256((about + "".join(f.item.sha256 for f in faces)).encode()).hexdigest()[:16]
    result = network.learn(
        net,
        pack,
        FitConfig(
            steps=config.steps,
            out=Path(config.run) / "checkpoints",
            optimiser=lambda p: torch.optim.AdamW(p, weight_decay=config.weight_decay),
            learning_rate=lambda step: rise_and_fall(
                step, config.steps, config.learning_rate, rise=0.05
            ),
            seed=config.seed,
            checkpoint_every_steps=0,
            checkpoint_every_s=config.checkpoint_every_s,
            clip_norm=5.0,
            run=run,
            precision=config.precision,  # type: ignore[arg-type]
            average=config.average,
            prefetch=2,
        ),
        config.pairs,
        progress,
    )
    best = net if result.average is None else result.average
    assert isinstance(best, BoundaryNet)
    sample = np.array(pack.images[:8])
    error = export(
        out,
        Shipped(best),
        {"images": sample},
        ("boundary", "logit"),
        {"run": run, "settings": about},
    )
    figures = {"minutes": result.trained_s / 60, "pairs_learned": float(len(pack) // 2)}
    if math.isfinite(result.loss):  # a run that was finished before made no step now
        figures["loss"] = result.loss
    return {**figures, "onnx_difference": error}


def examples(
    data: Path,
    faces: Sequence[KnownFace],
    draws: Draws,
    seen: Network,
    progress: Progress | None = None,
) -> Examples:
    """The numbers of pairs made of these faces."""
    numbers: list[list[FloatArray]] = [[], []]
    drawn, wanted = [], []
    twins = twins_of(data, faces, draws, progress)
    while some := list(islice(twins, _BATCH)):
        landmarks = [pair.landmarks_px for pair in some]
        for side, crops in enumerate(zip(*((p.real, p.fake) for p in some), strict=True)):
            maps, logits = seen(np.stack(crops))
            own = [features.of_crop(c, lm) for c, lm in zip(crops, landmarks, strict=True)]
            numbers[side].append(np.column_stack([np.stack(own), logits]))
            if side:
                drawn.append(maps)
        wanted.append(cells(np.stack([pair.mask for pair in some])))
    real, fake = (np.concatenate(n).astype(np.float64) for n in numbers)
    good = np.isfinite(real).all(axis=1) & np.isfinite(fake).all(axis=1)
    fit_to = network.correlation(np.concatenate(drawn), np.concatenate(wanted))
    return Examples(real[good], fake[good], fit_to)


def _faces(
    data: Path, config: TrainingConfig, role: str, progress: Progress | None
) -> list[KnownFace]:
    items = read_items(data, Path(config.role_file) if config.role_file else None)
    chosen = select_items(items, source=config.source, role=role)
    return known_faces(
        data, chosen, Path(config.cache) if config.cache else None, progress=progress
    )


def _split(
    faces: Sequence[KnownFace], held_out_share: float
) -> tuple[list[KnownFace], list[KnownFace]]:
    """Faces to learn from and faces held out, by identity; a face's side does not depend on the others."""

    def held(face: KnownFace) -> bool:
        digest = hashlib.sha256(face.item.group.encode()).hexdigest()
        return int(digest[:8], 16) / 2**32 < held_out_share

    return [f for f in faces if not held(f)], [f for f in faces if held(f)]
