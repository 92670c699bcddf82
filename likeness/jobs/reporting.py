"""Turn examinations into report items: cut and encode the pictures that a report shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from likeness import media, registry
from likeness.errors import LikenessError
from likeness.jobs.detect import Examination
from likeness.jobs.judge import shipped_calibration
from likeness.report import Failure, LlrScale, Picture, ReportItem
from likeness.report.film import film_frames
from likeness.types import Clip, FaceTrack, Frame, Verdict

THUMBNAIL_PX = 320
FILM_PX = 176
PICTURES_PER_FACE = 4
Box = tuple[float, float, float, float]
Encode = Callable[[Frame, Box], tuple[bytes, str]]


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
    film = film_frames(verdict)
    wanted = _wanted_boxes(clip, verdict, film)
    moments = [(index, track_id, box, False) for (track_id, index), box in wanted.items()]
    moments += [
        (int(track.frame_indices[row]), track.track_id, _face_box(track, row, clip), True)
        for track in verdict.tracks
        for row in film.get(track.track_id, ())
    ]
    pictures: dict[bool, list[Picture]] = {False: [], True: []}
    # One frame at a time: all of a long clip's at once would not fit.
    indices = sorted({index for index, *_ in moments})
    for frame in clip.frames.at(indices) if indices else ():
        for index, track_id, box, small in moments:
            if index == frame.index:
                size_px = FILM_PX if small else THUMBNAIL_PX
                data, media_type = (encode or _original(size_px))(frame, box)
                picture = Picture(data, media_type, box, index, track_id, generated_label)
                pictures[small].append(picture)
    return ReportItem(
        path=path,
        verdict=verdict,
        pictures=tuple(pictures[False]),
        film=tuple(pictures[True]),
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


def _original(size_px: int) -> Encode:
    return lambda frame, box: (media.encode_original(frame, size_px, box), "image/jpeg")


def _wanted_boxes(
    clip: Clip, verdict: Verdict, film: Mapping[int, tuple[int, ...]]
) -> dict[tuple[int | None, int], Box]:
    """What to show besides the film: a few moments of every face without one, and whatever heatmaps lie on."""
    wanted: dict[tuple[int | None, int], Box] = {}
    mapped: dict[tuple[int | None, int], list[npt.NDArray[np.float32]]] = {}
    for heatmap in (h for e in verdict.evidence for h in e.heatmaps):
        place = (heatmap.track_id, heatmap.frame_index)
        mapped.setdefault(place, []).append(heatmap.corners_px)
    for track in verdict.tracks:
        if track.track_id in film:
            continue
        seen = np.flatnonzero(~track.bridged)
        for row in seen[_spread(len(seen), 1 if film else PICTURES_PER_FACE)]:
            key: tuple[int | None, int] = (track.track_id, int(track.frame_indices[row]))
            if key not in mapped:
                wanted[key] = _face_box(track, int(row), clip)
    for place, several in mapped.items():
        corners = np.concatenate(several)  # maps of several cues may reach differently far
        box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        wanted[place] = _inside(box, clip.size_wh)
    if not wanted and not film and clip.kind != "audio":
        wanted[None, 0] = (0.0, 0.0, float(clip.size_wh[0]), float(clip.size_wh[1]))
    return wanted


def _face_box(track: FaceTrack, row: int, clip: Clip) -> Box:
    return _inside(_widened(track.boxes_px[row]), clip.size_wh)


def _spread(count: int, most: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _widened(box: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A square around a face with its surroundings."""
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2.0
    half = 0.75 * max(float(box[2] - box[0]), float(box[3] - box[1]))
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def _inside(box: npt.NDArray[np.floating], size_wh: tuple[int, int]) -> Box:
    w, h = size_wh
    x0, y0 = min(max(0.0, float(box[0])), w - 1.0), min(max(0.0, float(box[1])), h - 1.0)
    x1, y1 = min(float(w), max(float(box[2]), x0 + 1)), min(float(h), max(float(box[3]), y0 + 1))
    return round(x0), round(y0), round(x1), round(y1)
