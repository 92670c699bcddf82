"""References, documents and records on disk, some of them hostile."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import ConsentError, OutputError
from likeness.provenance import consent_files
from likeness.provenance.consent_files import (
    hash_document,
    read_plain,
    read_reference,
    store_reference,
    write_whole,
)
from likeness.types import Reference

PICTURE = b"a picture's bytes"
HASH = hashlib.sha256(PICTURE).hexdigest()


def test_a_reference_is_read_by_name_and_hash(tmp_path: Path) -> None:
    (tmp_path / "ada.jpg").write_bytes(PICTURE)
    assert read_reference(tmp_path, Reference("ada.jpg", HASH)) == PICTURE
    (tmp_path / "ada.jpg").write_bytes(PICTURE + b"!")
    with pytest.raises(
        ConsentError, match=r"references: ada\.jpg: was altered after it was recorded"
    ):
        read_reference(tmp_path, Reference("ada.jpg", HASH))
    with pytest.raises(ConsentError, match=r"references: bob\.jpg: No such file"):
        read_reference(tmp_path, Reference("bob.jpg", HASH))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "folder/ada.jpg", "..", "a\x00"])
def test_a_reference_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "records"
    (folder / "folder").mkdir(parents=True)
    for place in (tmp_path / "secret", folder / "folder" / "ada.jpg"):
        place.write_bytes(PICTURE)
    with pytest.raises(ConsentError, match="references: expected a plain file name"):
        read_reference(folder, Reference(name, HASH))


def test_links_pipes_and_folders_are_no_references(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(PICTURE)
    (folder / "link.jpg").symlink_to(tmp_path / "secret")
    with pytest.raises(ConsentError, match=r"link\.jpg: is a link"):
        read_reference(folder, Reference("link.jpg", HASH))
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        with pytest.raises(ConsentError, match="plain file"):
            read_reference(folder, Reference(name, HASH))


def test_reading_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 11)
    assert read_plain(path, 11, "the record") == b"x" * 11
    with pytest.raises(ConsentError, match="at most 10 bytes"):
        read_plain(path, 10, "the record")


def test_a_document_must_be_there_and_hold_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "letter.pdf"
    with pytest.raises(ConsentError, match=r"document_sha256: letter\.pdf: No such file"):
        hash_document(path)
    path.write_bytes(b"")
    with pytest.raises(ConsentError, match="empty"):
        hash_document(path)
    path.write_bytes(PICTURE)
    assert hash_document(path) == HASH
    with pytest.raises(ConsentError, match="plain file"):
        hash_document(tmp_path)
    monkeypatch.setattr(consent_files, "MOST_DOCUMENT_BYTES", 3)
    with pytest.raises(ConsentError, match="at most 3 bytes"):
        hash_document(path)


def test_references_are_stored_unaltered_and_never_over_another_file(tmp_path: Path) -> None:
    assert store_reference(tmp_path, "ada.jpg", PICTURE) == (Reference("ada.jpg", HASH), True)
    assert store_reference(tmp_path, "ada.jpg", PICTURE) == (Reference("ada.jpg", HASH), False)
    second, made = store_reference(tmp_path, "ada.jpg", b"another")
    assert made and second.file.startswith("ada-") and second.file.endswith(".jpg")
    assert read_reference(tmp_path, second) == b"another"
    assert (tmp_path / "ada.jpg").read_bytes() == PICTURE
    odd, _ = store_reference(tmp_path, "\x1b[2J.jpg", b"third")
    assert odd.file == "reference"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["ada.jpg", second.file, odd.file])


def test_a_link_of_that_name_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (tmp_path / "elsewhere.jpg").write_bytes(PICTURE)
    (folder / "ada.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    stored, made = store_reference(folder, "ada.jpg", PICTURE)
    assert made and stored.file != "ada.jpg"
    assert read_reference(folder, stored) == PICTURE


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.consent.toml"
    write_whole(path, b"one", replace=False)
    with pytest.raises(OutputError, match="not overwritten"):
        write_whole(path, b"two", replace=False)
    write_whole(path, b"two", replace=True)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(consent_files.os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_whole(path, b"three", replace=True)
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a.consent.toml"]


def test_somebody_quicker_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "a.toml", os.fsync

    def slow(descriptor: int) -> None:
        real(descriptor)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(consent_files.os, "fsync", slow)
    with pytest.raises(OutputError, match="not overwritten"):
        write_whole(path, b"ours", replace=False)
    assert path.read_bytes() == b"theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]


@pytest.mark.parametrize(
    ("number", "says"), [(errno.EROFS, "read-only"), (errno.EACCES, "no permission")]
)
def test_a_read_only_folder_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    # The system's answer is made up: whoever runs the tests as root could write into any folder.
    real = os.open

    def closed(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(consent_files.os, "open", closed)
    with pytest.raises(OutputError, match=says):
        write_whole(tmp_path / "a.toml", b"one", replace=False)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        write_whole(tmp_path / "no" / "a.toml", b"one", replace=False)
    with pytest.raises(OutputError, match="it is a folder"):
        write_whole(tmp_path, b"one", replace=True)


def test_private_files_are_private(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.pem", b"secret", replace=False, mode=0o600)
    assert (tmp_path / "a.pem").stat().st_mode & 0o777 == 0o600
