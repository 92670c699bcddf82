"""What a recipe may set for a generator of whole faces, and the networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from likeness.errors import ConfigError
from likeness.registry import config_from
from likeness.training.recipe_settings import RecipeSettings

if TYPE_CHECKING:
    from likeness.training.adversarial import Adversaries, DuelRules

_SECTIONS = ("network", "discriminator", "training")
_NOT_IDENTITY = (
    "minutes",
    "steps",
    "measure_every_s",
    "preview_every_s",
    "checkpoint_every_s",
    "cache",
    "packs",
)


@dataclass(frozen=True)
class SynthesisTraining:
    """What a recipe may set under [training].

    Attributes:
        sources: collections of the data folder; only real faces of role `train` are learned from.
        role_file: CSV that corrects the roles of unlabelled identities; empty = none.
        margin: share of the face that is added on each side of it, see `likeness.data.aligned_faces.FaceCut`.
        cut_px: side at which faces are cut, before they are shrunk to the network's size.
        flip: whether half of the faces are mirrored.
        minutes: training time, all resumed parts together; it only stops the run. 0 = only `steps` count.
        steps: of both networks, at most.
        batch: faces of a step.
        rate_generator: learning rate of the generator.
        rate_discriminator: of the discriminator.
        fall_from: step from which both rates fall, in a straight line to a tenth at `fall_to`; 0 = never.
        fall_to: see `fall_from`.
        betas: of Adam.
        rule: see `likeness.training.adversarial.DuelRules`, as the following four.
        penalty: weight of R1.
        penalty_every: steps between two penalties.
        augment: what the discriminator sees faces through.
        real_target: label smoothing.
        average: decay of the moving average of the generator, which is what is measured and exported.
        precision: `float32`, or `bfloat16` for processors that multiply it natively.
        channels_last: memory order of the networks; which one is faster depends on the network.
        seed: of the initialisation, the batches and the augmentation.
        measured: faces that are drawn for the figures.
        measure_every_s: seconds between figures.
        preview_every_s: seconds between previews.
        checkpoint_every_s: seconds between checkpoints: what a crash costs at most.
        device: of torch.
        cache: folder for found faces; empty = none.
        packs: folder for cut faces.
    """

    sources: tuple[str, ...] = ("utkface", "ffhq256")
    role_file: str = ""
    margin: float = 0.0
    cut_px: int = 192
    flip: bool = True
    minutes: float = 60.0
    steps: int = 1_000_000
    batch: int = 32
    rate_generator: float = 2e-4
    rate_discriminator: float = 2e-4
    fall_from: int = 0
    fall_to: int = 0
    betas: tuple[float, float] = (0.5, 0.99)
    rule: Literal["hinge", "non_saturating"] = "hinge"
    penalty: float = 0.0
    penalty_every: int = 16
    augment: tuple[str, ...] = ("color", "translation", "cutout")
    real_target: float = 1.0
    average: float = 0.999
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    channels_last: bool = False
    seed: int = 0
    measured: int = 256
    measure_every_s: float = 300.0
    preview_every_s: float = 120.0
    checkpoint_every_s: float = 120.0
    device: str = "cpu"
    cache: str = "runs/faces"
    packs: str = "runs/packs"

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.penalty_every) < 1:
            raise ConfigError("training: steps, batch and penalty_every: expected 1 or more")
        if self.measured < 16:
            raise ConfigError(f"training: measured: expected 16 or more, got {self.measured}")
        rates = (self.rate_generator, self.rate_discriminator)
        if self.minutes < 0 or min(rates) <= 0 or not 0 < self.average < 1:
            raise ConfigError(
                f"training: expected minutes >= 0, rates > 0 and average within 0-1, got {self.minutes}, {rates} and "
                f"{self.average}"
            )
        if self.fall_from and self.fall_to <= self.fall_from:
            raise ConfigError("training: fall_to: expected a step after fall_from")

    def rates(self, step: int) -> tuple[float, float]:
        """Learning rates of a step, of the generator and of the discriminator."""
        left = 1.0
        if self.fall_from:
            done = (step - self.fall_from) / (self.fall_to - self.fall_from)
            left = 1.0 - 0.9 * min(1.0, max(0.0, done))
        return self.rate_generator * left, self.rate_discriminator * left

    def rules(self) -> DuelRules:
        """For the loop."""
        from likeness.training.adversarial import DuelRules

        return DuelRules(
            self.rule, self.penalty, self.penalty_every, self.augment, self.real_target
        )


@dataclass(frozen=True)
class SynthesisSettings(RecipeSettings):
    """A whole recipe, resolved.

    Attributes:
        generator: name of the part.
        network: options of its network.
        discriminator: options of the other one.
        training: see `SynthesisTraining`.
    """

    not_identity = _NOT_IDENTITY

    generator: str
    network: Mapping[str, Any]
    discriminator: Mapping[str, Any]
    training: SynthesisTraining


def resolve(
    generator: str, recipe: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]
) -> SynthesisSettings:
    """A recipe with a generator's own defaults below it.

    Args:
        generator: name of the part.
        recipe: tables [network], [discriminator] and [training], each optional.
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
    training = config_from(SynthesisTraining, merged["training"], "recipe [training]")
    return SynthesisSettings(generator, merged["network"], merged["discriminator"], training)


def make_adversaries(settings: SynthesisSettings) -> Adversaries:
    """Fresh networks of a recipe.

    Raises:
        ConfigError: an option that a network does not have.
    """
    from likeness.networks import dcgan, light_gan
    from likeness.training.adversarial import Adversaries

    kinds: dict[str, Any] = {
        "dcgan": (dcgan.DcganGenerator, dcgan.DcganDiscriminator),
        "light_gan": (light_gan.LightGenerator, light_gan.LightDiscriminator),
    }
    if settings.generator not in kinds:
        raise ConfigError(f"{settings.generator!r} makes no whole faces; expected {list(kinds)}")
    first, second = kinds[settings.generator]
    seed = settings.training.seed
    try:
        pair = Adversaries(
            first(**settings.network, seed=seed), second(**settings.discriminator, seed=seed + 1)
        )
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ConfigError(f"recipe [network] or [discriminator]: {error}") from error
    if pair.generator.size_px != pair.discriminator.size_px:
        raise ConfigError(
            f"size_px: the generator draws {pair.generator.size_px} px, the discriminator looks at "
            f"{pair.discriminator.size_px}; set both alike"
        )
    return pair
