"""What a viewer needs beside the verdict, kept as files: pictures of the report and the frames that were examined.

It is written while the clip is open, by whoever examined it. A process that shows results then opens no media at all, and a
file that a browser cannot play is still shown, frame by frame. Every picture is made of pixels of the input file.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from likeness import media, registry
from likeness.errors import DataError, OutputError, why_not_written
from likeness.jobs.detect import Examination
from likeness.jobs.reporting import report_item
from likeness.report import LlrScale, Picture, ReportItem
from likeness.report.figures import heat_png
from likeness.types import Clip, Verdict

FORMAT: Final = "likeness-viewing/1"
INDEX: Final = "viewing.json"
MOST_FRAMES: Final = 240
_PICTURE: Final = re.compile(r"picture-[0-9]{1,6}\.jpg")
FRAME_PX: Final = 720
STILL_PX: Final = 2560


@dataclass(frozen=True)
class KeptFrame:
    """One examined frame: where it stands in the clip, and the name of its JPEG."""

    index: int
    time_s: float
    file: str


@dataclass(frozen=True)
class KeptHeat:
    """One heatmap: whose, where it lies in the frame, and the name of its PNG, transparent where there is nothing.

    Attributes:
        detector: whose.
        frame_index: of which frame.
        track_id: of which face; None for the whole picture.
        corners_px: four corners in frame pixels: top-left, top-right, bottom-right, bottom-left.
        size_wh: its own size in cells.
        file: name of the PNG.
        name: which of the detector's maps it is; empty where it draws one.
    """

    detector: str
    frame_index: int
    track_id: int | None
    corners_px: tuple[tuple[float, float], ...]
    size_wh: tuple[int, int]
    file: str
    name: str = ""


@dataclass(frozen=True)
class Viewing:
    """What was kept of one file.

    Attributes:
        kind: image, video or audio.
        media_type: registered type of the file by its first bytes; empty where it is not known.
        size_wh: width and height in pixels of the upright frames; boxes and maps are in these.
        fps: mean frame rate in Hz; 0 for pictures and sound.
        duration_s: playing time.
        frames: examined frames, ascending.
        heats: heatmaps in the order of the evidence.
        pictures: (file, everything else that `Picture` holds, whether it belongs to the film).
        scale: the scale of likelihood ratios at the time of the examination.
    """

    kind: str
    media_type: str
    size_wh: tuple[int, int]
    fps: float
    duration_s: float
    frames: tuple[KeptFrame, ...]
    heats: tuple[KeptHeat, ...]
    pictures: tuple[tuple[str, Mapping[str, Any], bool], ...]
    scale: LlrScale


def keep(folder: Path, name: str, examination: Examination) -> None:
    """Write pictures, frames, heatmaps and, last, `viewing.json`.

    Args:
        folder: for this result alone; it must exist, and its owner takes it away whole if anything is raised here.
        name: what the person called the file; shown, never opened.
        examination: its verdict and the clip, still open.

    Raises:
        OutputError: it cannot be written.
        MediaError: the clip cannot be decoded any more, or its frames came from no file.
    """
    try:
        index = _write(folder, name, examination)
        (folder / INDEX).write_text(json.dumps(index, allow_nan=False), "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {folder.name}: {why_not_written(error)}") from error


def kept(folder: Path) -> Viewing:
    """What `keep` wrote to `folder`.

    Raises:
        DataError: nothing was kept there, or it is damaged.
    """
    try:
        stored = json.loads((folder / INDEX).read_text("utf-8"))
        if stored["format"] != FORMAT:
            raise DataError(f"viewing: expected format {FORMAT}, got {stored['format']!r}")
        width, height = stored["size_wh"]
        return Viewing(
            kind=str(stored["kind"]),
            media_type=str(stored["media_type"]),
            size_wh=(int(width), int(height)),
            fps=float(stored["fps"]),
            duration_s=float(stored["duration_s"]),
            frames=tuple(KeptFrame(**frame) for frame in stored["frames"]),
            heats=tuple(_heat(heat) for heat in stored["heats"]),
            pictures=tuple((p["file"], p["about"], bool(p["film"])) for p in stored["pictures"]),
            scale=LlrScale(**stored["scale"]),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"viewing: nothing that can be read was kept in {folder.name} ({error}); examine the file again"
        ) from error


def kept_item(folder: Path, name: str, verdict: Verdict) -> ReportItem:
    """The report item of a kept result, with its pictures: what `render_html` takes.

    Raises:
        DataError: nothing was kept there, or it is damaged.
    """
    viewing = kept(folder)
    found: dict[bool, list[Picture]] = {True: [], False: []}
    for file, about, film in viewing.pictures:
        if not _PICTURE.fullmatch(file):
            raise DataError(f"viewing: expected the name of a kept picture, got {file!r}")
        found[film].append(_picture(folder / file, about))
    return ReportItem(
        path=name,
        verdict=verdict,
        pictures=tuple(found[False]),
        film=tuple(found[True]),
        part_info={n: dict(p.info) for n, p in registry.parts("detectors").items()},
        scale=viewing.scale,
    )


def _write(folder: Path, name: str, examination: Examination) -> dict[str, Any]:
    clip = examination.clip
    item = report_item(name, examination)
    pictures: list[dict[str, Any]] = []
    for film, group in ((False, item.pictures), (True, item.film)):
        for picture in group:
            file = f"picture-{len(pictures)}.jpg"
            (folder / file).write_bytes(picture.data)
            about = {k: v for k, v in asdict(picture).items() if k not in ("data", "media_type")}
            pictures.append({"file": file, "about": about, "film": film})
    return {
        "format": FORMAT,
        "kind": clip.kind,
        "media_type": "" if clip.raw is None else clip.raw.media_type,
        "size_wh": list(clip.size_wh),
        "fps": clip.fps,
        "duration_s": clip.duration_s,
        "frames": [asdict(frame) for frame in _write_frames(folder, examination)],
        "heats": [asdict(heat) for heat in _write_heats(folder, examination.verdict)],
        "pictures": pictures,
        "scale": asdict(item.scale),
    }


def _write_frames(folder: Path, examination: Examination) -> Iterator[KeptFrame]:
    clip = examination.clip
    if clip.kind == "audio":
        return
    size_px = STILL_PX if clip.kind == "image" else FRAME_PX
    for frame in clip.frames.at(_examined(clip, examination.verdict)):
        file = f"frame-{frame.index}.jpg"
        (folder / file).write_bytes(media.encode_original(frame, size_px))
        yield KeptFrame(int(frame.index), float(frame.time_s), file)


def _write_heats(folder: Path, verdict: Verdict) -> Iterator[KeptHeat]:
    maps = [(e.detector, h) for e in verdict.evidence for h in e.heatmaps if h.values.size]
    for number, (detector, heat) in enumerate(maps):
        file = f"heat-{number}.png"
        href = heat_png(heat.values)
        (folder / file).write_bytes(base64.b64decode(href.partition(",")[2]))
        height, width = heat.values.shape
        corners = tuple((float(x), float(y)) for x, y in heat.corners_px)
        yield KeptHeat(
            detector, heat.frame_index, heat.track_id, corners, (width, height), file, heat.name
        )


def _heat(stored: Mapping[str, Any]) -> KeptHeat:
    corners = tuple((float(x), float(y)) for x, y in stored["corners_px"])
    width, height = stored["size_wh"]
    return KeptHeat(**{**stored, "corners_px": corners, "size_wh": (int(width), int(height))})


def _examined(clip: Clip, verdict: Verdict) -> list[int]:
    """Frames in which faces were followed; a few over the whole clip where there was none."""
    indices = sorted({int(i) for track in verdict.tracks for i in track.frame_indices})
    if not indices:
        return [int(i) for i in media.sample(clip, media.Sampling("evenly", 32))]
    if len(indices) > MOST_FRAMES:
        places = np.linspace(0, len(indices) - 1, MOST_FRAMES).round().astype(np.int64)
        return [indices[i] for i in np.unique(places)]
    return indices


def _picture(path: Path, about: Mapping[str, Any]) -> Picture:
    try:
        x0, y0, x1, y1 = about["box_px"]
        return Picture(
            data=path.read_bytes(),
            media_type="image/jpeg",
            box_px=(x0, y0, x1, y1),
            frame_index=int(about["frame_index"]),
            track_id=about["track_id"],
            generated_label=about["generated_label"],
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"viewing: a kept picture cannot be read ({error})") from error
