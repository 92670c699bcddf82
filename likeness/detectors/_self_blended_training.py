"""Training of `self_blended` from a recipe: views of twins, the run with its curve, the shipped files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.data.frozen_fakes import SEED as FROZEN_SEED
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import read_items, select_items
from likeness.detectors import _self_blended_network_training as network
from likeness.detectors._cue import spread
from likeness.detectors._self_blended_figures_training import curve_of, figures_of, rounded
from likeness.detectors._self_blended_reconstruction_training import (
    Reconstruction,
    Redrawing,
    redrawn,
    trained,
)
from likeness.detectors._self_blended_tensor_training import (
    TensorMaterial,
    material_of,
    tensor_batches_of,
)
from likeness.detectors._self_blended_twins import KINDS, Draws
from likeness.detectors._self_blended_views_training import Seen, Source, seen_of
from likeness.errors import ConfigError
from likeness.networks.convolutions import Shipped
from likeness.networks.self_blended import SelfBlendedNet
from likeness.registry import config_from
from likeness.training import FitConfig, fit
from likeness.training.exporting import export
from likeness.training.schedules import rise_and_fall
from likeness.types import FloatArray, ImageArray, Progress

CURVE = "curve.jsonl"


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        sources: data sources of the real faces; only those whose terms cover synthesis also give faces to others.
        twins_per_face: pseudo-fakes of each face.
        degraded_share: share of pairs that are degraded (both members alike).
        kinds: which pseudo-fakes it learns from; empty = all.
        redraw_steps: of the autoencoder that draws faces again.
        engine: `cpu` makes pairs beforehand and keeps them; `tensor` makes new ones for every batch on `device`, without faces drawn again and
            without video; slower than the other on a CPU.
        device: torch device of the network and of the engine `tensor`.
        select_faces: at most this many faces of role `select` draw the curve.
        seed: fixes every draw, the initialisation and the batches.
        steps: optimiser steps.
        pairs: twins in a batch.
        learning_rate: the highest; it rises for a thirtieth of the steps, then falls to a hundredth.
        weight_decay: of AdamW.
        average: decay of the moving average of the weights, which is what is shipped.
        precision: `float32`, or `bfloat16` for processors that have it.
        obvious: share of the steps with obvious fakes only; see `Curriculum`.
        by_loss: whether hard kinds then come more often.
        drop_share: of the hard-positive adversary; 0 = none.
        flat: radius of sharpness-aware minimisation in the last steps, see `likeness.training.FitConfig`; 0 = none.
        flat_share: share of the steps, the last ones, in which it counts.
        curve_every_steps: between two points of the curve.
        checkpoint_every_s: seconds between checkpoints.
        role_file: CSV that corrects the roles of unlabelled identities; empty = none.
        cache: folder for found faces; empty = none.
        packs: folder for the views that the network learns from.
        run: folder for checkpoints and curve.
    """

    sources: tuple[str, ...] = ("utkface", "ffhq256")
    twins_per_face: int = 2
    degraded_share: float = 0.5
    kinds: tuple[str, ...] = ()
    redraw_steps: int = 1200
    engine: str = "cpu"
    device: str = "cpu"
    select_faces: int = 400
    seed: int = 11
    steps: int = 3600
    pairs: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    average: float = 0.995
    precision: str = "bfloat16"
    obvious: float = 0.15
    by_loss: bool = True
    drop_share: float = 0.0
    flat: float = 0.0
    flat_share: float = 0.15
    curve_every_steps: int = 200
    checkpoint_every_s: float = 120.0
    role_file: str = ""
    cache: str = "runs/faces"
    packs: str = "runs/packs"
    run: str = "runs/self_blended"

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(KINDS)
        if unknown:
            raise ConfigError(f"kinds: unknown {', '.join(sorted(unknown))}; known: {KINDS}")
        if self.engine not in ("cpu", "tensor") or (self.engine, self.device) == ("cpu", "cuda"):
            raise ConfigError(
                f"engine: expected cpu, or tensor on any device; got {self.engine!r} on {self.device!r}"
            )
        if FROZEN_SEED in (self.seed, self.seed + 1):
            raise ConfigError(f"seed: {FROZEN_SEED} is kept for the frozen test set")


@dataclass(frozen=True)
class Lesson:
    """What is taught.

    Attributes:
        learner: holds the network.
        loss: called as loss(learner, batch).
        maps: name of the graph's first output.
    """

    learner: network.Learner
    loss: Callable[[Any, Any], torch.Tensor]
    maps: str


@dataclass(frozen=True)
class Prepared:
    """What it is taught on.

    Attributes:
        config: the recipe.
        seen: pairs of role `train`.
        check: pairs of role `select`, for the curve.
        sample: (N, 2, 160, 160, 3) uint8 crops, for comparing the graph with the network.
        people: hash of the files that it learns from.
        material: faces of role `train` on the device, for the engine `tensor`; `seen` is then what is checked on.
    """

    config: TrainingConfig
    seen: Seen
    check: Seen
    sample: ImageArray
    people: str
    material: TensorMaterial | None = None


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train on role `train`, draw the curve on role `select`, write network and graph; returns the figures."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    net = SelfBlendedNet(config.seed).to(config.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Lesson(network.Learner(net, config.drop_share), network.loss, "maps")
    return taught(lesson, prepared(config, data, progress), out, progress)


