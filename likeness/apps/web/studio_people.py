"""The nouns of the studio: footage, people and pairs, and where in their folders things lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from likeness.apps.web.problems import Problem
from likeness.data.face_rows import is_face_set
from likeness.errors import LikenessError
from likeness.provenance.consent import read_consent
from likeness.training.run_folder import ABOUT, GRAPH
from likeness.types import Consent

RECORD: Final = "person.consent.toml"
SHEET: Final = "sheet.json"
PAIR_REPORT: Final = "pair.json"
QUALITY: Final = "quality.json"
"""What the workers leave in their results for the pages."""
TRAINED: Final = "trained"
"""Asks a swap for the pair's own model; every other word names a generator that needs no training."""


@dataclass(frozen=True)
class Footage:
    """A clip or picture of a person.

    Attributes:
        file: its name in the folder, made of its hash.
        name: what it was called; shown, never used as a path.
        media_type: by its first bytes.
        size_bytes: how large it is.
    """

    file: str
    name: str
    media_type: str
    size_bytes: int

    @property
    def picture(self) -> bool:
        """Whether it is a picture."""
        return self.media_type.startswith("image/")


@dataclass(frozen=True)
class Person:
    """Somebody whom a consent record covers, or is going to.

    Attributes:
        id: 16 hex digits.
        folder: everything about them.
        facts: what the wizard was told: subject, basis, purpose, expires, document (its name) and attested.
        footage: in the order in which it came.
    """

    id: str
    folder: Path
    facts: Mapping[str, Any]
    footage: tuple[Footage, ...] = ()

    @property
    def name(self) -> str:
        """Who it is, in the keeper's words."""
        return str(self.facts["subject"])

    @property
    def purpose(self) -> str:
        """What the record allows."""
        return str(self.facts["purpose"])

    @property
    def record(self) -> Path:
        """The consent record; it is there once it was made."""
        return self.folder / RECORD

    @property
    def recorded(self) -> bool:
        """Whether the record stands."""
        return self.record.is_file()

    @property
    def faces(self) -> Path:
        """The face set."""
        return self.folder / "faces"

    @property
    def extracted(self) -> bool:
        """Whether there is a face set."""
        return is_face_set(self.faces)

    @property
    def clips(self) -> tuple[Path, ...]:
        """The footage as files."""
        return tuple(self.folder / "footage" / f.file for f in self.footage)

    def consent(self) -> Consent:
        """The record's fields.

        Raises:
            Problem: 409, there is none yet or it cannot be read.
        """
        if not self.recorded:
            raise Problem(409, "There is no consent record of this person yet.")
        try:
            return read_consent(self.record).consent
        except LikenessError as error:
            raise Problem(409, f"The consent record cannot be used: {error}") from error

    def expired(self, today: date) -> bool:
        """Whether the record's last day is over."""
        return today.isoformat() > str(self.facts["expires"])


@dataclass(frozen=True)
class Pair:
    """One person's face for another's footage.

    Attributes:
        id: 16 hex digits.
        folder: everything about the pair.
        source: gives the face.
        target: is seen in the footage.
    """

    id: str
    folder: Path
    source: Person
    target: Person

    @property
    def name(self) -> str:
        """Both in one line."""
        return f"{self.source.name} → {self.target.name}"

    @property
    def run(self) -> Path:
        """The training run."""
        return self.folder / "run"

    @property
    def stop(self) -> Path:
        """There while the training is asked to end."""
        return self.folder / "stop"

    @property
    def begun(self) -> bool:
        """Whether something was trained."""
        return (self.run / ABOUT).is_file() or (self.run / "checkpoints").is_dir()

    @property
    def usable(self) -> bool:
        """Whether the run holds a model that swaps."""
        return (self.run / GRAPH).is_file()
