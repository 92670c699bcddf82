"""A worker's face set: the same job as `likeness extract`, and a contact sheet whose faces can be thrown out by hand."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.apps.web.studio_people import SHEET
from likeness.apps.web.studio_runs import workplace
from likeness.data.face_rows import is_face_set, read_manifest
from likeness.data.face_sets import MINIMUM_FACES
from likeness.jobs.extract import Extraction, ExtractOptions, Permit, extract
from likeness.jobs.extract_cutting import Cutting
from likeness.jobs.extract_sheet import sheet_groups, sheet_tables, summary_lines
from likeness.types import Progress

MOST_SHOWN = (3000, 240)
"""Faces on the sheet: of those that are kept, and of those dropped for each reason."""
NO_BREAK = "\u00a0"
_LOOKED = 0.85


def run(task: Task, tell: Tell) -> Outcome:
    """Cut out the faces of the person's footage, or decide anew about those that are there.

    Options: `person`; `every`, examine every how many-th frame (0: no new look at the footage); `keep` and `drop`, ids of
    faces that the person chose by hand.

    Raises:
        DataError: the record does not cover it, nobody in the files is its person, or there is no face.
    """
    names: dict[str, str] = {}
    with workplace(task, names) as place:
        person = place.store.person(str(task.options["person"]))
        names.update({f.file: f.name for f in person.footage})
        record = place.record(person)
        permit = Permit(record, record.consent.purpose, date.today(), place.keys)
        every = int(task.options.get("every", 0))
        held = is_face_set(person.faces)
        about = read_manifest(person.faces).about if held else {}
        cutting = Cutting(
            every=every or 1,
            size_px=int(about.get("size_px", Cutting.size_px)),
            margin=float(about.get("margin", Cutting.margin)),
            limits=task.limits,
        )
        by_hand = dict.fromkeys(task.options.get("keep", ()), True)
        by_hand |= dict.fromkeys(task.options.get("drop", ()), False)
        files = person.clips if every else ()
        done = extract(
            files,
            person.faces,
            permit,
            ExtractOptions(cutting, by_hand=by_hand),
            _finding(tell, len(files)),
        )
        tell(0.95, "Laying out the contact sheet.")
        _write_sheet(task, done, names)
    return Outcome(summary=summary_lines(done)[0])


def _finding(tell: Tell, files: int) -> Progress:
    """The files one after the other, then the comparison of all faces."""
    looked = 0

    def progress(what: str, done: int, total: int | None) -> None:
        nonlocal looked
        if what == "files":
            looked = done
        if what == "faces" and total:
            share = _LOOKED * (looked + done / total) / max(1, files)
            tell(share, f"File {looked + 1} of {files}: {done} of {total} frames.")
        elif what == "comparing faces":
            tell(_LOOKED, "Comparing the faces.")

    return progress


def _write_sheet(task: Task, done: Extraction, names: dict[str, str]) -> None:
    """Pictures of the input as they are, one file each, and what stands beside them."""
    groups: list[dict[str, Any]] = []
    count = 0
    for group in sheet_groups(done.folder, done, "yaw", MOST_SHOWN):
        faces = []
        for face in group.faces:
            count += 1
            name = f"face-{count:05d}.jpg"
            (task.folder / name).write_bytes(face.jpeg)
            file, _, when = face.origin.partition(" at ")
            origin = f"{names.get(file, file)}, {when.replace(' ', NO_BREAK)}"
            faces.append({"id": face.name, "file": name, "caption": face.caption, "origin": origin})
        key = group.title.removeprefix("Dropped: ").lower()
        shown = {"key": key, "title": group.title, "note": group.note, "total": group.total}
        groups.append({**shown, "faces": faces})
    sheet = {
        "kept": done.curated.kept,
        "needed": MINIMUM_FACES,
        "lines": summary_lines(done),
        "warnings": list(done.warnings),
        "failed": [
            f"{names.get(path.rpartition('/')[2], '')}: {_reason(path, error, names)}"
            for path, error in ((str(k), str(v)) for k, v in done.failed.items())
        ],
        "tables": [
            {"title": t.title, "columns": list(t.columns), "rows": [list(r) for r in t.rows]}
            for t in sheet_tables(done)
        ],
        "groups": groups,
    }
    (task.folder / SHEET).write_text(json.dumps(sheet, allow_nan=False), "utf-8")


def _reason(path: str, error: str, names: dict[str, str]) -> str:
    """Why a file failed, without the folder of this machine."""
    file = path.rpartition("/")[2]
    return error.replace(path, names.get(file, file)).replace(file, names.get(file, file))
