"""The classic autoencoder of the first deepfakes, 64 pixels; the baseline that ours is measured against."""

from __future__ import annotations

from typing import Any

from likeness.generators._autoencoder_part import AutoencoderPart, Config

__all__ = ["DEFAULTS", "INFO", "WEIGHTS", "Config", "build", "training"]

INFO = {
    "summary": "The classic shared-encoder autoencoder: 64 px, 82,062,470 parameters; train one model for each pair",
    "cue": "face swap by a trained autoencoder",
    "question": "blended",
    "kinds": ["face_swap"],
    "needs": ["target", "model"],
    "paper": "the shared-encoder autoencoder of the first deepfakes (2017), rebuilt from its published dimensions",
    "licence": "Apache-2.0",
    "weights_licence": "none shipped; a model holds the faces of two people and belongs under their consent",
    "known_failures": [
        "64 pixels: larger faces come out soft",
        "takes hours to days on a CPU",
        "has no mask: the target's face oval is used",
        "a pose, gaze or expression that the source's faces lack is drawn as the nearest one that they have",
        "hands, hair and glasses over the target's face are painted over",
    ],
    "default": False,
    "trainable": True,
}
WEIGHTS: dict[str, str] = {}  # none are shipped: a model is trained for each pair
DEFAULTS: dict[str, dict[str, Any]] = {
    "training": {"batch": 16, "learning_rate": 5e-5},
    "losses": {"eyes": 2.0, "mouth": 1.0, "mask": 0.0},
}
"""What this generator sets where a recipe says nothing."""

_PART = AutoencoderPart("autoencoder_original", DEFAULTS)
build, training = _PART.build, _PART.training
