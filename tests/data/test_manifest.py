from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.data.manifest import (
    Item,
    check_disjoint,
    items_from_folders,
    read_items,
    select_items,
)
from likeness.errors import DataError

HEADER = "path,kind,label,source,group,licence,sha256,note\n"
ROW = "{path},face,{label},here,{group},CC0,abcd,\n"


def write_folder(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    manifest = "".join(ROW.format(path=p, label=lab, group=g) for p, lab, g, _ in rows)
    (folder / "manifest.csv").write_text(HEADER + manifest)
    (folder / "splits.csv").write_text("path,role\n" + "".join(f"{p},{r}\n" for p, _, _, r in rows))
    return folder


GOOD = [
    ("a.jpg", "real", "ann", "train"),
    ("b.jpg", "fake", "bob", "test"),
    ("c/d.jpg", "real", "cid", "train"),
]


def test_items_join_manifest_and_splits(tmp_path: Path) -> None:
    items = read_items(write_folder(tmp_path, GOOD))
    assert items[1] == Item("b.jpg", "face", 1, "here", "bob", "CC0", "abcd", "test")
    assert [i.path for i in select_items(items, role="train", label=0)] == ["a.jpg", "c/d.jpg"]
    assert [i.path for i in select_items(items, role=("test", "select"))] == ["b.jpg"]
    assert select_items(items, source="elsewhere") == ()
    assert items[2].file(tmp_path) == tmp_path.resolve() / "c" / "d.jpg"


@pytest.mark.parametrize(
    "path", ["../x.jpg", "/etc/passwd", "a/../../x.jpg", "c:/x.jpg", "a\\b.jpg", ""]
)
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    write_folder(tmp_path, [*GOOD, (path, "real", "eve", "train")])
    with pytest.raises(DataError, match="no relative path inside"):
        read_items(tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"")
    (folder / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    item = read_items(write_folder(folder, GOOD))[0]
    with pytest.raises(DataError, match="leads out"):
        item.file(folder)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*GOOD, GOOD[0]], "comes twice"),
        ([*GOOD, ("e.jpg", "maybe", "eve", "train")], "unknown label 'maybe'"),
        ([*GOOD, ("e.jpg", "real", "eve", "exam")], "unknown role 'exam'"),
    ],
)
def test_bad_rows_are_named(
    tmp_path: Path, rows: list[tuple[str, str, str, str]], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_items(write_folder(tmp_path, rows))


def test_missing_files_columns_and_roles_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no manifest\.csv"):
        read_items(tmp_path)
    write_folder(tmp_path, GOOD)
    (tmp_path / "splits.csv").write_text("path,role\na.jpg,train\n")
    with pytest.raises(DataError, match="2 files of the manifest have no role"):
        read_items(tmp_path)
    (tmp_path / "splits.csv").write_text("path,part\na.jpg,train\n")
    with pytest.raises(DataError, match="missing column role"):
        read_items(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(DataError, match=r"manifest\.csv"):
        read_items(tmp_path)


def test_a_role_file_overrides_roles_and_groups(tmp_path: Path) -> None:
    write_folder(tmp_path, GOOD)
    changes = tmp_path / "roles.csv"
    changes.write_text("path,cluster,role\na.jpg,person_1,dropped\nc/d.jpg,person_1,train\n")
    items = read_items(tmp_path, changes)
    assert [(i.group, i.role) for i in items] == [
        ("person_1", "dropped"), ("bob", "test"), ("person_1", "train"),
    ]  # fmt: skip
    assert [i.path for i in select_items(items)] == ["b.jpg", "c/d.jpg"]
    assert [i.path for i in select_items(items, role="dropped")] == ["a.jpg"]
    changes.write_text("path,role\nz.jpg,train\n")
    with pytest.raises(DataError, match="not in the manifest"):
        read_items(tmp_path, changes)


def test_a_person_in_two_roles_is_found(tmp_path: Path) -> None:
    items = read_items(write_folder(tmp_path, [*GOOD, ("e.jpg", "real", "ann", "test")]))
    with pytest.raises(DataError, match="ann in test, train"):
        check_disjoint(items)
    check_disjoint([replace(i, role="dropped") if i.path == "e.jpg" else i for i in items])


def test_a_generator_may_be_split_unless_asked(tmp_path: Path) -> None:
    rows = [("e.jpg", "fake", "gan", "train"), ("f.jpg", "fake", "gan", "test")]
    items = read_items(write_folder(tmp_path, [*GOOD, *rows]))
    check_disjoint(items)
    with pytest.raises(DataError, match="gan in test, train"):
        check_disjoint(items, generators=True)


def test_any_folders_become_items(tmp_path: Path) -> None:
    for name in ("x/real/1.jpg", "x/real/deep/2.PNG", "x/fake/1.webp", "x/fake/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    root, items = items_from_folders(tmp_path / "x/real", tmp_path / "x/fake")
    assert root == (tmp_path / "x").resolve()
    assert [(i.path, i.label, i.group) for i in items] == [
        ("real/1.jpg", 0, "1"), ("real/deep/2.PNG", 0, "deep/2"), ("fake/1.webp", 1, "1"),
    ]  # fmt: skip
    with pytest.raises(DataError, match="is not a folder"):
        items_from_folders(tmp_path / "nowhere")
    with pytest.raises(DataError, match="give a folder"):
        items_from_folders()


def test_the_real_manifest_is_disjoint(data_dir: Path) -> None:
    items = read_items(data_dir)
    check_disjoint(items)
    counts = np.unique([i.source for i in items], return_counts=True)
    assert dict(zip(*counts, strict=True))["utkface"] == 8761
    assert {i.role for i in select_items(items, source="celebahq1024")} == {"test"}
    assert all(i.file(data_dir).is_file() for i in items[::500])
