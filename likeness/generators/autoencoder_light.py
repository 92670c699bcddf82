"""Light autoencoder: a face swap that two CPU cores train in minutes, 128 pixels with a mask."""

from __future__ import annotations

from typing import Any

from likeness.generators._autoencoder_part import AutoencoderPart, Config

__all__ = ["DEFAULTS", "INFO", "WEIGHTS", "Config", "build", "training"]

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

_PART = AutoencoderPart("autoencoder_light", DEFAULTS)
build, training = _PART.build, _PART.training
