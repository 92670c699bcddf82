"""Detector `cnn_generated`: was this picture drawn whole by a generator? A small network on high-pass residuals.

After CNNDetection (Wang et al., CVPR 2020) and Marra et al. (MIPR 2019); what it knows and what it was never shown stands
on the card beside the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness import weights
from likeness.detectors._cnn_generated_fingerprint import Fingerprints, spectrum_of
from likeness.detectors._cnn_generated_model import Model
from likeness.detectors._cnn_generated_patches import (
    PATCH_PX,
    Patches,
    Region,
    cut,
    qualities,
    round_face,
    side_of,
    whole,
)
from likeness.errors import ConfigError, WeightsError
from likeness.types import (
    Clip,
    Evidence,
    FaceTrack,
    FloatArray,
    Heatmap,
    Progress,
    Reading,
    TrackScore,
)

INFO = {
    "summary": "Small network on high-pass residuals of un-resized patches: was the picture drawn whole by a generator, and by which?",
    "cue": "residual of a generator",
    "question": "synthesised",
    "kinds": ["face_synthesis"],
    "needs": ["picture of 96 px or more"],
    "inputs": ["image", "video"],
    "paper": "Own network after Wang et al., CNN-generated images are surprisingly easy to spot, CVPR 2020, arXiv:1912.11035",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial: trained on FFHQ pictures (CC BY-NC-SA 4.0), StyleGAN faces made from them, and UTKFace",
    "known_failures": [
        "knows StyleGAN1 at 256 px, our own dcgan and light_gan at 64 px enlarged, four ways of upsampling of a small autoencoder, "
        "and lattices; no diffusion model, BigGAN, CycleGAN, StarGAN, GauGAN or video generator was ever shown to it",
        "a generator that it was not shown is at chance (.51 on an unseen dcgan, .38 on restored faces)",
        "trained on 429 generated pictures: its ratio is weak by construction and never decides alone",
        "faces of 64 px enlarged get no ratio, drawn or not",
        "resizing, blur and strong compression after generation are expected to take away what it looks at; not measured yet",
        "outside pictures of 171-384 px side it gives no ratio",
        "sharpened, denoised or beautified photographs, and lattices of screens and print, look generated",
    ],
    "default": False,
    "trained_on": ["ffhq256:train", "stylegan1_256:train", "utkface:train"],
    "strength_pair": "grid",
    "fitted_on": "stills",
    "max_llr": 0.5,
}
WEIGHTS = {"cnn_generated-2": "network.onnx"}
_PART = "cnn_generated"
_NEAR = 4.0  # logits between which the heatmap runs from 0 to 1


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        frames: at most this many frames of a clip are scored, evenly spread.
        weights: a graph that `likeness train recipes/cnn_generated.toml` made, its other files beside it; empty = the
            shipped one.
    """

    frames: int = 8
    weights: str = ""


def build(config: Config) -> CnnGenerated:
    """The detector.

    Without shipped weights it applies to nothing, so that `detect` goes on; weights that were asked for must be there.

    Raises:
        ConfigError: fewer frames than one.
        WeightsError: weights that were asked for are missing; any that are foreign or damaged.
    """
    if config.frames < 1:
        raise ConfigError(f"detector {_PART}: frames: expected 1 or more, got {config.frames}")
    file = next(iter(WEIGHTS.values()))
    path = Path(config.weights) if config.weights else weights.FOLDER / _PART / file
    if not path.is_file():
        if config.weights:
            raise WeightsError(
                f"{path.name}: there are no such weights; likeness train recipes/{_PART}.toml makes them"
            )
        return CnnGenerated(config, None)
    return CnnGenerated(config, Model.load(path))


@dataclass(frozen=True)
class _Seen:
    """What one region gave over the frames."""

    score: TrackScore
    heatmap: Heatmap
    spectrum: FloatArray


