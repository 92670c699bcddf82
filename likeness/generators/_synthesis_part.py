"""What the files of the generators of whole faces share: their options, how they are built and how they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likeness.errors import ConfigError

if TYPE_CHECKING:
    from likeness.generators._face_synthesis import FaceSynthesis
    from likeness.training.hooks import RunHooks


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        model: run folder of `likeness train`, or a graph from one; empty = the shipped weights.
        truncation: factor of the latents: 1 = as trained, smaller = nearer to the average face (Brock et al. 2019 cut the
            tails off; this shrinks the whole). 0 draws one face only.
        threads: threads inside one operator; 0 = one per physical core.
        batch: faces that are drawn at once.
    """

    model: str = ""
    truncation: float = 1.0
    threads: int = 0
    batch: int = 16

    def __post_init__(self) -> None:
        if not 0.0 <= self.truncation <= 2.0:
            raise ConfigError(f"truncation: expected within 0-2, got {self.truncation}")
        if self.batch < 1 or self.threads < 0:
            raise ConfigError("batch and threads: expected 1 or more, and 0 or more")


@dataclass(frozen=True)
class SynthesisPart:
    """One of the generators of faces, by name.

    Attributes:
        name: of the generator.
        weights: its table of shipped weights: tag -> file below its folder.
        defaults: what it sets where a recipe says nothing.
    """

    name: str
    weights: Mapping[str, str]
    defaults: Mapping[str, Mapping[str, Any]]

    def build(self, config: Config) -> FaceSynthesis:
        """The generator; raises `WeightsError` if there is no model or it belongs to another generator."""
        from likeness.generators._face_synthesis import open_synthesis

        return open_synthesis(self.name, self.weights, config)

    def training_on_data(
        self, settings: Mapping[str, Any], data: Path, out: Path, hooks: RunHooks
    ) -> dict[str, float]:
        """Train on the real faces of a data folder; see `likeness.generators._synthesis_training.train`.

        Args:
            settings: tables [network], [discriminator] and [training] of a recipe.
            data: folder with manifest.csv and splits.csv.
            out: the run folder; a run that lies there is continued.
            hooks: see `RunHooks`.
        """
        from likeness.generators._synthesis_settings import resolve
        from likeness.generators._synthesis_training import train

        return train(resolve(self.name, settings, self.defaults), data, out, hooks)
