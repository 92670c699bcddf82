from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.data.packs import NOTICE, CropPack
from likeness.errors import DataError, OutputError, ShapeError


def pack(count: int = 6, size: int = 32, masks: bool = True) -> CropPack:
    rng = np.random.default_rng(0)
    return CropPack(
        images=rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8),
        labels=np.arange(count) % 2,
        groups=tuple(f"person_{i // 2}" for i in range(count)),
        sources=("drawn",) * count,
        pair_ids=np.arange(count) // 2,
        recipes=tuple(json.dumps({"n": i}) for i in range(count)),
        masks=rng.integers(0, 256, (count, size, size), dtype=np.uint8) if masks else None,
    )


@pytest.mark.parametrize("masks", [True, False])
def test_a_pack_comes_back_equal(tmp_path: Path, masks: bool) -> None:
    made = pack(masks=masks)
    back = CropPack.load(made.save(tmp_path / "deep" / "pack"))
    assert isinstance(back.images, np.memmap)
    for name in ("images", "labels", "pair_ids"):
        assert np.array_equal(getattr(made, name), getattr(back, name))
    assert (back.groups, back.sources, back.recipes) == (made.groups, made.sources, made.recipes)
    assert (back.masks is not None) == masks
    assert len(back) == 6 and [p.name for p in (tmp_path / "deep").iterdir()] == ["pack"]


def test_every_pack_says_what_it_is(tmp_path: Path) -> None:
    folder = pack().save(tmp_path / "pack")
    assert "never to be published" in (folder / "pack.json").read_text()
    about = json.loads((folder / "pack.json").read_text())
    about["notice"] = ""
    (folder / "pack.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="notice"):
        CropPack.load(folder)
    assert NOTICE.startswith("fake crops")


def test_large_crops_and_uneven_rows_are_refused() -> None:
    with pytest.raises(DataError, match="at most 256 px"):
        pack(2, 257)
    assert len(pack(2, 256)) == 2
    good = pack()
    fields = {
        n: getattr(good, n)
        for n in ("images", "labels", "groups", "sources", "pair_ids", "recipes")
    }
    with pytest.raises(DataError, match="groups: expected 6"):
        CropPack(**{**fields, "groups": ("a",)})
    with pytest.raises(DataError, match=r"0 \(real\) and 1"):
        CropPack(**{**fields, "labels": np.full(6, 2)})
    with pytest.raises(ShapeError):
        CropPack(**{**fields, "labels": np.zeros(5, np.int64)})
    with pytest.raises(ShapeError):
        CropPack(**{**fields, "images": good.images.astype(np.float32)})


def test_nothing_is_overwritten_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pack().save(tmp_path / "pack")
    with pytest.raises(OutputError, match="exists"):
        pack().save(folder)

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OutputError, match="disk full"):
        pack().save(tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["pack"]


@pytest.mark.parametrize("damage", ["truncate", "swap", "json", "pickle", "gone"])
def test_a_damaged_pack_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    folder = pack().save(tmp_path / "pack")
    images = folder / "images.npy"
    if damage == "truncate":
        images.write_bytes(images.read_bytes()[:-100])
    elif damage == "swap":
        images.write_bytes(b"not an array")
    elif damage == "json":
        (folder / "pack.json").write_text("{")
    elif damage == "pickle":
        np.save(images, np.array([{}], object), allow_pickle=True)
    else:
        images.unlink()
    with pytest.raises(DataError, match="readable crop pack"):
        CropPack.load(folder)


def test_rows_and_pairs() -> None:
    made = pack()
    assert list(made.pairs()) == [(0, 1), (2, 3), (4, 5)]
    fakes = made.take(made.labels == 1)
    assert len(fakes) == 3 and fakes.groups == ("person_0", "person_1", "person_2")
    assert list(fakes.pairs()) == []
    assert np.array_equal(made.take([4]).images[0], made.images[4])
