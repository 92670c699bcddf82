"""Which files there are, who is in them, and what each may be used for.

A data folder holds `manifest.csv` (path, kind, label, source, group, licence, sha256, note) and `splits.csv` (path, role).
Paths are relative, and none may lead out of the folder.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from likeness.errors import DataError

Role = Literal["train", "select", "calibrate", "test", "dropped", ""]
ROLES: tuple[str, ...] = get_args(Role)
LABELS = {"real": 0, "fake": 1}
MANIFEST_COLUMNS = ("path", "kind", "label", "source", "group", "licence", "sha256")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif")
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
_MEDIA_SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)


@dataclass(frozen=True)
class Item:
    """One file of a data set.

    Attributes:
        path: POSIX path relative to the data folder.
        kind: face, video or speech.
        label: 0 = real, 1 = fake.
        source: the collection it comes from.
        group: identity where known, otherwise the file's own name; splits and bootstraps go by it. For fakes without a
            person behind them it is the generator.
        licence: the terms it is used under.
        sha256: hex hash of its bytes, or the first characters of it; empty if unknown.
        role: train, select, calibrate, test or dropped; empty if none is fixed.
    """

    path: str
    kind: str
    label: int
    source: str
    group: str
    licence: str
    sha256: str
    role: str

    def file(self, folder: str | Path) -> Path:
        """Where the file lies when the data folder is `folder`.

        Raises:
            DataError: if a link takes the path out of the folder.
        """
        root = Path(folder).resolve()
        path = (root / self.path).resolve()
        if not path.is_relative_to(root):
            raise DataError(f"{self.path}: leads out of the data folder; copy the file into it")
        return path


def read_items(
    folder: str | Path, role_file: str | Path | None = None, default_role: str | None = None
) -> tuple[Item, ...]:
    """Read `manifest.csv` joined with `splits.csv`.

    Args:
        folder: the data folder.
        role_file: CSV with the columns path and role that overrides single roles, such as the one that
            `recipes/identity_clusters.py` writes; a column `cluster` in it becomes the item's group.
        default_role: role of all files where there is no `splits.csv`; None = such a folder is refused.

    Returns:
        The items in manifest order; those with the role "dropped" are among them, `select_items` leaves them out.

    Raises:
        DataError: missing file or column, duplicate path, unknown label or role, a path outside the folder, or a split or role
            row without its manifest row.

    Example:
        >>> items = read_items("../shared/data")  # doctest: +SKIP
        >>> train = select_items(items, source="utkface", role="train")  # doctest: +SKIP
    """
    folder = Path(folder)
    rows = _read_rows(folder / "manifest.csv", MANIFEST_COLUMNS)
    if default_role is not None and not (folder / "splits.csv").exists():
        roles = dict.fromkeys(rows, default_role)
    else:
        stored = _read_rows(folder / "splits.csv", ("path", "role"))
        roles = {path: row["role"] for path, row in stored.items()}
    _check_known(roles, rows, "splits.csv")
    missing = [p for p in rows if p not in roles]
    if missing:
        raise DataError(
            f"splits.csv: {len(missing)} files of the manifest have no role, first {missing[0]}"
        )
    items = tuple(_item(row, roles[path]) for path, row in rows.items())
    return items if role_file is None else apply_roles(items, role_file)


def apply_roles(items: Sequence[Item], role_file: str | Path) -> tuple[Item, ...]:
    """Override roles (and groups, by the column `cluster`) of single items; rows of other data sets are an error."""
    role_file = Path(role_file)
    changes = _read_rows(role_file, ("path", "role"))
    _check_known(changes, {item.path for item in items}, role_file.name)
    out = []
    for item in items:
        change = changes.get(item.path)
        if change is not None:
            group = change.get("cluster") or item.group
            item = replace(item, role=_known_role(change["role"], item.path), group=group)
        out.append(item)
    return tuple(out)


def select_items(
    items: Iterable[Item],
    *,
    source: str | Collection[str] | None = None,
    role: str | Collection[str] | None = None,
    kind: str | Collection[str] | None = None,
    label: int | None = None,
) -> tuple[Item, ...]:
    """The items that match every given condition, in order; a condition is one value or several.

    Dropped items come only where `role` names "dropped".

    Raises:
        DataError: unknown role.
    """
    sources, roles, kinds = _wanted(source), _wanted(role), _wanted(kind)
    for name in roles or ():
        _known_role(name, "select_items")
    return tuple(
        item
        for item in items
        if (sources is None or item.source in sources)
        and (item.role in roles if roles is not None else item.role != "dropped")
        and (kinds is None or item.kind in kinds)
        and (label is None or item.label == label)
    )


def check_disjoint(items: Iterable[Item], generators: bool = False) -> None:
    """Make sure that nobody is in two roles.

    Args:
        items: any items; dropped ones are ignored.
        generators: also check groups that hold fakes only. Such a group is a generator without a person behind it, and its
            pictures may be split; leave-one-generator-out evaluations pass True.

    Raises:
        DataError: naming the first offending groups.
    """
    roles: dict[str, set[str]] = {}
    people: set[str] = set()
    for item in items:
        if item.role == "dropped":
            continue
        roles.setdefault(item.group, set()).add(item.role)
        if item.label == 0:
            people.add(item.group)
    split = {g: r for g, r in roles.items() if len(r) > 1 and (generators or g in people)}
    if split:
        shown = "; ".join(f"{g} in {', '.join(sorted(r))}" for g, r in list(split.items())[:5])
        raise DataError(
            f"{len(split)} groups are in more than one role ({shown}): keep each in one role"
        )


def items_from_folders(
    real: str | Path | None = None, fake: str | Path | None = None, role: str = "test"
) -> tuple[Path, tuple[Item, ...]]:
    """Read any folders of pictures and clips: everything below `real` is real, everything below `fake` is fake.

    Identities are unknown, so every file is its own group; files of the two folders that have the same relative name without
    suffix share one (a fake beside its own original).

    Returns:
        The folder that holds both, and the items with paths relative to it, in sorted order.

    Raises:
        DataError: no folder given, a folder is missing, or nothing readable lies in them.
    """
    folders = {
        name: Path(f).resolve() for name, f in (("real", real), ("fake", fake)) if f is not None
    }
    for name, folder in folders.items():
        if not folder.is_dir():
            raise DataError(f"{name}: {folder} is not a folder")
    if not folders:
        raise DataError("give a folder of real pictures, of fake ones, or both")
    root = _common_root(list(folders.values()))
    items = []
    for name, folder in folders.items():
        for path in sorted(
            p for p in folder.rglob("*") if p.suffix.lower() in _MEDIA_SUFFIXES and p.is_file()
        ):
            if not path.resolve().is_relative_to(root):
                raise DataError(f"{path.name}: a link that leads out of {folder}")
            stem = path.relative_to(folder).with_suffix("").as_posix()
            row = path.relative_to(root).as_posix()
            known = (kind_of(path), LABELS[name], folder.name, stem, "unknown", "")
            items.append(Item(row, *known, _known_role(role, row)))
    if not items:
        raise DataError(
            f"no picture or clip ({', '.join(_MEDIA_SUFFIXES)}) below {', '.join(map(str, folders.values()))}"
        )
    return root, tuple(items)


def kind_of(path: Path) -> str:
    """`video` for clips, `face` for everything else, by the name's suffix."""
    return "video" if path.suffix.lower() in VIDEO_SUFFIXES else "face"


