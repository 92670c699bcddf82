"""What the HTML report shows of each face: thumbnails, timeline, facts and heatmaps."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from likeness.report import wording
from likeness.report.figures import Overlay, Timeline, overlay, timeline
from likeness.report.items import Picture, ReportItem
from likeness.report.tracks import summary
from likeness.types import FaceTrack, Heatmap, Verdict


@dataclass(frozen=True)
class Thumb:
    """A picture with its place in time and the words for those who do not see it."""

    href: str
    caption: str
    alt: str
    generated_label: str | None


@dataclass(frozen=True)
class Heat:
    """A heatmap over its picture."""

    detector: str
    thumb: Thumb
    overlay: Overlay


@dataclass(frozen=True)
class FaceView:
    """One section of the report: a face, or the whole picture."""

    title: str
    when: str
    findings: tuple[tuple[str, float | None], ...]
    thumbs: tuple[Thumb, ...]
    timeline: Timeline | None
    facts: tuple[tuple[str, str], ...]
    heats: tuple[Heat, ...]


def face_views(item: ReportItem) -> tuple[FaceView, ...]:
    """A section per face, then one for findings about the whole picture if there is something to show."""
    verdict = item.verdict
    assert verdict is not None
    end_s = max((float(t.times_s[-1]) for t in verdict.tracks if len(t)), default=0.0)
    views = [_view(item, verdict, track, end_s) for track in verdict.tracks]
    whole = _view(item, verdict, None, end_s)
    return tuple(views) + ((whole,) if whole.thumbs or whole.heats else ())


def _view(item: ReportItem, verdict: Verdict, track: FaceTrack | None, end_s: float) -> FaceView:
    track_id = None if track is None else track.track_id
    pictures = sorted(
        (p for p in item.pictures if p.track_id == track_id), key=lambda p: p.frame_index
    )
    times = _times(verdict)
    findings = [
        (e.detector, t.llr) for e in verdict.evidence for t in e.tracks if t.track_id == track_id
    ]
    return FaceView(
        title=wording.face_name(track_id),
        when=_when(track, end_s),
        findings=tuple(findings),
        thumbs=tuple(_thumb(p, times, end_s) for p in pictures),
        timeline=None if track is None else timeline(track, verdict.evidence, end_s),
        facts=() if track is None else _facts(track),
        heats=tuple(_heats(verdict, pictures, times, end_s)),
    )


def _heats(
    verdict: Verdict, pictures: list[Picture], times: dict[int, float], end_s: float
) -> list[Heat]:
    heats = []
    for finding in verdict.evidence:
        for heatmap in finding.heatmaps:
            picture = _picture_of(heatmap, pictures)
            if picture is not None and heatmap.values.size:
                thumb = _thumb(picture, times, end_s)
                heats.append(Heat(finding.detector, thumb, overlay(heatmap, picture)))
    return heats


def _picture_of(heatmap: Heatmap, pictures: list[Picture]) -> Picture | None:
    fits = (
        p
        for p in pictures
        if p.frame_index == heatmap.frame_index and p.track_id == heatmap.track_id
    )
    return next(fits, None)


def _thumb(picture: Picture, times: dict[int, float], end_s: float) -> Thumb:
    time_s = times.get(picture.frame_index)
    caption = f"frame {picture.frame_index}"
    if end_s == 0:
        caption = ""
    elif time_s is not None:
        caption = wording.clock(time_s)
    data = base64.b64encode(picture.data).decode("ascii")
    where = (
        f" at {caption}" if caption and time_s is not None else f" in {caption}" if caption else ""
    )
    alt = f"{wording.face_name(picture.track_id)}{where}"
    if picture.generated_label:
        alt += f"; generated pixels: {wording.plain(picture.generated_label)}"
    return Thumb(f"data:{picture.media_type};base64,{data}", caption, alt, picture.generated_label)


def _times(verdict: Verdict) -> dict[int, float]:
    return {
        int(index): float(time)
        for track in verdict.tracks
        for index, time in zip(track.frame_indices, track.times_s, strict=True)
    }


def _when(track: FaceTrack | None, end_s: float) -> str:
    if track is None or not len(track) or end_s == 0:
        return ""
    return f"{wording.clock(float(track.times_s[0]))} to {wording.clock(float(track.times_s[-1]))}"


def _facts(track: FaceTrack) -> tuple[tuple[str, str], ...]:
    s = summary(track)
    facts = [("Examined", _frames(s["frames"], s["seen"]))]
    facts.append(("Size", _size(s)))
    facts.append(("Between the eyes", _with_unit(s["eye_distance_px"], "px", 0)))
    facts.append(("Compression as JPEG quality", _with_unit(s["jpeg_quality"], "", 0)))
    facts.append(("Sharpness (log10)", _with_unit(s["sharpness"], "", 2)))
    share = s["visible"]
    facts.append(("Visible", "not measured" if share is None else f"{100 * share:.0f} %"))
    for name in ("yaw", "pitch", "roll"):
        facts.append((name.capitalize(), _angle(s[f"{name}_deg"])))
    return tuple(facts)


def _frames(frames: int, seen: int) -> str:
    noun = "frame" if frames == 1 else "frames"
    return f"{frames} {noun}" + ("" if seen == frames else f", seen in {seen}")


def _size(s: dict[str, Any]) -> str:
    if s["width_px"] is None:
        return "not measured"
    return f"{s['width_px']:.0f} × {s['height_px']:.0f} px"


def _with_unit(value: float | None, unit: str, digits: int) -> str:
    return "not measured" if value is None else f"{value:.{digits}f} {unit}".strip()


def _angle(values: list[float] | None) -> str:
    if values is None:
        return "not measured"
    low, middle, high = (f"{v + 0.0:.0f}°".replace("-0°", "0°").replace("-", "−") for v in values)
    return middle if low == high else f"{middle} ({low} to {high})"
