"""Published and home-made layouts, read from drawn trees; broken ones are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from likeness.data.layouts import Layout, evenly, read_layout, with_hashes
from likeness.data.manifest import Item
from likeness.errors import DataError


def plant(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def facts(layout: Layout) -> dict[str, tuple[int, str, str, str]]:
    return {i.path: (i.label, i.source, i.group, i.role) for i in layout.items}


FF = (
    "original_sequences/youtube/c23/videos/000.mp4",
    "original_sequences/youtube/c23/videos/003.mp4",
    "original_sequences/youtube/c23/videos/100.mp4",
    "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4",
    "manipulated_sequences/Deepfakes/c23/videos/003_000.mp4",
    "manipulated_sequences/Deepfakes/c23/masks/videos/000_003.mp4",
    "original_sequences/actors/c23/videos/01__exit_phone_room.mp4",
    "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4",
)


def test_faceforensics_without_its_splits(tmp_path: Path) -> None:
    plant(tmp_path, *(p for p in FF if "masks" not in p))
    layout = read_layout(tmp_path)
    found = facts(layout)
    assert layout.name == "FaceForensics++" and len(found) == 7
    fake = "manipulated_sequences/Deepfakes/c23/videos/003_000.mp4"
    assert found[fake] == (1, "Deepfakes/c23", "sequence 000", "test")
    # both halves of a pair are in each other's fakes; 100 is alone
    groups = {i.path[-7:-4]: i.group for i in layout.items if i.source == "youtube/c23"}
    assert groups == {"000": "sequence 000", "003": "sequence 000", "100": "sequence 100"}
    assert {i.group for i in layout.items if "01_" in i.path} == {"actor 01"}
    assert layout.matched["Deepfakes/c23"] == ("youtube/c23",)
    assert layout.matched["DeepFakeDetection/c23"] == ("actors/c23",)
    assert any("split files are not there" in note for note in layout.notes)
    assert all(i.kind == "video" and i.sha256 == "" for i in layout.items)


@pytest.mark.parametrize("place", ["", "splits/", "dataset/splits/"])
def test_faceforensics_with_its_splits(tmp_path: Path, place: str) -> None:
    plant(tmp_path, *(p for p in FF if "masks" not in p))
    extra = "manipulated_sequences/Face2Face/c23/videos/000_100.mp4"
    plant(tmp_path, extra, f"{place}test.json", f"{place}val.json")
    (tmp_path / f"{place}test.json").write_text('[["000", "003"]]')
    (tmp_path / f"{place}val.json").write_text('[["100", "200"]]')
    found = facts(read_layout(tmp_path))
    assert found[FF[0]][3] == found[FF[3]][3] == "test"
    assert found[FF[2]][3] == "select"
    assert found[extra][3] == ""  # across two splits: left out
    assert found[FF[6]][3] == "test"  # actors have no split


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("original_sequences/youtube/c23/videos/portrait.mp4", "000 or 01__scene"),
        ("original_sequences/youtube/c23/videos/000_003.mp4", "000 or 01__scene"),
        ("manipulated_sequences/Deepfakes/c23/videos/000.mp4", "000_003"),
        ("manipulated_sequences/Deepfakes/c99/videos/000_003.mp4", "COMPRESSION"),
        ("manipulated_sequences/Deepfakes/000_003.mp4", "COMPRESSION"),
    ],
)
def test_foreign_names_in_faceforensics_are_refused(tmp_path: Path, path: str, text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_layout(plant(tmp_path, path))


@pytest.mark.parametrize(
    "stored",
    ['{"000": "003"}', '[["000"]]', '[["000", "../3"]]', "[[0, 3]]", "[", '["000003"]', "null"],
)
def test_broken_split_files_are_refused(tmp_path: Path, stored: str) -> None:
    plant(tmp_path, FF[0], FF[3])
    (tmp_path / "test.json").write_text(stored)
    with pytest.raises(DataError, match=r"test\.json"):
        read_layout(tmp_path)


def test_an_empty_faceforensics_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manipulated_sequences").mkdir()
    with pytest.raises(DataError, match="no clips"):
        read_layout(tmp_path)


CELEB = (
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0000.mp4",
    "YouTube-real/00170.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
)


def test_celeb_df(tmp_path: Path) -> None:
    plant(tmp_path, *CELEB)
    (tmp_path / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n1 Celeb-real/id9_0009.mp4\n"
    )
    layout = read_layout(tmp_path)
    assert layout.name == "Celeb-DF"
    assert facts(layout) == {
        CELEB[0]: (0, "Celeb-real", "id0", "train"),
        CELEB[1]: (0, "Celeb-real", "id1", "train"),
        CELEB[2]: (0, "YouTube-real", "youtube 00170", "test"),
        CELEB[3]: (1, "Celeb-synthesis", "id0", "test"),
    }
    assert layout.matched == {"Celeb-synthesis": ("Celeb-real", "YouTube-real")}
    assert any("1 of the 3 clips" in note for note in layout.notes)


def test_celeb_df_without_its_list_is_all_test(tmp_path: Path) -> None:
    layout = read_layout(plant(tmp_path, *CELEB))
    assert {i.role for i in layout.items} == {"test"}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2 YouTube-real/00170.mp4", "line 1"),
        ("YouTube-real/00170.mp4", "line 1"),
        ("0 YouTube-real/00170.mp4", "stands as fake"),
        ("1 ../secret.mp4", "no relative path"),
        ("1 /etc/secret.mp4", "no relative path"),
    ],
)
def test_broken_lists_of_celeb_df_are_refused(tmp_path: Path, line: str, text: str) -> None:
    plant(tmp_path, *CELEB)
    (tmp_path / "List_of_testing_videos.txt").write_text(line)
    with pytest.raises(DataError, match=text):
        read_layout(tmp_path)


def test_foreign_names_in_celeb_df_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Celeb-synthesis"):
        read_layout(plant(tmp_path, *CELEB, "Celeb-synthesis/id0_0001.mp4"))


def dfdc(root: Path, clips: object, folder: str = "", *there: str) -> Path:
    plant(root, *(f"{folder}{name}" for name in there))
    (root / folder).mkdir(exist_ok=True)
    (root / folder / "metadata.json").write_text(
        clips if isinstance(clips, str) else json.dumps(clips)
    )
    return root


REAL = {"label": "REAL", "split": "train"}
FAKE = {"label": "FAKE", "split": "train", "original": "b.mp4"}


def test_dfdc_in_parts(tmp_path: Path) -> None:
    dfdc(tmp_path, {"a.mp4": FAKE, "b.mp4": REAL}, "part_0/", "a.mp4", "b.mp4")
    dfdc(tmp_path, {"c.mp4": {**FAKE, "original": "z.mp4"}, "d.mp4": REAL}, "part_1/", "c.mp4")
    layout = read_layout(tmp_path)
    assert layout.name == "DFDC"
    assert facts(layout) == {
        "part_0/a.mp4": (1, "DFDC fake", "b.mp4", "test"),
        "part_0/b.mp4": (0, "DFDC real", "b.mp4", "test"),
        "part_1/c.mp4": (1, "DFDC fake", "z.mp4", "test"),
    }
    assert any("1 clips" in note for note in layout.notes)  # d.mp4 was not downloaded


def test_dfdc_keeps_splits_where_there_are_several(tmp_path: Path) -> None:
    clips = {"a.mp4": {**FAKE, "split": "test"}, "b.mp4": REAL}
    found = facts(read_layout(dfdc(tmp_path, clips, "", "a.mp4", "b.mp4")))
    assert (found["a.mp4"][3], found["b.mp4"][3]) == ("test", "train")


@pytest.mark.parametrize(
    ("clips", "text"),
    [
        ({"../a.mp4": REAL}, "no relative path"),
        ({"/a.mp4": REAL}, "no relative path"),
        ({"a.mp4": {"label": "MAYBE"}}, "label REAL or FAKE"),
        ({"a.mp4": "REAL"}, "label REAL or FAKE"),
        ({"a.mp4": {**REAL, "split": "holdout"}}, "split"),
        ({"a.mp4": {**FAKE, "original": 3}}, "original"),
        (["a.mp4"], "object"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"a.mp4": {"label": "REAL"}, "a.mp4": {"label": "FAKE"}}', "comes twice"),
        ({"gone.mp4": REAL}, "none of the 1 clips"),
    ],
)
def test_broken_metadata_of_dfdc_are_refused(tmp_path: Path, clips: object, text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_layout(dfdc(tmp_path, clips, "", "a.mp4"))


def test_folders_real_and_fake(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "real/1.jpg",
        "real/2.png",
        "Fake/1.jpg",
        "Fake/gan/3.webp",
        "Fake/swap/anna/0.png",
        "Fake/swap/anna/1.png",
        "Fake/clips/x.MP4",
        "Fake/notes.txt",
    )
    layout = read_layout(tmp_path)
    assert facts(layout) == {
        "real/1.jpg": (0, "real", "1", "test"),
        "real/2.png": (0, "real", "2", "test"),
        "Fake/1.jpg": (1, "fake", "1", "test"),
        "Fake/gan/3.webp": (1, "gan", "3", "test"),
        "Fake/swap/anna/0.png": (1, "swap", "swap/anna", "test"),
        "Fake/swap/anna/1.png": (1, "swap", "swap/anna", "test"),
        "Fake/clips/x.MP4": (1, "clips", "x", "test"),
    }
    assert [i.path for i in layout.items if i.kind == "video"] == ["Fake/clips/x.MP4"]
    assert all(i.file(tmp_path).is_file() for i in layout.items)


def test_folders_of_several_generators(tmp_path: Path) -> None:
    plant(tmp_path, "progan/0_real/a.png", "progan/1_fake/b.png", "other/1_fake/c.png")
    found = facts(read_layout(tmp_path))
    assert found["progan/0_real/a.png"] == (0, "progan", "progan/a", "test")
    assert found["other/1_fake/c.png"] == (1, "other", "other/c", "test")


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (("fake/1.jpg",), "only fakes"),
        (("real/1.jpg", "0_real/1.jpg", "fake/1.jpg"), "keep one"),
        (("real/notes.txt", "fake/1.jpg"), "no picture or clip"),
        (("pictures/1.jpg",), "no known layout"),
    ],
)
def test_broken_folders_are_refused(tmp_path: Path, paths: tuple[str, ...], text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_layout(plant(tmp_path, *paths))


@pytest.mark.parametrize(
    "link",
    [
        "original_sequences/youtube/c23/videos/001.mp4",
        "Celeb-real/id5_0000.mp4",
        "real/9.jpg",
        "a.mp4",
    ],
)
def test_links_out_of_the_folder_are_refused(tmp_path: Path, link: str) -> None:
    outside = plant(tmp_path, "outside/secret.mp4") / "outside/secret.mp4"
    root = tmp_path / "data"
    root.mkdir()
    if link == "a.mp4":
        dfdc(root, {"a.mp4": REAL})
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(outside)
    with pytest.raises(DataError, match="leads out"):
        read_layout(root)


def test_a_manifest_without_splits_is_all_test(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "path,kind,label,source,group,licence,sha256\na.jpg,face,real,s,anna,terms,\n"
    )
    layout = read_layout(tmp_path, tmp_path / "roles.csv")
    assert facts(layout) == {"a.jpg": (0, "s", "anna", "test")}
    assert layout.notes


def test_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "b.jpg")
    items = [
        Item(n, "face", 0, "s", "g", "t", h, "") for n, h in (("a.jpg", ""), ("b.jpg", "0" * 16))
    ]
    first, second = with_hashes(tmp_path, items)
    assert first.sha256 == hashlib.sha256(b"a.jpg").hexdigest()
    assert second.sha256 == "0" * 16  # the list's own word is taken
    with pytest.raises(DataError, match="cannot be read"):
        with_hashes(tmp_path, [Item("gone.jpg", "face", 0, "s", "g", "t", "", "")])


def test_a_limit_takes_items_from_all_over_the_list() -> None:
    items = [Item(str(n), "face", 0, "s", "g", "t", "", "") for n in range(10)]
    assert [i.path for i in evenly(items, 4)] == ["0", "2", "5", "7"]
    assert evenly(items, None) == evenly(items, 99) == items


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        read_layout(tmp_path / "gone")
