"""Data folders in any layout: a manifest, folders named real and fake, or a published data set as it was unpacked.

Whatever names, lists and JSON of a folder say is checked: no path leads out of it, and what does not fit the layout is an
error that says so. Files are hashed only when they are measured (`with_hashes`), as published sets are large.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from likeness.data.layouts_celebdf import celeb_df
from likeness.data.layouts_dfdc import dfdc
from likeness.data.layouts_faceforensics import faceforensics
from likeness.data.layouts_found import Found
from likeness.data.layouts_tree import folder_tree
from likeness.data.manifest import Item, read_items
from likeness.errors import DataError

_HASH = re.compile(r"[0-9a-f]{12,64}")
_READERS: Mapping[str, Callable[[Path], Found | None]] = {
    "FaceForensics++": faceforensics,
    "Celeb-DF": celeb_df,
    "DFDC": dfdc,
    "folders": folder_tree,
}


@dataclass(frozen=True)
class Layout:
    """What a folder holds.

    Attributes:
        name: manifest, FaceForensics++, Celeb-DF, DFDC or folders.
        folder: where the items' paths start.
        items: every file with label, source, group and role.
        matched: fake source -> the real sources that it was made of or belongs to.
        notes: what a reader of figures should know, one sentence each.
    """

    name: str
    folder: Path
    items: tuple[Item, ...]
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_layout(folder: str | Path, role_file: str | Path | None = None) -> Layout:
    """Recognise the layout of a data folder and read it.

    In this order: `manifest.csv` (with `splits.csv`, or all files as test); the folders of FaceForensics++ and of Celeb-DF;
    the `metadata.json` of DFDC, in the folder or in the parts below it; folders named real and fake.

    Args:
        folder: the data folder.
        role_file: corrects roles of a manifest, see `read_items`; for other layouts it is not read.

    Raises:
        DataError: no known layout, or one that breaks its promise.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    if (folder / "manifest.csv").exists():
        known = (folder / "splits.csv").exists()
        notes = () if known else ("There is no splits.csv: every file counts as test.",)
        items = read_items(folder, role_file if known else None, "test")
        return Layout("manifest", folder, items, notes=notes)
    for name, reader in _READERS.items():
        found = reader(folder)
        if found is not None:
            return Layout(name, folder, found.items, found.matched, found.notes)
    raise DataError(
        f"{folder}: no known layout; expected manifest.csv, folders named real and fake, or FaceForensics++ "
        "(original_sequences, manipulated_sequences), Celeb-DF (Celeb-real, Celeb-synthesis) or DFDC (metadata.json)"
    )


def with_hashes(folder: Path, items: Iterable[Item]) -> list[Item]:
    """The items, each with the SHA-256 of its file where the list gave none.

    Raises:
        DataError: a file cannot be read, or its path leads out of the folder.
    """
    return [
        item if _HASH.fullmatch(item.sha256) else replace(item, sha256=_digest(item.file(folder)))
        for item in items
    ]


def evenly(items: Sequence[Item], most: int | None) -> list[Item]:
    """At most so many items, evenly spread over the list: names often sort by age, person or day."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from error
