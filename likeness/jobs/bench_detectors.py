"""What can be measured: our detectors, other people's functions, and all of ours fused.

A label in a table stands for (name, configuration). The name is that of a detector, `fused` (the file's llr of the shipped
calibration, from the scores of the others), or `module:function`, somebody else's code in one function:

    def score(image): ...     (H, W, 3) uint8 RGB -> number, higher = more likely manipulated; the mean over a clip's frames
    def score(frames): ...    a list of such pictures -> one number; chosen by the name of its first parameter

With `@face` behind it (`module:function@face`) it gets a square round the face, 1.3 times its box, instead of whole frames.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from likeness import registry
from likeness.errors import ContractError
from likeness.jobs.detect import fitted_on
from likeness.types import Clip, Detector, Evidence, FaceTrack, FloatArray, ImageArray, TrackScore

FUSED = "fused"
FACE = "@face"
SCALE = 1.3
"""Side of the square against the face's box, as is common for networks on FaceForensics++."""
LISTS = ("frames", "images", "clip", "video")
LOGITS = ("boundary", "mesonet", "multiscale_patch", "self_blended")
"""Detectors whose score is the mean logit of a network that was trained to give a probability at even odds."""


def is_external(name: str) -> bool:
    """Whether a name stands for somebody else's function."""
    return ":" in name


def build_measured(name: str, options: Mapping[str, Any]) -> Detector:
    """A detector, or somebody else's function in the shape of one; raises `UsageError`."""
    if is_external(name):
        return ExternalDetector(name)
    built: Detector = registry.build("detectors", name, options)
    return built


def needs_neighbours(name: str) -> bool:
    """Whether it can say something about neighbouring frames of a clip only."""
    return not is_external(name) and name != FUSED and fitted_on(name) == "clips"


def gives_logits(name: str, options: Mapping[str, Any]) -> bool:
    """Whether its score is a logit, so that it claims a probability of its own even without a calibration."""
    return name in LOGITS and options.get("rule", "mean_logit") == "mean_logit"


def external_table(name: str) -> str:
    """Name of the table of kept scores of a function; changes with its file."""
    _, path = registry.function(name.removesuffix(FACE))
    digest = hashlib.sha256(json.dumps([name, SCALE]).encode() + path.read_bytes())
    return f"external-{digest.hexdigest()[:12]}"


class ExternalDetector:
    """A function behind the protocol of detectors; a clip's frames are those in which its main face was seen."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._faces = name.endswith(FACE)
        self._function, _ = registry.function(name.removesuffix(FACE))
        self._lists = _first_parameter(self._function) in LISTS

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Score the longest track, or the first frame where there is no face.

        Raises:
            ContractError: the function broke down, or gave something else than a finite number.
        """
        track = max(tracks, key=len, default=None)
        if track is None and self._faces:
            return self._evidence(None, [], [])
        rows = {} if track is None else {int(f): i for i, f in enumerate(track.frame_indices)}
        frames = list(clip.frames.at(sorted(rows) if rows else [0]))
        images = [
            face_square(f.image, track.boxes_px[rows[f.index]])
            if track is not None and self._faces
            else f.image
            for f in frames
        ]
        given = [self._call(images)] if self._lists else [self._call(i) for i in images]
        indices = [f.index for f in frames[: len(given)]]
        return self._evidence(None if track is None else track.track_id, indices, given)

    def _call(self, shown: Any) -> float:
        try:
            given = self._function(shown)
        except Exception as error:
            raise ContractError(
                f"{self.name} broke down: {type(error).__name__}: {error}"
            ) from error
        try:
            number = float(given)
        except (TypeError, ValueError):
            number = float("nan")
        if not np.isfinite(number):
            raise ContractError(f"{self.name}: expected a finite number, got {str(given)[:60]!r}")
        return number

    def _evidence(
        self, track_id: int | None, indices: Sequence[int], scores: Sequence[float]
    ) -> Evidence:
        if not scores:
            return Evidence(self.name, "external", "blended", "not_applicable", note="no face")
        mean = float(np.mean(scores))
        part = TrackScore(track_id, mean, np.array(indices, np.int64), np.array(scores, np.float32))
        return Evidence(
            self.name,
            "external",
            "blended",
            "scored",
            score=mean,
            track_id=track_id,
            tracks=(part,),
        )


def face_square(image: ImageArray, box_px: FloatArray) -> ImageArray:
    """A square round a box, `SCALE` times its longer side, cut off at the edges of the picture; (h, w, 3) uint8 RGB."""
    x0, y0, x1, y1 = (float(v) for v in box_px)
    half = SCALE * max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = image.shape[:2]
    left, top = (int(max(0, round(v - half))) for v in (x, y))
    right, bottom = round(min(width, x + half)), round(min(height, y + half))
    if right - left < 8 or bottom - top < 8:
        return image
    return np.ascontiguousarray(image[top:bottom, left:right])


def _first_parameter(function: Callable[..., Any]) -> str:
    try:
        return next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):  # something callable without a signature
        return ""
