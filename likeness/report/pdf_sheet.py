"""A4 sheets that the PDF report is written on: its few kinds of text, and its drawings as vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from likeness.report.figures import ScaleBar
from likeness.report.timeline import Row, Strip, Timeline
from likeness.report.wording import plain, ratio_number

_MARGIN, _WIDTH, _WHO = 16.0, 178.0, 40.0  # mm
_INK, _QUIET, _LINE, _CARD, _BAND = (
    (28, 32, 36),
    (88, 95, 102),
    (220, 216, 208),
    (244, 242, 238),
    (211, 226, 238),
)
_COLOURS = {"likely": (166, 61, 11), "none": (29, 90, 147), "open": (87, 93, 100), "plain": _INK}
_ZONES = {"likely": (234, 176, 140), "none": (169, 198, 226), "open": (214, 213, 209)}
_PLAINER = str.maketrans(
    {"“": '"', "”": '"', "’": "'", "−": "-", "–": "-", "—": "-", "…": "...", "≤": "<=", "≥": ">="}
)
_POINT = re.compile(r"([ML])(-?[\d.]+) (-?[\d.]+)")


class Sheet:
    """A document under construction; positions are millimetres."""

    def __init__(self, title: str, created: datetime) -> None:
        from fpdf import FPDF

        sheet = self

        class Document(FPDF):
            def footer(self) -> None:
                sheet.foot()

        self.pdf = Document(format="A4")
        self.pdf.set_title(latin(title))
        self.pdf.set_lang("en")
        self.pdf.set_creation_date(created)
        self.pdf.set_margins(_MARGIN, _MARGIN)
        self.pdf.set_auto_page_break(True, 18)
        self.pdf.alias_nb_pages()
        self.footing = ""

    def output(self) -> bytes:
        """The bytes of the document."""
        return bytes(self.pdf.output())

    def start(self, footing: str) -> None:
        """A new page, and what stands at its foot and at those that follow."""
        self.footing = footing
        self.pdf.add_page()

    def foot(self) -> None:
        """Page numbers; called by the library."""
        self.pdf.set_y(-13)
        self._font(8, colour=_QUIET)
        self.pdf.cell(_WIDTH - 25, 4, latin(self.footing)[:110])
        self.pdf.cell(25, 4, f"{self.pdf.page_no()} / {{nb}}", align="R")

    def title(self, text: str) -> None:
        """The file's name."""
        self._font(15, "B")
        self._lines(text, 7)
        self.pdf.ln(2)

    def heading(self, text: str, room: float = 26.0) -> None:
        """Of a section; never at the foot of a page with less than `room` below it."""
        if self.pdf.will_page_break(room):
            self.pdf.add_page()
        self.pdf.ln(4)
        self._font(12, "B")
        self._lines(text, 6)
        self.pdf.ln(1)

    def verdict(self, word: str, tone: str, colour: tuple[int, int, int]) -> None:
        """The label in large letters beside a bar, with its sign drawn: ▲, ◆ or ●."""
        y, x = self.pdf.get_y(), _MARGIN
        self.pdf.set_fill_color(*colour)
        self.pdf.rect(x, y, 1.6, 12, style="F")
        shapes = {
            "likely": [(x + 5, y + 8.6), (x + 10, y + 8.6), (x + 7.5, y + 3.6)],
            "open": [(x + 5, y + 6), (x + 7.5, y + 3.5), (x + 10, y + 6), (x + 7.5, y + 8.5)],
        }
        if tone in shapes:
            self.pdf.polygon(shapes[tone], style="F")
        else:
            self.pdf.circle(x + 7.5, y + 6, 2.3, style="F")
        self._font(20, "B", colour)
        self.pdf.set_xy(x + 13, y + 1)
        self.pdf.cell(0, 10, latin(word), new_x="LMARGIN", new_y="NEXT")
        self.pdf.ln(3)

    def text(self, text: str) -> None:
        """A paragraph."""
        self._font(10)
        self._lines(text, 5)
        self.pdf.ln(1.2)

    def strong(self, text: str) -> None:
        """A paragraph that stands out."""
        if self.pdf.will_page_break(16):
            self.pdf.add_page()
        self._font(10, "B")
        self._lines(text, 5)

    def small(self, text: str) -> None:
        """A paragraph in the background."""
        self._font(8.5, colour=_QUIET)
        self._lines(text, 4.2)
        self.pdf.ln(0.8)

    def bullet(self, sign: str, text: str) -> None:
        """One item of a list."""
        self._font(10)
        self.pdf.cell(6, 5, latin(sign))
        self._lines(text, 5, _WIDTH - 6)
        self.pdf.ln(0.6)

    def fact(self, name: str, value: str) -> None:
        """A name and its value beside each other."""
        if self.pdf.will_page_break(9):
            self.pdf.add_page()
        y = self.pdf.get_y()
        self._font(9, colour=_QUIET)
        self.pdf.multi_cell(50, 4.4, latin(name), align="L", new_x="RIGHT", new_y="TOP")
        below = y + 4.4 * len(self._split(name, 50))
        self._font(9)
        self.pdf.set_xy(_MARGIN + 52, y)
        self._lines(value, 4.4, _WIDTH - 52)
        if self.pdf.get_y() > y:  # no page was turned in between
            self.pdf.set_y(max(self.pdf.get_y(), below) + 0.5)

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], widths_mm: Sequence[float]
    ) -> None:
        """Rows under their heads; heads are repeated on every page."""
        from fpdf.fonts import FontFace

        self._font(8.5)
        self.pdf.set_draw_color(*_LINE)
        self.pdf.set_fill_color(255)  # cells are filled with whatever was last
        style = FontFace(emphasis="BOLD", color=_QUIET)
        with self.pdf.table(
            col_widths=tuple(widths_mm),
            borders_layout="HORIZONTAL_LINES",
            headings_style=style,
            line_height=4.2,
            padding=1,
            text_align="LEFT",
        ) as table:
            for cells in (heads, *rows):
                row = table.row()
                for cell in cells:
                    row.cell(latin(cell))
        self.pdf.ln(2)

    def pictures(self, pictures: Sequence[BytesIO]) -> None:
        """Small pictures in one row."""
        if not pictures:
            return
        size = min(30.0, (_WIDTH + 1.5) / len(pictures) - 1.5)
        if self.pdf.will_page_break(size + 2):
            self.pdf.add_page()
        y = self.pdf.get_y()
        for i, picture in enumerate(pictures):
            x = _MARGIN + i * (size + 1.5)
            self.pdf.image(picture, x, y, size, size, keep_aspect_ratio=True)
        self.pdf.set_y(y + size + 2)

    def scale(self, bar: ScaleBar) -> None:
        """The scale of likelihood ratios with the file's place on it."""
        y = self.pdf.get_y() + 5
        for x, width, tone in bar.zones:
            self.pdf.set_fill_color(*_ZONES[tone])
            self.pdf.rect(self._x(x), y, width * _WIDTH / 100, 4, style="F")
        self._font(7.5, colour=_QUIET)
        for tick in bar.ticks:
            self.pdf.set_xy(self._x(tick.at) - 12, y + 4.6)
            self.pdf.cell(24, 3, latin(tick.text), align="C")
        if bar.mark is not None:
            self.pdf.set_fill_color(*_INK)
            self.pdf.rect(self._x(bar.mark) - 0.5, y - 1.6, 1, 6.6, style="F")
            self._font(7.5, "B")
            self.pdf.set_xy(self._x(bar.mark) - 12, y - 5.2)
            self.pdf.cell(24, 3, "this file", align="C")
        self.pdf.set_xy(_MARGIN, y + 9.5)

    def timeline(self, line: Timeline) -> None:
        """Every cue under the other over one time axis."""
        for row in line.rows:
            for number, strip in enumerate(row.strips):
                self._strip(row, strip, line, number == 0)
        self._font(7.5, colour=_QUIET)
        y = self.pdf.get_y()
        for tick in line.ticks:
            align = {"start": "L", "middle": "C", "end": "R"}[tick.anchor]
            shift = {"start": 0.0, "middle": 12.0, "end": 24.0}[tick.anchor]
            self.pdf.set_xy(self._lane(tick.at) - shift, y)
            self.pdf.cell(24, 3.5, latin(tick.text), align=align)
        self.pdf.set_xy(_MARGIN, y + 5)

    def _strip(self, row: Row, strip: Strip, line: Timeline, first: bool) -> None:
        height = 9.0
        if self.pdf.will_page_break(height + 6):
            self.pdf.add_page()
        y = self.pdf.get_y()
        self._font(7.5, "B" if first else "")
        ratio = "" if row.llr is None else f" {ratio_number(row.llr)}"
        self.pdf.multi_cell(
            _WHO - 2, 3.3, latin(f"{row.detector}{ratio}" if first else strip.name), align="L"
        )
        self._box(0, 100, y, height, _CARD)
        if strip.band:
            self._box(0, 100, y + strip.band[0] * height / 100, strip.band[1] * height / 100, _BAND)
        for start, width in line.gaps:
            self._box(start, width, y, height, _LINE)
        for start, width in row.spans:
            self._box(start, width, y, 0.9, _INK)
        colour = _COLOURS["plain" if strip.name else row.tone]
        self.pdf.set_draw_color(*colour)
        self.pdf.set_line_width(0.25)
        for run in _runs(strip.line):
            points = [(self._lane(px / 10), y + py * height / 100) for px, py in run]
            if len(points) > 1:
                self.pdf.polyline(points)
        self.pdf.set_line_width(0.2)
        self.pdf.set_xy(_MARGIN, y + height + 1)

    def _box(
        self, start: float, width: float, y: float, height: float, colour: tuple[int, int, int]
    ) -> None:
        self.pdf.set_fill_color(*colour)
        self.pdf.rect(self._lane(start), y, width * (_WIDTH - _WHO) / 100, height, style="F")

    def _x(self, percent: float) -> float:
        return _MARGIN + percent * _WIDTH / 100

    def _lane(self, percent: float) -> float:
        return _MARGIN + _WHO + percent * (_WIDTH - _WHO) / 100

    def _font(self, size: float, style: str = "", colour: tuple[int, int, int] = _INK) -> None:
        self.pdf.set_font("Helvetica", style, size)
        self.pdf.set_text_color(*colour)

    def _lines(self, text: str, height: float, width: float = _WIDTH) -> None:
        self.pdf.multi_cell(width, height, latin(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def _split(self, text: str, width: float) -> list[Any]:
        lines = self.pdf.multi_cell(width, 4.4, latin(text), dry_run=True, output="LINES")
        return list(lines)  # type: ignore[arg-type]


def latin(text: str) -> str:
    """Text in the letters that the standard fonts have; anything else as its code.

    >>> latin("−3 “fake” 写真")
    '-3 "fake" \\\\u5199\\\\u771f'
    """
    known = "\n".join(plain(line) for line in text.split("\n")).translate(_PLAINER)
    return known.encode("latin-1", "backslashreplace").decode("latin-1")


def _runs(path: str) -> list[list[tuple[float, float]]]:
    """Points of an SVG path of straight lines, a list per stroke of the pen."""
    runs: list[list[tuple[float, float]]] = []
    for command, x, y in _POINT.findall(path):
        if command == "M":
            runs.append([])
        runs[-1].append((float(x), float(y)))
    return runs
