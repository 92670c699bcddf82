"""Detector `self_blended`: a small network that learnt from blends of real faces where one picture ends in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeness.detectors._face_network import FaceNetwork, FaceNetworkConfig, judged
from likeness.types import Clip, Evidence, FaceTrack, Progress

INFO = {
    "summary": "A small network, trained on blends of real faces alone, that says whether a face was pasted and draws where",
    "cue": "traces of blending, learnt",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own network after Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022; maps after Li et "
    "al., Face X-ray, CVPR 2020",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on pictures of UTKFace and FFHQ, whose terms carry over",
    "strength_pair": "blend",
    "fitted_on": "stills",
    "trained_on": ["utkface:train", "ffhq256:train"],
    "known_failures": [
        "faces that were generated whole (GAN, diffusion) hold no blend: to it they are real",
        "strong recompression and shrinking remove what it sees",
        "beauty filters, make-up and retouching are edits of a part of the face, and look like blends",
        "faces with more than 164 px between the eyes get no ratio: it learnt from faces half that size",
    ],
}

WEIGHTS = {"self_blended-2": "network.onnx"}
MAPS = "maps"
_PART = "self_blended"


@dataclass(frozen=True)
class Config(FaceNetworkConfig):
    """See `FaceNetworkConfig`."""


def build(config: Config) -> SelfBlended:
    """Load the weights and build the detector; raises `WeightsError`."""
    return SelfBlended(config, FaceNetwork.of(_PART, WEIGHTS, config, MAPS))


class SelfBlended:
    """See `INFO`. Score = mean logit over the frames of a face, maximum over faces."""

    def __init__(self, config: Config, network: FaceNetwork) -> None:
        self.config, self.network = config, network

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of the clip; `not_applicable` without one that is large, frontal and whole enough."""
        return judged(clip, tracks, self.network, self.config.frames, (_PART, INFO))


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/self_blended.toml` says; needs the extra `create` (torch)."""
    from likeness.detectors._self_blended_training import train

    return train(recipe, data, out, progress)
