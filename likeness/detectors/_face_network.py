"""What `self_blended` and `multiscale_patch` share: a network that looks at two crops of a face, draws a map and says a logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.detectors._cue import Seen, evidence, look, spans_of
from likeness.detectors._self_blended_crop import SCALES, SIZE_PX, crops_of, phase_only
from likeness.detectors._usable import Limits, usable_rows, why_unusable
from likeness.errors import ConfigError, WeightsError
from likeness.types import (
    Clip,
    Evidence,
    FaceTrack,
    FloatArray,
    Frame,
    Heatmap,
    ImageArray,
    TrackScore,
    check_array,
)

LIMITS = Limits(eyes_px=20.0, yaw_deg=50.0, pitch_deg=45.0, visible=0.7)
LARGEST_EYES_PX = 164.0
"""Twice the 95th percentile of the training faces (82 px): larger ones are sharper, once reduced, than any of those."""


@dataclass(frozen=True)
class FaceNetworkConfig:
    """Options.

    Attributes:
        frames: at most this many frames of a face are scored, evenly spread over those that can be judged.
        weights: path of a graph of the same recipe; empty = the shipped one.
        threads: of the network; 0 = one per core.
    """

    frames: int = 32
    weights: str = ""
    threads: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ConfigError(f"frames: expected 1 or more, got {self.frames}")


@dataclass(frozen=True)
class FaceNetwork:
    """A network in onnxruntime.

    Attributes:
        session: of the graph.
        maps: name of its first output.
        tag: what reports call the weights.
    """

    session: Any
    maps: str
    tag: str

    @classmethod
    def load(cls, path: Path, maps: str, tag: str, threads: int = 0) -> FaceNetwork:
        """Open a graph that a recipe wrote; raises `WeightsError` for anything else."""
        session = weights.session(path, threads)
        inputs = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
        wanted = [
            ("images", "tensor(uint8)", [SCALES, SIZE_PX, SIZE_PX, 3]),
            ("phase", "tensor(float)", [SCALES, SIZE_PX, SIZE_PX]),
        ]
        if inputs != wanted or [o.name for o in session.get_outputs()] != [maps, "logit"]:
            raise WeightsError(
                f"{path.name}: not a network of this detector; train one with its recipe"
            )
        return cls(session, maps, tag)

    @classmethod
    def of(
        cls, part: str, table: Mapping[str, str], config: FaceNetworkConfig, maps: str
    ) -> FaceNetwork:
        """The graph that a configuration asks for, else the shipped one; raises `WeightsError`."""
        tag, file = next(iter(table.items()))
        path = Path(config.weights) if config.weights else weights.path_of(part, file)
        return cls.load(path, maps, path.stem if config.weights else tag, config.threads)

    def __call__(self, crops: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Look at faces.

        Args:
            crops: (N, 2, 160, 160, 3) uint8 RGB, see `_self_blended_crop.crops_of`.

        Returns:
            Maps of the tight crop, (N, ..., h, w) float32 in [0, 1], and (N,) float32 logits.
        """
        check_array("crops", crops, (None, SCALES, SIZE_PX, SIZE_PX, 3), np.uint8)
        phase = phase_only(crops.reshape(-1, SIZE_PX, SIZE_PX, 3)).reshape(crops.shape[:-1])
        maps, logits = self.session.run([self.maps, "logit"], {"images": crops, "phase": phase})
        return np.clip(maps, 0.0, 1.0), np.round(logits, 4)


@dataclass(frozen=True)
class _Looking:
    """Scores faces and keeps the map that was drawn on each: by track and row."""

    network: FaceNetwork
    maps: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    def __call__(self, frame: Frame, track: FaceTrack, row: int) -> npt.NDArray[np.floating]:
        from likeness.faces import corners_px

        crops = crops_of(frame.image, track.landmarks_px[row])
        maps, logits = self.network(np.stack([crop.image for crop in crops])[None])
        side = maps.shape[-1]
        drawn = maps.reshape(-1, side, side)[0]  # the mask, where a boundary comes with it
        self.maps[track.track_id, row] = (drawn, corners_px(crops[0]))
        return logits


def judged(
    clip: Clip,
    tracks: Sequence[FaceTrack],
    network: FaceNetwork,
    frames: int,
    about: tuple[str, Mapping[str, Any]],
) -> Evidence:
    """Score every face of a clip: mean logit over its frames, maximum over faces.

    Args:
        clip: the clip.
        tracks: its faces.
        network: see `FaceNetwork`.
        frames: at most this many of each face.
        about: name and `INFO` of the detector.
    """
    part, info = about
    looking = _Looking(network)
    found = look(clip, tracks, frames, looking, lambda track: usable_rows(track, LIMITS))
    if not found:
        why = why_unusable(tracks, LIMITS) or "no frame with a face could be read"
        return evidence(part, info, network.tag, status="not_applicable", note=why)
    scores = tuple(_track_score(seen) for seen in found)
    best = int(np.argmax([score.score for score in scores]))
    spans = [spans_of(s, f.track.times_s[f.rows], 1.0) for s, f in zip(scores, found, strict=True)]
    return evidence(
        part,
        info,
        network.tag,
        status="scored",
        score=scores[best].score,
        track_id=scores[best].track_id,
        tracks=scores,
        spans=tuple(span for some in spans for span in some),
        heatmaps=(_heatmap(found[best], looking),),
        note=_sentence(scores[best].score),
    )


def _track_score(seen: Seen) -> TrackScore:
    eyes = np.median(seen.track.quality.eye_distance_px[seen.rows])
    return TrackScore(
        seen.track.track_id,
        float(np.mean(seen.values)),
        seen.track.frame_indices[seen.rows],
        seen.values[:, 0].astype(np.float32),
        in_domain=False if eyes > LARGEST_EYES_PX else None,
    )


def _heatmap(seen: Seen, looking: _Looking) -> Heatmap:
    """What was drawn on the frame that speaks most for a blend."""
    top = int(seen.rows[int(np.argmax(seen.values[:, 0]))])
    drawn, corners = looking.maps[seen.track.track_id, top]
    return Heatmap(drawn, int(seen.track.frame_indices[top]), seen.track.track_id, corners)


def _sentence(score: float) -> str:
    if score > 1.0:
        return "a part of the face looks as if it came from another picture"
    if score < -1.0:
        return "no part of the face looks as if it came from another picture"
    return "whether a part of the face came from another picture cannot be told from its traces"
