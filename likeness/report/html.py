"""One self-contained HTML file for one or many results: no script, no outside request, nothing unescaped.

The template sees only what `_page` hands it. A content security policy forbids everything but the file's own style sheet
(by its hash) and pictures that are part of the file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

import likeness
from likeness.report import wording
from likeness.report.faces_view import face_views
from likeness.report.figures import heat_png, scale_bar
from likeness.report.items import ReportItem
from likeness.report.marks_view import marks_view, vouched
from likeness.report.schema import SCHEMA_NAME, iso_time
from likeness.scoring.claims import measurements
from likeness.types import Evidence, Verdict

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
    css = (_FOLDER / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    page = {
        "css": Markup(css),
        "policy": f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
        "created": iso_time(created).replace("T", " "),
        "version": likeness.__version__,
        "schema": SCHEMA_NAME,
        "legend": heat_png(np.linspace(0, 1, 64, dtype=np.float32)[None]),
        "items": [_item(i, item) for i, item in enumerate(results, start=1)],
    }
    return _environment().get_template("report.html.j2").render(page)


def _environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
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
        fact=wording.fact_text,
        fact_name=wording.fact_name,
    )
    return env


def _item(number: int, item: ReportItem) -> dict[str, Any]:
    base: dict[str, Any] = {"id": f"result-{number}", "path": item.path, "error": item.error}
    if item.verdict is None:
        return base
    verdict = item.verdict
    marks = marks_view(verdict)
    measured = measurements(verdict.evidence)
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
        "marks_part": marks
        and _finding(marks.finding, item.part_info.get(marks.finding.detector, {})),
        "ratio_sentence": None if verdict.llr is None else wording.ratio_sentence(verdict.llr),
        "bar": scale_bar(verdict.llr, item.scale),
        "scale": item.scale,
        "questions": _questions(verdict),
        "faces": face_views(item),
        "evidence": [_finding(e, item.part_info.get(e.detector, {})) for e in measured],
        "ran": sum(e.status == "scored" for e in measured),
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


def _finding(evidence: Evidence, info: Mapping[str, Any]) -> dict[str, Any]:
    failures = info.get("known_failures", ())
    return {
        "e": evidence,
        "question": wording.QUESTION_WORDS[evidence.question],
        "status": wording.STATUS_WORDS[evidence.status],
        "summary": str(info.get("summary", "")),
        "paper": _paper(info.get("paper", "")),
        "failures": [failures] if isinstance(failures, str) else [str(f) for f in failures],
        "licence": str(info.get("weights_licence", "")),
        "faces": [(t, _validity(t.in_domain, t.llr)) for t in evidence.tracks],
    }


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
