"""What a recipe may set for an autoencoder, and the networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from likeness.data.warps import WarpConfig
from likeness.errors import ConfigError
from likeness.registry import config_from
from likeness.training.losses import LossConfig
from likeness.training.recipe_settings import RecipeSettings

if TYPE_CHECKING:
    from likeness.networks.autoencoder_blocks import SwapNetwork

Precision = Literal["auto", "float32", "bfloat16"]
_SECTIONS = ("network", "training", "warp", "losses")


_NOT_IDENTITY = (
    "minutes",
    "steps",
    "measure_every_s",
    "preview_every_s",
    "checkpoint_every_s",
    "tensorboard",
    "device",
)


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        minutes: training time, all resumed parts together; it only stops the run. 0 = only `steps` count.
        steps: optimiser steps at most.
        batch: faces of each identity per step.
        accumulate: batches whose gradients make one step.
        learning_rate: after the warm-up.
        warm_up: steps over which the learning rate grows to that.
        halve_every: steps after which it is halved, again and again; 0 = never.
        average: decay of the moving average of the weights, which is what is measured and exported; 0 = none.
        precision: `auto` takes bfloat16 where the processor multiplies it natively, else float32.
        clip_norm: largest norm of the gradient; 0 = any.
        coverage: share of the crop's side that the network sees and draws.
        held_out_share: share of each file's faces, its last ones, that is kept out for the figures.
        held_out_files: names of files that are kept out whole, in place of `held_out_share`.
        perceptual_from: run folder whose encoder measures the perceptual loss.
        measure_every_s: seconds between figures on held-out faces.
        preview_every_s: seconds between previews.
        checkpoint_every_s: seconds between checkpoints: what a crash costs at most.
        rollbacks: how often the run may go back to a checkpoint when the loss is no number.
        seed: of the initialisation, the batches and the variation.
        device: of torch.
        tensorboard: whether figures are also written as TensorBoard events.
    """

    minutes: float = 20.0
    steps: int = 1_000_000
    batch: int = 8
    accumulate: int = 1
    learning_rate: float = 1e-3
    warm_up: int = 50
    halve_every: int = 0
    average: float = 0.998
    precision: Precision = "auto"
    clip_norm: float = 0.0
    coverage: float = 0.8
    held_out_share: float = 0.1
    held_out_files: tuple[str, ...] = ()
    perceptual_from: str = ""
    measure_every_s: float = 120.0
    preview_every_s: float = 60.0
    checkpoint_every_s: float = 60.0
    rollbacks: int = 3
    seed: int = 0
    device: str = "cpu"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.accumulate) < 1:
            raise ConfigError("training: steps, batch and accumulate: expected 1 or more")
        if not (self.minutes >= 0 and self.learning_rate > 0 and 0 <= self.average < 1):
            raise ConfigError(
                "training: expected minutes >= 0, learning_rate > 0 and average within 0-1, got "
                f"{self.minutes}, {self.learning_rate}, {self.average}"
            )
        if not 0 < self.held_out_share < 0.9:
            raise ConfigError(
                f"training: held_out_share: expected within 0-0.9, got {self.held_out_share}"
            )

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        rate = self.learning_rate * min(1.0, (step + 1) / max(1, self.warm_up))
        return rate * 0.5 ** (step // self.halve_every) if self.halve_every else rate


@dataclass(frozen=True)
class RunSettings(RecipeSettings):
    """A whole recipe, resolved.

    Attributes:
        generator: name of the part.
        network: options of its network.
        training: see `TrainingConfig`.
        warp: see `likeness.data.warps.WarpConfig`.
        losses: see `likeness.training.losses.LossConfig`.
    """

    not_identity = _NOT_IDENTITY

    generator: str
    network: Mapping[str, Any]
    training: TrainingConfig
    warp: WarpConfig
    losses: LossConfig = field(default_factory=LossConfig)


def resolve(
    generator: str, recipe: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]
) -> RunSettings:
    """A recipe with a generator's own defaults below it.

    Args:
        generator: name of the part.
        recipe: tables [network], [training], [warp] and [losses], each optional.
        defaults: what this generator sets in the same tables.

    Raises:
        ConfigError: an unknown key or an impossible value.
    """
    known = {"generator", "out", *_SECTIONS}
    for key in recipe:
        if key not in known:
            raise ConfigError(
                f"recipe: unknown table or key {key!r}; known: {', '.join(sorted(known))}"
            )
    merged = {s: {**defaults.get(s, {}), **dict(recipe.get(s, {}))} for s in _SECTIONS}
    training = config_from(TrainingConfig, merged["training"], "recipe [training]")
    return RunSettings(
        generator=generator,
        network=merged["network"],
        training=_with_precision(training),
        warp=config_from(WarpConfig, merged["warp"], "recipe [warp]"),
        losses=config_from(LossConfig, merged["losses"], "recipe [losses]"),
    )


def make_network(generator: str, options: Mapping[str, Any], seed: int) -> SwapNetwork:
    """A fresh network of a generator.

    Raises:
        ConfigError: an option that its network does not have.
    """
    from likeness.networks import autoencoder_hd, autoencoder_light, autoencoder_original

    kinds: dict[str, Any] = {
        "autoencoder_original": autoencoder_original.OriginalAutoencoder,
        "autoencoder_light": autoencoder_light.LightAutoencoder,
        "autoencoder_hd": autoencoder_hd.HdAutoencoder,
    }
    if generator not in kinds:
        raise ConfigError(f"{generator!r} is no autoencoder; expected one of {', '.join(kinds)}")
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        network: SwapNetwork = kinds[generator](**plain, seed=seed)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise ConfigError(f"recipe [network]: {error}") from error
    return network


def _with_precision(config: TrainingConfig) -> TrainingConfig:
    from dataclasses import replace

    if config.precision != "auto":
        return config
    return replace(config, precision="bfloat16" if _native_bfloat16(config.device) else "float32")


def _native_bfloat16(device: str) -> bool:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())
