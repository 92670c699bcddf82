"""Celeb-DF (Li et al., CVPR 2020) as it is published.

    Celeb-real/id0_0000.mp4            person 0
    YouTube-real/00000.mp4             somebody else in every clip
    Celeb-synthesis/id0_id1_0000.mp4   clip id0_0000 with the face of person 1
    List_of_testing_videos.txt         lines "1 YouTube-real/00170.mp4"; 1 = real, 0 = fake

The group of a fake is the person in whose clip it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from likeness.data.layouts_found import Found, read_text, video_item, videos_in
from likeness.data.manifest import Item, checked_path
from likeness.errors import DataError

TESTING = "List_of_testing_videos.txt"
_FOLDERS = {
    "celeb-real": ("Celeb-real", "real", re.compile(r"(id\d+)_\d+")),
    "youtube-real": ("YouTube-real", "real", re.compile(r"(\d+)")),
    "celeb-synthesis": ("Celeb-synthesis", "fake", re.compile(r"(id\d+)_id\d+_\d+")),
}
_LINE = re.compile(r"([01])\s+(\S.*)")


def celeb_df(folder: Path) -> Found | None:
    """Read the folder; None if it is not Celeb-DF.

    Raises:
        DataError: a name or a line of the list that does not fit.
    """
    there = {p.name.lower(): p for p in sorted(folder.iterdir()) if p.is_dir()}
    if "celeb-synthesis" not in there and "celeb-real" not in there:
        return None
    testing = _testing(folder)
    items = [
        item
        for name, place in there.items()
        if name in _FOLDERS
        for item in _items(place, folder, testing)
    ]
    if not items:
        raise DataError(f"{folder}: no clips in Celeb-real, YouTube-real or Celeb-synthesis")
    matched = {"Celeb-synthesis": ("Celeb-real", "YouTube-real")}
    return Found(tuple(items), matched, tuple(_notes(items, testing)))


def _items(place: Path, folder: Path, testing: dict[str, str] | None) -> Iterator[Item]:
    source, label, pattern = _FOLDERS[place.name.lower()]
    for path, stem in videos_in(place, folder):
        fits = pattern.fullmatch(stem)
        if fits is None:
            raise DataError(f"{path}: no name of {source}; expected one like {pattern.pattern}")
        listed = None if testing is None else testing.get(f"{source}/{stem}".lower())
        if listed not in (None, label):
            raise DataError(f"{TESTING}: {path} stands as {listed} but lies in {place.name}")
        role = "test" if testing is None or listed else "train"
        group = fits[1] if source != "YouTube-real" else f"youtube {fits[1]}"
        yield video_item(path, label, source, group, role)


def _testing(folder: Path) -> dict[str, str] | None:
    """Clip (folder and name without suffix, lower case) -> label; None without the list."""
    path = folder / TESTING
    if not path.is_file():
        return None
    found = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        fits = _LINE.fullmatch(line.strip())
        if fits is None:
            raise DataError(
                f"{TESTING}, line {number}: expected 0 or 1 and a clip, got {line[:60]!r}"
            )
        name = Path(checked_path(fits[2], f"{TESTING}, line {number}"))
        found[name.with_suffix("").as_posix().lower()] = "real" if fits[1] == "1" else "fake"
    return found


def _notes(items: list[Item], testing: dict[str, str] | None) -> Iterator[str]:
    if testing is None:
        yield f"{TESTING} is not there: every clip counts as test."
    else:
        absent = len(testing) - sum(item.role == "test" for item in items)
        if absent:
            yield f"{absent} of the {len(testing)} clips of {TESTING} are not there."
    yield "Fakes carry another listed person's face, so that groups of Celeb-DF are not disjoint."
