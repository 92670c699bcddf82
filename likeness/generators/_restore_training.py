"""Training of the restorer: worn parts of real faces in, the same parts as they were out; measured on held-out people.

The loss compares with the true part (pixels, structure, the answers of fixed random convolutions) and, where a recipe asks for
it, with what a patch discriminator takes for recorded; the discriminator is thrown away. No detector has a part in it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from likeness.data.aligned_faces import AlignedFaces, FaceStores, aligned_faces
from likeness.data.restoration_pairs import PairPool, Pairs
from likeness.errors import DataError
from likeness.generators._restore_components import FILE as COMPONENTS_FILE
from likeness.generators._restore_components_training import fit_components
from likeness.generators._restore_settings import RestoreSettings
from likeness.generators._restore_watching import Watch, as_input
from likeness.networks.patch_discriminator import PatchDiscriminator
from likeness.networks.restoration import RandomFeatures, RestorationNet, ShippedRestoration
from likeness.training import FitConfig, FitResult, epoch_indices, fit
from likeness.training.exporting import GRAPH, export
from likeness.training.hooks import RunHooks
from likeness.training.loop import Moment
from likeness.training.losses import (
    LossConfig,
    deceiving_loss,
    discriminator_loss,
    picture_loss,
    total,
)
from likeness.training.run_folder import CHECKPOINTS, write_about
from likeness.training.schedules import rise_and_fall
from likeness.types import FloatArray, ImageArray, IndexArray

_DISCRIMINATOR_RATE = 1.0
FORMAT = "likeness-restore-1"


class Trained(nn.Module):
    """What is trained together: the restorer, and the discriminator where there is one."""

    def __init__(self, network: RestorationNet, judge: PatchDiscriminator | None) -> None:
        super().__init__()
        self.network = network
        self.judge = judge


class RestoreLoss:
    """The loss of a batch; the discriminator's own is part of the sum, with its own gradients."""

    def __init__(self, config: LossConfig, device: str = "cpu") -> None:
        self.config = config
        self.features = RandomFeatures().to(device) if config.perceptual else None

    def __call__(self, trained: Trained, batch: Mapping[str, Any]) -> torch.Tensor:
        """Called by the loop as loss_fn(model, batch)."""
        drawn = trained.network(batch["inputs"])
        drawn = drawn.to(torch.float32, memory_format=torch.contiguous_format)
        wanted = batch["targets"]
        parts = picture_loss(drawn, wanted, batch["areas"], self.config, self.features)
        if trained.judge is not None and batch["step"] >= self.config.adversarial_from // 2:
            judge = trained.judge
            parts["judge"] = discriminator_loss(judge(wanted), judge(drawn.detach())).float()
            weight = self.config.adversarial_weight(batch["step"])
            if weight:  # only the network learns from this
                fixed = {k: v.detach() for k, v in judge.named_parameters()}
                verdict = torch.func.functional_call(judge, fixed, (drawn,))
                parts["adversarial"] = weight * deceiving_loss(verdict).float()
        return total(parts)


def train(settings: RestoreSettings, data: Path, out: Path, hooks: RunHooks) -> dict[str, float]:
    """Train, or go on with the run in `out`, on the faces of a data folder; see `train_on_faces`.

    Args:
        settings: see `RestoreSettings`.
        data: folder with manifest.csv and splits.csv; pictures of role `train` are learned from.
        out: the run folder.
        hooks: see `RunHooks`; records are not asked for: the data set's terms are those of the weights.
    """
    config = settings.training
    stores = FaceStores(Path(config.stores) if config.stores else None, Path(config.packs))
    faces = aligned_faces(data, ["train"], settings.faces, stores, hooks.progress)
    return train_on_faces(settings, faces, out, hooks)


def train_on_faces(
    settings: RestoreSettings, faces: AlignedFaces, out: Path, hooks: RunHooks
) -> dict[str, float]:
    """Train, or go on with the run in `out`; measure; write network.safetensors, network.onnx and components.safetensors.

    Returns:
        Figures on held-out people.

    Raises:
        DataError: too few faces.
        WeightsError: `out` holds a run with other settings or faces.
    """
    config = settings.training
    learn, held = split_rows(faces.groups, config.held_out_share)
    if min(len(learn), len(held)) == 0:
        raise DataError(
            f"{len(learn)} faces to learn from and {len(held)} to measure on; expected some of both"
        )
    run = hashlib.sha256((settings.identity() + faces.sha256).encode()).hexdigest()[:16]
    facts = _facts(settings, faces, (len(learn), len(held)), run)
    write_about(out, facts)
    network = RestorationNet(**_sizes(settings), seed=config.seed)
    watch = Watch(faces, held, settings, out, hooks)
    result = _fit(settings, network, _pool(faces, settings), (learn, faces), out, run, hooks, watch)
    best = network if result.average is None else result.average.network
    assert isinstance(best, RestorationNet)
    row = watch.measure(best, Moment(result.step, result.trained_s, result.loss, best))
    figures = {k: float(v) for k, v in row.items() if math.isfinite(float(v))}
    told = {
        "format": FORMAT,
        "run": run,
        "size_px": str(settings.network.size_px),
        "settings": json.dumps(settings.as_dict(), sort_keys=True),
    }
    sample = watch.sample(settings.network.size_px)
    figures["onnx_difference"] = export(
        out, ShippedRestoration(best), {"images": sample}, ["restored"], told
    )
    if settings.components.entries:
        _fit_components(settings, faces, learn, best, out, told)
    graph = hashlib.sha256((out / GRAPH).read_bytes()).hexdigest()
    write_about(out, {**facts, "graph_sha256": graph, "figures": figures})
    return figures


