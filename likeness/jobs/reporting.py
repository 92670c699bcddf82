"""Turn examinations into report items: cut and encode the pictures that a report shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from likeness import media, registry
from likeness.errors import LikenessError
from likeness.jobs.detect import Examination
from likeness.jobs.judge import shipped_calibration
from likeness.report import Failure, LlrScale, Picture, ReportItem
from likeness.types import Clip, FaceTrack, Frame, Heatmap

THUMBNAIL_PX = 320
PICTURES_PER_FACE = 4
Encode = Callable[[Frame, tuple[float, float, float, float]], tuple[bytes, str]]


def report_item(
    path: str,
    examination: Examination,
    encode: Encode | None = None,
    generated_label: str | None = None,
) -> ReportItem:
    """One file of the report.

    Args:
        path: what the person asked for; shown, never opened.
        examination: its verdict and the clip it was made from.
        encode: makes (bytes, media type) of a box of a frame; default: `media.encode_original`, which refuses pixels
            that came from no input file.
        generated_label: words to show beside generated pixels.
    """
    verdict, clip = examination.verdict, examination.clip
    boxes = _wanted_boxes(clip, verdict.tracks, [h for e in verdict.evidence for h in e.heatmaps])
    pictures = []
    frames = (
        {f.index: f for f in clip.frames.at(sorted({index for _, index in boxes}))} if boxes else {}
    )
    for (track_id, index), box in boxes.items():
        data, media_type = (encode or _encode_original)(frames[index], box)
        pictures.append(Picture(data, media_type, box, index, track_id, generated_label))
    return ReportItem(
        path=path,
        verdict=verdict,
        pictures=tuple(pictures),
        part_info={n: dict(p.info) for n, p in registry.parts("detectors").items()},
        scale=llr_scale(),
    )


def failed_item(path: str, error: LikenessError) -> ReportItem:
    """A file that has no verdict."""
    return ReportItem(path=path, error=Failure.of(error))


def llr_scale() -> LlrScale:
    """Bounds and thresholds of the shipped calibration."""
    calibration = shipped_calibration()
    return LlrScale(
        bound=calibration.bound,
        likely_from=calibration.thresholds.likely_llr,
        none_below=calibration.thresholds.none_llr,
    )


def _encode_original(frame: Frame, box: tuple[float, float, float, float]) -> tuple[bytes, str]:
    return media.encode_original(frame, THUMBNAIL_PX, box), "image/jpeg"


def _wanted_boxes(
    clip: Clip, tracks: tuple[FaceTrack, ...], heatmaps: list[Heatmap]
) -> dict[tuple[int | None, int], tuple[float, float, float, float]]:
    """What to show: a few moments of every face, and whatever a heatmap lies on."""
    wanted: dict[tuple[int | None, int], tuple[float, float, float, float]] = {}
    mapped = {(h.track_id, h.frame_index): h for h in heatmaps}
    for track in tracks:
        seen = np.flatnonzero(~track.bridged)
        for row in seen[_spread(len(seen), PICTURES_PER_FACE)]:
            key: tuple[int | None, int] = (track.track_id, int(track.frame_indices[row]))
            if key not in mapped:
                wanted[key] = _inside(_widened(track.boxes_px[row]), clip.size_wh)
    for place, heatmap in mapped.items():
        corners = heatmap.corners_px
        box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        wanted[place] = _inside(box, clip.size_wh)
    if not wanted and clip.kind != "audio":
        wanted[None, 0] = (0.0, 0.0, float(clip.size_wh[0]), float(clip.size_wh[1]))
    return wanted


def _spread(count: int, most: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _widened(box: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A square around a face with its surroundings."""
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2.0
    half = 0.75 * max(float(box[2] - box[0]), float(box[3] - box[1]))
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def _inside(
    box: npt.NDArray[np.floating], size_wh: tuple[int, int]
) -> tuple[float, float, float, float]:
    w, h = size_wh
    x0, y0 = min(max(0.0, float(box[0])), w - 1.0), min(max(0.0, float(box[1])), h - 1.0)
    x1, y1 = min(float(w), max(float(box[2]), x0 + 1)), min(float(h), max(float(box[3]), y0 + 1))
    return round(x0), round(y0), round(x1), round(y1)
