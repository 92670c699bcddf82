"""The report as PDF, to print and to file: the sections of the HTML report, drawn with vectors on A4.

The fonts are the fourteen that every PDF reader has, so that nothing is embedded and nothing is loaded. They know Western
letters only: any other character of a file's name is written as its code, which is what `wording.plain` does with those that
mislead the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import likeness
from likeness.errors import MissingExtraError
from likeness.report import wording
from likeness.report.film import drawn_faces
from likeness.report.html import result_view
from likeness.report.items import Picture, ReportItem
from likeness.report.pdf_sheet import Sheet
from likeness.report.schema import SCHEMA_NAME, iso_time

_FILM_CELLS = 12
_TONES = {"likely": (166, 61, 11), "open": (87, 93, 100), "none": (29, 90, 147)}


def render_pdf(results: Sequence[ReportItem], created: str) -> bytes:
    """The report as one PDF document.

    Args:
        results: one item per file, in the order asked.
        created: ISO 8601 time of the examination; also the document's date, so that the same input gives the same bytes.

    Raises:
        UsageError: `created` is no ISO time.
        MissingExtraError: fpdf2 is not installed.
    """
    try:
        import fpdf  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("fpdf2", "web") from error
    moment = datetime.fromisoformat(iso_time(created))
    title = results[0].path if len(results) == 1 else f"{len(results)} files"
    sheet = Sheet(f"{title} - Likeness report", moment)
    for number, item in enumerate(results, start=1):
        sheet.start(f"Likeness {likeness.__version__} - {item.path}")
        sheet.small(
            f"Likeness report on manipulated faces - {created.replace('T', ' ')} - version {likeness.__version__}"
        )
        sheet.title(item.path)
        if item.error is not None:
            sheet.verdict("Not examined", "open", _TONES["open"])
            sheet.text(item.error.message)
            sheet.small("There is no verdict about this file, in neither direction.")
        else:
            _result(sheet, item, result_view(number, item))
    return sheet.output()


def _result(sheet: Sheet, item: ReportItem, view: dict[str, Any]) -> None:
    _answer(sheet, view)
    _marks(sheet, view)
    _evidence(sheet, view)
    _faces(sheet, item, view)
    _limits(sheet, view)
    _measured(sheet, view)
    _file(sheet, view)


def _answer(sheet: Sheet, view: dict[str, Any]) -> None:
    verdict = view["verdict"]
    sheet.verdict(view["word"], view["tone"], _TONES[view["tone"]])
    sheet.text(view["means"])
    sheet.text(f"What it does not mean. {view['means_not']}")
    sheet.heading("Reasons")
    for number, reason in enumerate(verdict.reasons, start=1):
        sheet.bullet(f"{number}.", reason)
    sheet.heading("Strength of the evidence")
    if verdict.llr is None:
        sheet.text("No likelihood ratio: no calibrated finding could be weighed.")
    else:
        ratio, words = wording.ratio_number(verdict.llr), wording.verbal_scale(verdict.llr)
        sheet.strong(f"Likelihood ratio {ratio}: {words} (log10 = {wording.signed(verdict.llr)})")
        sheet.scale(view["bar"])
        sheet.text(view["ratio_sentence"])
        sheet.small(
            "The ratio moves the odds that you held before, whatever they were. It is not the probability that the file "
            "was manipulated."
        )
    for question in view["questions"]:
        llr = question["llr"]
        said = "not answered" if llr is None else wording.ratio_number(llr)
        sheet.fact(question["word"], f"{said}. {question['help']}")


def _marks(sheet: Sheet, view: dict[str, Any]) -> None:
    marks = view["marks"]
    if not marks:
        return
    sheet.heading("Marks: what the file says of itself")
    for source in marks.sources:
        if not source.marks:
            sheet.fact(source.title, source.absent)
        for mark in source.marks:
            sheet.fact(source.title, f"{mark.text} ({mark.standing})")
            for name, value in mark.facts:
                sheet.fact(f"   {name}", value)
    if marks.warning:
        sheet.small(marks.warning)
    if marks.note:
        sheet.small(marks.note)


def _evidence(sheet: Sheet, view: dict[str, Any]) -> None:
    sheet.heading("Evidence, cue by cue")
    sheet.small(
        f"{len(view['cues'])} of {view['asked']} detectors could score this file; the weightiest stands first."
    )
    rows = []
    for cue in view["cues"]:
        ratio = cue.unweighed if cue.e.llr is None else wording.ratio_number(cue.e.llr)
        rows.append((cue.e.detector, cue.e.note or "-", ratio, "\n".join(cue.where)))
    if rows:
        sheet.table(("Cue", "What it says", "Ratio", "Where and when"), rows, (32, 82, 25, 39))
    for word, group in (("failed", view["broken"]), ("not applicable", view["unfit"])):
        for cue in group:
            sheet.small(f"{cue.e.detector}, {word}: {cue.e.note or 'no reason given'}")


def _faces(sheet: Sheet, item: ReportItem, view: dict[str, Any]) -> None:
    assert item.verdict is not None
    if not item.verdict.tracks:
        sheet.heading("No face was found")
        sheet.text(
            "Nothing follows from that about the file: what cannot be examined cannot be cleared."
        )
    tracks = {wording.face_name(t.track_id): t.track_id for t in drawn_faces(item.verdict)}
    for face in view["faces"]:
        sheet.heading(f"{face.title} {face.when}".strip(), room=50)
        owner = tracks.get(face.title)
        sheet.pictures(_shown(item, owner))
        if face.timeline:
            sheet.timeline(face.timeline)
        for reading in face.unusual:
            sheet.fact(f"{reading.name} ({reading.detector})", f"{reading.value}, {reading.words}")
        if face.tally:
            sheet.small(face.tally)
        if face.facts:
            sheet.small("; ".join(f"{name} {value}" for name, value in face.facts))


def _shown(item: ReportItem, track_id: int | None) -> list[BytesIO]:
    """A few pictures of a face, spread over its time."""
    mine: list[Picture] = [p for p in item.film if p.track_id == track_id] or [
        p for p in item.pictures if p.track_id == track_id
    ]
    step = max(1, -(-len(mine) // _FILM_CELLS))
    return [BytesIO(p.data) for p in sorted(mine, key=lambda p: p.frame_index)[::step]]


def _limits(sheet: Sheet, view: dict[str, Any]) -> None:
    verdict = view["verdict"]
    sheet.heading("Limits of this answer")
    for limit in verdict.limits:
        sheet.bullet("-", limit)
    sheet.fact("Calibrated on", verdict.population or "nothing: no finding is calibrated")


def _measured(sheet: Sheet, view: dict[str, Any]) -> None:
    if view["cues"]:
        sheet.heading("How each cue was measured")
    for cue in view["cues"]:
        sheet.strong(f"{cue.e.detector}: {cue.e.cue}")
        for track, validity in cue.faces:
            sheet.fact(
                wording.face_name(track.track_id),
                f"raw score {wording.signed(track.score)}; {validity}",
            )
        for name, value in (
            ("Looks at", cue.part["summary"]),
            ("Weights", cue.e.weights),
            ("Paper", cue.part["paper"] or "not stated"),
            ("Known failures", "; ".join(cue.part["failures"]) or "none stated"),
        ):
            if value:
                sheet.fact(name, value)


def _file(sheet: Sheet, view: dict[str, Any]) -> None:
    verdict = view["verdict"]
    sheet.heading("The file")
    sheet.fact("SHA-256", verdict.sha256 or "none: made in memory")
    for key, value in verdict.facts.items():
        if key != "sha256":
            sheet.fact(wording.fact_name(key), wording.fact_text(value))
    sheet.heading("Examined with")
    for key, value in verdict.versions.items():
        sheet.fact(key, value)
    sheet.small(f"The same numbers, unrounded, are in the JSON report ({SCHEMA_NAME}).")
