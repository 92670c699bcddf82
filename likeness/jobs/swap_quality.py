"""Measure a swap while it streams by, and its sampled frames when it is done.

Nothing here steers anything: figures are computed from frames that are final. What our own detectors say is asked last, of
frames without marks that exist in memory only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import numpy.typing as npt

from likeness import media
from likeness.faces import FaceModels, head_pose_deg, regions
from likeness.faces.finding import MIN_PRESENCE, mesh_on, mesh_square
from likeness.faces.geometry import eye_distance_px, transform
from likeness.faces.merge_measures import (
    Flicker,
    seam_contrast,
    seam_delta_e,
    sharpness_ratio,
    steady_face,
)
from likeness.jobs.detect import DetectOptions, detect
from likeness.jobs.swap_frames import FramesPlan, SwappedFrame, why_not
from likeness.report.swap_figures import DetectorReading, SwapFigures
from likeness.types import Clip, DoubleArray, FactValue, FloatArray, ImageArray, IndexArray, Verdict

Embed = Callable[[ImageArray, FloatArray], FloatArray]
"""Identity embedding of one face: (H, W, 3) uint8 RGB and (478, 2) landmarks to (D,) float32."""
SAMPLES = 24
_SAMPLE_BYTES = 256 << 20
_EVERY = 8  # seams and sharpness are measured on every eighth frame
_BACKGROUND_PX = 96
_MOVING = list(regions.EYES + regions.BROWS + regions.LIPS)


@dataclass(frozen=True)
class Sample:
    """A frame that is kept: its number and time, the pictures before and after, and where the first face is."""

    index: int
    time_s: float
    before: ImageArray
    after: ImageArray
    landmarks_px: FloatArray


@dataclass
class _Unrest:
    """Flicker before and after; one pair for each person."""

    before: Flicker = field(default_factory=Flicker)
    after: Flicker = field(default_factory=Flicker)


class QualityWatch:
    """Sees every frame go by and keeps a few of them.

    Args:
        clip: the target footage.
        plan: what is going to happen to it.
    """

    def __init__(self, clip: Clip, plan: FramesPlan) -> None:
        self._plan = plan
        self._wanted = set(_sample_indices(clip, plan).tolist())
        self.samples: list[Sample] = []
        self._frames = self._swapped = 0
        self._reasons: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._unrest: dict[int, _Unrest] = {}
        self._behind = Flicker()
        self._rims: list[tuple[float, float, float]] = []

    def see(self, swapped: SwappedFrame) -> None:
        """Take in the next frame."""
        index = swapped.frame.index
        self._frames += 1
        if not swapped.faces:
            self._reasons[swapped.reason] = self._reasons.get(swapped.reason, 0) + 1
            self._first.setdefault(swapped.reason, index)
            return
        self._swapped += 1
        for number, face in enumerate(swapped.faces):
            unrest = self._unrest.setdefault(number, _Unrest())
            size = face.target.image.shape[0]
            mask = _small(face.target.mask)
            for flicker, image in (
                (unrest.before, swapped.before),
                (unrest.after, swapped.frame.image),
            ):
                flicker.add(index, steady_face(image, face.target.matrix, size), mask)
        self._behind.add(index, *_background(swapped))
        if self._swapped % _EVERY == 1 and len(swapped.faces) == 1:
            merged = swapped.faces[0].merged
            self._rims.append(
                (
                    seam_delta_e(swapped.before, merged),
                    seam_contrast(swapped.before, merged),
                    sharpness_ratio(swapped.before, merged),
                )
            )
        if index in self._wanted:
            points = self._plan.replacements[0].track
            row = int(np.searchsorted(points.frame_indices, index))
            self.samples.append(
                Sample(
                    index,
                    swapped.frame.time_s,
                    swapped.before,
                    swapped.frame.image,
                    points.landmarks_px[min(row, len(points) - 1)],
                )
            )

    def figures(
        self,
        embed: Embed | None,
        source: FloatArray | None,
        models: FaceModels | None = None,
        settings: Mapping[str, FactValue] | None = None,
    ) -> SwapFigures:
        """The figures of what went by; call it when the result is final.

        Args:
            embed: see `Embed`; None leaves identity out.
            source: (D,) float32 mean embedding of the source.
            models: loaded networks.
            settings: what the swap was made with.
        """
        models = models or FaceModels()
        befores = [_face_in(s.before, s.landmarks_px, models) for s in self.samples]
        afters = [_face_in(s.after, s.landmarks_px, models) for s in self.samples]
        both = [
            (s, b, a)
            for s, b, a in zip(self.samples, befores, afters, strict=True)
            if b is not None and a is not None
        ]
        face, target = (
            [getattr(u, which).level for u in self._unrest.values()]
            for which in ("after", "before")
        )
        rims = [[v for v in column if np.isfinite(v)] for column in zip(*self._rims, strict=True)]
        rims = rims or [[], [], []]
        return SwapFigures(
            frames=self._frames,
            swapped=self._swapped,
            not_swapped=self._reasons,
            first_not_swapped=self._first,
            sampled=len(self.samples),
            lost_faces=sum(a is None for a in afters),
            pose_error_deg=_pose_error(both),
            expression_error=_expression_error(both),
            flicker_face=_mean(face),
            flicker_target=_mean(target),
            flicker_ratio=_ratio(_mean(face), _mean(target)),
            flicker_background=_mean([self._behind.level]),
            seam_delta_e=median(rims[0]) if rims[0] else None,
            seam_contrast=median(rims[1]) if rims[1] else None,
            sharpness_ratio=median(rims[2]) if rims[2] else None,
            settings=settings or {},
            **_identity(both, embed, source),  # type: ignore[arg-type]
        )

    def ask_detectors(self, fps: float, options: DetectOptions | None = None) -> dict[str, object]:
        """Fields `detectors`, `label_before` and `label_after` of the figures: our detectors on the unmarked samples."""
        if not self.samples:
            return {}
        before, after = (
            detect(media.clip_from_frames(images, fps or 25.0), options)
            for images in ([s.before for s in self.samples], [s.after for s in self.samples])
        )
        return {
            "detectors": _readings(before, after),
            "label_before": before.label,
            "label_after": after.label,
        }


def _sample_indices(clip: Clip, plan: FramesPlan) -> IndexArray:
    """Evenly spaced frames of those that are going to be swapped."""
    track = plan.replacements[0].track
    good = [int(i) for i in track.frame_indices if not why_not(track, int(i), plan, clip.size_wh)]
    frame_bytes = 6 * max(1, clip.size_wh[0] * clip.size_wh[1])
    count = min(SAMPLES, max(4, _SAMPLE_BYTES // frame_bytes), len(good))
    if not good:
        return np.zeros(0, np.int64)
    places = np.linspace(0, len(good) - 1, count).round().astype(np.int64)
    return np.unique(np.array(good, np.int64)[places])


def _small(mask: FloatArray) -> FloatArray:
    import cv2

    return np.asarray(cv2.resize(mask, (64, 64), interpolation=cv2.INTER_AREA), np.float32)


def _background(swapped: SwappedFrame) -> tuple[FloatArray, FloatArray]:
    """Brightness of the small picture, and where no face was swapped."""
    import cv2

    height, width = swapped.before.shape[:2]
    scale = _BACKGROUND_PX / max(height, width)
    wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    covered = np.zeros((height, width), np.uint8)
    for face in swapped.faces:
        x0, y0, x1, y1 = face.merged.box
        covered[y0:y1, x0:x1] = 1
    small = cv2.resize(swapped.frame.image, wh, interpolation=cv2.INTER_AREA)
    free = cv2.resize(covered, wh, interpolation=cv2.INTER_NEAREST) == 0
    grey = small.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey, free.astype(np.float32)


def _face_in(
    image: ImageArray, landmarks_px: FloatArray, models: FaceModels
) -> tuple[FloatArray, FloatArray] | None:
    """(478, 2) landmarks and (3,) pose of the face at a known place, looked at anew; None if none is seen there."""
    points, presence = mesh_on(image, [mesh_square(landmarks_px)], models)
    if float(presence[0]) < MIN_PRESENCE:
        return None
    return points[0], head_pose_deg(points, (image.shape[1], image.shape[0]))[0]


_Both = Sequence[tuple[Sample, tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]]


def _pose_error(both: _Both) -> tuple[float, float, float] | None:
    if not both:
        return None
    gaps = np.array([a[1] - b[1] for _, b, a in both], np.float64)
    yaw, pitch, roll = np.abs((gaps + 180.0) % 360.0 - 180.0).mean(axis=0)
    return float(yaw), float(pitch), float(roll)


def _expression_error(both: _Both) -> float | None:
    from likeness.faces.mesh_warp import fit_similarity

    gaps = []
    for _, (before, _), (after, _) in both:
        laid = transform(after.astype(np.float64), fit_similarity(after[:468], before[:468]))
        gap = np.linalg.norm((laid - before)[_MOVING], axis=-1).mean()
        gaps.append(float(gap / max(float(eye_distance_px(before)), 1e-6)))
    return float(np.mean(gaps)) if gaps else None


def _identity(both: _Both, embed: Embed | None, source: FloatArray | None) -> dict[str, float]:
    if embed is None or source is None or not both:
        return {}
    before = np.stack([embed(s.before, b[0]) for s, b, _ in both]).astype(np.float64)
    after = np.stack([embed(s.after, a[0]) for s, _, a in both]).astype(np.float64)
    people = {"source": np.asarray(source, np.float64), "target": before.mean(axis=0)}
    apart = {name: np.linalg.norm(after - mean, axis=1) for name, mean in people.items()}
    return {
        **{f"identity_to_{name}": _cosine(after, mean) for name, mean in people.items()},
        **{f"distance_to_{name}": float(apart[name].mean()) for name in people},
        "nearer_to_source": float((apart["source"] < apart["target"]).mean()),
    }


def _cosine(rows: DoubleArray, mean: npt.NDArray[np.float64]) -> float:
    lengths = np.maximum(np.linalg.norm(rows, axis=1) * np.linalg.norm(mean), 1e-12)
    return float((rows @ mean / lengths).mean())


def _mean(values: Sequence[float]) -> float | None:
    finite = [v for v in values if np.isfinite(v)]
    return float(np.mean(finite)) if finite else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def _readings(before: Verdict, after: Verdict) -> tuple[DetectorReading, ...]:
    old = {e.detector: e for e in before.evidence}
    return tuple(
        DetectorReading(
            detector=e.detector,
            status_before=old[e.detector].status,
            status_after=e.status,
            score_before=old[e.detector].score,
            score_after=e.score,
            llr_before=old[e.detector].llr,
            llr_after=e.llr,
            note=e.note,
        )
        for e in after.evidence
        if e.detector in old
    )
