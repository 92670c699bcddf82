"""DCGAN: the classic that draws 64 px faces of people who do not exist, by transposed convolutions."""

from __future__ import annotations

from typing import Any

from likeness.generators._synthesis_part import Config, SynthesisPart

__all__ = ["DEFAULTS", "INFO", "WEIGHTS", "Config", "build", "training_on_data"]

INFO = {
    "summary": "The classic generator of faces, 64 px, by transposed convolutions; each seed is a person who does not exist",
    "cue": "whole-face synthesis by a generative adversarial network",
    "question": "synthesised",
    "kinds": ["face_synthesis"],
    "needs": [],
    "paper": "Radford, Metz and Chintala, Unsupervised Representation Learning with Deep Convolutional Generative "
    "Adversarial Networks, ICLR 2016",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: the faces it learnt from carry such terms",
    "known_failures": [
        "64 px, and soft; mouths, glasses and hair often melt, and one eye is not like the other",
        "transposed convolutions leave a grid in the spectrum",
        "truncation below 0.8 gives dull faces rather than better ones",
        "groups of people who are rare in the training pictures are rare and worse among its faces",
        "some seeds give no face at all",
    ],
    "default": False,
    "trainable": True,
    "synthesises": True,
}
WEIGHTS: dict[str, str] = {"dcgan-1": "network.onnx"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "training": {
        "rule": "non_saturating",
        "batch": 64,
        "rate_generator": 2e-4,
        "rate_discriminator": 2e-4,
        "betas": (0.5, 0.999),
        "augment": (),
        "channels_last": True,
    },
}
"""What this generator sets where a recipe says nothing."""

_PART = SynthesisPart("dcgan", WEIGHTS, DEFAULTS)
build, training_on_data = _PART.build, _PART.training_on_data
