"""What the studio's workers have in common: their folders and keys, and sentences without our own file names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from likeness.apps.web.kinds import Run, Task
from likeness.apps.web.studio_people import Person
from likeness.apps.web.studio_store import StudioStore
from likeness.errors import DataError, LikenessError, UsageError
from likeness.provenance.consent import ConsentRecord, read_consent
from likeness.provenance.keys import KeyStore


def run_of(kind: str) -> Run:
    """The function that does a kind of job of the studio."""
    if kind == "consent":
        from likeness.apps.web import run_consent

        return run_consent.run
    if kind == "extract":
        from likeness.apps.web import run_extract

        return run_extract.run
    if kind == "pair":
        from likeness.apps.web import run_pair

        return run_pair.run
    if kind == "train":
        from likeness.apps.web import run_train

        return run_train.run
    if kind == "synthesise":
        from likeness.apps.web import run_synthesise

        return run_synthesise.run
    from likeness.apps.web import run_swap

    return run_swap.run


@dataclass(frozen=True)
class Workplace:
    """Where a worker of the studio finds things.

    Attributes:
        store: people and pairs.
        keys: sign what is generated.
        root: folder of the studio.
        temporary: folder for what is not kept.
    """

    store: StudioStore
    keys: KeyStore
    root: Path
    temporary: Path

    def record(self, person: Person) -> ConsentRecord:
        """The person's record. Raises `ConsentError` if there is none, or it is not what was signed."""
        return read_consent(person.record, self.keys.maker_public_key())


@contextmanager
def workplace(task: Task, names: Mapping[str, str] | None = None) -> Iterator[Workplace]:
    """The studio for one job; errors that leave it name files as the person did.

    Args:
        task: the job.
        names: our name of a file -> what the person called it; may be filled while the job runs.

    Raises:
        UsageError: the workbench was started without the studio, or has no key store to sign with.
    """
    if task.studio is None:
        raise UsageError(
            "the workbench was started without the studio; use likeness serve --studio"
        )
    if task.keys is None:
        raise UsageError(
            "nothing can be generated without the key store that marks are signed with; the terminal said why it could not "
            "be opened when the workbench started"
        )
    temporary = task.folder.parent / "tmp"
    place = Workplace(StudioStore(task.studio), KeyStore(task.keys), task.studio, temporary)
    try:
        yield place
    except LikenessError as error:
        raise DataError(_in_own_words(str(error), place, names or {})) from error


def _in_own_words(text: str, place: Workplace, names: Mapping[str, str]) -> str:
    """An error without the folders of this machine, and with the names that the person knows."""
    inside = re.escape(str(place.root)) + r"/(?:people|pairs)/[0-9a-f]{16}/(?:footage/|pictures/)?"
    text = re.sub(inside, "", text).replace(f"{place.temporary}/", "")
    for ours, theirs in names.items():
        text = text.replace(ours, theirs)
    return text
