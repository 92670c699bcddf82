"""The training loop: `fit` steps a torch module down a loss and can be killed at any moment.

Whatever depends on time depends on the step number alone: the learning rate, and the batch, which is drawn from a random
generator that is seeded by (seed, step). So a checkpoint needs the model, the optimiser, the average, torch's random
state and the step; a run that is killed and started again ends with the same bits as one that was not. The clock only
stops a run, and says when to write a checkpoint; neither changes a bit of what is learned.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from likeness.errors import LikenessError
from likeness.training.averaging import follow, frozen_copy
from likeness.training.checkpoints import TrainingState, latest, restore, write
from likeness.training.feeding import Batches, Feeder
from likeness.training.processes import ALONE, Processes
from likeness.training.sharpness import worst_nearby
from likeness.types import IndexArray, Progress

LossFunction = Callable[[Any, Any], torch.Tensor]
"""Called as loss_fn(model, batch): a scalar tensor."""


@dataclass(frozen=True)
class Moment:
    """What a watcher is told after every step.

    Attributes:
        step: steps done.
        seconds: training time of the run so far, all processes together.
        loss: of this step.
        model: the averaged model where an average is kept, else the model itself; a watcher may set it to evaluation.
    """

    step: int
    seconds: float
    loss: float
    model: torch.nn.Module


Watcher = Callable[[Moment], bool | None]
"""Called after every step; True ends the run. It sees the run and must not change it: random numbers that it draws from
torch leave the run's own untouched."""


@dataclass(frozen=True)
class FitConfig:
    """How to train.

    Attributes:
        steps: optimiser steps in all.
        out: folder of the checkpoints; a run that finds its own there goes on from the last.
        optimiser: makes the optimiser of the parameters. A group with the key `rate_scale` steps at that multiple of
            the learning rate.
        learning_rate: of a step, from 0.
        seed: of the batches and of torch (dropout); the model was initialised by its maker.
        checkpoint_every_steps: between checkpoints; the last two are kept; 0 = only by the clock and at the end.
        checkpoint_every_s: seconds between checkpoints; 0 = only by steps.
        clip_norm: largest norm of the gradient; 0 = any.
        run: what identifies the run, e.g. a hash of its recipe: a checkpoint of another run is refused.
        accumulate: batches whose gradients are averaged for one step by each process; batches are then numbered from
            step * accumulate * processes.count.
        precision: `bfloat16` runs the loss under autocast; weights and optimiser stay float32.
        average: decay of a moving average of the weights (0 = none kept), reached gradually in the first steps.
        flat: how far to look for a worse loss nearby before stepping: sharpness-aware minimisation (Foret et al., ICLR
            2021), the norm of the step to the worst neighbour; 0 = plain steps. Twice the arithmetic of a step.
        flat_from: step from which `flat` counts; late is enough (Zhou et al., ICLR 2025).
        limit_s: training time after which the run stops, all processes together; 0 = none.
        rollbacks: how often a run whose loss is no number may go back to its last checkpoint, to go on from there
            with other batches at half the learning rate.
        prefetch: batches that are prepared ahead in a thread of their own.
        processes: this process among those of the run.
        clock: what `limit_s` and the run's seconds are read from; processor time where others use the machine too.
    """

    steps: int
    out: Path
    optimiser: Callable[[Any], torch.optim.Optimizer]
    learning_rate: Callable[[int], float]
    seed: int = 0
    checkpoint_every_steps: int = 500
    checkpoint_every_s: float = 0.0
    clip_norm: float = 0.0
    run: str = ""
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.0
    flat: float = 0.0
    flat_from: int = 0
    limit_s: float = 0.0
    rollbacks: int = 0
    prefetch: int = 0
    processes: Processes = ALONE
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class FitResult:
    """What a run came to.

    Attributes:
        loss: mean loss of the last tenth of the steps that this process made; NaN if it made none.
        resumed_from: step of the checkpoint that it went on from; 0 = from the start.
        seconds: wall time of this process.
        trained_s: training time of the run, all processes together.
        step: steps done.
        rollbacks: how often the run went back to a checkpoint.
        waited_s: seconds in which this process waited for batches.
        average: the averaged model; None where none was kept.
    """

    loss: float
    resumed_from: int
    seconds: float
    trained_s: float = 0.0
    step: int = 0
    rollbacks: int = 0
    waited_s: float = 0.0
    average: torch.nn.Module | None = None


