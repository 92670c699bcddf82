"""What the pages of the studio show of a run: curves as geometry, figures with their meaning, previews by step.

Across and down, curves are drawn in a view box of 1000 by 100; the words beside them are ordinary text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from likeness.apps.web.studio_texts import STUDIO
from likeness.training.run_folder import PREVIEWS, read_metrics

FILM: Final = "timelapse.mp4"
MOST_ROWS: Final = 400
"""Measurements that a curve is drawn through; more are thinned out evenly."""
_CHARTS: Final = (("loss", ("loss",)), ("held", ("dssim_source", "dssim_target")))
_PREVIEW: Final = re.compile(r"step_(\d{9})\.png")
_WORDS: Final = STUDIO["training"]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: in words.
        path: SVG path.
        last: (x, y) of its newest point, in percent.
        value: the newest value, in words.
    """

    name: str
    path: str
    last: tuple[float, float]
    value: str


@dataclass(frozen=True)
class Curve:
    """A chart over the training time.

    Attributes:
        title: what is drawn.
        series: its lines.
        top, bottom: values at the upper and lower edge, in words.
        start, end: minutes at the left and right edge, in words.
        spoken: the same as a sentence.
    """

    title: str
    series: tuple[Series, ...]
    top: str
    bottom: str
    start: str
    end: str
    spoken: str


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it.

    Attributes:
        curves: charts; empty before the second measurement.
        summary: step, time and speed of the newest measurement; empty before the first.
        advice: its plain sentence.
        figures: (name, value, meaning) of the newest measurement.
        table: (minutes, loss, source, target) of the measurements, the newest first.
        previews: (step, file name), the newest first.
        film: whether there is one.
        minutes: of training at the newest measurement.
    """

    curves: tuple[Curve, ...]
    summary: str
    advice: str
    figures: tuple[tuple[str, str, str], ...]
    table: tuple[tuple[str, ...], ...]
    previews: tuple[tuple[str, str], ...]
    film: bool
    minutes: float


def run_view(run: Path) -> RunView:
    """What a run folder shows, whether the run goes on or not."""
    rows = [r for r in read_metrics(run) if _finite(r.get("seconds"))]
    last = rows[-1] if rows else {}
    return RunView(
        curves=curves(rows) if len(rows) > 1 else (),
        summary=_summary(last) if rows else "",
        advice=_sentence(str(last.get("advice", ""))),
        figures=tuple(
            (name, _value(last[key]), meaning)
            for key, name, meaning in _WORDS["rows"]
            if _finite(last.get(key))
        ),
        table=tuple(
            tuple(_value(r.get(k)) for k in ("minutes", "loss", "dssim_source", "dssim_target"))
            for r in ({**r, "minutes": r["seconds"] / 60} for r in reversed(rows[-MOST_ROWS:]))
        ),
        previews=previews(run),
        film=(run / FILM).is_file(),
        minutes=last["seconds"] / 60 if last else 0.0,
    )


def previews(run: Path) -> tuple[tuple[str, str], ...]:
    """(step, file name) of every preview, the newest first."""
    try:
        found = sorted(p.name for p in (run / PREVIEWS).iterdir() if _PREVIEW.fullmatch(p.name))
    except OSError:
        return ()
    return tuple((f"{int(_step(name)):,}", name) for name in reversed(found))


def preview_path(run: Path, name: str) -> Path | None:
    """A preview by its name; None if there is none."""
    path = run / PREVIEWS / name
    plain = _PREVIEW.fullmatch(name) and path.is_file() and not path.is_symlink()
    return path if plain else None


def curves(rows: Sequence[Mapping[str, Any]]) -> tuple[Curve, ...]:
    """A chart per kind of figure, of two measurements or more."""
    every = max(1, math.ceil(len(rows) / MOST_ROWS))
    thin = [*rows[:-1:every], rows[-1]]
    found = (_curve(title, keys, thin) for title, keys in _CHARTS)
    return tuple(c for c in found if c is not None)


def _curve(title: str, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Curve | None:
    points = {k: [(r["seconds"] / 60, r[k]) for r in rows if _finite(r.get(k))] for k in keys}
    points = {k: p for k, p in points.items() if len(p) > 1}
    if not points:
        return None
    times = [t for p in points.values() for t, _ in p]
    values = [v for p in points.values() for _, v in p]
    start, end, top = min(times), max(times), max(values)
    bottom = min(0.0, min(values))

    def place(time: float, value: float) -> tuple[float, float]:
        x = (time - start) / ((end - start) or 1.0)
        y = (top - value) / ((top - bottom) or 1.0)
        return round(100 * x, 2), round(100 * y, 2)

    series = []
    for key, line in points.items():
        placed = [place(t, v) for t, v in line]
        path = "M" + "L".join(f"{10 * x:g} {y:g}" for x, y in placed)
        series.append(Series(_WORDS["names"][key], path, placed[-1], _value(line[-1][1])))
    told = ", ".join(f"{s.name} {s.value}" for s in series)
    words = {"title": _WORDS[title], "series": told, "start": f"{start:.1f}", "end": f"{end:.1f}"}
    return Curve(
        _WORDS[title],
        tuple(series),
        _value(top),
        _value(bottom),
        words["start"],
        words["end"],
        _WORDS["chart"].format(**words),
    )


def _summary(row: Mapping[str, Any]) -> str:
    rate = row.get("images_per_s", 0)
    return str(
        _WORDS["step"].format(
            step=f"{int(row.get('step') or 0):,}",
            minutes=f"{row['seconds'] / 60:.1f}",
            rate=f"{rate:.0f}" if _finite(rate) else "?",
        )
    )


def _step(name: str) -> str:
    found = _PREVIEW.fullmatch(name)
    return found[1] if found else "0"


def _value(value: Any) -> str:
    """Three significant digits.

    >>> _value(0.12345), _value(12), _value("")
    ('0.123', '12', '–')
    """
    return f"{value:.3g}" if _finite(value) else "–"


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
