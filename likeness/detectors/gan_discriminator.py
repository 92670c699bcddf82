"""Detector `gan_discriminator`: the adversary of this toolkit's own generator of faces, asked afterwards.

What a discriminator learns is what one generator did at one time. It is wrapped here to show how little that says of others;
nobody should expect a finding from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.detectors._cue import Seen, evidence, look
from likeness.detectors._usable import Limits, usable_rows, why_unusable
from likeness.errors import ConfigError, WeightsError
from likeness.types import (
    Clip,
    Evidence,
    FaceTrack,
    FloatArray,
    Frame,
    ImageArray,
    IndexArray,
    TrackScore,
)

INFO = {
    "summary": "The discriminator of this toolkit's own GAN as a detector: shows that it knows its own generator only",
    "cue": "what a discriminator learnt against one generator",
    "question": "synthesised",
    "kinds": ["face_synthesis"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: the faces it learnt from carry such terms",
    "strength_pair": None,
    "fitted_on": "stills",
    "default": False,
    "known_failures": [
        "it knows its own generator and its like only (AUC .68 on held-out seeds, .52 on StyleGAN1): elsewhere its score says nothing",
        "it saw faces of 64 px from brow to chin: what is larger is shrunk first, and hair and background are never seen",
        "faces that were enlarged, sharpened or compressed after they were drawn are not what it learnt from",
        "its score is not calibrated, and has no ratio",
    ],
}
WEIGHTS: dict[str, str] = {"gan_discriminator-1": "network.onnx"}
LIMITS = Limits(eyes_px=20.0, yaw_deg=45.0, pitch_deg=40.0, visible=0.7)
CUT_PX = 192
"""Faces are cut at this side and shrunk by area to what the network takes, as those that it learnt from."""
_PART = "gan_discriminator"
_LARGEST_PX = 1024


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        frames: at most this many frames of a face are scored, evenly spread over those that can be judged.
        weights: run folder of `likeness train` with a generator of faces, or its discriminator's graph; empty = the
            shipped one.
        threads: of the network; 0 = one per core.
    """

    frames: int = 16
    weights: str = ""
    threads: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ConfigError(f"frames: expected 1 or more, got {self.frames}")


@dataclass(frozen=True)
class Discriminator:
    """A discriminator in onnxruntime.

    Attributes:
        session: of the graph.
        size_px: side of the faces that it takes.
        tag: what reports call the weights.
    """

    session: Any
    size_px: int
    tag: str

    @classmethod
    def load(cls, path: Path, tag: str, threads: int = 0) -> Discriminator:
        """Open a graph that training a generator of faces wrote; raises `WeightsError` for anything else."""
        session = weights.session(path, threads)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        names = [i.name for i in inputs], [o.name for o in outputs]
        shape = inputs[0].shape[1:] if names == (["images"], ["logits"]) else []
        size = shape[-1] if len(shape) == 3 and shape[0] == 3 and shape[1] == shape[2] else 0
        if not isinstance(size, int) or not 16 <= size <= _LARGEST_PX:
            raise WeightsError(
                f"{path.name}: not a discriminator of this toolkit; give a run folder of `likeness train` with a "
                "generator of faces"
            )
        return cls(session, size, tag)

    def __call__(self, faces: ImageArray) -> FloatArray:
        """(N, S, S, 3) uint8 RGB faces -> (N,) float32 logits, higher = drawn by its generator."""
        tensor = np.ascontiguousarray(faces.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        (logits,) = self.session.run(["logits"], {"images": tensor})
        return np.round(logits, 4)

    def seen(self, frame: Frame, track: FaceTrack, row: int) -> npt.NDArray[np.floating]:
        """The logit of one face of a frame, cut as the faces that it learnt from."""
        import cv2

        from likeness.faces import align

        crop = align(frame.image, track.landmarks_px[row], CUT_PX, 0.0).image
        wh = (self.size_px, self.size_px)
        return self(cv2.resize(crop, wh, interpolation=cv2.INTER_AREA)[None])


def build(config: Config) -> GanDiscriminator:
    """Load the weights, if there are any, and build the detector; raises `WeightsError`."""
    if config.weights:
        path = Path(config.weights)
        path = path / "discriminator" / "network.onnx" if path.is_dir() else path
        return GanDiscriminator(config, Discriminator.load(path, path.stem, config.threads))
    if not WEIGHTS:
        return GanDiscriminator(config, None)
    tag, file = next(iter(WEIGHTS.items()))
    shipped = weights.path_of(_PART, file)
    return GanDiscriminator(config, Discriminator.load(shipped, tag, config.threads))


class GanDiscriminator:
    """See `INFO`. Score = mean logit over the frames of a face, maximum over faces."""

    def __init__(self, config: Config, network: Discriminator | None) -> None:
        self.config, self.network = config, network

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of the clip; `not_applicable` without weights or without a face that can be judged."""
        network = self.network
        if network is None:
            why = "no weights: train a generator of faces and give its run folder"
            return evidence(_PART, INFO, status="not_applicable", note=why)
        found = look(clip, tracks, self.config.frames, network.seen, _rows)
        if not found:
            why = why_unusable(tracks, LIMITS) or "no frame with a face could be read"
            return evidence(_PART, INFO, network.tag, status="not_applicable", note=why)
        scores = tuple(_track_score(seen) for seen in found)
        best = max(scores, key=lambda score: score.score)
        return evidence(
            _PART,
            INFO,
            network.tag,
            status="scored",
            score=best.score,
            track_id=best.track_id,
            tracks=scores,
            note="says only whether the face looks like one of this toolkit's own generator to its own adversary",
        )


def _rows(track: FaceTrack) -> IndexArray:
    return usable_rows(track, LIMITS)


def _track_score(seen: Seen) -> TrackScore:
    return TrackScore(
        seen.track.track_id,
        float(np.mean(seen.values)),
        seen.track.frame_indices[seen.rows],
        seen.values[:, 0].astype(np.float32),
    )