def _common_root(folders: list[Path]) -> Path:
    root = folders[0]
    while not all(f.is_relative_to(root) for f in folders):
        root = root.parent
    return root


def _wanted(value: str | Collection[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset([value] if isinstance(value, str) else value)


def _read_rows(file: Path, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Rows of a CSV by their path, checked for columns, duplicates and escaping paths."""
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            absent = [c for c in columns if c not in (reader.fieldnames or ())]
            if absent:
                raise DataError(
                    f"{file.name}: missing column {', '.join(absent)}; expected {', '.join(columns)}"
                )
            rows: dict[str, dict[str, str]] = {}
            for row in reader:
                if any(row[c] is None for c in columns):
                    raise DataError(f"{file.name}, line {reader.line_num}: too few columns")
                path = checked_path(row["path"], f"{file.name}, line {reader.line_num}")
                if path in rows:
                    raise DataError(f"{file.name}, line {reader.line_num}: {path} comes twice")
                rows[path] = row
    except FileNotFoundError:
        raise DataError(
            f"no {file.name} in {file.parent}: expected a CSV with {', '.join(columns)}"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file.name} cannot be read: {error}") from error
    return rows


def checked_path(text: str, where: str) -> str:
    """A relative POSIX path as it stands in somebody's list; raises `DataError` if it could lead out of the folder."""
    path = PurePosixPath(text)
    if (
        not text
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in text
        or ":" in path.parts[0]
        or "\0" in text
    ):
        raise DataError(f"{where}: {text!r} is no relative path inside the data folder")
    return path.as_posix()


def _check_known(paths: Iterable[str], known: Collection[str], name: str) -> None:
    foreign = [p for p in paths if p not in known]
    if foreign:
        raise DataError(f"{name}: {len(foreign)} paths are not in the manifest, first {foreign[0]}")


def _known_role(role: str, where: str) -> str:
    if role not in ROLES:
        raise DataError(
            f"{where}: unknown role {role!r}; expected one of {', '.join(r for r in ROLES if r)}"
        )
    return role


def _item(row: dict[str, str], role: str) -> Item:
    path = checked_path(row["path"], "manifest.csv")
    if row["label"] not in LABELS:
        raise DataError(f"{path}: unknown label {row['label']!r}; expected real or fake")
    return Item(
        path=path,
        kind=row["kind"],
        label=LABELS[row["label"]],
        source=row["source"],
        group=row["group"],
        licence=row["licence"],
        sha256=row["sha256"],
        role=_known_role(role, path),
    )
