"""What a reader of a published layout finds, and how it looks at files, lists and JSON that others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from likeness.data.manifest import LABELS, VIDEO_SUFFIXES, Item
from likeness.errors import DataError

MOST_BYTES = 64 << 20
"""A list or JSON file that is larger is not read."""


@dataclass(frozen=True)
class Found:
    """The items of a folder; see `layouts.Layout` for the fields."""

    items: tuple[Item, ...]
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def video_item(path: str, label: str, source: str, group: str, role: str) -> Item:
    """A clip of a published set; its hash is computed when it is measured."""
    terms = "terms of the data set"
    return Item(path, "video", LABELS[label], source, group, terms, "", role)


def videos_in(folder: Path, root: Path) -> Iterator[tuple[str, str]]:
    """(path relative to `root`, name without suffix) of every clip below a folder, sorted.

    Raises:
        DataError: a link leads out of `root`.
    """
    resolved = root.resolve()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in VIDEO_SUFFIXES or not path.is_file():
            continue
        if not path.resolve().is_relative_to(resolved):
            raise DataError(f"{path.name}: a link that leads out of {root}")
        yield path.relative_to(root).as_posix(), path.stem


def read_text(path: Path) -> str:
    """A small text file; raises `DataError` if it is too large or cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path.name}: expected at most {MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """A small JSON file in which no key comes twice; raises `DataError` for anything else."""

    def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(k for i, (k, _) in enumerate(pairs) if k in dict(pairs[:i]))
            raise DataError(f"{path.name}: {twice!r} comes twice")
        return found

    try:
        return json.loads(read_text(path), object_pairs_hook=single)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: no JSON ({error})") from error
