"""The Deepfake Detection Challenge (Dolhansky et al. 2020): clips beside a `metadata.json`, in one folder or in parts.

    metadata.json: {"aagfhgtpmv.mp4": {"label": "FAKE", "split": "train", "original": "vudstovrck.mp4"}, ...}

Who is seen is not published: the group of a fake is the clip that it was made of, and that of a real clip is itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from likeness.data.layouts_found import Found, read_json, video_item
from likeness.data.manifest import Item, checked_path
from likeness.errors import DataError

METADATA = "metadata.json"
ROLES = {
    "train": "train",
    "validation": "select",
    "valid": "select",
    "val": "select",
    "test": "test",
}
REAL, FAKE = "DFDC real", "DFDC fake"


def dfdc(folder: Path) -> Found | None:
    """Read the folder; None if neither it nor a folder in it holds a `metadata.json`.

    Raises:
        DataError: metadata that do not fit, or of which no clip is there.
    """
    lists = [folder / METADATA, *sorted(folder.glob(f"*/{METADATA}"))]
    lists = [path for path in lists if path.is_file()]
    if not lists:
        return None
    items, absent = [], 0
    for path in lists:
        for item in _items(path, folder):
            if item.file(folder).is_file():
                items.append(item)
            else:
                absent += 1
    if not items:
        raise DataError(f"{folder}: none of the {absent} clips that {METADATA} lists is there")
    notes = [f"{absent} clips that {METADATA} lists are not there."] if absent else []
    if all(item.role == "train" for item in items):
        items = [_tested(item) for item in items]
        notes.append(
            "The data set calls all of these clips train; nothing here was trained on them, so they count as test."
        )
    notes.append("Groups are original clips, not people: intervals are somewhat too narrow.")
    return Found(tuple(items), {FAKE: (REAL,)}, tuple(notes))


def _items(path: Path, folder: Path) -> Iterator[Item]:
    stored = read_json(path)
    if not isinstance(stored, dict):
        raise DataError(f"{path.name}: expected an object with a clip per key")
    for name, facts in stored.items():
        label, original, role = _facts(name, facts)
        inside = (path.parent.relative_to(folder) / checked_path(name, path.name)).as_posix()
        source, group = (REAL, name) if label == "real" else (FAKE, original)
        yield video_item(inside, label, source, group, role)


def _facts(name: str, facts: Any) -> tuple[str, str, str]:
    """Label, name of the original, role."""
    label = facts.get("label") if isinstance(facts, dict) else None
    if label not in ("REAL", "FAKE"):
        raise DataError(f"{METADATA}: {name}: expected a label REAL or FAKE, got {label!r}")
    split = facts.get("split", "test")
    if split not in ROLES:
        raise DataError(
            f"{METADATA}: {name}: expected a split of {', '.join(ROLES)}, got {split!r}"
        )
    original = facts.get("original")
    if label == "FAKE" and original is None:
        original = name  # the test sets do not say
    if label == "FAKE" and not isinstance(original, str):
        raise DataError(f"{METADATA}: {name}: expected the name of its original, got {original!r}")
    return label.lower(), str(original), ROLES[split]


def _tested(item: Item) -> Item:
    return video_item(item.path, "fake" if item.label else "real", item.source, item.group, "test")
