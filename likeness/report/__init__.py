"""Verdicts for people and programs: versioned JSON, a terminal view and one self-contained HTML file.

The room shows what it is given. It measures nothing, reads no clock and encodes no frame: pictures arrive as bytes that
`media.encode_original` or `provenance` made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from likeness.report.items import Failure, LlrScale, Picture, ReportItem

if TYPE_CHECKING:
    from likeness.report.html import render_html
    from likeness.report.schema import (
        SCHEMA_NAME,
        evidence_from_dict,
        evidence_to_dict,
        json_schema,
        report_from_dict,
        report_json,
        report_to_dict,
        verdict_from_dict,
        verdict_to_dict,
    )
    from likeness.report.terminal import render_terminal, verdict_panel
    from likeness.report.writing import write_html, write_json

__all__ = [
    "SCHEMA_NAME",
    "Failure",
    "LlrScale",
    "Picture",
    "ReportItem",
    "evidence_from_dict",
    "evidence_to_dict",
    "json_schema",
    "render_html",
    "render_terminal",
    "report_from_dict",
    "report_json",
    "report_to_dict",
    "verdict_from_dict",
    "verdict_panel",
    "verdict_to_dict",
    "write_html",
    "write_json",
]


def __getattr__(name: str) -> Any:
    # Lazy (PEP 562), and each home by its own name: jinja2 and rich are loaded by those who use them.
    if name == "render_html":
        from likeness.report import html as home
    elif name in ("render_terminal", "verdict_panel"):
        from likeness.report import terminal as home  # type: ignore[no-redef]
    elif name in ("write_html", "write_json"):
        from likeness.report import writing as home  # type: ignore[no-redef]
    elif name in __all__:
        from likeness.report import schema as home  # type: ignore[no-redef]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(home, name)
