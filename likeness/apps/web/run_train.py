"""A worker's training: the same job as `likeness train` on a pair's face sets; torch lives in this process alone."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.apps.web.studio_runs import workplace
from likeness.jobs.train import PairTraining, TrainingPermit, TrainingReports, train_pair
from likeness.training.run_folder import read_metrics
from likeness.types import Progress

_LOOKS, _PREVIEWS = 40, 12
"""How often a run measures itself and shows itself, about; both take a few seconds of its time."""
_LEAST_S, _MOST_S = 8.0, 120.0


def run(task: Task, tell: Tell) -> Outcome:
    """Train, or go on with a run to the same bits as if it had never stopped; a file called `stop` ends it in good order.

    Options: `pair`, `generator`, `minutes` (all parts of the run together).

    Raises:
        DataError: the records do not cover it, there are too few faces, or the run is of something else.
    """
    minutes = float(task.options["minutes"])
    generator = str(task.options["generator"])
    with workplace(task) as place:
        pair = place.store.pair(str(task.options["pair"]))
        tell(0.0, "Loading the faces.")
        record = place.record(pair.source)
        job = PairTraining(
            recipe(generator, minutes), pair.source.faces, pair.target.faces, pair.run, resume=True
        )
        permit = TrainingPermit(record.consent.purpose, date.today(), place.keys)
        reports = TrainingReports(_steps(tell, pair.run, minutes), stop=pair.stop.exists)
        figures = train_pair(job, permit, reports)
        stopped = pair.stop.exists()
        pair.stop.unlink(missing_ok=True)
    steps = int(figures["step"])
    return Outcome(summary=f"{'Stopped' if stopped else 'Ended'} after {steps:,} steps.")


def recipe(generator: str, minutes: float) -> dict[str, Any]:
    """The generator's own defaults for a run of so many minutes, which measures itself often enough to be watched."""
    seconds = 60.0 * minutes

    def every(times: int) -> float:
        return min(max(seconds / times, _LEAST_S), _MOST_S)

    training = {
        "minutes": minutes,
        "measure_every_s": every(_LOOKS),
        "preview_every_s": every(_PREVIEWS),
        "checkpoint_every_s": 30.0,
    }
    return {"generator": generator, "training": training}


def _steps(tell: Tell, run_folder: Path, minutes: float) -> Progress:
    """How far a run is by its time, earlier parts included as far as they were measured."""
    rows = read_metrics(run_folder)
    earlier = float(rows[-1].get("seconds", 0.0)) if rows else 0.0
    began: float | None = None
    told = 0.0

    def progress(_what: str, done: int, _total: int | None) -> None:
        nonlocal began, told
        now = time.monotonic()
        began = now if began is None else began
        if now - told < 0.5 and told:
            return
        told = now
        passed = earlier + now - began
        sentence = f"Step {done:,}; {passed / 60:.1f} of {minutes:g} minutes."
        tell(min(0.99, passed / (60.0 * minutes)), sentence)

    return progress
