"""Verdicts in a terminal, with rich: words first, colour only beside them, readable from 50 columns.

Everything that came from a file goes through `wording.plain`: a file name must not be able to command the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from likeness.report import wording
from likeness.report.cues_view import by_weight
from likeness.report.items import ReportItem
from likeness.report.marks_view import MarksView, marks_view, vouched
from likeness.report.readings_view import ReadingView, most_unusual, reading_views
from likeness.types import Evidence, Label, Verdict

# Blue and yellow part for every kind of colour vision; red and green would not.
_STYLE: dict[Label, str] = {
    "manipulation_likely": "bold yellow",
    "inconclusive": "bold",
    "no_manipulation_found": "bold blue",
}
_QUIET = "dim"
_TABLE_WIDTH = 66
_UNUSUAL = 3


def render_terminal(results: Sequence[ReportItem], *, detail: bool = True) -> RenderableType:
    """What `rich.console.Console.print` shows for one or more results.

    Args:
        results: one item per file.
        detail: the panel of every result; without it, and for more than one file, the summary table alone.
    """
    parts: list[RenderableType] = []
    if detail:
        parts.extend(verdict_panel(item) for item in results)
    if len(results) != 1 or not detail:
        parts.append(_summary(results))
    return Group(*parts)


def verdict_panel(item: ReportItem) -> RenderableType:
    """One result as a panel; two of them fit side by side in `rich.columns.Columns`."""
    title = Text(wording.plain(item.path), style="bold", overflow="fold")
    if item.verdict is None:
        return Panel(_error_text(item), title=title, title_align="left", border_style=_QUIET)
    verdict = item.verdict
    parts: list[RenderableType] = [_label(verdict.label), _strength(verdict), Text("")]
    parts.extend(_bullet(reason) for reason in verdict.reasons)
    marks = marks_view(verdict)
    if marks is not None:
        parts += [Text(""), *_marks(marks, verdict.reasons)]
    measured = by_weight(verdict.evidence)
    if measured:
        parts += [Text(""), _Findings(measured, item.part_info)]
    unusual = most_unusual(reading_views(measured), _UNUSUAL)
    if unusual:
        parts += [Text(""), Text("Farthest from what real faces give", style="bold")]
        parts.extend(_bullet(_reading(view)) for view in unusual)
    if verdict.limits:
        parts += [Text(""), Text("Limits", style="bold")]
        parts.extend(_bullet(limit, _QUIET) for limit in verdict.limits)
    means_not = wording.MEANS_NOT_VOUCHED if vouched(verdict) else wording.MEANS_NOT[verdict.label]
    parts += [Text(""), Text(means_not, style=_QUIET)]
    return Panel(Group(*parts), title=title, title_align="left", border_style=_QUIET)


def _label(label: Label) -> Text:
    return Text(f"{wording.LABEL_SIGNS[label]} {wording.LABEL_WORDS[label]}", style=_STYLE[label])


def _strength(verdict: Verdict) -> Text:
    faces = len(verdict.tracks)
    seen = "no face" if faces == 0 else "1 face" if faces == 1 else f"{faces} faces"
    if verdict.llr is None:
        return Text(f"No likelihood ratio · {seen}")
    ratio, words = wording.ratio_number(verdict.llr), wording.verbal_scale(verdict.llr)
    return Text.assemble(
        "Likelihood ratio ",
        (ratio, "bold"),
        f" (log10 {wording.signed(verdict.llr)}) · {words} · {seen}",
    )


def _bullet(sentence: str, style: str = "") -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row(Text("·"), Text(wording.plain(sentence), style=style))
    return grid


def _marks(view: MarksView, reasons: Sequence[str]) -> list[RenderableType]:
    """One line where nothing was found; otherwise every mark with its standing and facts. What the reasons said is not repeated."""
    if not view.found:
        line = Text("Marks  ", style="bold")
        return [line.append(wording.plain(view.note), style=_QUIET)]
    parts: list[RenderableType] = [Text("Marks", style="bold")]
    for source in view.sources:
        for mark in source.marks:
            parts.append(_bullet(f"{source.title}: {mark.standing}"))
            lines = [] if any(mark.text in r for r in reasons) else [Text(wording.plain(mark.text))]
            facts = " · ".join(f"{key}: {value}" for key, value in mark.facts)
            lines.append(Text(wording.plain(facts), style=_QUIET))
            parts.append(Padding(Group(*lines), (0, 0, 0, 2)))
    if view.warning and view.warning not in reasons:
        parts.append(_bullet(view.warning))
    if view.note:
        parts.append(_bullet(view.note, _QUIET))
    return parts


def _reading(view: ReadingView) -> str:
    face = wording.face_name(view.track_id).lower()
    return f"{view.detector}, {face}: {view.name} {view.value}, {view.words}"


class _Findings:
    """The evidence as a table, or one finding under the other where a table would be all hyphens."""

    def __init__(
        self, evidence: Sequence[Evidence], part_info: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._evidence = evidence
        self._unweighed = {
            e.detector: wording.unweighed(part_info.get(e.detector, {})) for e in evidence
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._table() if options.max_width >= _TABLE_WIDTH else self._list()

    def _table(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style=_QUIET)
        table.add_column("Detector", overflow="fold")
        table.add_column("Ratio", justify="right", no_wrap=True)
        table.add_column("Finding", overflow="fold")
        for finding in self._evidence:
            table.add_row(
                Text(wording.plain(finding.detector)),
                _ratio(finding),
                self._finding(finding),
                style=_tone(finding),
            )
        return table

    def _list(self) -> RenderableType:
        parts: list[RenderableType] = []
        for finding in self._evidence:
            head = Text(wording.plain(finding.detector), style=_tone(finding), overflow="fold")
            if finding.llr is not None:
                head.append(f"  {wording.ratio_number(finding.llr)}", style="bold")
            parts += [head, Padding(self._finding(finding), (0, 0, 0, 2), style=_tone(finding))]
        return Group(*parts)

    def _finding(self, finding: Evidence) -> Text:
        note = wording.plain(finding.note)
        if finding.status != "scored":
            note = f"{wording.STATUS_WORDS[finding.status]}: {note or 'no reason given'}"
        elif finding.llr is None:
            note = f"{note} ({self._unweighed[finding.detector]})".strip()
        return Text(note, overflow="fold")


def _tone(finding: Evidence) -> str:
    return "" if finding.status == "scored" else _QUIET


def _ratio(finding: Evidence) -> Text:
    return Text("–" if finding.llr is None else wording.ratio_number(finding.llr))


def _error_text(item: ReportItem) -> Text:
    assert item.error is not None  # ReportItem holds exactly one of them
    return Text.assemble(("✕ Not examined\n", "bold"), wording.plain(item.error.message))


def _summary(results: Sequence[ReportItem]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=_QUIET)
    table.add_column("File", overflow="fold", min_width=10)
    table.add_column("Verdict", overflow="fold", min_width=12)
    table.add_column("Ratio", justify="right", no_wrap=True)
    counts: dict[str, int] = {}
    for item in results:
        if item.verdict is None:
            word, label, ratio = "Not examined", Text("✕ Not examined"), "–"
        else:
            verdict = item.verdict
            word, label = wording.LABEL_WORDS[verdict.label], _label(verdict.label)
            ratio = "–" if verdict.llr is None else wording.ratio_number(verdict.llr)
        counts[word] = counts.get(word, 0) + 1
        table.add_row(Text(wording.plain(item.path)), label, ratio)
    total = " · ".join(f"{n} {word.lower()}" for word, n in counts.items())
    noun = "file" if len(results) == 1 else "files"
    return Padding(Group(table, Text(f"{len(results)} {noun}: {total}", style=_QUIET)), (1, 1))
