"""FaceForensics++ and DeepFakeDetection as their download script lays them out (Roessler et al., ICCV 2019).

    original_sequences/{youtube,actors}/COMPRESSION/videos/*.mp4
    manipulated_sequences/METHOD/COMPRESSION/videos/*.mp4
    {train,val,test}.json        the official split: pairs of sequences; here, in splits/ or in dataset/splits/

`000.mp4` is a sequence; `000_003.mp4` is sequence 000 with the face, or the expressions, of 003. Both halves of a pair are in
each other's fakes, so they are one group. Actors: `01__exit_phone_room.mp4`, and `01_02__exit_phone_room__YVGY8LOK.mp4` for
actor 01 with the face of 02; the group is the actor who is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from likeness.data.layouts_found import Found, read_json, video_item, videos_in
from likeness.data.manifest import Item
from likeness.errors import DataError

ORIGINAL, MANIPULATED = "original_sequences", "manipulated_sequences"
SPLIT_FOLDERS = ("", "splits", "dataset/splits")
ROLES = {"train": "train", "val": "select", "test": "test"}
_SEQUENCE = re.compile(r"(\d{3})(?:_(\d{3}))?")
_ACTOR = re.compile(r"(\d{2})(?:_(\d{2}))?__\w[\w-]*")
_COMPRESSIONS = ("raw", "c0", "c23", "c40")


def faceforensics(folder: Path) -> Found | None:
    """Read the folder; None if it is none of FaceForensics++.

    Raises:
        DataError: a name, a folder or a split file that does not fit.
    """
    if not (folder / MANIPULATED).is_dir() and not (folder / ORIGINAL).is_dir():
        return None
    pairs = _official(folder)
    clips = list(_clips(folder))
    if not clips:
        raise DataError(
            f"{folder}: no clips in {ORIGINAL}/SET/COMPRESSION/videos or {MANIPULATED}/METHOD/COMPRESSION/videos"
        )
    together = _components([*pairs, *(c.people for c in clips if not c.actors)])
    items = tuple(c.item(together, pairs) for c in clips)
    matched = {
        c.source: ("actors/" + c.compression if c.actors else "youtube/" + c.compression,)
        for c in clips
        if c.label == "fake"
    }
    return Found(items, matched, tuple(_notes(items, pairs, any(c.actors for c in clips))))


class _Clip:
    """One clip with what its place and its name say."""

    def __init__(self, path: str, name: str, label: str) -> None:
        parts = path.split("/")
        if len(parts) < 5 or parts[2] not in _COMPRESSIONS or parts[3] != "videos":
            raise DataError(
                f"{path}: expected {parts[0]}/NAME/COMPRESSION/videos/FILE with a compression of {', '.join(_COMPRESSIONS)}"
            )
        self.path, self.label = path, label
        self.source, self.compression = f"{parts[1]}/{parts[2]}", parts[2]
        numbers = _SEQUENCE.fullmatch(name) or _ACTOR.fullmatch(name)
        if numbers is None or (numbers[2] is None) != (label == "real"):
            raise DataError(
                f"{path}: expected a name like {'000 or 01__scene' if label == 'real' else '000_003 or 01_02__scene'}"
            )
        self.actors = len(numbers[1]) == 2
        self.people = (numbers[1], numbers[2] or numbers[1])

    def item(self, together: Mapping[str, str], pairs: Mapping[tuple[str, str], str]) -> Item:
        person = self.people[0]
        group = f"actor {person}" if self.actors else f"sequence {together[person]}"
        role = "test" if self.actors or not pairs else self._role(pairs)
        return video_item(self.path, self.label, self.source, group, role)

    def _role(self, pairs: Mapping[tuple[str, str], str]) -> str:
        """The split that holds all its sequences; none for a fake across splits, which the official evaluation leaves out."""
        roles = [{r for pair, r in pairs.items() if p in pair} for p in self.people]
        shared = roles[0] & roles[1]
        return next(iter(shared)) if len(shared) == 1 else ""


def _clips(folder: Path) -> Iterator[_Clip]:
    for name, label in ((ORIGINAL, "real"), (MANIPULATED, "fake")):
        if (folder / name).is_dir():
            for path, stem in videos_in(folder / name, folder):
                if "/masks/" not in path:
                    yield _Clip(path, stem, label)


def _official(folder: Path) -> dict[tuple[str, str], str]:
    """Pair of sequences -> role; empty without the official files."""
    roles: dict[tuple[str, str], str] = {}
    for split, role in ROLES.items():
        path = next(
            (p for s in SPLIT_FOLDERS if (p := folder / s / f"{split}.json").is_file()), None
        )
        for pair in [] if path is None else _pairs(path):
            if pair in roles:
                raise DataError(f"{split}.json: the pair {pair[0]}, {pair[1]} comes twice")
            roles[pair] = role
    return roles


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    stored = read_json(path)
    for pair in stored if isinstance(stored, list) else [stored]:
        names = [p for p in pair if isinstance(p, str)] if isinstance(pair, list) else []
        if len(names) != 2 or names != pair or not all(re.fullmatch(r"\d{3}", p) for p in names):
            raise DataError(
                f'{path.name}: expected a list of pairs such as ["071", "054"], got {pair!r:.60}'
            )
        yield names[0], names[1]


def _components(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Sequence -> lowest number among all that its fakes tie it to."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    return {name: root(name) for name in list(parent)}


def _notes(
    items: tuple[Item, ...], pairs: Mapping[tuple[str, str], str], actors: bool
) -> Iterator[str]:
    outside = sum(not item.role for item in items)
    if not pairs:
        yield "The official split files are not there: every clip counts as test."
    if outside:
        yield f"{outside} clips are in no official split, or across two, and are left out."
    if actors:
        yield "Fakes of actors carry another actor's face, so that the groups of DeepFakeDetection are not disjoint."
