"""What a recipe may set for the restorer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from likeness.data.aligned_faces import FaceCut
from likeness.data.restoration_pairs import WearConfig
from likeness.errors import ConfigError
from likeness.registry import config_from
from likeness.training.losses import LossConfig
from likeness.training.recipe_settings import RecipeSettings

_SECTIONS = ("network", "faces", "wear", "training", "losses", "components")
_NOT_IDENTITY = ("minutes", "measure_every_s", "checkpoint_every_s", "device", "stores", "packs")


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the network; see `likeness.networks.restoration.RestorationNet`.

    Attributes:
        size_px: side of the pictures that it is shipped for.
    """

    width: int = 64
    growth: int = 32
    blocks: int = 2
    dense: int = 2
    layers: int = 4
    fold: int = 4
    polish: int = 32
    size_px: int = 192

    def __post_init__(self) -> None:
        if (
            min(self.width, self.growth, self.blocks, self.dense, self.fold, self.polish) < 1
            or self.layers < 2
        ):
            raise ConfigError(f"network: expected sizes of 1 or more and layers >= 2, got {self}")
        if not 32 <= self.size_px <= 512 or self.size_px % self.fold or self.size_px % 2:
            raise ConfigError(
                f"network: size_px: expected 32-512, even and a multiple of fold = {self.fold}, got {self.size_px}"
            )


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        steps: optimiser steps; the learning rate follows them.
        minutes: training time after which the run stops, all resumed parts together; 0 = only `steps` count.
        batch: parts of faces per step.
        part_px: their side.
        scale: lowest and highest factor by which a face is made smaller before a part is cut out.
        grey: share of parts without colour.
        repeats: source -> how often its faces are gone through in an epoch.
        learning_rate: the highest; it rises for a thirtieth of the steps, then falls to a hundredth.
        average: decay of the moving average of the weights, which is what is measured and shipped.
        precision: `float32`, or `bfloat16` for processors that have it.
        clip_norm: largest norm of the gradient; 0 = any.
        held_out_share: share of the identities that is only measured on.
        measure_every_s: seconds between figures on held-out faces.
        checkpoint_every_s: seconds between checkpoints.
        seed: of the initialisation, the batches and the wear.
        device: of torch.
        stores: folder of found faces; empty = they are found again.
        packs: folder of cut faces.
    """

    steps: int = 8000
    minutes: float = 0.0
    batch: int = 8
    part_px: int = 96
    scale: tuple[float, float] = (0.62, 0.95)
    grey: float = 0.1
    repeats: Mapping[str, int] = field(default_factory=dict)
    learning_rate: float = 4e-4
    average: float = 0.999
    precision: Literal["float32", "bfloat16"] = "float32"
    clip_norm: float = 1.0
    held_out_share: float = 0.05
    measure_every_s: float = 180.0
    checkpoint_every_s: float = 120.0
    seed: int = 1
    device: str = "cpu"
    stores: str = "runs/faces"
    packs: str = "runs/packs"

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.part_px) < 1:
            raise ConfigError("training: steps, batch and part_px: expected 1 or more")
        if not (self.learning_rate > 0 and 0 < self.held_out_share < 0.9 and self.minutes >= 0):
            raise ConfigError(
                "training: expected learning_rate > 0, held_out_share within 0-0.9 and minutes >= 0, got "
                f"{self.learning_rate}, {self.held_out_share} and {self.minutes}"
            )


@dataclass(frozen=True)
class ComponentFit:
    """How dictionaries are fitted.

    Attributes:
        entries: of each dictionary; 0 = none is made.
        faces: at most so many are looked at.
        wears: how often each face is worn anew.
        held_out: share of the people who fit the gains and are in no average.
        seed: of wear and clusters.
    """

    entries: int = 48
    faces: int = 1000
    wears: int = 2
    held_out: float = 0.25
    seed: int = 3


@dataclass(frozen=True)
class RestoreSettings(RecipeSettings):
    """A whole recipe, resolved.

    Attributes:
        network: see `NetworkConfig`.
        faces: which faces and how they are cut, see `likeness.data.aligned_faces.FaceCut`.
        wear: see `likeness.data.restoration_pairs.WearConfig`.
        training: see `TrainingConfig`.
        losses: see `likeness.training.losses.LossConfig`; `perceptual` compares answers of fixed random convolutions.
        components: see `ComponentFit`.
    """

    not_identity = _NOT_IDENTITY
    tables_apart = ("components",)

    network: NetworkConfig
    faces: FaceCut
    wear: WearConfig
    training: TrainingConfig
    losses: LossConfig
    components: ComponentFit


def resolve(recipe: Mapping[str, Any]) -> RestoreSettings:
    """The settings of a recipe.

    Raises:
        ConfigError: an unknown table or key, or an impossible value.
    """
    known = {"generator", "out", *_SECTIONS}
    for key in recipe:
        if key not in known:
            raise ConfigError(
                f"recipe: unknown table or key {key!r}; known: {', '.join(sorted(known))}"
            )
    tables = {name: dict(recipe.get(name, {})) for name in _SECTIONS}
    losses = {"outside": 1.0, "mask": 0.0, **tables["losses"]}
    cut = {"size_px": 160, "sharpness": 2.1, "chroma": 0.0, **tables["faces"]}
    settings = RestoreSettings(
        network=config_from(NetworkConfig, tables["network"], "recipe [network]"),
        faces=config_from(FaceCut, cut, "recipe [faces]"),
        wear=config_from(WearConfig, tables["wear"], "recipe [wear]"),
        training=config_from(TrainingConfig, tables["training"], "recipe [training]"),
        losses=config_from(LossConfig, losses, "recipe [losses]"),
        components=config_from(ComponentFit, tables["components"], "recipe [components]"),
    )
    if settings.training.part_px % settings.network.fold:
        raise ConfigError(
            f"training: part_px: expected a multiple of fold = {settings.network.fold}, got {settings.training.part_px}"
        )
    return settings