def fit(
    model: torch.nn.Module,
    loss_fn: LossFunction,
    batches: Batches,
    config: FitConfig,
    progress: Progress | None = None,
    watch: Watcher | None = None,
) -> FitResult:
    """Train `model` in place, from the last checkpoint in `config.out` if there is one.

    Args:
        model: on the device where it is to be trained; left in training mode with its final weights.
        loss_fn: see `LossFunction`.
        batches: see `Batches`; it puts tensors on the model's device.
        config: see `FitConfig`.
        progress: called as progress("train", step, steps).
        watch: see `Watcher`.

    Raises:
        WeightsError: the last checkpoint is damaged or of another run.
        LikenessError: the loss or its gradient is no number any more; the last checkpoint is from before.
    """
    started = time.monotonic()
    run = _Run(model, loss_fn, batches, config)
    losses: list[float] = []
    try:
        while run.state.step < config.steps and not run.agreed(run.out_of_time()):
            loss = run.step()
            if loss is None:
                continue  # gone back to a checkpoint
            losses.append(loss)
            stop = watch is not None and config.processes.first and _watched(watch, run, loss)
            stop = run.agreed(stop or run.out_of_time())
            run.checkpoint(last=stop or run.state.step == config.steps)
            if progress is not None and config.processes.first:
                progress("train", run.state.step, config.steps)
            if stop:
                break
    finally:
        run.feeder.close()
    tail = losses[-max(1, len(losses) // 10) :]
    return FitResult(
        loss=float(np.mean(tail)) if tail else math.nan,
        resumed_from=run.resumed_from,
        seconds=time.monotonic() - started,
        trained_s=run.seconds(),
        step=run.state.step,
        rollbacks=run.state.rollbacks,
        waited_s=run.feeder.waited_s,
        average=run.state.average,
    )


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


class _Run:
    """One run in one process: its state, its clock and its batches."""

    def __init__(
        self, model: torch.nn.Module, loss_fn: LossFunction, batches: Batches, config: FitConfig
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.loss_fn = config, loss_fn
        average = frozen_copy(model) if config.average else None
        self.state = TrainingState(model, config.optimiser(model.parameters()), average)
        self.identity = {"run": config.run, "seed": config.seed}
        newest = latest(config.out)
        if newest:
            restore(newest, self.state, self.identity)
        self.resumed_from = self.state.step
        stride = config.processes.count
        count = config.steps * config.accumulate * stride
        self.feeder = Feeder(batches, config.seed, count, config.prefetch, stride)
        self._began_at, self._earlier_s = config.clock(), self.state.seconds
        self._saved_at = time.monotonic()
        model.train()

    def seconds(self) -> float:
        return self._earlier_s + self.config.clock() - self._began_at

    def out_of_time(self) -> bool:
        return 0 < self.config.limit_s <= self.seconds()

    def agreed(self, value: bool) -> bool:
        """What the first process says."""
        return self.config.processes.told_by_first(value, next(self.state.model.parameters()))

    def step(self) -> float | None:
        """One optimiser step; its loss, or None if the run had to go back."""
        state, config, processes = self.state, self.config, self.config.processes
        rate = config.learning_rate(state.step) * 0.5**state.rollbacks
        for group in state.optimiser.param_groups:
            group["lr"] = rate * group.get("rate_scale", 1.0)
        total = self._gradients(batches := self._taken())
        processes.average_gradients(state.model)
        total = processes.mean(total, next(state.model.parameters()))
        norm = float(
            torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm or math.inf)
        )
        if not (math.isfinite(total) and math.isfinite(norm)):
            self._go_back(total, norm)
            return None
        if config.flat and state.step >= config.flat_from:
            self._look_around(batches)
        state.optimiser.step()
        if state.average is not None:
            follow(
                state.average,
                state.model,
                min(config.average, (1 + state.step) / (10 + state.step)),
            )
        state.step += 1
        return total

    def _taken(self) -> list[Any]:
        """The batches of this step and this process."""
        state, config, processes = self.state, self.config, self.config.processes
        first = state.step * config.accumulate
        places = [(first + n) * processes.count + processes.rank for n in range(config.accumulate)]
        return [self.feeder.get(place, state.rollbacks) for place in places]

    def _gradients(self, batches: list[Any]) -> float:
        """Put the mean gradient of the batches into the parameters; their mean loss."""
        self.state.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for batch in batches:
            with self._precision():
                loss = self.loss_fn(self.state.model, batch) / len(batches)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total

    def _look_around(self, batches: list[Any]) -> None:
        """Replace the gradient by that of the worst place nearby."""
        with worst_nearby(self.state.model, self.config.flat):
            self._gradients(batches)
        self.config.processes.average_gradients(self.state.model)
        torch.nn.utils.clip_grad_norm_(
            self.state.model.parameters(), self.config.clip_norm or math.inf
        )

    def checkpoint(self, last: bool) -> None:
        """Write one if it is due by steps or by the clock, or if the run ends."""
        config, every = self.config, self.config.checkpoint_every_steps
        since = time.monotonic() - self._saved_at
        by_step = every > 0 and self.state.step % every == 0
        if last or by_step or 0 < config.checkpoint_every_s <= since:
            self.state.seconds = self.seconds()
            if not config.processes.first:
                return
            write(config.out, self.state, self.identity)
            self._saved_at = time.monotonic()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.config.precision == "float32":
            return nullcontext()
        device = next(self.state.model.parameters()).device.type
        return torch.autocast(device, dtype=torch.bfloat16)

    def _go_back(self, loss: float, norm: float) -> None:
        """To the last checkpoint, before the optimiser spoils the weights; raises if that is not allowed."""
        state, config = self.state, self.config
        config.processes.wait()  # the first one may still be writing it
        newest = latest(config.out)
        if state.rollbacks >= config.rollbacks or newest is None:
            raise LikenessError(
                f"training diverged at step {state.step}: loss {loss:g}, gradient norm {norm:g}; lower the learning "
                f"rate or set clip_norm; the last checkpoint in {config.out.name}/ is from before"
            )
        tried = state.rollbacks + 1
        restore(newest, state, self.identity)
        state.rollbacks = tried
        self.feeder.forget()


def _watched(watch: Watcher, run: _Run, loss: float) -> bool:
    state = run.state
    model = state.model if state.average is None else state.average
    with torch.random.fork_rng():
        stop = watch(Moment(state.step, run.seconds(), loss, model))
    state.model.train()
    return bool(stop)
