"""Light GAN: draws faces of people who do not exist; small enough to be trained on a CPU from a few thousand faces."""

from __future__ import annotations

from typing import Any

from likeness.generators._synthesis_part import Config, SynthesisPart

__all__ = ["DEFAULTS", "INFO", "WEIGHTS", "Config", "build", "training_on_data"]

INFO = {
    "summary": "Small generator of faces, 64 to 128 px, by resizing and convolving; each seed is a person who does not exist",
    "cue": "whole-face synthesis by a generative adversarial network",
    "question": "synthesised",
    "kinds": ["face_synthesis"],
    "needs": [],
    "paper": "after Liu et al., Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis, ICLR "
    "2021; augmentation: Zhao et al. 2020; spectral normalisation: Miyato et al. 2018",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: the faces it learnt from carry such terms",
    "known_failures": [
        "soft, and eyes often differ from one another",
        "glasses, teeth and hair melt",
        "groups of people who are rare in the training pictures are rare and worse among its faces",
        "some seeds give no convincing face",
    ],
    "default": False,
    "trainable": True,
    "synthesises": True,
}
WEIGHTS: dict[str, str] = {"light_gan-1": "network.onnx"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "training": {
        "rule": "hinge",
        "batch": 16,
        "rate_generator": 2e-4,
        "rate_discriminator": 2e-4,
        "betas": (0.5, 0.99),
    },
}
"""What this generator sets where a recipe says nothing."""

_PART = SynthesisPart("light_gan", WEIGHTS, DEFAULTS)
build, training_on_data = _PART.build, _PART.training_on_data
