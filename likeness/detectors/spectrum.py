"""Spectrum: "Unmasking DeepFakes with simple features" (Durall, Keuper, Pfreundt, Keuper, 2019), measured honestly.

The azimuthal mean of the Fourier spectrum of a face, and a linear model. The published tables compare fakes and reals of
different sizes; see `benchmarks/spectrum_confound.py` and the card beside the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness import weights
from likeness.detectors._spectrum_features import (
    VERSION,
    bands,
    face_square,
    face_tiles,
    features,
)
from likeness.errors import ConfigError, WeightsError
from likeness.scoring.calibration import Calibration, calibration_from_dict
from likeness.scoring.domain import DomainGate
from likeness.scoring.models import LinearModel
from likeness.types import Clip, DoubleArray, Evidence, FaceTrack, FloatArray, Progress, TrackScore

INFO = {
    "summary": "Azimuthal Fourier spectrum of the un-resized face and a linear model: traces of a generator's upsampling",
    "cue": "frequency spectrum of the face",
    "question": "synthesised",
    "kinds": ["face_synthesis"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Durall et al., Unmasking DeepFakes with simple features, 2019, arXiv:1911.00686",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial: trained on FFHQ pictures (CC BY-NC-SA 4.0) and StyleGAN faces made from them",
    "known_failures": [
        "a spectrum is a signature, not a law: its sign flips from one generator family to the next; it knows StyleGAN1 "
        "at 256 px and periodic grids, nothing else",
        "separates StyleGAN1 from photographs only weakly; it must never decide alone",
        "resizing, strong compression, denoising and sharpening change the spectrum more than a generator does",
        "a pure checkerboard of period 2 px lies in the outermost corner of the spectrum and is missed",
        "faces whose square is smaller than 96 px are not examined; much larger ones lie outside its calibration",
        "printed screens, woven cloth and blocking of old codecs are periodic too",
    ],
    "strength_pair": "grid",
    "max_llr": 0.5,
}
WEIGHTS = {"spectrum-1": "spectrum.safetensors"}
CLIP = 8.0  # standard deviations of the training set
_PART = "spectrum"


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        frames: at most this many frames of a face are scored, evenly spread.
        weights: a safetensors file that `likeness train recipes/spectrum.toml` made, its `calibration.json` beside it;
            empty = the shipped one.
    """

    frames: int = 32
    weights: str = ""


