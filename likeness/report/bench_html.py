"""A benchmark as one self-contained HTML file: no script, no outside request, nothing unescaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

import likeness
from likeness.report import wording
from likeness.report.bench_parts import BAR_WIDTH, PLOT_WH, BenchSection, Figure, Heat
from likeness.report.schema import iso_time

_FOLDER = Path(__file__).parent / "templates"
PATTERNS = 16
"""Lines that can be told apart: eight colours, plain or dashed and then dotted."""


@dataclass(frozen=True)
class BenchHead:
    """The top of the page.

    Attributes:
        title: what was measured.
        facts: name and text.
        notes: sentences that belong before any figure.
        detectors: labels, in the order of the colours.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    detectors: Sequence[str]


def render_bench_html(head: BenchHead, sections: Sequence[BenchSection], created: str) -> str:
    """The page as one document; `write_html` puts it on disk.

    Args:
        head: see `BenchHead`.
        sections: parts of the page; those without content are left out.
        created: ISO 8601 time of the measurement, shown as it is.

    Raises:
        UsageError: `created` is no ISO time.
    """
    css = "".join((_FOLDER / name).read_text("utf-8") for name in ("report.css", "bench.css"))
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: wording.plain(value) if type(value) is str else value,
    )
    env.filters["data"] = lambda jpeg: Markup(base64.b64encode(jpeg).decode("ascii"))
    env.tests["figure"] = lambda cell: isinstance(cell, Figure)
    env.tests["heat"] = lambda cell: isinstance(cell, Heat)
    colours = {name: i % PATTERNS for i, name in enumerate(head.detectors)}
    return env.get_template("bench.html.j2").render(
        css=Markup(css),
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
        created=iso_time(created).replace("T", " "),
        version=likeness.__version__,
        head=head,
        sections=[s for s in sections if s.tables or s.plots or s.faces or s.text],
        colours=colours,
        bar=BAR_WIDTH,
        plot_wh=PLOT_WH,
    )
