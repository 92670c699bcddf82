"""What the HTML report shows of each face: frames over time, the timeline of all cues, readings, facts and heatmaps."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from likeness.report import wording
from likeness.report.axis import TimeAxis, time_axis
from likeness.report.cues_view import by_weight
from likeness.report.face_facts import face_facts
from likeness.report.figures import Overlay, overlay
from likeness.report.film import Film, drawn_faces, film, slot_count
from likeness.report.items import Picture, ReportItem
from likeness.report.readings_view import ReadingView, most_unusual, reading_views, tally
from likeness.report.timeline import Timeline, timeline
from likeness.types import Evidence, FaceTrack, Heatmap, Verdict

_UNUSUAL = 6
_HEATS = 8


@dataclass(frozen=True)
class Shared:
    """A picture that is in the page once and drawn wherever it is wanted, by its id."""

    ref: str
    href: str
    view: tuple[float, float]


@dataclass(frozen=True)
class Thumb:
    """A picture with its place in time and the words for those who do not see it."""

    ref: str
    href: str
    caption: str
    alt: str
    generated_label: str | None


@dataclass(frozen=True)
class Heat:
    """A heatmap over its picture; `name` says which of the detector's it is."""

    detector: str
    name: str
    thumb: Thumb
    overlay: Overlay


@dataclass(frozen=True)
class FaceView:
    """One section of the report: a face, or the whole picture.

    Attributes:
        title, when: whose and from when to when.
        findings: (detector, llr) of every cue that scored it, the weightiest first.
        thumbs: pictures, where there is no film.
        film: frames over the timeline's axis; None for a still picture.
        film_label: words beside generated pixels of the film; None for those of the file.
        timeline: all cues under each other; None where nothing has a place in time.
        unusual: the readings farthest outside their usual range.
        tally: how many readings lie outside, in a sentence; empty without readings.
        facts: pose and quality.
        heats, more_heats: heatmaps, one of each cue first; the rest is folded.
    """

    title: str
    when: str
    findings: tuple[tuple[str, float | None], ...]
    thumbs: tuple[Thumb, ...]
    film: Film | None
    film_label: str | None
    timeline: Timeline | None
    unusual: tuple[ReadingView, ...]
    tally: str
    facts: tuple[tuple[str, str], ...]
    heats: tuple[Heat, ...]
    more_heats: tuple[Heat, ...]


def face_sections(item: ReportItem, page_id: str) -> dict[str, Any]:
    """Faces that are drawn in full, those that are listed, and the pictures that they share.

    Args:
        item: one file with a verdict.
        page_id: prefix of the ids of its pictures.
    """
    assert item.verdict is not None
    room = _Room(item, page_id)
    drawn = drawn_faces(item.verdict)
    views = [room.view(track) for track in drawn]
    whole = room.view(None)
    if whole.thumbs or whole.heats or whole.timeline or whole.unusual:
        views.append(whole)
    names = {t.track_id for t in drawn}
    others = [room.listed(t) for t in item.verdict.tracks if t.track_id not in names]
    lines = [view.timeline for view in views if view.timeline]
    # The key explains what is drawn, once for all faces.
    timed = lines and {
        "gaps": any(t.gaps for t in lines),
        "breaks": any(t.breaks for t in lines),
    }
    return {"faces": views, "others": others, "shared": room.shared, "timed": timed}


