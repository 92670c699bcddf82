"""A worker's report as PDF: it reads pictures that were cut from a hostile file, so the server does not make it itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.errors import DataError
from likeness.jobs.viewing import kept_item
from likeness.report import verdict_from_dict
from likeness.report.pdf import render_pdf


def run(task: Task, tell: Tell) -> Outcome:
    """Write `report.pdf` of a finished examination.

    Raises:
        DataError: there is none of this file.
        MissingExtraError: fpdf2 is not installed.
    """
    if task.examined is None:
        raise DataError("There is no finished examination of this file to report on.")
    tell(0.1, "Writing the PDF.")
    report = json.loads((task.examined / "report.json").read_text("utf-8"))
    verdict = verdict_from_dict(report["results"][0])
    item = kept_item(task.examined, task.file_name, verdict)
    created = str(report.get("created") or datetime.now(UTC).isoformat(timespec="seconds"))
    (task.folder / "report.pdf").write_bytes(render_pdf([item], created))
    return Outcome(summary="The report as PDF.")
