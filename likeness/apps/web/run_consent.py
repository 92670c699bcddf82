"""A worker's consent record: the same rules as `likeness consent new`, and a look at whether it allows anything."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.apps.web.studio_people import Person
from likeness.apps.web.studio_runs import Workplace, workplace
from likeness.errors import ConsentError, LikenessError
from likeness.jobs.consent_records import NewRecord, examine_record, new_record
from likeness.provenance.consent_fields import day_from


def run(task: Task, tell: Tell) -> Outcome:
    """Write the record beside its pictures; what it was made of is deleted, the document included.

    Raises:
        DataError: a field is wrong, or a picture does not show exactly one face. The person stays without a record.
    """
    with workplace(task) as place:
        person = place.store.person(str(task.options["person"]))
        pictures = sorted((person.folder / "pictures").iterdir())
        tell(0.1, f"Looking for the face in {len(pictures)} pictures.")
        if not pictures:
            raise ConsentError("a picture of the person is needed to recognise them by")
        try:
            _made(place, person, pictures)
        finally:
            shutil.rmtree(person.folder / "pictures", ignore_errors=True)
        (person.folder / "document").unlink(missing_ok=True)
    return Outcome(summary="The record stands.")


def _made(place: Workplace, person: Person, pictures: list[Path]) -> None:
    facts = person.facts
    record = new_record(
        NewRecord(
            out=person.record,
            subject=str(facts["subject"]),
            basis=facts["basis"],
            purpose=facts["purpose"],
            expires=day_from(str(facts["expires"]), person.record.name),
            document=person.folder / "document",
            references=tuple(pictures),
            attested=facts.get("attested") is True,
        )
    )
    try:
        examine_record(record.path, date.today(), None, place.keys.maker_public_key())
    except LikenessError:  # a record that allows nothing is no use to anybody here
        record.path.unlink(missing_ok=True)
        for reference in record.consent.references:
            (person.folder / reference.file).unlink(missing_ok=True)
        raise