@dataclass(frozen=True)
class Model:
    """Linear model, its calibration and the range of face squares that it knows.

    Attributes:
        linear: on the features of `likeness.detectors._spectrum_features`.
        gate: which spectra count as inside the calibration's domain: not those of resized or blurred pictures.
        calibration: None if the weights came without one.
        side_px: smallest and largest side of the face square that counts as inside the calibration's domain.
        variant: of the features.
        tag: what reports call the weights.
    """

    linear: LinearModel
    gate: DomainGate
    calibration: Calibration | None
    side_px: tuple[float, float]
    variant: str
    tag: str

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the safetensors file and the `calibration.json` beside it; raises `WeightsError`."""
        arrays, metadata = weights.load_arrays(path)
        if metadata.get("features") != VERSION:
            raise WeightsError(
                f"{path.name}: expected features {VERSION}, got {metadata.get('features')!r}; retrain "
                f"with recipes/spectrum.toml"
            )
        beside = path.with_name("calibration.json")
        stored = weights.load_json(beside) if beside.is_file() else {}
        calibration = (
            calibration_from_dict(stored["calibration"]) if "calibration" in stored else None
        )
        low, high = stored.get("side_px", (0.0, float("inf")))
        return cls(
            LinearModel.from_arrays(arrays, "linear."),
            DomainGate.from_arrays(arrays, "gate."),
            calibration,
            (float(low), float(high)),
            metadata.get("variant", "plain"),
            metadata.get("tag", path.stem),
        )


def build(config: Config) -> Spectrum:
    """The detector; raises `WeightsError` on missing, foreign or damaged weights."""
    if config.frames < 1:
        raise ConfigError(f"detector spectrum: frames: expected 1 or more, got {config.frames}")
    shipped = weights.FOLDER / _PART / WEIGHTS["spectrum-1"]
    path = Path(config.weights) if config.weights else shipped
    if not path.is_file():
        raise WeightsError(
            f"{path.name}: there are no such weights; likeness train recipes/spectrum.toml makes them"
        )
    return Spectrum(config, Model.load(path))


class Spectrum:
    """See `INFO`. Score = mean logit over the scored frames of a track, maximum over tracks."""

    def __init__(self, config: Config, model: Model) -> None:
        self.config = config
        self.model = model

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face of at least 96 px; `not_applicable` without one."""
        found = [s for s in (self._track(clip, track) for track in tracks) if s is not None]
        if not found:
            seen = any(not track.bridged.all() for track in tracks)
            note = "every face square is smaller than 96 px" if seen else "no face was seen"
            return self._evidence(status="not_applicable", note=note)
        top = max(found, key=lambda s: s.score)
        return self._evidence(
            status="scored",
            score=top.score,
            llr=top.llr,
            track_id=top.track_id,
            tracks=tuple(found),
            note=_sentence(top),
        )

    def score_tiles(self, tiles: FloatArray) -> DoubleArray:
        """(N, K, 96, 96) float32 luma tiles of N faces to (N,) logits; see `features`."""
        return self._score(features(tiles, self.model.variant))

    def _score(self, x: FloatArray) -> DoubleArray:
        linear = self.model.linear
        reach = CLIP * linear.scale  # beyond what training saw, a linear model only extrapolates
        # Rounded: where a buffer lies in memory must not move a score.
        return np.round(linear.logit(np.clip(x, linear.mean - reach, linear.mean + reach)), 9)

    def _track(self, clip: Clip, track: FaceTrack) -> TrackScore | None:
        seen = np.flatnonzero(~track.bridged)
        if not len(seen):
            return None
        spread = np.linspace(0, len(seen) - 1, min(self.config.frames, len(seen)))
        rows = seen[np.unique(spread.astype(int))]
        logits, indices, sides, inside = [], [], [], []
        row_of = {int(track.frame_indices[row]): row for row in rows}
        for frame in clip.frames.at(row_of):  # a damaged frame is left out
            row = row_of[frame.index]
            tiles = face_tiles(frame.image, track.boxes_px[row])
            if tiles is not None:
                x = features(tiles[None], self.model.variant)
                logits.append(float(self._score(x)[0]))
                inside.append(bool(self.model.gate.inside(bands(x))[0]))
                indices.append(frame.index)
                sides.append(face_square(track.boxes_px[row], clip.size_wh)[2])
        if not logits:
            return None
        score = float(np.mean(logits))
        low, high = self.model.side_px
        known = self.model.calibration
        return TrackScore(
            track.track_id,
            score,
            np.array(indices, np.int64),
            np.array(logits, np.float32),
            llr=None if known is None else float(known.llr([score])[0]),
            in_domain=low <= float(np.median(sides)) <= high and float(np.mean(inside)) >= 0.5,
        )

    def _evidence(self, **values: Any) -> Evidence:
        return Evidence(
            detector=_PART,
            cue=str(INFO["cue"]),
            question="synthesised",
            weights=self.model.tag,
            **values,
        )


def _sentence(top: TrackScore) -> str:
    if top.in_domain is False:
        return "the picture's size or sharpness is none that the calibration knows; its spectrum says nothing"
    if top.score > 1:
        return "the face's spectrum looks like that of the generators it was trained on"
    if top.score < -1:
        return "the face's spectrum shows no trace of the generators it was trained on"
    return "the face's spectrum says little either way"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/spectrum.toml` says; needs the extra `create` (scikit-learn)."""
    from likeness.detectors._spectrum_training import train

    return train(recipe, data, out, progress)