class CnnGenerated:
    """See `INFO`. Score = mean logit over patches, then over frames; maximum over faces. Without a face: the whole picture."""

    def __init__(self, config: Config, model: Model | None) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score the surroundings of every face, or the whole picture where there is none."""
        model = self.model
        if model is None:
            return _evidence("", status="not_applicable", note="its weights are not installed")
        wanted = [r for r in (self._of_track(clip, t) for t in tracks) if r[1]]
        wanted = wanted or [(None, self._whole(clip))]
        found = [s for s in (self._look(model, clip, *r) for r in wanted) if s is not None]
        if not found:
            return _evidence(model.tag, status="not_applicable", note=_why_not(clip))
        top = max(found, key=lambda s: s.score.score)
        name = model.prints.name(top.spectrum) if _suspicious(top.score) else ""
        return _evidence(
            model.tag,
            status="scored",
            score=top.score.score,
            llr=top.score.llr,
            track_id=top.score.track_id,
            tracks=tuple(s.score for s in found),
            heatmaps=(top.heatmap,),
            readings=_readings(model.prints, top),
            note=_sentence(top.score, name),
        )

    def _of_track(self, clip: Clip, track: FaceTrack) -> tuple[int | None, dict[int, Region]]:
        rows = self._spread(np.flatnonzero(~track.bridged))
        return track.track_id, {
            int(track.frame_indices[r]): round_face(track.boxes_px[r], clip.size_wh) for r in rows
        }

    def _whole(self, clip: Clip) -> dict[int, Region]:
        region = (0, 0, *clip.size_wh)
        return {int(i): region for i in self._spread(np.arange(len(clip.frames)))}

    def _spread(self, rows: Any) -> Any:
        if not len(rows):
            return rows
        places = np.linspace(0, len(rows) - 1, min(self.config.frames, len(rows)))
        return rows[np.unique(places.astype(int))]

    def _look(
        self, model: Model, clip: Clip, track_id: int | None, regions: Mapping[int, Region]
    ) -> _Seen | None:
        logits, indices, sides, inside, spectra, maps = [], [], [], [], [], []
        for frame in clip.frames.at(regions):  # a damaged frame is left out
            region = regions[frame.index] if track_id is not None else whole(frame.image)
            patches = cut(frame.image, region)
            if patches is None or not len(patches.images):
                continue
            found = model.logits(patches.images)
            logits.append(float(found.mean(dtype=np.float64)))
            indices.append(frame.index)
            sides.append(side_of(region))
            inside.append(model.inside(qualities(frame.image, patches)))
            spectra.append(spectrum_of(patches.images))
            maps.append(_heatmap(found, patches, frame.index, track_id))
        if not logits:
            return None
        score = round(float(np.mean(logits)), 6)
        low, high = model.side_px
        known = low <= float(np.median(sides)) <= high and float(np.mean(inside)) >= 0.5
        llr = float(model.calibration.llr([score])[0]) if known else None
        values = np.array(logits, np.float32)
        return _Seen(
            TrackScore(track_id, score, np.array(indices, np.int64), values, llr, known),
            maps[int(np.argmax(logits))],
            np.mean(spectra, axis=0).astype(np.float32),
        )


def _heatmap(logits: FloatArray, patches: Patches, frame: int, track_id: int | None) -> Heatmap:
    """One cell per patch; those without texture are 0."""
    values = np.zeros(patches.grid, np.float32)
    rows, columns = patches.places.astype(int).T
    values[rows, columns] = np.clip(0.5 + logits / (2 * _NEAR), 0.0, 1.0)
    left, top, right, bottom = patches.region
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return Heatmap(values, frame, track_id, np.array(corners, np.float32))


def _readings(prints: Fingerprints, seen: _Seen) -> tuple[Reading, ...]:
    """How alike the residual is to each fingerprint, beside what pictures that are not of that generator give."""
    found = prints.likeness(seen.spectrum[None])[0]
    return tuple(
        Reading(
            f"likeness to the fingerprint of {name}",
            float(found[g]),
            "",
            (-1.0, float(prints.limits[g])),
            seen.score.track_id,
        )
        for g, name in enumerate(prints.names)
    )


def _suspicious(score: TrackScore) -> bool:
    return score.in_domain is True and score.llr is not None and score.llr > 0


def _why_not(clip: Clip) -> str:
    if clip.size_wh[0] == 0:
        return "there is no picture"
    if min(clip.size_wh) < PATCH_PX:
        return f"the picture is smaller than {PATCH_PX} px"
    return f"there is no texture to judge: everything is smooth, or smaller than {PATCH_PX} px"


def _sentence(score: TrackScore, name: str) -> str:
    if not score.in_domain:
        return "out of domain: the calibration knows no pictures of this size, sharpness or compression"
    if not _suspicious(score):
        return "the residual shows no trace of the generators that the network knows"
    by = f"most like that of {name}" if name != "unknown" else "of an unknown generator, if of any"
    return f"the residual looks generated; it is {by}"


def _evidence(tag: str, **values: Any) -> Evidence:
    return Evidence(_PART, str(INFO["cue"]), "synthesised", weights=tag, **values)


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/cnn_generated.toml` says; needs the extra `create` (torch)."""
    from likeness.detectors._cnn_generated_training import train

    return train(recipe, data, out, progress)
