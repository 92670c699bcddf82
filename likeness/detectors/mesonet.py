"""MesoNet: Meso4 and MesoInception4 (Afchar, Nozick, Yamagishi, Echizen; WIFS 2018) on aligned face crops.

Runs on onnxruntime with weights that the user brings: the authors' Keras files (`.h5`) or weights that
`likeness train recipes/mesonet.toml` made (`.safetensors`). None are shipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from likeness.detectors._mesonet_weights import load_weights, open_session, tag_of
from likeness.errors import ConfigError, WeightsError
from likeness.types import (
    Clip,
    DoubleArray,
    Evidence,
    FaceTrack,
    FloatArray,
    ImageArray,
    Progress,
    TrackScore,
    check_array,
)

INFO = {
    "summary": "Small CNN on aligned 256 px face crops (Meso4, MesoInception4); bring your own weights",
    "cue": "mesoscopic texture of the face",
    "question": "blended",
    "kinds": ["face_swap", "reenactment"],
    "needs": ["face", "weights"],
    "paper": "Afchar et al., MesoNet: a compact facial video forgery detection network, WIFS 2018, arXiv:1809.00888",
    "licence": "Apache-2.0",
    "weights_licence": "none shipped; the authors' files are Apache-2.0",
    "known_failures": [
        "accuracy does not transfer: the four published weights rank 11 FaceForensics++/DFDC clips with AUC .50-.82, "
        "against 98% claimed within their own data set",
        "weights are method-specific: those trained on Face2Face call face swaps real, and the other way round",
        "downloaded, re-encoded and soft real video is often called fake",
        "the score moves with the tightness of the crop: .536/.500 on clips, .889/.707 on stills, loose/tight",
        "uncalibrated: the score carries no likelihood ratio",
        "says nothing about wholly synthesised faces",
    ],
    "default": False,
    "strength_pair": None,
}
WEIGHTS: dict[str, dict[str, str]] = {}  # none are shipped
CROP_PX = 256
BATCH = 16
# MediaPipe mesh points that stand for dlib's: nose bridge and base, both eyes, outer lip
_NOSE = (168, 197, 5, 4, 98, 97, 2, 326, 327)
_RIGHT_EYE, _LEFT_EYE = (33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380)
_MOUTH = (61, 39, 0, 269, 291, 405, 17, 181)


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        weights: a `.h5` file of the authors or a `.safetensors` file of our own training; empty = the detector does
            not apply.
        architecture: `meso4`, `mesoinception4` or `auto`, which goes by the weights.
        frames: frames per face that are scored, evenly spaced over those that were examined.
        rule: how frames become one score per face: `mean_logit`, the project's rule, or `share_above_half`, the
            authors' own (share of frames with P(fake) > 0.5, a number in [0, 1] and no logit).
    """

    weights: str = ""
    architecture: Literal["auto", "meso4", "mesoinception4"] = "auto"
    frames: int = 32
    rule: Literal["mean_logit", "share_above_half"] = "mean_logit"


def build(config: Config) -> MesoNet:
    """The detector; raises `WeightsError` if the weights are missing, foreign or damaged."""
    return MesoNet(config)


