"""A face set on disk: comes back equal, refuses damage, and survives a run that breaks off."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from likeness.data import face_rows, face_shards
from likeness.data.face_sets import (
    FaceSet,
    read_face_set,
    read_manifest,
    require_enough,
    write_face_set,
    write_manifest,
)
from likeness.errors import DataError, OutputError
from likeness.types import Consent, Reference


def consent() -> Consent:
    return Consent(
        subject="Ada",
        basis="own_likeness",
        purpose="research",
        expires=date(2030, 1, 31),
        document_sha256="a" * 64,
        adult=True,
        no_sexual_use=True,
        references=(Reference("ada.png", "b" * 64),),
    )


def face_set(count: int = 6, size: int = 32, embeddings: bool = True) -> FaceSet:
    rng = np.random.default_rng(3)
    rows = tuple(
        {
            "face_id": f"f{i}",
            "kept": i % 3 != 2,
            "reason": "" if i % 3 != 2 else "small",
            "yaw_deg": float(i),
            "file": 'odd, "name"\n.mp4',
        }
        for i in range(count)
    )
    return FaceSet(
        images=rng.integers(0, 256, (count, size, size, 3), np.uint8),
        landmarks_px=rng.random((count, 478, 2), np.float32) * size,
        matrices=rng.random((count, 2, 3)),
        rows=rows,
        consent=consent(),
        size_px=size,
        margin=0.25,
        consent_id="0123456789abcdef",
        embeddings=rng.random((count, 128), np.float32) if embeddings else None,
    )


def test_a_set_comes_back_equal(tmp_path: Path) -> None:
    made = face_set()
    read = read_face_set(write_face_set(tmp_path / "ada", made), kept_only=False)
    assert np.array_equal(read.images, made.images)
    assert np.array_equal(read.landmarks_px, made.landmarks_px)
    assert np.array_equal(read.matrices, made.matrices)
    assert np.array_equal(read.embeddings, made.embeddings)
    assert read.consent == made.consent
    assert (read.size_px, read.margin, read.consent_id) == (32, 0.25, made.consent_id)
    assert read.rows[2]["file"] == made.rows[2]["file"]
    assert read.values("yaw_deg").tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(read.values("pitch_deg")).all()
    assert len(read.sha256) == 64


def test_only_kept_faces_are_read_unless_asked(tmp_path: Path) -> None:
    made = face_set()
    folder = write_face_set(tmp_path / "ada", made)
    kept = read_face_set(folder)
    assert [r["face_id"] for r in kept.rows] == ["f0", "f1", "f3", "f4"]
    assert np.array_equal(kept.images, made.images[[0, 1, 3, 4]])
    assert all(r["consent_id"] == made.consent_id for r in kept.rows)


def test_a_set_without_embeddings_has_none(tmp_path: Path) -> None:
    folder = write_face_set(tmp_path / "ada", face_set(embeddings=False))
    assert read_face_set(folder).embeddings is None


def test_rows_of_several_shards_keep_the_order_of_the_manifest(tmp_path: Path) -> None:
    made = face_set(6)
    names = [
        face_shards.write_shard(
            tmp_path,
            face_shards.Shard(
                made.images[part],
                made.landmarks_px[part],
                made.matrices[part],
                made.embeddings[part],
            ),
        )
        for part in (slice(0, 3), slice(3, 6))
    ]
    order = [4, 0, 5, 2, 1, 3]
    rows = [
        {**made.rows[i], "kept": True, "reason": "", "shard": names[i // 3], "shard_row": i % 3}
        for i in order
    ]
    write_manifest(tmp_path, rows, {"size_px": 32, "margin": 0.25}, consent())
    read = read_face_set(tmp_path)
    assert np.array_equal(read.images, made.images[order])
    assert [r["face_id"] for r in read.rows] == [f"f{i}" for i in order]


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    first = read_face_set(write_face_set(tmp_path / "a", face_set()))
    again = read_face_set(write_face_set(tmp_path / "b", face_set()))
    changed = face_set()
    changed.images[0, 0, 0, 0] ^= 1
    other = read_face_set(write_face_set(tmp_path / "c", changed))
    assert first.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize("place", ["manifest", "about"])
def test_a_write_that_breaks_off_leaves_the_old_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder = write_face_set(tmp_path / "ada", face_set(6))
    before = read_face_set(folder)
    broken = {"manifest": face_rows.MANIFEST, "about": face_rows.ABOUT}[place]
    honest = face_rows.write_whole

    def killed(path: Path, content: bytes) -> None:
        if path.name == broken:
            raise KeyboardInterrupt
        honest(path, content)

    monkeypatch.setattr(face_rows, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        write_face_set(folder, face_set(4))
    after = read_face_set(folder)
    # Whole in either case: the old set where the manifest was not replaced, the new one where it was.
    assert len(after) == (len(before) if place == "manifest" else 3)


def test_replacing_a_set_removes_its_old_shards(tmp_path: Path) -> None:
    folder = write_face_set(tmp_path / "ada", face_set(6))
    stray = folder / "shards" / ".x.partial"
    stray.write_bytes(b"half")
    write_face_set(folder, face_set(4))
    assert len(list((folder / "shards").iterdir())) == 1
    assert not stray.exists()


def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    folder = write_face_set(tmp_path / "ada", face_set())
    (shard,) = (folder / "shards").iterdir()
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_face_set(folder)
    shard.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_face_set(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (".safetensors,0", ".safetensors,99", "asks for another"),
        (".safetensors,0", ".safetensors,-1", "shard_row"),
        (".safetensors,0", "/../../x.safetensors,0", "not the name of a shard"),
        ("f0,1,", "f0,yes,", "kept"),
        ("face_id,", "face,", "missing columns"),
        ("f0,1,,", "f0,1,,,,,,,,,,", "fields"),
    ],
)
def test_a_manifest_that_lies_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = write_face_set(tmp_path / "ada", face_set())
    manifest = folder / "manifest.csv"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_face_set(folder)


def test_other_folders_and_other_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="likeness extract"):
        read_manifest(tmp_path)
    folder = write_face_set(tmp_path / "ada", face_set())
    about = json.loads((folder / "set.json").read_text())
    for change in ({"format": 2}, {"size_px": "big"}, {"consent": {"subject": 1}}):
        (folder / "set.json").write_text(json.dumps(about | change))
        with pytest.raises(DataError):
            read_manifest(folder)
    (folder / "set.json").write_text("[" * 100_000)
    with pytest.raises(DataError):
        read_manifest(folder)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "ada").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        write_face_set(tmp_path / "ada", face_set())


def test_too_few_faces_say_how_many_and_what_is_missing() -> None:
    with pytest.raises(DataError, match=r"at least 100 .* got 6; missing: looking down"):
        require_enough(face_set(6), ["looking down"])


def test_take_selects_rows_and_pixels_together() -> None:
    made = face_set()
    taken = made.take(made.values("yaw_deg") > 3)
    assert [r["face_id"] for r in taken.rows] == ["f4", "f5"]
    assert np.array_equal(taken.images, made.images[4:])
