"""`likeness demo`: both verdicts side by side, and where the report is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from likeness.apps.config_folder import keys_folder
from likeness.apps.progress import console, shown_progress
from likeness.errors import OutputError
from likeness.jobs.demo import DemoCase, demo
from likeness.provenance import open_or_create
from likeness.report import render_html, report_to_dict, write_html, write_json


def run_demo(out: Path) -> None:
    """Run, print, write `report.html` and `result.json` into a folder."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    with shown_progress() as progress:
        keys = open_or_create(keys_folder())
        cases = demo(keys, datetime.now(UTC).date(), progress)
    items = [case.item for case in cases]
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(report_to_dict(items, created), out / "result.json")
    write_html(out / "report.html", render_html(items, created))
    console().print(_table(cases))
    for case in cases:
        reason = next(iter(case.examination.verdict.reasons), "")
        console().print(f"{case.title}: {reason}", highlight=False, markup=False)
    console().print(f"Report: {out / 'report.html'}", soft_wrap=True)
    console().print(f"JSON:   {out / 'result.json'}", soft_wrap=True)


def _table(cases: list[DemoCase]) -> Table:
    table = Table(title="Untouched against manipulated", title_justify="left")
    for column in ("what was examined", "manipulated?", "verdict", "log10 LR"):
        table.add_column(column, overflow="fold")
    for case in cases:
        verdict = case.examination.verdict
        table.add_row(
            case.title,
            "yes" if case.manipulated else "no",
            verdict.label.replace("_", " "),
            "-" if verdict.llr is None else f"{verdict.llr:+.2f}",
        )
    return table
