"""A worker's answer to "what would change this answer": the file once more, degraded in memory."""

from __future__ import annotations

import json

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.jobs.detect import DetectOptions
from likeness.jobs.robustness import RobustnessOptions, robustness


def run(task: Task, tell: Tell) -> Outcome:
    """Examine copies of the file and write `robustness.json`.

    Raises:
        MediaError: the file cannot be read; `LimitError` if it is too large.
    """

    def progress(_what: str, done: int, total: int | None) -> None:
        tell(done / (total or 1), f"Examining copies of the file: {done + 1} of {total}.")

    options = RobustnessOptions(DetectOptions(limits=task.limits, keys=task.keys))
    result = robustness(task.source, options, progress)
    stored = {**result.to_dict(), "name": task.shown_name}
    (task.folder / "robustness.json").write_text(json.dumps(stored, allow_nan=False), "utf-8")
    turned = [family for family, step in result.flips().items() if step is not None]
    return Outcome(summary=f"Turns with {', '.join(turned)}." if turned else "The label stays.")