class _Room:
    """What all sections of one file have in common: the axis, the order of the cues, the pictures by id."""

    def __init__(self, item: ReportItem, page_id: str) -> None:
        assert item.verdict is not None
        self.verdict: Verdict = item.verdict
        self.axis: TimeAxis = time_axis(self.verdict.tracks)
        self.times = _times(self.verdict)
        self.still = len(self.times) < 2
        self.evidence = by_weight(self.verdict.evidence)
        self.pictures = _numbered(item.pictures, f"{page_id}-p")
        self.film = _numbered(item.film, f"{page_id}-f")
        self.shared: list[Shared] = []
        for ref, picture in self.film:
            self._share(ref, picture)

    def view(self, track: FaceTrack | None) -> FaceView:
        track_id = None if track is None else track.track_id
        mine = [(ref, p) for ref, p in self.film if p.track_id == track_id]
        frames = film(mine, self.times, self.evidence, self.axis, slot_count(self.verdict.tracks))
        pictures = [(ref, p) for ref, p in self.pictures if p.track_id == track_id]
        heats = self._heats(pictures)
        readings = [r for r in reading_views(self.evidence) if r.track_id == track_id]
        shown = [] if frames else pictures
        return FaceView(
            title=wording.face_name(track_id),
            when="" if track is None else self._when(track),
            findings=self._findings(track_id),
            thumbs=tuple(self._thumb(ref, p) for ref, p in shown),
            film=frames,
            film_label=next((p.generated_label for _, p in mine if p.generated_label), None),
            timeline=timeline(track, self.evidence, self.times, self.axis),
            unusual=tuple(most_unusual(readings, _UNUSUAL)),
            tally=tally(readings) if any(r.excess is not None for r in readings) else "",
            facts=() if track is None else face_facts(track),
            heats=tuple(heats[:_HEATS]),
            more_heats=tuple(heats[_HEATS:]),
        )

    def listed(self, track: FaceTrack) -> dict[str, Any]:
        """A face that is not drawn in full: its name, its time, its weightiest cue."""
        findings = self._findings(track.track_id)
        pictures = [(ref, p) for ref, p in self.pictures if p.track_id == track.track_id]
        return {
            "title": wording.face_name(track.track_id),
            "when": self._when(track),
            "finding": findings[0] if findings else None,
            "thumb": self._thumb(*pictures[0]) if pictures else None,
        }

    def _findings(self, track_id: int | None) -> tuple[tuple[str, float | None], ...]:
        found = [
            (e.detector, t.llr) for e in self.evidence for t in e.tracks if t.track_id == track_id
        ]
        return tuple(sorted(found, key=lambda f: -1.0 if f[1] is None else -abs(f[1]) - 2))

    def _heats(self, pictures: Sequence[tuple[str, Picture]]) -> list[Heat]:
        """The first map of every cue, then all second ones, and so on."""
        ranked = [
            (place, heatmap, finding)
            for finding in self.evidence
            for place, heatmap in enumerate(_maps_over(finding, pictures))
        ]
        heats = []
        for _, heatmap, finding in sorted(ranked, key=lambda r: r[0]):
            ref, picture = next((r, p) for r, p in pictures if _belongs(heatmap, p))
            self._share(ref, picture)
            heats.append(
                Heat(
                    finding.detector,
                    wording.plain(heatmap.name),
                    self._thumb(ref, picture),
                    overlay(heatmap, picture),
                )
            )
        return heats

    def _share(self, ref: str, picture: Picture) -> None:
        if all(s.ref != ref for s in self.shared):
            x0, y0, x1, y1 = picture.box_px
            self.shared.append(Shared(ref, _href(picture), (x1 - x0, y1 - y0)))

    def _thumb(self, ref: str, picture: Picture) -> Thumb:
        time_s = self.times.get(picture.frame_index)
        caption = f"frame {picture.frame_index}"
        if self.still:
            caption = ""
        elif time_s is not None:
            caption = wording.clock(time_s)
        where = f" {'in' if time_s is None else 'at'} {caption}" if caption else ""
        alt = f"{wording.face_name(picture.track_id)}{where}"
        if picture.generated_label:
            alt += f"; generated pixels: {wording.plain(picture.generated_label)}"
        return Thumb(ref, _href(picture), caption, alt, picture.generated_label)

    def _when(self, track: FaceTrack) -> str:
        if not len(track) or self.still:
            return ""
        first, last = float(track.times_s[0]), float(track.times_s[-1])
        return f"{wording.clock(first)} to {wording.clock(last)}"


def _maps_over(finding: Evidence, pictures: Sequence[tuple[str, Picture]]) -> list[Heatmap]:
    """The finding's maps that are not empty and whose picture is there."""
    return [
        h for h in finding.heatmaps if h.values.size and any(_belongs(h, p) for _, p in pictures)
    ]


def _belongs(heatmap: Heatmap, picture: Picture) -> bool:
    return (heatmap.frame_index, heatmap.track_id) == (picture.frame_index, picture.track_id)


def _numbered(pictures: Sequence[Picture], prefix: str) -> list[tuple[str, Picture]]:
    ordered = sorted(pictures, key=lambda p: p.frame_index)
    return [(f"{prefix}{i}", p) for i, p in enumerate(ordered, start=1)]


def _href(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def _times(verdict: Verdict) -> dict[int, float]:
    return {
        int(index): float(time)
        for track in verdict.tracks
        for index, time in zip(track.frame_indices, track.times_s, strict=True)
    }
