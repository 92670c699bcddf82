"""A worker's people who do not exist: the same job as `likeness synthesise`, its files under the names that results have."""

from __future__ import annotations

import json
from datetime import date

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.apps.web.studio_runs import workplace
from likeness.apps.web.studio_synthetic import PEOPLE
from likeness.jobs.synthesise import synthesise_people
from likeness.jobs.synthesise_options import SynthesisPermit, SynthesisPlan, open_synthesiser


def run(task: Task, tell: Tell) -> Outcome:
    """Make people; `sheet.png`, a picture each, and `people.json` with the records' text.

    Options: `count`, `seed`, `generator`, `truncation`.

    Raises:
        DataError: no weights, or a mark is missing; nothing is left.
    """
    asked = task.options
    with workplace(task) as place:
        plan = SynthesisPlan(str(asked["generator"]), truncation=float(asked["truncation"]))
        permit = SynthesisPermit("research", date.today(), place.keys)
        tell(0.0, "Opening the generator.")

        def progress(what: str, done: int, total: int | None) -> None:
            share = done / max(1, total or 1)
            start = 0.5 if what == "marking" else 0.0
            tell(start + 0.5 * share, f"{what.capitalize()}: {done} of {total}.")

        made = synthesise_people(
            int(asked["count"]),
            int(asked["seed"]),
            place.temporary / "people",
            (open_synthesiser(plan), plan, permit),
            progress,
        )
        people = []
        for person in made.people:
            name = person.picture.name.replace("_", "-")
            person.picture.rename(task.folder / name)
            record = person.record.read_text("utf-8")
            people.append({"seed": person.seed, "picture": name, "record": record})
        made.sheet.rename(task.folder / made.sheet.name)
        facts = {"people": people, "passed_over": list(made.passed_over)}
        (task.folder / PEOPLE).write_text(json.dumps(facts, allow_nan=False), "utf-8")
    return Outcome(summary=f"{len(people)} people who do not exist.")
