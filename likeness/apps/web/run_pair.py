"""A worker's pair report: what two face sets promise together, as `likeness pair-report` says it."""

from __future__ import annotations

import json

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.apps.web.studio_people import PAIR_REPORT
from likeness.apps.web.studio_runs import workplace
from likeness.data.face_sets import read_face_set
from likeness.data.pair_report import pair_report


def run(task: Task, tell: Tell) -> Outcome:
    """Compare the pair's face sets and write `pair.json`.

    Raises:
        DataError: a set is missing or damaged.
    """
    with workplace(task) as place:
        pair = place.store.pair(str(task.options["pair"]))
        tell(0.2, "Comparing the two face sets.")
        report = pair_report(read_face_set(pair.source.faces), read_face_set(pair.target.faces))
        found = {
            "findings": list(report.findings),
            "figures": [line for line in report.lines() if not line.startswith("- ")],
        }
        (task.folder / PAIR_REPORT).write_text(json.dumps(found, allow_nan=False), "utf-8")
    return Outcome(summary=report.findings[0])
