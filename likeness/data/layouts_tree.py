"""Folders named real and fake, in the data folder or in folders right below it.

real/1.jpg, fake/1.jpg                   one source each; files of the same name are one group (a fake and its original)
real/SOURCE/1.jpg, fake/METHOD/1.jpg     the folder's name is the source
fake/METHOD/PERSON/1.png                 all files of the folder are one group: frames of a clip, pictures of a person
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from likeness.data.layouts_found import Found
from likeness.data.manifest import Item, items_from_folders
from likeness.errors import DataError

REAL = ("real", "0_real", "original", "originals")
FAKE = ("fake", "1_fake", "fakes", "manipulated")


def folder_tree(folder: Path) -> Found | None:
    """Read the folder; None if no folder in it is called real or fake.

    Raises:
        DataError: two folders claim to be the same, only one class is there, or nothing readable lies in them.
    """
    homes = [folder, *(p for p in sorted(folder.iterdir()) if p.is_dir())]
    items: list[Item] = []
    for home in homes:
        real, fake = _named(home, REAL), _named(home, FAKE)
        if real is None and fake is None:
            continue
        inside = "" if home == folder else home.name
        for place in (real, fake):
            if place is not None:
                items += _items(folder, place, inside)
    if not items:
        return None
    if len({item.label for item in items}) < 2 and all(item.label for item in items):
        raise DataError(
            f"{folder}: only fakes; put real files of the same kind into a folder called real"
        )
    note = "Who is seen is not known: a group is a file, a folder of frames, or files of one name."
    return Found(tuple(items), notes=(note, "There is no split: every file counts as test."))


def _named(home: Path, names: tuple[str, ...]) -> Path | None:
    found = [p for p in sorted(home.iterdir()) if p.is_dir() and p.name.lower() in names]
    if len(found) > 1:
        raise DataError(f"{home}: both {found[0].name} and {found[1].name}; keep one of them")
    return found[0] if found else None


def _items(folder: Path, place: Path, inside: str) -> list[Item]:
    label = "real" if place.name.lower() in REAL else "fake"
    base, items = items_from_folders(*((place, None) if label == "real" else (None, place)))
    out = []
    for item in items:
        path = (base / item.path).relative_to(folder.resolve()).as_posix()
        parts = Path(item.path).parts
        below = parts[:-1] if base == place.resolve() else parts[1:-1]
        source = below[0] if below else inside or label
        group = "/".join((inside, *below)) if len(below) > 1 else f"{inside}/{Path(path).stem}"
        out.append(replace(item, path=path, source=source, group=group.lstrip("/")))
    return out
