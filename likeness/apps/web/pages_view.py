"""What the pages show of a result: the report's own views, and beside them the player, the shares and the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from likeness.jobs.viewing import Viewing
from likeness.report import ReportItem, wording
from likeness.report.axis import time_axis
from likeness.report.html import result_view
from likeness.types import Evidence, FaceTrack, Verdict

_PLAYED = {
    "image": ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"),
    "video": ("video/mp4", "video/quicktime", "video/x-matroska", "video/ogg"),
    "audio": ("audio/mp4", "audio/mpeg", "audio/wav", "audio/ogg", "audio/flac", "audio/aac"),
}
"""What browsers can usually play. Whether this one can is found out by trying; frames stand ready if not."""


@dataclass(frozen=True)
class Medium:
    """How the file is shown.

    Attributes:
        kind: image, video or audio.
        source: address of the file's bytes.
        plays: whether browsers can usually show them; if not, frames are shown at once.
        size_wh: pixels of the upright frames.
        frames: how many frames were kept.
        first: address of the first kept frame; empty without one.
    """

    kind: str
    source: str
    plays: bool
    size_wh: tuple[int, int]
    frames: int
    first: str


def medium(job_id: str, viewing: Viewing) -> Medium:
    """How a file is shown."""
    first = viewing.frames[0].file if viewing.frames else ""
    return Medium(
        viewing.kind,
        f"/api/jobs/{job_id}/source",
        viewing.media_type in _PLAYED.get(viewing.kind, ()),
        viewing.size_wh,
        len(viewing.frames),
        f"/api/jobs/{job_id}/files/{first}" if first else "",
    )


def verdict_view(number: int, item: ReportItem) -> dict[str, Any]:
    """The report's view of one file, and how much each cue weighs among the others.

    Args:
        number: makes the ids on the page unique.
        item: with a verdict; its pictures are not used, they have addresses of their own.
    """
    assert item.verdict is not None
    plain = ReportItem(item.path, item.verdict, part_info=item.part_info, scale=item.scale)
    view = result_view(number, plain)
    view["shares"] = shares(item.verdict.evidence)
    view["validity"] = {c.e.detector: validity(c.e) for c in view["cues"]}
    return view


def shares(evidence: Sequence[Evidence]) -> dict[str, int]:
    """Percent of the summed |llr| per detector that has one; 0 where all of them are 0."""
    weights = {
        e.detector: abs(e.llr)
        for e in evidence
        if e.status == "scored" and e.llr is not None and np.isfinite(e.llr)
    }
    total = sum(weights.values())
    return {name: round(100 * w / total) if total else 0 for name, w in weights.items()}


def validity(evidence: Evidence) -> str:
    """Key of the sentence that says how far a finding holds: `unweighed`, `outside`, `unchecked` or `inside`."""
    if evidence.llr is None:
        return "unweighed"
    strongest = [t for t in evidence.tracks if t.llr is not None]
    if any(t.in_domain is False for t in strongest):
        return "outside"
    return "inside" if any(t.in_domain for t in strongest) else "unchecked"


def player_data(job_id: str, verdict: Verdict, viewing: Viewing) -> dict[str, Any]:
    """Everything that the player's module needs; times in seconds, places in pixels of the upright frame."""
    axis = time_axis(verdict.tracks)
    times = {f.index: f.time_s for f in viewing.frames}
    for track in verdict.tracks:
        times |= {int(i): float(t) for i, t in zip(track.frame_indices, track.times_s, strict=True)}
    files = f"/api/jobs/{job_id}/files"
    shown = medium(job_id, viewing)
    return {
        "kind": viewing.kind,
        "source": shown.source,
        "plays": shown.plays,
        "size_wh": list(viewing.size_wh),
        "fps": round(viewing.fps, 6),
        "duration_s": round(viewing.duration_s, 4),
        "frames": [[round(f.time_s, 4), f"{files}/{f.file}"] for f in viewing.frames],
        "axis": {
            "times_s": [round(t, 4) for t in axis.times_s],
            "at": [round(a, 3) for a in axis.at],
        },
        "tracks": [_track(track) for track in verdict.tracks],
        "heats": [
            {
                "detector": heat.detector,
                "map": f"{heat.detector}: {heat.name}" if heat.name else heat.detector,
                "time_s": round(times.get(heat.frame_index, 0.0), 4),
                "face": wording.face_name(heat.track_id),
                "corners_px": [[round(v, 2) for v in corner] for corner in heat.corners_px],
                "size_wh": list(heat.size_wh),
                "href": f"{files}/{heat.file}",
            }
            for heat in viewing.heats
        ],
        "spans": [
            {"detector": e.detector, "start_s": round(s.start_s, 3), "end_s": round(s.end_s, 3)}
            for e in verdict.evidence
            for s in e.spans
        ],
    }


def _track(track: FaceTrack) -> dict[str, Any]:
    return {
        "id": track.track_id,
        "name": wording.face_name(track.track_id),
        "times_s": [round(float(t), 4) for t in track.times_s],
        "boxes_px": [[round(float(v), 1) for v in box] for box in track.boxes_px],
        "bridged": [int(b) for b in track.bridged],
    }


def compared_cues(first: Verdict, second: Verdict) -> list[dict[str, Any]]:
    """A row per detector of either verdict: both ratios and how far they lie apart, the farthest first."""
    found: list[Mapping[str, Evidence]] = [
        {e.detector: e for e in v.evidence if e.detector != "marks"} for v in (first, second)
    ]
    rows = []
    for name in dict.fromkeys([*found[0], *found[1]]):
        pair = [f.get(name) for f in found]
        llrs = [None if e is None else e.llr for e in pair]
        known = [v for v in llrs if v is not None]
        apart = abs(known[0] - known[1]) if len(known) == 2 else None
        cue = next(e.cue for e in pair if e is not None)
        tones = [wording.tone(v) for v in llrs]
        rows.append({"detector": name, "cue": cue, "pair": pair, "tones": tones, "apart": apart})
    return sorted(rows, key=lambda r: -1.0 if r["apart"] is None else -r["apart"] - 1)


def compared_facts(first: Verdict, second: Verdict) -> list[tuple[str, str, str, bool]]:
    """(name, first, second, whether they differ) of every fact of either file, those that differ first."""
    names = [n for n in dict.fromkeys([*first.facts, *second.facts]) if n != "sha256"]
    rows = []
    for name in names:
        a, b = (
            wording.fact_text(v.facts[name]) if name in v.facts else "–" for v in (first, second)
        )
        rows.append((wording.fact_name(name), a, b, a != b))
    return sorted(rows, key=lambda r: not r[3])
