"""What the studio keeps: people, their footage and face sets, pairs and their runs. Folders and JSON, no table.

    people/ID/  person.json          what the wizard was told, and the footage by name
                document             the letter or the terms, until their hash stands in the record
                pictures/            reference pictures, until the record is made
                person.consent.toml  the record; its pictures lie beside it
                footage/             clips and pictures that were handed in
                faces/               the face set of `extract`
    pairs/ID/   pair.json            who gives a face to whom
                run/                 the folder of `train`
                stop                 there while a training is asked to end in good order

Every name is made here. Server and workers read the same folders: the server writes the JSON, workers write the rest.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from likeness.apps.web.problems import Problem
from likeness.apps.web.results import write_whole
from likeness.apps.web.studio_people import Footage, Pair, Person
from likeness.errors import OutputError, why_not_written

MOST_FOOTAGE: Final = 500
_ID: Final = re.compile(r"[0-9a-f]{16}")
_PERSON, _PAIR = "person.json", "pair.json"
_SUFFIXES: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/tiff": ".tif",
    "image/avif": ".avif",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/webm": ".webm",
}


class StudioStore:
    """The folders below one; made when something is put in."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def people(self) -> tuple[Person, ...]:
        """Everybody, by name."""
        found = (self.person(i) for i in self._ids("people", _PERSON))
        return tuple(sorted(found, key=lambda p: (p.name.casefold(), p.id)))

    def person(self, person_id: str) -> Person:
        """One person. Raises `Problem` 404."""
        folder = self._folder("people", person_id)
        facts = _read(folder / _PERSON)
        footage = tuple(Footage(**f) for f in facts.pop("footage", ()))
        return Person(person_id, folder, facts, footage)

    def add_person(self, facts: Mapping[str, Any], document: Path) -> Person:
        """A person without a record yet; takes the document away from where it lies."""
        folder = self._new("people")
        document.replace(folder / "document")
        _write(folder / _PERSON, {**facts, "footage": []})
        return self.person(folder.name)

    def put_pictures(self, person: Person, pictures: Iterable[tuple[Path, str]]) -> None:
        """Reference pictures in place of those that were there; (where it lies, its type) each."""
        folder = person.folder / "pictures"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        for number, (path, kind) in enumerate(pictures, start=1):
            path.replace(folder / f"reference-{number}{_SUFFIXES.get(kind, '')}")

    def add_footage(self, person: Person, files: Iterable[tuple[Path, str, Footage]]) -> Person:
        """More footage; (where it lies, its hash, what it is) each. What is there already is left alone."""
        held = {f.file: f for f in self.person(person.id).footage}
        (person.folder / "footage").mkdir(mode=0o700, exist_ok=True)
        for path, sha256, about in files:
            name = f"{sha256[:24]}{_SUFFIXES.get(about.media_type, '')}"
            if name not in held and len(held) >= MOST_FOOTAGE:
                raise Problem(413, f"A person has at most {MOST_FOOTAGE} files here.")
            path.replace(person.folder / "footage" / name)
            held.setdefault(name, Footage(name, about.name, about.media_type, about.size_bytes))
        listed = [vars(f) for f in held.values()]
        _write(person.folder / _PERSON, {**person.facts, "footage": listed})
        return self.person(person.id)

    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, by name."""
        found = (self.pair(i) for i in self._ids("pairs", _PAIR))
        return tuple(sorted(found, key=lambda p: (p.name.casefold(), p.id)))

    def pair(self, pair_id: str) -> Pair:
        """One pair. Raises `Problem` 404."""
        folder = self._folder("pairs", pair_id)
        facts = _read(folder / _PAIR)
        return Pair(
            pair_id, folder, self.person(str(facts["source"])), self.person(str(facts["target"]))
        )

    def add_pair(self, source: Person, target: Person) -> Pair:
        """A pair, or the one that there is of these two."""
        for pair in self.pairs():
            if (pair.source.id, pair.target.id) == (source.id, target.id):
                return pair
        folder = self._new("pairs")
        _write(folder / _PAIR, {"source": source.id, "target": target.id})
        return self.pair(folder.name)

    def forget(self, what: Person | Pair) -> None:
        """Delete a folder with all that is in it; its description goes first, so that nobody finds half of it."""
        (what.folder / (_PERSON if isinstance(what, Person) else _PAIR)).unlink(missing_ok=True)
        shutil.rmtree(what.folder, ignore_errors=True)

    def _ids(self, kind: str, described: str) -> list[str]:
        try:
            found = list((self.root / kind).iterdir())
        except OSError:
            return []
        return [p.name for p in found if _ID.fullmatch(p.name) and (p / described).is_file()]

    def _folder(self, kind: str, name: str) -> Path:
        if not _ID.fullmatch(name):
            raise Problem(404, "There is nothing of that name in the studio.")
        return self.root / kind / name

    def _new(self, kind: str) -> Path:
        folder = self.root / kind / secrets.token_hex(8)
        try:
            self.root.mkdir(mode=0o700, exist_ok=True)
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise OutputError(f"cannot use {folder}: {why_not_written(error)}") from error
        return folder


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(404, "There is nothing of that name in the studio.") from error
    if not isinstance(value, dict):
        raise Problem(404, "There is nothing of that name in the studio.")
    return value


def _write(path: Path, value: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(dict(value)).encode())
