"""What the files of the autoencoder generators share: their options, how they are built and how they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.data.face_sets import FaceSet
    from likeness.generators._autoencoder_inference import AutoencoderSwap
    from likeness.training.hooks import RunHooks


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        model: run folder of `likeness train`, or its `model.onnx`.
        threads: threads inside one operator; 0 = one per physical core.
        batch: crops that go through the network at once.
    """

    model: str = ""
    threads: int = 0
    batch: int = 8


@dataclass(frozen=True)
class AutoencoderPart:
    """One of the autoencoders, by name.

    Attributes:
        name: of the generator.
        defaults: what it sets where a recipe says nothing.
    """

    name: str
    defaults: Mapping[str, Mapping[str, Any]]

    def build(self, config: Config) -> AutoencoderSwap:
        """The generator; raises `WeightsError` if there is no model or it belongs to another generator."""
        from likeness.generators._autoencoder_inference import AutoencoderSwap

        return AutoencoderSwap(self.name, config.model, config.threads, config.batch)

    def training(
        self,
        settings: Mapping[str, Any],
        source: FaceSet,
        target: FaceSet,
        out: Path,
        hooks: RunHooks,
    ) -> dict[str, float]:
        """Train a model of a pair; see `likeness.generators._autoencoder_training.train`.

        Args:
            settings: tables [network], [training], [warp] and [losses] of a recipe.
            source: faces of the identity that is to appear.
            target: faces of the person in the footage.
            out: the run folder; a run that lies there is continued.
            hooks: see `RunHooks`; its `allow` checks the consent records before the first batch.
        """
        from likeness.generators._autoencoder_settings import resolve
        from likeness.generators._autoencoder_training import train

        return train(resolve(self.name, settings, self.defaults), source, target, out, hooks)
