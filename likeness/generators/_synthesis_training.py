"""Training of a generator of whole faces on the real faces of a data folder, and what comes out of it.

The run folder is as `likeness.training.run_folder` says; what using it needs lies in `generator/`, and the discriminator,
which may be looked at as a detector of this one generator, in `discriminator/`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.data.aligned_faces import AlignedFaces, FaceCut, FaceStores, aligned_faces
from likeness.errors import DataError
from likeness.generators._synthesis_exporting import export_pair
from likeness.generators._synthesis_settings import SynthesisSettings, make_adversaries
from likeness.generators._synthesis_watching import SynthesisWatch
from likeness.training.adversarial import Batch, DuelConfig, duel
from likeness.training.feeding import Batches
from likeness.training.hooks import RunHooks
from likeness.training.loop import epoch_indices
from likeness.training.run_folder import CHECKPOINTS, write_about
from likeness.types import ImageArray, Progress

LEAST_FACES = 64


def train(settings: SynthesisSettings, data: Path, out: Path, hooks: RunHooks) -> dict[str, float]:
    """Train, or go on with the run that lies in `out`.

    Args:
        settings: the recipe, resolved.
        data: folder with manifest.csv and splits.csv.
        out: the run folder.
        hooks: see `RunHooks`; no record is asked for, because nobody's likeness is made.

    Returns:
        The figures of the last measurement.

    Raises:
        DataError: fewer than `LEAST_FACES` faces.
    """
    faces, others = (
        cut_faces(settings, data, role, hooks.progress) for role in ("train", "select")
    )
    if min(len(faces), len(others)) < LEAST_FACES:
        raise DataError(
            f"expected at least {LEAST_FACES} faces to learn from and as many of role select, got {len(faces)} and "
            f"{len(others)}"
        )
    pair = make_adversaries(settings).to(settings.training.device)
    if settings.training.channels_last:
        pair = pair.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size_px = int(pair.generator.size_px)  # type: ignore[arg-type]
    run = hashlib.sha256((settings.identity() + faces.sha256).encode()).hexdigest()[:16]
    facts = _facts(settings, faces, others, run)
    out.mkdir(parents=True, exist_ok=True)
    write_about(out, facts)
    images, held = faces.shrunk(size_px), others.shrunk(size_px)
    watch = SynthesisWatch(settings, images, held, out, hooks)
    batches = batches_of(settings, images, int(pair.generator.latent))  # type: ignore[arg-type]
    result = duel(pair, batches, _config(settings, out, run, hooks), hooks.progress, watch)
    row = watch.at_end(result, pair)
    told = {"run": run, "settings": settings.identity()}
    differences = export_pair(out, settings.generator, result.generator, pair.discriminator, told)
    figures = {k: float(v) for k, v in row.items() if _is_number(v)} | differences
    write_about(out, {**facts, "figures": figures, "advice": watch.advice})
    return figures


def cut_faces(
    settings: SynthesisSettings, data: Path, role: str, progress: Progress | None = None
) -> AlignedFaces:
    """The faces of a role, cut as the recipe says."""
    config = settings.training
    cut = FaceCut(config.cut_px, config.margin, config.sources, config.role_file)
    stores = FaceStores(Path(config.cache) if config.cache else None, Path(config.packs))
    return aligned_faces(data, [role], cut, stores, progress)


def batches_of(settings: SynthesisSettings, images: ImageArray, latent: int) -> Batches:
    """Batches of faces, half of them mirrored, and of latents."""
    config = settings.training

    def batches(number: int, rng: np.random.Generator) -> Batch:
        rows = epoch_indices(number, len(images), config.batch, config.seed)
        picked = images[rows].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1.0
        latents = rng.standard_normal((len(rows), latent), np.float32)
        mirrored = rng.random(len(rows)) < 0.5
        if config.flip:
            picked[mirrored] = picked[mirrored, :, :, ::-1]
        real = torch.from_numpy(np.ascontiguousarray(picked)).to(config.device)
        if config.channels_last:
            real = real.contiguous(memory_format=torch.channels_last)
        return Batch(real, torch.from_numpy(latents).to(config.device))

    return batches


def _config(settings: SynthesisSettings, out: Path, run: str, hooks: RunHooks) -> DuelConfig:
    config = settings.training
    return DuelConfig(
        steps=config.steps,
        out=out / CHECKPOINTS,
        rates=config.rates,
        betas=config.betas,
        rules=config.rules(),
        seed=config.seed,
        run=run,
        checkpoint_every_s=config.checkpoint_every_s,
        precision=config.precision,
        average=config.average,
        limit_s=60.0 * config.minutes,
        clock=hooks.clock,
    )


def _facts(
    settings: SynthesisSettings, faces: AlignedFaces, others: AlignedFaces, run: str
) -> dict[str, Any]:
    """What run.json says of the run; the terms of the pictures go with the weights."""
    return {
        "format": 1,
        "generator": settings.generator,
        "weights": f"{settings.generator}-{run}",
        "settings": settings.as_dict(),
        "learned_from": {
            "sha256": faces.sha256,
            "faces": len(faces),
            "people": len(set(faces.groups)),
            "sources": dict(sorted(Counter(faces.sources).items())),
            "licences": sorted(set(faces.licences)),
            "basis": "dataset_terms",
        },
        "held_out": {"sha256": others.sha256, "faces": len(others)},
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
