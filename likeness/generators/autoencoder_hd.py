"""Larger autoencoders for a GPU, 256 pixels, with two decoders (`df`) or one decoder and two codes (`liae`)."""

from __future__ import annotations

from typing import Any

from likeness.generators._autoencoder_part import AutoencoderPart, Config

__all__ = ["DEFAULTS", "INFO", "WEIGHTS", "Config", "build", "training"]

INFO = {
    "summary": "Larger shared-encoder autoencoders for a GPU: 256 px and a mask, df or liae arrangement; never trained in full here",
    "cue": "face swap by a trained autoencoder",
    "question": "blended",
    "kinds": ["face_swap"],
    "needs": ["target", "model"],
    "paper": "after DeepFaceLab: Perov et al. 2020, arXiv:2005.05535 (df and liae arrangements), an independent implementation",
    "licence": "Apache-2.0",
    "weights_licence": "none shipped; a model holds the faces of two people and belongs under their consent",
    "known_failures": [
        "never trained in full: only tiny settings were run, to show that the code works; its quality is unknown",
        "needs a GPU and hours",
        "hands, hair and glasses over the target's face are painted over",
    ],
    "default": False,
    "trainable": True,
}
WEIGHTS: dict[str, str] = {}  # none are shipped: a model is trained for each pair
DEFAULTS: dict[str, dict[str, Any]] = {"training": {"batch": 8, "learning_rate": 1e-4}}
"""What this generator sets where a recipe says nothing."""

_PART = AutoencoderPart("autoencoder_hd", DEFAULTS)
build, training = _PART.build, _PART.training
