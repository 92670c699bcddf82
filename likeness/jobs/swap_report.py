"""The report of a swap on disk: a strip of marked moments beside the originals, HTML and JSON next to the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

import numpy as np

from likeness import media
from likeness.errors import OutputError, why_not_written
from likeness.jobs.swap_quality import Sample
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making
from likeness.provenance.writing_previews import encode_marked
from likeness.report.items import Picture
from likeness.report.swap_figures import SwapFigures, swap_to_dict
from likeness.report.swap_report import StripMoment, SwapStory, render_swap_html
from likeness.report.writing import write_html, write_json
from likeness.types import Clip, FaceCrop, FloatArray, ImageArray

MOMENTS = 6
_WIDEN = 0.35
_SHOWN_PX = 256


@dataclass(frozen=True, eq=False)
class SwapReport:
    """What the report is about.

    Attributes:
        clip: the target, still open.
        out: the result.
        making: how it was made; pictures of the strip are marked with it.
        keys: who signs them.
        label: visible words that the result carries.
        source: the source's face as the generator saw it; None for trained pairs.
    """

    clip: Clip
    out: Path
    making: Making
    keys: KeyStore
    label: str
    source: FaceCrop | None


def write_swap_report(
    report: SwapReport, figures: SwapFigures, samples: Sequence[Sample]
) -> tuple[Path, Path]:
    """Write NAME.report.html and NAME.report.json beside the result; returns both.

    Raises:
        OutputError: they cannot be written.
        MarkError: a picture of the strip could not be marked; no report is left.
    """
    making = report.making
    story = SwapStory(
        target=report.clip.name,
        out=report.out.name,
        sources=tuple(p.name for p in making.ingredients if p.role == "source")
        or (("the other person in it",) if report.source is not None else ("a trained model",)),
        purpose=making.purpose,
        label=report.label,
    )
    created = datetime.combine(making.today, time()).isoformat()
    html = render_swap_html(figures, story, _strip(report, samples), None, created)
    places = report_places(report.out)
    write_html(places[0], html)
    write_json(swap_to_dict(figures), places[1])
    return places


def report_places(out: Path) -> tuple[Path, Path]:
    """Where the HTML and the JSON of a result lie."""
    return out.with_name(f"{out.name}.report.html"), out.with_name(f"{out.name}.report.json")


def remove_old_report(out: Path) -> None:
    """Take away what describes a result that is no more: measuring the new one takes seconds, and may fail."""
    for place in report_places(out):
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {place}: {why_not_written(error)}") from error


def _strip(report: SwapReport, samples: Sequence[Sample]) -> list[StripMoment]:
    places = np.unique(
        np.linspace(0, len(samples) - 1, min(MOMENTS, len(samples))).round().astype(int)
    )
    chosen = {samples[p].index: samples[p] for p in places.tolist()}
    strip = []
    for frame in report.clip.frames.at(sorted(chosen)):
        sample = chosen[frame.index]
        box = _square(sample.landmarks_px, sample.after)
        before = Picture(
            media.encode_original(frame, _SHOWN_PX, box), "image/jpeg", box, frame.index
        )
        x0, y0, x1, y1 = box
        shown = _at_most(sample.after[int(y0) : int(y1), int(x0) : int(x1)])
        data = encode_marked(shown, report.making, report.keys, "JPEG")
        after = Picture(data, "image/jpeg", box, frame.index, None, "generated")
        strip.append(StripMoment(sample.time_s, before, after))
    return strip


def _square(landmarks_px: FloatArray, image: ImageArray) -> tuple[float, float, float, float]:
    """xyxy whole pixels: the face with its surroundings, inside the picture."""
    height, width = image.shape[:2]
    low, high = landmarks_px[:468].min(axis=0), landmarks_px[:468].max(axis=0)
    centre, half = (low + high) / 2.0, (0.5 + _WIDEN) * float((high - low).max())
    x0, y0 = (max(0.0, float(np.floor(c - half))) for c in centre)
    x1, y1 = (
        min(width, float(np.ceil(centre[0] + half))),
        min(height, float(np.ceil(centre[1] + half))),
    )
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _at_most(image: ImageArray) -> ImageArray:
    import cv2

    scale = _SHOWN_PX / max(image.shape[:2])
    if scale >= 1.0:
        return np.ascontiguousarray(image)
    wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, wh, interpolation=cv2.INTER_AREA), np.uint8)