def _facts(
    settings: RestoreSettings, faces: AlignedFaces, counts: tuple[int, int], run: str
) -> dict[str, Any]:
    return {
        "format": 1,
        "generator": "restore",
        "weights": f"restore-{run}",
        "settings": settings.as_dict(),
        "faces": {"sha256": faces.sha256, "learned": counts[0], "held_out": counts[1]},
        "sources": {s: faces.sources.count(s) for s in sorted(set(faces.sources))},
        "licences": sorted(set(faces.licences)),
    }


def _fit_components(
    settings: RestoreSettings,
    faces: AlignedFaces,
    learn: IndexArray,
    network: RestorationNet,
    out: Path,
    told: Mapping[str, str],
) -> None:
    def restore(images: ImageArray) -> FloatArray:
        with torch.inference_mode():
            drawn = network(as_input(images)).clamp(0.0, 1.0).numpy()
        return np.ascontiguousarray(drawn.transpose(0, 2, 3, 1))

    count = min(settings.components.faces, len(learn))
    rows = learn[np.linspace(0, len(learn) - 1, count).round().astype(int)]
    people = [faces.groups[r] for r in rows]
    known = fit_components(
        (np.array(faces.images[rows]), faces.landmarks_px[rows], people),
        restore,
        settings.network.size_px,
        settings.wear,
        settings.components,
    )
    known.save(out / COMPONENTS_FILE, told)


def split_rows(groups: tuple[str, ...], held_out_share: float) -> tuple[IndexArray, IndexArray]:
    """Rows to learn from and rows to measure on, by identity; a face's side does not depend on the others."""
    drawn = [int(hashlib.sha256(g.encode()).hexdigest()[:8], 16) / 2**32 for g in groups]
    held = np.array(drawn) < held_out_share
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def make_batches(
    settings: RestoreSettings, pool: PairPool, rows: IndexArray, device: str = "cpu"
) -> Callable[[int, np.random.Generator], dict[str, Any]]:
    """Batches for the loop: a function of their number and seed only."""
    config = settings.training

    def batches(number: int, rng: np.random.Generator) -> dict[str, Any]:
        chosen = rows[epoch_indices(number, len(rows), config.batch, config.seed)]
        pairs = pool.draw(chosen, rng, config.part_px)
        return {**as_tensors(pairs, device), "step": number}

    return batches


def as_tensors(pairs: Pairs, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Pairs as (N, 3, S, S) float32 in [0, 1]."""
    return {
        name: torch.from_numpy(getattr(pairs, name)).permute(0, 3, 1, 2).float().div(255).to(device)
        for name in ("inputs", "targets", "areas")
    }


def _sizes(settings: RestoreSettings) -> dict[str, int]:
    names = ("width", "growth", "blocks", "dense", "layers", "fold", "polish")
    return {name: getattr(settings.network, name) for name in names}


def _pool(faces: AlignedFaces, settings: RestoreSettings) -> PairPool:
    config = settings.training
    return PairPool(faces.images, faces.landmarks_px, settings.wear, config.scale, config.grey)


def _fit(
    settings: RestoreSettings,
    network: RestorationNet,
    pool: PairPool,
    rows: tuple[IndexArray, AlignedFaces],
    out: Path,
    run: str,
    hooks: RunHooks,
    watch: Watch,
) -> FitResult:
    config, (learn, faces) = settings.training, rows
    repeats = [config.repeats.get(faces.sources[row], 1) for row in learn]
    judge = PatchDiscriminator(seed=config.seed) if settings.losses.adversarial else None
    trained = Trained(network, judge).to(config.device)
    trained = trained.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return fit(
        trained,
        RestoreLoss(settings.losses, config.device),
        make_batches(settings, pool, np.repeat(learn, repeats), config.device),
        FitConfig(
            steps=config.steps,
            out=out / CHECKPOINTS,
            optimiser=lambda p: torch.optim.Adam(p, lr=1e-3, betas=(0.9, 0.99), fused=True),
            learning_rate=lambda step: rise_and_fall(step, config.steps, config.learning_rate),
            seed=config.seed,
            checkpoint_every_steps=0,
            checkpoint_every_s=config.checkpoint_every_s,
            clip_norm=config.clip_norm,
            run=run,
            precision=config.precision,
            average=config.average,
            limit_s=60 * config.minutes,
            rollbacks=2,
            prefetch=2,
            processes=hooks.processes,
            clock=hooks.clock,
        ),
        hooks.progress,
        watch,
    )
