"""One self-contained HTML file for one or many results: no script, no outside request, nothing unescaped.

The template sees only what `_page` hands it. A content security policy forbids everything but the file's own style sheet
(by its hash) and pictures that are part of the file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

import likeness
from likeness.report import wording
from likeness.report.cues_view import cue_views, part_view
from likeness.report.faces_view import face_sections
from likeness.report.figures import heat_png, scale_bar
from likeness.report.items import ReportItem
from likeness.report.marks_view import marks_view, vouched
from likeness.report.schema import SCHEMA_NAME, iso_time
from likeness.types import Verdict

_FOLDER = Path(__file__).parent / "templates"


def render_html(results: Sequence[ReportItem], created: str) -> str:
    """The report as one HTML document.

    Args:
        results: one item per file, in the order asked.
        created: ISO 8601 time of the examination, shown as it is.

    Returns:
        The document; `write_html` puts it on disk.

    Raises:
        UsageError: `created` is no ISO time.
    """
    css = "".join((_FOLDER / name).read_text("utf-8") for name in ("report.css", "timeline.css"))
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    page = {
        "css": Markup(css),
        "policy": f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
        "created": iso_time(created).replace("T", " "),
        "version": likeness.__version__,
        "schema": SCHEMA_NAME,
        "signs": wording.TONE_SIGNS,
        "legend": heat_png(np.linspace(0, 1, 64, dtype=np.float32)[None]),
        "items": [result_view(i, item) for i, item in enumerate(results, start=1)],
    }
    return environment().get_template("report.html.j2").render(page)


def environment(*folders: Path) -> jinja2.Environment:
    """Templates that escape everything, with the words of the reports as filters.

    Args:
        folders: where to look before the report's own templates, so that a page can draw what a report draws.
    """
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Escaping keeps the markup safe; this keeps the reader safe from characters that mislead the eye.
        finalize=lambda value: wording.plain(value) if type(value) is str else value,
    )
    env.filters.update(
        signed=wording.signed,
        ratio=wording.ratio_number,
        verbal=wording.verbal_scale,
        face=wording.face_name,
        clock=wording.clock,
        fact=wording.fact_text,
        fact_name=wording.fact_name,
    )
    return env


def result_view(number: int, item: ReportItem) -> dict[str, Any]:
    """Everything that a template shows of one file; `number` makes the ids on its page unique."""
    base: dict[str, Any] = {"id": f"result-{number}", "path": item.path, "error": item.error}
    if item.verdict is None:
        return base
    verdict = item.verdict
    marks = marks_view(verdict)
    cues = cue_views(item)
    return base | {
        "verdict": verdict,
        "word": wording.LABEL_WORDS[verdict.label],
        "sign": wording.LABEL_SIGNS[verdict.label],
        "tone": {"manipulation_likely": "likely", "inconclusive": "open"}.get(
            verdict.label, "none"
        ),
        "means": wording.MEANS_VOUCHED if vouched(verdict) else wording.MEANS[verdict.label],
        "means_not": (
            wording.MEANS_NOT_VOUCHED if vouched(verdict) else wording.MEANS_NOT[verdict.label]
        ),
        "vouched": vouched(verdict),
        "marks": marks,
        "marks_part": marks and part_view(item.part_info.get(marks.finding.detector, {})),
        "ratio_sentence": None if verdict.llr is None else wording.ratio_sentence(verdict.llr),
        "bar": scale_bar(verdict.llr, item.scale),
        "scale": item.scale,
        "questions": _questions(verdict),
        **face_sections(item, f"result-{number}"),
        "cues": [c for c in cues if c.e.status == "scored"],
        "broken": [c for c in cues if c.e.status == "failed"],
        "unfit": [c for c in cues if c.e.status == "not_applicable"],
        "asked": len(cues),
        "unweighed": {c.e.detector: c.unweighed for c in cues},
    }


def _questions(verdict: Verdict) -> list[dict[str, Any]]:
    return [
        {
            "word": word,
            "help": wording.QUESTION_HELP[question],
            "llr": verdict.question_llrs.get(question),
        }
        for question, word in wording.QUESTION_WORDS.items()
    ]