def prepared(config: TrainingConfig, data: Path, progress: Progress | None = None) -> Prepared:
    """The pairs of a recipe, from its folder if they were made before."""
    faces, others = (_faces(data, config, role, progress) for role in ("train", "select"))
    some = [others[i] for i in spread(len(others), config.select_faces)]
    draws = Draws(config.seed, config.twins_per_face, config.degraded_share, config.kinds)
    source = _source(data, faces, config, progress)
    check = seen_of(data, some, Draws(config.seed + 1, 1, 0.5), source, progress)
    people = hashlib.sha256("".join(f.item.sha256 for f in faces).encode()).hexdigest()
    sample = _sample(data, some[:4])
    if config.engine == "tensor":
        material = material_of(data, faces, config.seed, config.device)
        material = replace(material, degraded_share=config.degraded_share)
        return Prepared(config, check, check, sample, people, material)
    return Prepared(config, seen_of(data, faces, draws, source, progress), check, sample, people)


def _source(
    data: Path, faces: Sequence[KnownFace], config: TrainingConfig, progress: Progress | None
) -> Source:
    """Where twins come from; the autoencoder learns when the first face is to be drawn."""
    settings = Reconstruction(config.redraw_steps)
    networks: list[Redrawing] = []

    def draw(some: Sequence[KnownFace]) -> ImageArray:
        if not networks:
            place = Path(config.run) / "redrawing"
            networks.append(trained(data, faces, settings, place, progress))
        return redrawn(networks[0], data, some, progress)

    return Source(Path(config.packs), settings.digest(faces), draw)


def taught(
    lesson: Lesson, on: Prepared, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Run or go on with the run, then write the averaged network into `out`."""
    config, learner = on.config, lesson.learner
    resolved = json.dumps(asdict(config), sort_keys=True)
    run = hashlib.sha256((resolved + on.people).encode()).hexdigest()[:16]
    plan = network.Curriculum(config.steps, config.pairs, config.obvious, config.by_loss)
    watch = curve_of(Path(config.run) / CURVE, on.check, config.curve_every_steps)
    if on.material is None:
        batches = network.batches_of(on.seen, learner, plan)
    else:
        batches = tensor_batches_of(on.material, learner, plan)
    result = fit(learner, lesson.loss, batches, _settings(config, run), progress, watch)
    best = learner if result.average is None else result.average
    assert isinstance(best, network.Learner)
    figures = {"minutes": result.trained_s / 60, "pairs": float(len(on.seen))}
    figures |= figures_of(best.network, on.check)
    facts = {"run": run, "config": resolved, "figures": json.dumps(rounded(figures))}
    looked_at: dict[str, Any] = {"images": on.sample, "phase": _phase(on.sample)}
    error = export(out, Shipped(best.network), looked_at, (lesson.maps, "logit"), facts)
    return {**figures, "onnx_difference": error}


def _settings(config: TrainingConfig, run: str) -> FitConfig:
    return FitConfig(
        steps=config.steps,
        out=Path(config.run) / "checkpoints",
        optimiser=lambda p: torch.optim.AdamW(p, weight_decay=config.weight_decay),
        learning_rate=lambda step: rise_and_fall(step, config.steps, config.learning_rate),
        seed=config.seed,
        checkpoint_every_steps=0,
        checkpoint_every_s=config.checkpoint_every_s,
        clip_norm=5.0,
        run=run,
        precision=config.precision,  # type: ignore[arg-type]
        average=config.average,
        flat=config.flat,
        flat_from=round(config.steps * (1.0 - config.flat_share)),
        prefetch=2,
    )


def _faces(
    data: Path, config: TrainingConfig, role: str, progress: Progress | None
) -> list[KnownFace]:
    items = read_items(data, Path(config.role_file) if config.role_file else None)
    chosen = [
        item
        for source in config.sources
        for item in select_items(items, source=source, role=role, label=0)
    ]
    cache = Path(config.cache) if config.cache else None
    return known_faces(data, chosen, cache, progress=progress)


def _phase(crops: ImageArray) -> FloatArray:
    """(N, 2, 160, 160) float32 phase of (N, 2, 160, 160, 3) crops, as the detector works it out."""
    from likeness.detectors._self_blended_crop import phase_only

    return phase_only(crops.reshape(-1, *crops.shape[2:])).reshape(crops.shape[:-1])


def _sample(data: Path, faces: Sequence[KnownFace]) -> ImageArray:
    """(N, 2, 160, 160, 3) uint8 crops of real faces, for comparing the graph with the network."""
    from likeness.data.known_faces import load_images
    from likeness.detectors._self_blended_crop import crops_of

    cut = [crops_of(load_images(data, f)[0], f.track.landmarks_px[0]) for f in faces]
    return np.stack([[crop.image for crop in some] for some in cut])
