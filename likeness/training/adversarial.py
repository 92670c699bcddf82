"""The training loop of a generator against a discriminator, beside `likeness.training.loop`.

Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014. Every step the discriminator learns from recorded and drawn
faces, then the generator from what the discriminator says of the same drawn ones. As in the other loop, whatever depends
on time depends on the step number alone, so that a run that is killed ends with the same bits as one that was not; a
checkpoint holds both networks, the state of both optimisers (two groups of one object, which are stepped in turn), the
generator's moving average and torch's random state.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch.nn import functional

from likeness.errors import LikenessError
from likeness.training.augmentation import KINDS, augmented
from likeness.training.averaging import follow
from likeness.training.checkpoints import TrainingState, latest, restore, write
from likeness.training.feeding import Batches, Feeder
from likeness.types import Progress

Rule = Literal["hinge", "non_saturating"]


class Batch(NamedTuple):
    """What a step learns from.

    Attributes:
        real: (N, 3, S, S) float32 RGB in [-1, 1].
        latents: (N, D) float32.
    """

    real: torch.Tensor
    latents: torch.Tensor


class Discriminator(Protocol):
    """What the loop asks of a discriminator besides being a module."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) RGB in [-1, 1] -> (N,) logits, higher = recorded."""
        ...

    def studied(
        self, images: torch.Tensor, real: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of recorded faces, and a further loss (a scalar; zero where there is none)."""
        ...


class Adversaries(torch.nn.Module):
    """Both networks as one module, for checkpoints."""

    def __init__(self, generator: torch.nn.Module, discriminator: torch.nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


@dataclass(frozen=True)
class DuelRules:
    """What the two are after.

    Attributes:
        rule: `hinge` (Lim and Ye 2017), or `non_saturating` (Goodfellow et al. 2014).
        penalty: weight of R1, half the squared gradient of the logit at recorded faces (Mescheder et al. 2018); 0 = none.
        penalty_every: steps between two penalties, each of which then counts that many times (Karras et al. 2020).
        augment: changes that the discriminator sees faces through, see `likeness.training.augmentation`; none = ().
        real_target: what counts as sure of a recorded face with `non_saturating`; below 1 = label smoothing (Salimans 2016).
    """

    rule: Rule = "hinge"
    penalty: float = 0.0
    penalty_every: int = 16
    augment: tuple[str, ...] = KINDS
    real_target: float = 1.0


@dataclass(frozen=True)
class DuelConfig:
    """How to train; what is not explained here is as in `likeness.training.FitConfig`.

    Attributes:
        steps: of both networks.
        out: folder of the checkpoints.
        rates: learning rates of a step, from 0: of the generator and of the discriminator.
        betas: of Adam.
        rules: see `DuelRules`.
        seed: of the batches and of torch (augmentation).
        run: what identifies the run.
        checkpoint_every_s: seconds between checkpoints; 0 = only at the end.
        checkpoint_every_steps: steps between checkpoints; 0 = only by the clock.
        precision: `bfloat16` runs the networks under autocast.
        average: decay of the moving average of the generator, reached gradually in the first steps.
        limit_s: training time after which the run stops; 0 = none.
        prefetch: batches that are prepared ahead.
        clock: what `limit_s` is read from.
    """

    steps: int
    out: Path
    rates: Callable[[int], tuple[float, float]]
    betas: tuple[float, float] = (0.5, 0.99)
    rules: DuelRules = field(default_factory=DuelRules)
    seed: int = 0
    run: str = ""
    checkpoint_every_s: float = 120.0
    checkpoint_every_steps: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.999
    limit_s: float = 0.0
    prefetch: int = 0
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class DuelMoment:
    """What a watcher is told after every step.

    Attributes:
        step: steps done.
        seconds: training time of the run so far.
        losses: of this step: `generator`, `discriminator`, `beside` (the discriminator's further loss) and `penalty`.
        gradients: norms of this step's gradients: `generator`, `discriminator`.
        generator: the averaged one, in evaluation.
        adversaries: both as they are trained; a watcher may set them to evaluation.
    """

    step: int
    seconds: float
    losses: dict[str, float]
    gradients: dict[str, float]
    generator: torch.nn.Module
    adversaries: Adversaries


DuelWatcher = Callable[[DuelMoment], bool | None]
"""Called after every step; True ends the run. Random numbers that it draws leave the run's own untouched."""


@dataclass(frozen=True)
class DuelResult:
    """What a run came to.

    Attributes:
        step: steps done.
        resumed_from: step of the checkpoint that it went on from; 0 = from the start.
        trained_s: training time of the run.
        generator: the averaged generator, in evaluation.
    """

    step: int
    resumed_from: int
    trained_s: float
    generator: torch.nn.Module


def duel(
    adversaries: Adversaries,
    batches: Batches,
    config: DuelConfig,
    progress: Progress | None = None,
    watch: DuelWatcher | None = None,
) -> DuelResult:
    """Train both networks in place, from the last checkpoint in `config.out` if there is one.

    Args:
        adversaries: freshly initialised.
        batches: see `likeness.training.feeding.Batches`; gives a `Batch`, a function of its number and random numbers.
        config: see `DuelConfig`.
        progress: called as progress("train", step, steps).
        watch: see `DuelWatcher`.

    Raises:
        WeightsError: the last checkpoint is damaged or of another run.
        LikenessError: a loss or a gradient is no number any more; the last checkpoint is from before.
    """
    run = _Run(adversaries, batches, config)
    try:
        while run.state.step < config.steps and not run.out_of_time():
            moment = run.step()
            stop = watch is not None and _watched(watch, moment)
            stop = stop or run.out_of_time()
            run.checkpoint(last=stop or run.state.step == config.steps)
            if progress is not None:
                progress("train", run.state.step, config.steps)
            if stop:
                break
    finally:
        run.feeder.close()
    return DuelResult(run.state.step, run.resumed_from, run.seconds(), run.average)


class _Run:
    """One run: its state, its clock and its batches."""

    def __init__(self, adversaries: Adversaries, batches: Batches, config: DuelConfig) -> None:
        torch.manual_seed(config.seed)
        self.config, self.pair = config, adversaries
        self.average = copy.deepcopy(adversaries.generator).eval().requires_grad_(False)
        groups = [{"params": list(n.parameters())} for n in adversaries.children()]
        optimiser = torch.optim.Adam(groups, lr=1e-4, betas=config.betas, fused=True)
        self.state = TrainingState(adversaries, optimiser, self.average)
        self.identity = {"run": config.run, "seed": config.seed}
        newest = latest(config.out)
        if newest:
            restore(newest, self.state, self.identity)
        self.resumed_from = self.state.step
        self.feeder = Feeder(batches, config.seed, config.steps, config.prefetch)
        self._began_at, self._earlier_s = config.clock(), self.state.seconds
        self._saved_at = time.monotonic()
        self._norms: dict[str, float] = {}
        adversaries.train()

    def seconds(self) -> float:
        return self._earlier_s + self.config.clock() - self._began_at

    def out_of_time(self) -> bool:
        return 0 < self.config.limit_s <= self.seconds()

    def step(self) -> DuelMoment:
        """One step of the discriminator, then one of the generator."""
        state, config = self.state, self.config
        self.pair.train()
        for group, rate in zip(state.optimiser.param_groups, config.rates(state.step), strict=True):
            group["lr"] = rate
        batch: Batch = self.feeder.get(state.step)
        with self._precision():
            drawn = self.pair.generator(batch.latents).float()
            shown = augmented(drawn, config.rules.augment)
        judged = self._teach_discriminator(batch, shown.detach())
        self._step("discriminator", judged)
        self.pair.discriminator.requires_grad_(False)
        with self._precision():
            logits = self.pair.discriminator(shown).float()
        deceit = deceit_loss(logits, config.rules.rule)
        made = {"generator": deceit}
        self._step("generator", made)
        self.pair.discriminator.requires_grad_(True)
        with torch.no_grad():
            decay = min(config.average, (1 + state.step) / (10 + state.step))
            follow(self.average, self.pair.generator, decay)
        state.step += 1
        losses = {k: float(v.detach()) for k, v in (judged | made).items()}
        return DuelMoment(
            state.step, self.seconds(), losses, dict(self._norms), self.average, self.pair
        )

    def _teach_discriminator(self, batch: Batch, shown: torch.Tensor) -> dict[str, torch.Tensor]:
        rules = self.config.rules
        net: Any = self.pair.discriminator
        real = augmented(batch.real, rules.augment)
        with self._precision():
            of_real, beside = net.studied(real, real)
            of_drawn = net(shown)
        losses = {
            "discriminator": judgement_loss(of_real.float(), of_drawn.float(), rules),
            "beside": beside.float(),
        }
        if rules.penalty and self.state.step % rules.penalty_every == 0:
            weight = 0.5 * rules.penalty * rules.penalty_every
            losses["penalty"] = weight * gradient_penalty(net, real)
        return losses

    def _step(self, name: str, losses: dict[str, torch.Tensor]) -> None:
        """Step one network down its losses; the other has no gradients then, so that its half stands still."""
        optimiser = self.state.optimiser
        optimiser.zero_grad(set_to_none=True)
        total = torch.stack([loss.reshape(()) for loss in losses.values()]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        net = getattr(self.pair, name)
        norm = float(
            torch.nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None])
        )
        if not (math.isfinite(float(total.detach())) and math.isfinite(norm)):
            raise LikenessError(
                f"training diverged at step {self.state.step}: {name} loss {float(total.detach()):g}, gradient norm "
                f"{norm:g}; lower the learning rates; the last checkpoint in {self.config.out.name}/ is from before"
            )
        self._norms[name] = norm
        optimiser.step()

    def checkpoint(self, last: bool) -> None:
        """Write one if it is due, or if the run ends."""
        config, every = self.config, self.config.checkpoint_every_steps
        by_step = every > 0 and self.state.step % every == 0
        since = time.monotonic() - self._saved_at
        if last or by_step or 0 < config.checkpoint_every_s <= since:
            self.state.seconds = self.seconds()
            write(config.out, self.state, self.identity)
            self._saved_at = time.monotonic()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.config.precision == "float32":
            return nullcontext()
        device = next(self.pair.parameters()).device.type
        return torch.autocast(device, dtype=torch.bfloat16)


def judgement_loss(real: torch.Tensor, drawn: torch.Tensor, rules: DuelRules) -> torch.Tensor:
    """What the discriminator has to make small: recorded faces above, drawn ones below."""
    if rules.rule == "hinge":
        return functional.relu(1.0 - real).mean() + functional.relu(1.0 + drawn).mean()
    wanted = torch.full_like(real, rules.real_target)
    return (
        functional.binary_cross_entropy_with_logits(real, wanted)
        + functional.softplus(drawn).mean()
    )


def deceit_loss(drawn: torch.Tensor, rule: Rule) -> torch.Tensor:
    """What the generator has to make small."""
    return -drawn.mean() if rule == "hinge" else functional.softplus(-drawn).mean()


def gradient_penalty(discriminator: Discriminator, real: torch.Tensor) -> torch.Tensor:
    """Mean squared norm of the gradient of the logit at recorded faces, always in float32."""
    seen = real.detach().requires_grad_(True)
    with torch.autocast(seen.device.type, enabled=False):
        logits = discriminator(seen).sum()
        (gradient,) = torch.autograd.grad(logits, seen, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def _watched(watch: DuelWatcher, moment: DuelMoment) -> bool:
    with torch.random.fork_rng(devices=[]):
        return bool(watch(moment))