class MesoNet:
    """Scores faces with a MesoNet whose weights the user brings; see `Config`."""

    def __init__(self, config: Config) -> None:
        if config.frames < 1:
            raise ConfigError(f"detector mesonet: frames: expected 1 or more, got {config.frames}")
        self.config = config
        self.tag = ""
        self._session: Any = None
        if config.weights:
            path = Path(config.weights)
            architecture, arrays = load_weights(path)
            if config.architecture not in ("auto", architecture):
                raise WeightsError(
                    f"{path.name}: expected weights of {config.architecture}, got those of "
                    f"{architecture}; set architecture = {architecture!r}"
                )
            self.tag = tag_of(architecture, path)
            self._session = open_session(architecture, arrays)

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score every face: `rule` over its frames, then the maximum over faces."""
        if self._session is None:
            return self._not_applicable(
                "no weights are shipped: give the authors' .h5 file or your own .safetensors with "
                "--weights FILE"
            )
        scores = tuple(s for s in (self._track(clip, track) for track in tracks) if s is not None)
        if not scores:
            return self._not_applicable("no face was seen")
        top = max(scores, key=lambda s: s.score)
        return Evidence(
            detector="mesonet",
            weights=self.tag,
            cue=str(INFO["cue"]),
            question="blended",
            status="scored",
            score=top.score,
            track_id=top.track_id,
            tracks=scores,
            note=f"uncalibrated {self.config.rule.replace('_', ' ')} over {len(top.frame_indices)} frames",
        )

    def score_crops(self, images: ImageArray) -> FloatArray:
        """Logits of P(fake) of already cropped faces.

        Args:
            images: (N, 256, 256, 3) uint8 RGB, cropped as by `crop_matrix`.

        Returns:
            (N,) float32; above 0 = more likely fake.

        Raises:
            WeightsError: the detector was built without weights.
            ShapeError: another shape or dtype.
        """
        check_array("images", images, (None, CROP_PX, CROP_PX, 3), np.uint8)
        if self._session is None:
            raise WeightsError("mesonet was built without weights; set weights = FILE")
        parts = [
            self._session.run(None, {"image": images[i : i + BATCH]})[0]
            for i in range(0, len(images), BATCH)
        ]
        return -np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _track(self, clip: Clip, track: FaceTrack) -> TrackScore | None:
        seen = np.flatnonzero(~track.bridged)
        if len(seen) == 0:
            return None
        pick = seen[
            np.unique(np.linspace(0, len(seen) - 1, self.config.frames).round().astype(int))
        ]
        place = {int(track.frame_indices[i]): track.landmarks_px[i] for i in pick}
        logits, indices, waiting = [], [], []
        for frame in clip.frames.at(sorted(place)):
            indices.append(frame.index)
            waiting.append(warp_crop(frame.image, crop_matrix(place[frame.index])))
            if len(waiting) == BATCH:
                logits.append(self.score_crops(np.stack(waiting)))
                waiting = []
        if waiting:
            logits.append(self.score_crops(np.stack(waiting)))
        frames = np.concatenate(logits)
        score = frames.mean(dtype=np.float64)
        if self.config.rule == "share_above_half":
            score = (frames > 0).mean()
        return TrackScore(track.track_id, float(score), np.array(indices, np.int64), frames)

    def _not_applicable(self, note: str) -> Evidence:
        return Evidence(
            "mesonet", str(INFO["cue"]), "blended", "not_applicable", self.tag, note=note
        )


def crop_matrix(landmarks_px: FloatArray, size_px: int = CROP_PX) -> DoubleArray:
    """The paper's crop: round the nose, 2.2 x 1.3 times the larger of eye and eye-mouth distance, upright.

    Args:
        landmarks_px: (478, 2) float32.
        size_px: side of the crop.

    Returns:
        (2, 3) float64, frame to crop.
    """
    points = landmarks_px.astype(np.float64)
    right, left, mouth, centre = (
        points[list(group)].mean(0) for group in (_RIGHT_EYE, _LEFT_EYE, _MOUTH, _NOSE)
    )
    down = mouth - (right + left) / 2
    reach = float(np.hypot(*down))
    side = 2.2 * 1.3 * max(float(np.hypot(*(left - right))), reach, 1.0)
    x, y = down / max(reach, 1e-9) * (size_px / side)
    turn = np.array([[y, -x], [x, y]])
    return np.column_stack([turn, size_px / 2 - turn @ centre])


def warp_crop(image: ImageArray, matrix: DoubleArray, size_px: int = CROP_PX) -> ImageArray:
    """(size_px, size_px, 3) crop of an RGB image; strong reductions are averaged first, so nothing aliases."""
    import cv2

    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.75:
        h, w = image.shape[:2]
        small = (max(1, round(w * scale)), max(1, round(h * scale)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        step = np.array([w / small[0], h / small[1]])
        # pixel centres lie at half integers: x_old = (x_new + .5) * step - .5
        matrix = np.column_stack(
            [matrix[:, :2] * step, matrix[:, 2] + matrix[:, :2] @ (step - 1) / 2]
        )
    border = cv2.BORDER_REFLECT_101
    out = cv2.warpAffine(
        image, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=border
    )
    return np.asarray(out, np.uint8)


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/mesonet.toml` says; needs the extra `create` (torch)."""
    from likeness.detectors._mesonet_training import train

    return train(recipe, data, out, progress)
