"""The table of cues: what every detector says, how much it weighs, where and when it shows; the weightiest first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from likeness.report import wording
from likeness.report.figures import weight_bar
from likeness.report.items import LlrScale, ReportItem
from likeness.report.readings_view import ReadingView, reading_view
from likeness.scoring.claims import measurements
from likeness.types import Evidence, Span

_MOST_SPANS = 3


@dataclass(frozen=True)
class CueView:
    """One row of the table and what is folded below it.

    Attributes:
        e: the finding.
        question: what it speaks to, in words.
        part: what its file says of it, see `part_view`.
        unweighed: what stands in the place of a ratio.
        tone: "likely", "none", "open" or "plain".
        bar: (start, width) in percent of its weight; None without one.
        where: faces and stretches of time.
        faces: (face's score, its validity in words).
        readings: its numbers.
    """

    e: Evidence
    question: str
    part: Mapping[str, Any]
    unweighed: str
    tone: str
    bar: tuple[float, float] | None
    where: tuple[str, ...]
    faces: tuple[tuple[Any, str], ...]
    readings: tuple[ReadingView, ...]


def by_weight(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Findings that scored, the weightiest first; then those without a ratio, those that broke, those that do not apply."""

    def key(finding: Evidence) -> tuple[int, float]:
        if finding.status != "scored":
            return (2 if finding.status == "failed" else 3), 0.0
        if finding.llr is None or math.isnan(finding.llr):
            return 1, 0.0
        return 0, -abs(finding.llr)

    return sorted(measurements(evidence), key=key)


def cue_views(item: ReportItem) -> tuple[CueView, ...]:
    """A row per detector that measures, the weightiest first."""
    assert item.verdict is not None
    return tuple(
        cue_view(e, item.part_info.get(e.detector, {}), item.scale)
        for e in by_weight(item.verdict.evidence)
    )


def cue_view(evidence: Evidence, info: Mapping[str, Any], scale: LlrScale) -> CueView:
    """One row."""
    return CueView(
        e=evidence,
        question=wording.QUESTION_WORDS[evidence.question],
        part=part_view(info),
        unweighed=wording.unweighed(info),
        tone=wording.tone(evidence.llr),
        bar=None if evidence.llr is None else weight_bar(evidence.llr, scale),
        where=_where(evidence),
        faces=tuple((t, _validity(t.in_domain, t.llr)) for t in evidence.tracks),
        readings=tuple(reading_view(evidence.detector, r) for r in evidence.readings),
    )


def part_view(info: Mapping[str, Any]) -> dict[str, Any]:
    """What a detector's `INFO` says that a reader wants to know."""
    failures = info.get("known_failures", ())
    return {
        "summary": str(info.get("summary", "")),
        "paper": _paper(info.get("paper", "")),
        "failures": [failures] if isinstance(failures, str) else [str(f) for f in failures],
        "licence": str(info.get("weights_licence", "")),
    }


def _where(evidence: Evidence) -> tuple[str, ...]:
    """One line per face: the stretches where the cue shows, or the face alone where time says nothing."""
    if evidence.status != "scored":
        return ()
    owners = dict.fromkeys([evidence.track_id, *(s.track_id for s in evidence.spans)])
    lines = []
    for owner in owners:
        spans = [s for s in evidence.spans if s.track_id == owner]
        if spans or owner == evidence.track_id:
            name = wording.face_name(owner)
            lines.append(f"{name}: {_spans(spans)}" if spans else name)
    return tuple(lines)


def _spans(spans: Sequence[Span]) -> str:
    strongest = sorted(spans, key=lambda s: -s.score)[:_MOST_SPANS]
    shown = ", ".join(
        f"{wording.clock(s.start_s)} to {wording.clock(s.end_s)}"
        for s in sorted(strongest, key=lambda s: s.start_s)
    )
    return shown + (f" and {len(spans) - _MOST_SPANS} more" if len(spans) > _MOST_SPANS else "")


def _validity(in_domain: bool | None, llr: float | None) -> str:
    if in_domain is False:
        return "unlike the faces of the calibration"
    if llr is None:
        return "uncalibrated"
    return "like the faces of the calibration" if in_domain else "likeness to calibration unchecked"


def _paper(paper: Any) -> str:
    """A reference on one line, whatever shape a part's INFO gives it; addresses stay text, not links."""
    if isinstance(paper, Mapping):
        order = [k for k in ("authors", "title", "venue", "year", "url") if k in paper]
        rest = [k for k in paper if k not in order]
        return ", ".join(str(paper[k]) for k in order + rest)
    if isinstance(paper, (list, tuple)):
        return "; ".join(_paper(p) for p in paper)
    return str(paper or "")
