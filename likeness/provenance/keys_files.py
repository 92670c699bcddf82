"""Private files: read only if nobody else can read them, written so that a kill leaves the old or the new, whole.

Files are opened without following a link and checked on the open descriptor, so that what was checked is what is read.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from likeness.errors import KeyStoreError, OutputError

MOST_BYTES: Final = 64 << 10
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_STALE_S = 3600.0
_HAS_OWNERS = hasattr(os, "geteuid")  # elsewhere a file's mode says nothing about who may read it


def read_guarded(path: Path, private: bool) -> bytes:
    """The bytes of a file of the store.

    Args:
        path: the file.
        private: refuse it if others may read or write it; a public file may only not be writable by others.

    Raises:
        KeyStoreError: missing, a link, not a plain file, too large, owned by somebody else or open to others.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise KeyStoreError(f"{path}: is missing; the key store is not whole") from None
    except OSError as error:
        words = "is a link, expected a plain file" if path.is_symlink() else error.strerror
        raise KeyStoreError(f"{path}: {words}") from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise KeyStoreError(f"{path}: expected a plain file")
        _check_owner(path, facts, 0o077 if private else 0o022)
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise KeyStoreError(f"{path}: expected at most {MOST_BYTES} bytes, got more")
    return data


def read_given(path: Path) -> bytes:
    """The bytes of a small file that the user names: links are fine, devices and large files are not.

    Raises:
        KeyStoreError: missing, unreadable, no plain file or too large.
    """
    try:
        if not path.is_file():
            raise KeyStoreError(f"{path}: expected a file in PEM form, found none")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise KeyStoreError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MOST_BYTES:
        raise KeyStoreError(f"{path}: expected at most {MOST_BYTES} bytes, got more")
    return data


def check_folder(folder: Path) -> None:
    """Raise `KeyStoreError` unless `folder` is a folder of ours that nobody else can enter."""
    try:
        facts = folder.lstat()
    except OSError as error:
        raise KeyStoreError(
            f"{folder}: no key store ({error.strerror}); make one with: likeness keys new"
        ) from None
    if not stat.S_ISDIR(facts.st_mode):
        kind = "a link" if stat.S_ISLNK(facts.st_mode) else "no folder"
        raise KeyStoreError(f"{folder}: expected the folder of a key store, got {kind}")
    _check_owner(folder, facts, 0o077)


def write_whole(path: Path, data: bytes, private: bool) -> None:
    """Replace a file in one step; a kill leaves the old one or the new one.

    Raises:
        OutputError: the folder is read-only or the disk is full.
    """
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).chmod(PRIVATE_FILE if private else 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def create_folder(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Make a private folder with its files in one step.

    Args:
        folder: must not exist yet, or be empty.
        files: name -> bytes.

    Returns:
        False if somebody else made the folder first (theirs stays as it is).

    Raises:
        OutputError: the place is read-only or the disk is full.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        _remove_stale(folder)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None
    try:
        for name, data in files.items():
            write_whole(made / name, data, private=True)
        made.rename(
            folder
        )  # onto a folder that holds something this fails: the other maker was first
        return True
    except OSError as error:
        if folder.is_dir() and any(folder.iterdir()):
            return False
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _check_owner(path: Path, facts: os.stat_result, forbidden: int) -> None:
    if not _HAS_OWNERS:
        return
    if facts.st_uid != os.geteuid():
        raise KeyStoreError(f"{path}: belongs to user {facts.st_uid}, not to the one who runs this")
    if facts.st_mode & forbidden:
        raise KeyStoreError(
            f"{path}: mode {stat.S_IMODE(facts.st_mode):04o} lets other people in; "
            f"if nobody has used that, run: chmod go-rwx '{path}'"
        )


def _remove_stale(folder: Path) -> None:
    """Remove what a kill left of earlier attempts; a running one is younger than an hour."""
    for left in folder.parent.glob(f".{folder.name}.new-*"):
        if not left.is_symlink() and time.time() - left.stat().st_mtime > _STALE_S:
            shutil.rmtree(left, ignore_errors=True)
