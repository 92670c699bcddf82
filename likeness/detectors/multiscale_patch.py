"""Detector `multiscale_patch`: three small networks, each at its own crop scale, judge a face patch by patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeness.detectors._cue import evidence
from likeness.detectors._face_network import FaceNetwork, FaceNetworkConfig, judged
from likeness.types import Clip, Evidence, FaceTrack, Progress

INFO = {
    "summary": "Three small networks at three crop scales judge a face patch by patch, taught to mind its spectrum",
    "cue": "traces of blending, patch by patch",
    "question": "blended",
    "kinds": ["face_swap", "reenactment", "attribute_editing"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Own network after Minivision, Silent-Face-Anti-Spoofing (scales, Fourier head); trained on self-blends after "
    "Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022",
    "licence": "Apache-2.0",
    "weights_licence": "none are shipped: self_blended is better",
    "strength_pair": None,
    "fitted_on": "stills",
    "default": False,
    "known_failures": [
        "worse than self_blended on the same pairs (AUC .785 against .851 after 1,600 steps), therefore it ships no weights and "
        "does not apply without those of its recipe",
        "faces that were generated whole (GAN, diffusion) hold no blend: to it they are real",
        "strong recompression and shrinking remove what it sees",
        "beauty filters, make-up and retouching are edits of a part of the face, and look like blends",
        "faces with more than 164 px between the eyes get no ratio: it learnt from faces half that size",
    ],
}

WEIGHTS: dict[str, str] = {}  # none are shipped
MAPS = "patches"
_PART = "multiscale_patch"


@dataclass(frozen=True)
class Config(FaceNetworkConfig):
    """See `FaceNetworkConfig`."""


def build(config: Config) -> MultiscalePatch:
    """Load the weights, if any are given, and build the detector; raises `WeightsError`."""
    if not config.weights:
        return MultiscalePatch(config, None)
    path = Path(config.weights)
    return MultiscalePatch(config, FaceNetwork.load(path, MAPS, path.stem, config.threads))


class MultiscalePatch:
    """See `INFO`. Score = mean logit over the frames of a face, maximum over faces."""

    def __init__(self, config: Config, network: FaceNetwork | None) -> None:
        self.config, self.network = config, network

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of the clip; `not_applicable` without weights or without a face that can be judged."""
        if self.network is None:
            why = "no weights: train some with recipes/multiscale_patch.toml and give their path"
            return evidence(_PART, INFO, status="not_applicable", note=why)
        return judged(clip, tracks, self.network, self.config.frames, (_PART, INFO))


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/multiscale_patch.toml` says; needs the extra `create` (torch)."""
    from likeness.detectors._multiscale_patch_training import train

    return train(recipe, data, out, progress)
