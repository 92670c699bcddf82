"""The quality of one swap as numbers: what each means, and the JSON that carries them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from likeness.types import FactValue

SWAP_SCHEMA: Final = "likeness-swap-1"


@dataclass(frozen=True)
class DetectorReading:
    """What one of our own detectors says of the unmarked frames, and of the same frames before the swap.

    Attributes:
        detector: its name.
        status_before, status_after: scored, not_applicable or failed.
        score_before, score_after: raw scores, higher = more likely manipulated; None unless scored.
        llr_before, llr_after: log10 likelihood ratios; None if uncalibrated.
        note: its sentence about the swapped frames.
    """

    detector: str
    status_before: str
    status_after: str
    score_before: float | None = None
    score_after: float | None = None
    llr_before: float | None = None
    llr_after: float | None = None
    note: str = ""


@dataclass(frozen=True)
class SwapFigures:
    """Measured on the frames in memory, before marking and encoding. None or missing where it cannot be measured.

    Attributes:
        frames: frames of the result.
        swapped: those in which a face was swapped.
        not_swapped: reason to number of frames.
        first_not_swapped: reason to the first such frame's number.
        sampled: swapped frames that identity, pose, expression and the detectors were measured on, evenly spaced.
        lost_faces: of these, how many in which no face was found after the swap.
        identity_to_source, identity_to_target: mean cosine similarity, -1 to 1, of the swapped faces' identity embeddings
            to the mean embedding of the source, and of the target before the swap.
        distance_to_source, distance_to_target: the same as mean Euclidean distance (dlib's usual threshold is 0.6).
        nearer_to_source: share, 0-1, of the sampled faces that are nearer to the source than to the target.
        pose_error_deg: mean absolute difference of yaw, pitch and roll between the face found after and before, in degrees.
        expression_error: mean distance of lid, brow and lip points after and before, once the whole meshes are laid on
            one another by a similarity, as a share of the eye distance; the mesh's own unrest is about 0.01.
        flicker_face: unrest of the swapped face, `merge_measures.Flicker`, in grey levels.
        flicker_target: unrest of the same face before.
        flicker_ratio: the first over the second; 1 = as steady as the footage.
        flicker_background: unrest of the picture outside every swapped face; equal before and after.
        seam_delta_e: median over measured frames of `merge_measures.seam_delta_e`; about 2 can be seen side by side.
        seam_contrast: median of `merge_measures.seam_contrast`; 1 = no edge was added.
        sharpness_ratio: median of `merge_measures.sharpness_ratio`; below 1 = softer than before.
        detectors: see `DetectorReading`; computed after the result was final, and used for nothing.
        label_before, label_after: verdicts of the detectors together.
        seconds: time per stage; stages run side by side, so they do not add up to the whole.
        settings: what the swap was made with.
    """

    frames: int
    swapped: int
    not_swapped: Mapping[str, int] = field(default_factory=dict)
    first_not_swapped: Mapping[str, int] = field(default_factory=dict)
    sampled: int = 0
    lost_faces: int = 0
    identity_to_source: float | None = None
    identity_to_target: float | None = None
    distance_to_source: float | None = None
    distance_to_target: float | None = None
    nearer_to_source: float | None = None
    pose_error_deg: tuple[float, float, float] | None = None
    expression_error: float | None = None
    flicker_face: float | None = None
    flicker_target: float | None = None
    flicker_ratio: float | None = None
    flicker_background: float | None = None
    seam_delta_e: float | None = None
    seam_contrast: float | None = None
    sharpness_ratio: float | None = None
    detectors: tuple[DetectorReading, ...] = ()
    label_before: str = ""
    label_after: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, FactValue] = field(default_factory=dict)


def swap_to_dict(figures: SwapFigures) -> dict[str, Any]:
    """JSON-ready; numbers that are not finite become null."""
    return {"schema": SWAP_SCHEMA, **_finite(asdict(figures))}


def swap_to_json(figures: SwapFigures) -> str:
    """The same as text."""
    return json.dumps(swap_to_dict(figures), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return round(value, 6) if isinstance(value, float) else value
