"""Training of an autoencoder on two face sets: checks, batches, loss, figures, previews, export."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.data.face_sets import FaceSet, consent_as_dict
from likeness.data.warps import STILL, FacePool
from likeness.errors import DataError
from likeness.generators._autoencoder_loss import Pair, SwapLoss, features_of
from likeness.generators._autoencoder_measuring import as_tensor, coloured, split_rows
from likeness.generators._autoencoder_run import ModelFacts, export
from likeness.generators._autoencoder_settings import RunSettings, make_network
from likeness.generators._autoencoder_watching import RunWatch
from likeness.networks.autoencoder_blocks import SIDES, Side, SwapNetwork
from likeness.networks.patch_discriminator import PatchDiscriminator
from likeness.training import FitConfig, FitResult, epoch_indices, fit
from likeness.training.hooks import RunHooks
from likeness.training.run_folder import CHECKPOINTS, GRAPH, read_metrics, write_about

LEAST_FACES = 16
"""Fewer faces of one identity than this cannot be split into learned and held-out ones."""
_DISCRIMINATOR_RATE = 2.0  # times the autoencoder's, as the swap GANs had it


def train(
    settings: RunSettings, source: FaceSet, target: FaceSet, out: Path, hooks: RunHooks
) -> dict[str, float]:
    """Train, or go on with the run in `out`, measure, and export what `build` reads.

    Args:
        settings: see `RunSettings`.
        source: faces of the identity that is to appear.
        target: faces of the person in the footage.
        out: the run folder.
        hooks: see `RunHooks`.

    Returns:
        Figures on held-out faces; of several processes the first one measures, and writes everything.

    Raises:
        ConsentError: the records do not cover the run.
        DataError: too few faces, or sets that do not fit together.
        WeightsError: `out` holds a run with other settings or faces.
    """
    hooks.allow((source.consent, target.consent))
    _check(source, target)
    config = settings.training
    sets: dict[Side, FaceSet] = {"source": source, "target": target}
    splits = {
        s: split_rows(f, config.held_out_share, config.held_out_files) for s, f in sets.items()
    }
    for side, (learn, kept_out) in splits.items():
        if min(len(learn), len(kept_out)) == 0:
            raise DataError(
                f"{side}: {len(learn)} faces to learn from and {len(kept_out)} to measure on; expected some of both: "
                f"check held_out_files and held_out_share"
            )
    pools = {
        s: FacePool(f.images[splits[s][0]], f.landmarks_px[splits[s][0]], config.coverage)
        for s, f in sets.items()
    }
    network = make_network(settings.generator, settings.network, config.seed)
    for side in SIDES:
        network.start_from(side, torch.from_numpy(pools[side].mean(network.output_px)))
    identity = settings.identity() + "".join(fingerprint(f) for f in sets.values())
    run_hash = hashlib.sha256(identity.encode()).hexdigest()[:16]
    facts = _facts(settings, sets, {s: len(rows) for s, (_, rows) in splits.items()}, run_hash)
    if hooks.processes.first:
        write_about(out, facts)
    learned, held = ({s: sets[s].take(splits[s][i]) for s in SIDES} for i in (0, 1))
    watch = RunWatch(settings, held, learned, out, hooks)
    watch.rows = read_metrics(out)
    result = _fit(settings, network, pools, (out, run_hash), hooks, watch)
    if not hooks.processes.first:
        return {"step": float(result.step)}
    return _finish(settings, result, network, watch, facts, out, source.margin)


def fingerprint(faces: FaceSet) -> str:
    """Hex digest of the faces that a set holds, so that a run never resumes on others."""
    digest = hashlib.sha256(
        np.ascontiguousarray(faces.images[:: max(1, len(faces) // 64)]).tobytes()
    )
    digest.update(np.ascontiguousarray(faces.landmarks_px).tobytes())
    return digest.hexdigest()


def make_batches(
    settings: RunSettings,
    pools: Mapping[Side, FacePool],
    sizes_px: tuple[int, int],
    processes: int = 1,
) -> Callable[[int, np.random.Generator], dict[str, Any]]:
    """Batches of both identities for the loop of each of so many processes."""
    config = settings.training

    def batches(number: int, rng: np.random.Generator) -> dict[str, Any]:
        drawn = []
        for index, side in enumerate(SIDES):
            pool, other = pools[side], pools[SIDES[1 - index]]
            rows = _rows(number, len(pool), config.batch, config.seed + index)
            shown = pool.draw(rows, rng, settings.warp, sizes_px, other)
            drawn.append(coloured(shown, config.device))
        inputs, targets, regions = zip(*drawn, strict=True)
        return {
            "inputs": inputs,
            "targets": targets,
            "regions": regions,
            "step": number // (config.accumulate * processes),
        }

    return batches


def _rows(number: int, count: int, batch: int, seed: int) -> np.ndarray:
    """(batch,) rows, each once an epoch; sets smaller than a batch are gone through several times."""
    if count >= batch:
        return epoch_indices(number, count, batch, seed)
    return np.resize(epoch_indices(number, count, count, seed), batch)


def _fit(
    settings: RunSettings,
    network: SwapNetwork,
    pools: Mapping[Side, FacePool],
    place: tuple[Path, str],
    hooks: RunHooks,
    watch: RunWatch,
) -> FitResult:
    config, (out, run_hash) = settings.training, place
    judge = PatchDiscriminator(seed=config.seed) if settings.losses.adversarial else None
    layout = torch.channels_last
    pair = Pair(network, judge).to(config.device).to(memory_format=layout)  # type: ignore[call-overload]
    return fit(
        pair,
        SwapLoss(settings.losses, features_of(config.perceptual_from, settings.losses)),
        make_batches(settings, pools, (network.input_px, network.output_px), hooks.processes.count),
        FitConfig(
            steps=config.steps,
            out=out / CHECKPOINTS,
            optimiser=lambda _: _optimiser(pair),
            learning_rate=config.rate,
            seed=config.seed,
            checkpoint_every_steps=0,
            checkpoint_every_s=config.checkpoint_every_s,
            clip_norm=config.clip_norm,
            run=run_hash,
            accumulate=config.accumulate,
            precision=config.precision,  # type: ignore[arg-type]
            average=config.average,
            limit_s=60 * config.minutes,
            rollbacks=config.rollbacks,
            prefetch=2,
            processes=hooks.processes,
            clock=hooks.clock,
        ),
        hooks.progress,
        watch,
    )


def _optimiser(pair: Pair) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": list(pair.network.parameters()), "rate_scale": 1.0}]
    if pair.discriminator is not None:
        groups.append(
            {"params": list(pair.discriminator.parameters()), "rate_scale": _DISCRIMINATOR_RATE}
        )
    return torch.optim.Adam(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)


def _finish(
    settings: RunSettings,
    result: FitResult,
    network: SwapNetwork,
    watch: RunWatch,
    facts: dict[str, Any],
    out: Path,
    margin: float,
) -> dict[str, float]:
    best = network if result.average is None else result.average.network
    assert isinstance(best, SwapNetwork)
    row = watch.measure_at_end(best, result)
    sample = watch.held["target"].pool.draw(
        np.arange(min(4, len(watch.held["target"].pool))),
        np.random.default_rng(0),
        STILL,
        (network.input_px, network.output_px),
    )
    images = np.ascontiguousarray(as_tensor(sample.inputs, "cpu").numpy())
    told = ModelFacts(
        settings.generator,
        network.input_px,
        network.output_px,
        network.has_mask,
        settings.training.coverage,
        margin,
        result.step,
    )
    error = export(out, best, told, images)
    figures = {
        k: float(v) for k, v in row.items() if isinstance(v, int | float) and math.isfinite(v)
    }
    figures |= {"onnx_difference": error, "rollbacks": float(result.rollbacks)}
    # of this process: the share of the time that the loop waited for batches
    figures["waited_share"] = result.waited_s / max(result.seconds, 1e-9)
    # binds the graph to the records it was trained under: another graph in its place is refused
    facts = {**facts, "graph_sha256": hashlib.sha256((out / GRAPH).read_bytes()).hexdigest()}
    write_about(out, {**facts, "figures": figures, "error_map": watch.maps, "advice": watch.advice})
    return figures


def _check(source: FaceSet, target: FaceSet) -> None:
    for side, faces in (("source", source), ("target", target)):
        if len(faces) < LEAST_FACES:
            raise DataError(
                f"{side}: expected at least {LEAST_FACES} faces (a few hundred for a usable model), got {len(faces)}"
            )
    if source.margin != target.margin:
        raise DataError(
            f"source and target were cut with different margins ({source.margin} and {target.margin}); extract one of "
            "them again"
        )


def _facts(
    settings: RunSettings, sets: Mapping[Side, FaceSet], held: Mapping[Side, int], run_hash: str
) -> dict[str, Any]:
    return {
        "format": 1,
        "generator": settings.generator,
        "weights": f"{settings.generator}-{run_hash}",
        "settings": settings.as_dict(),
        "consents": [consent_as_dict(f.consent) for f in sets.values()],
        "face_sets": {
            side: {
                "folder": str(f.about.get("folder", "")),
                "sha256": f.sha256,
                "fingerprint": fingerprint(f),
                "faces": len(f),
                "held_out": held[side],
                "size_px": f.size_px,
                "margin": f.margin,
                "consent_id": f.consent_id,
            }
            for side, f in sets.items()
        },
    }
