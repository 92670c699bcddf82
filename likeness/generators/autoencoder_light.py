"""Light autoencoder: a face swap that two CPU cores train in minutes, 128 pixels with a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.data.face_sets import FaceSet
    from likeness.generators._autoencoder_inference import AutoencoderSwap
    from likeness.training.hooks import RunHooks

INFO = {
    "summary": "Small shared-encoder autoencoder for CPUs: 64 px in, 128 px and a mask out; train one model for each pair",
    "cue": "face swap by a trained autoencoder",
    "question": "blended",
    "kinds": ["face_swap"],
    "needs": ["target", "model"],
    "paper": "after the shared-encoder autoencoder of the first deepfakes (2017); pixel-shuffle: Shi et al. 2016; mean face: Turk and Pentland 1991",
    "licence": "Apache-2.0",
    "weights_licence": "none shipped; a model holds the faces of two people and belongs under their consent",
    "known_failures": [
        "a pose, gaze or expression that the source's faces lack is drawn as the nearest one that they have",
        "teeth, reflections in the eyes and single hairs are blurred: 128 px and a small network",
        "hands, hair and glasses over the target's face are painted over",
        "profiles (yaw over about 45 degrees) are rare in most sets and come out badly",
        "a few minutes of training give the mean face of the source rather than the source",
    ],
    "default": False,
    "trainable": True,
}
WEIGHTS: dict[str, str] = {}  # none are shipped: a model is trained for each pair
DEFAULTS: dict[str, dict[str, Any]] = {
    "training": {"batch": 8, "learning_rate": 1e-3},
    "losses": {"dssim": 2.0},
}
"""What this generator sets where a recipe says nothing."""


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


def build(config: Config) -> AutoencoderSwap:
    """The generator; raises `WeightsError` if there is no model or it belongs to another generator."""
    from likeness.generators._autoencoder_inference import AutoencoderSwap

    return AutoencoderSwap("autoencoder_light", config.model, config.threads, config.batch)


def training(
    settings: Mapping[str, Any], source: FaceSet, target: FaceSet, out: Path, hooks: RunHooks
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

    return train(resolve("autoencoder_light", settings, DEFAULTS), source, target, out, hooks)
