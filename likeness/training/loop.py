"""The training loop: `fit` steps a torch module down a loss and can be killed at any moment.

Whatever depends on time depends on the step number alone: the learning rate, and the batch, which is drawn from a random
generator that is seeded by (seed, step). So a checkpoint needs the model, the optimiser, torch's random state and the
step; a run that is killed and started again ends with the same bits as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.errors import LikenessError
from likeness.training.checkpoints import latest, restore, write
from likeness.types import IndexArray, Progress

Batches = Callable[[int, np.random.Generator], Any]
"""Called as batches(step, rng): the batch of a step, a function of its arguments only."""
LossFunction = Callable[[Any, Any], torch.Tensor]
"""Called as loss_fn(model, batch): a scalar tensor."""


@dataclass(frozen=True)
class FitConfig:
    """How to train.

    Attributes:
        steps: optimiser steps in all.
        out: folder of the checkpoints; a run that finds its own there goes on from the last.
        optimiser: makes the optimiser of the parameters.
        learning_rate: of a step, from 0.
        seed: of the batches and of torch (dropout); the model was initialised by its maker.
        checkpoint_every_steps: between checkpoints; the last two are kept.
        clip_norm: largest norm of the gradient; 0 = any.
        run: what identifies the run, e.g. a hash of its recipe: a checkpoint of another run is refused.
    """

    steps: int
    out: Path
    optimiser: Callable[[Any], torch.optim.Optimizer]
    learning_rate: Callable[[int], float]
    seed: int = 0
    checkpoint_every_steps: int = 500
    clip_norm: float = 0.0
    run: str = ""


@dataclass(frozen=True)
class FitResult:
    """What a run came to.

    Attributes:
        loss: mean loss of the last tenth of the steps that this process made; NaN if it made none.
        resumed_from: step of the checkpoint that it went on from; 0 = from the start.
        seconds: wall time of this process.
    """

    loss: float
    resumed_from: int
    seconds: float


def fit(
    model: torch.nn.Module,
    loss_fn: LossFunction,
    batches: Batches,
    config: FitConfig,
    progress: Progress | None = None,
) -> FitResult:
    """Train `model` in place, from the last checkpoint in `config.out` if there is one.

    Args:
        model: on the device where it is to be trained; left in training mode with its final weights.
        loss_fn: see `LossFunction`.
        batches: see `Batches`; it puts tensors on the model's device.
        config: see `FitConfig`.
        progress: called as progress("train", step, steps).

    Raises:
        WeightsError: the last checkpoint is damaged or of another run.
        LikenessError: the loss or its gradient is no number any more; the last checkpoint is from before.
    """
    started = time.monotonic()
    torch.manual_seed(config.seed)
    optimiser = config.optimiser(model.parameters())
    identity = {"run": config.run, "seed": config.seed}
    newest = latest(config.out)
    first = restore(newest, model, optimiser, identity) if newest else 0
    model.train()
    losses: list[float] = []
    for step in range(first, config.steps):
        rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(step,)))
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate(step)
        optimiser.zero_grad(set_to_none=True)
        loss = loss_fn(model, batches(step, rng))
        loss.backward()  # type: ignore[no-untyped-call]
        _guard(loss, model, config, step)
        optimiser.step()
        losses.append(float(loss.detach()))
        done = step + 1
        if done % config.checkpoint_every_steps == 0 or done == config.steps:
            write(config.out, done, model, optimiser, identity)
        if progress is not None:
            progress("train", done, config.steps)
    tail = losses[-max(1, len(losses) // 10) :]
    mean = float(np.mean(tail)) if tail else math.nan
    return FitResult(mean, first, time.monotonic() - started)


def epoch_indices(step: int, count: int, batch: int, seed: int) -> IndexArray:
    """(batch,) int64 rows of a step when `count` rows are gone through in a new order every epoch.

    Rows that do not fill a batch are left out of that epoch. A function of its arguments: nothing to save.
    """
    batch = min(batch, count)
    epoch, place = divmod(step, count // batch)
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch, 1))).permutation(
        count
    )
    return order[place * batch : (place + 1) * batch].astype(np.int64)


def _guard(loss: torch.Tensor, model: torch.nn.Module, config: FitConfig, step: int) -> None:
    """Stop before the optimiser spoils the weights."""
    limit = config.clip_norm or math.inf
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
    if not (torch.isfinite(loss).all() and torch.isfinite(norm)):
        raise LikenessError(
            f"training diverged at step {step}: loss {float(loss.detach()):g}, gradient norm {float(norm):g}; "
            f"lower the learning rate or set clip_norm; the last checkpoint in {config.out.name}/ is "
            f"from before"
        )
