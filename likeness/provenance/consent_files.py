"""Consent records, documents and references on disk: bounded reads of plain files, writes that are whole or not at all.

A record's references lie beside it and are named without folders. They are opened without following a link and hashed
on the very bytes that are handed on.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from likeness.errors import ConsentError, OutputError, why_not_written
from likeness.provenance.consent_fields import is_plain_name
from likeness.types import Reference

MOST_REFERENCE_BYTES: Final = 64 << 20
MOST_DOCUMENT_BYTES: Final = 1 << 30
_BLOCK = 1 << 20
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_plain(path: Path, most: int, what: str, follow: bool = True) -> bytes:
    """The bytes of a plain file.

    Args:
        path: the file.
        most: bytes above which it is refused.
        what: the record and the field that ask for it, as the error begins.
        follow: whether a link may lead to it.

    Raises:
        ConsentError: missing, unreadable, a link, no plain file or too large.
    """
    with _opened(path, what, follow) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ConsentError(f"{what}: {path.name}: expected at most {most} bytes, got more")
    return data


def hash_document(path: Path, what: str = "the record: document_sha256") -> str:
    """Hex SHA-256 of a letter, terms or picture of any format.

    Raises:
        ConsentError: missing, unreadable, empty, no plain file, or larger than 1 GiB.
    """
    digest, size = hashlib.sha256(), 0
    with _opened(path, what, follow=True) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            if size > MOST_DOCUMENT_BYTES:
                raise ConsentError(
                    f"{what}: {path.name}: expected at most {MOST_DOCUMENT_BYTES} bytes, got more"
                )
    if not size:
        raise ConsentError(f"{what}: {path.name}: expected a document, got an empty file")
    return digest.hexdigest()


def read_reference(folder: Path, reference: Reference, what: str = "the record") -> bytes:
    """The bytes of a reference picture, exactly those that were recorded.

    Args:
        folder: where the record lies.
        reference: one of the record's.
        what: the record, for the error.

    Raises:
        ConsentError: names `references`: a path instead of a name, missing, a link, too large, or altered.
    """
    what = f"{what}: references"
    if not is_plain_name(reference.file):
        raise ConsentError(f"{what}: expected a plain file name, got {reference.file!a}")
    data = read_plain(folder / reference.file, MOST_REFERENCE_BYTES, what, follow=False)
    actual = hashlib.sha256(data).hexdigest()
    if actual != reference.sha256:
        raise ConsentError(
            f"{what}: {reference.file}: was altered after it was recorded; expected SHA-256 "
            f"{reference.sha256[:16]}..., got {actual[:16]}...; put the recorded picture back"
        )
    return data


def store_reference(folder: Path, name: str, data: bytes) -> tuple[Reference, bool]:
    """Put a picture beside the record, its bytes unaltered.

    A file of that name with the same bytes is used as it is; beside one with other bytes, and where the name is not
    plain, the hash goes into the name.

    Returns:
        The reference, and whether a file was made for it.

    Raises:
        OutputError: it cannot be written.
    """
    digest = hashlib.sha256(data).hexdigest()
    suffix = Path(name).suffix if is_plain_name(name) else ""
    plain = name if is_plain_name(name) else "reference"
    for candidate in (plain, f"{plain[: len(plain) - len(suffix)][:80]}-{digest[:16]}{suffix}"):
        place = folder / candidate
        if not os.path.lexists(place):
            write_whole(place, data, replace=False)
            return Reference(candidate, digest), True
        reference = Reference(candidate, digest)
        if _holds(folder, reference):
            return reference, False
    raise OutputError(
        f"cannot write {place}: {why_not_written(FileExistsError(errno.EEXIST, str(place)))}"
    )


def write_whole(path: Path, data: bytes, *, replace: bool, mode: int = 0o666) -> None:
    """Write a file in one step; a kill leaves the old one, or none, or the new one.

    Args:
        path: the file.
        data: its bytes.
        replace: whether a file that is there may go.
        mode: permissions, less what the person's umask takes away.

    Raises:
        OutputError: it cannot be written; one line says why. Nothing is left behind.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        if not replace and os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists")
        try:
            with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _move(temporary, path, replace)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why_not_written(error)}") from None


def _move(temporary: Path, path: Path, replace: bool) -> None:
    if replace:
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)  # unlike a rename it fails where somebody else was quicker
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        temporary.replace(path)


def _holds(folder: Path, reference: Reference) -> bool:
    try:
        read_reference(folder, reference)
    except ConsentError:
        return False
    return True


@contextmanager
def _opened(path: Path, what: str, follow: bool) -> Iterator[BinaryIO]:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | (0 if follow else _NO_LINK))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = "is a link, expected the file itself" if _is_link(path) and not follow else ""
        why = why or getattr(error, "strerror", None) or str(error)
        raise ConsentError(f"{what}: {ascii(path.name)[1:-1]}: {why}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConsentError(f"{what}: {path.name or path}: expected a plain file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            yield file
        except OSError as error:
            raise ConsentError(f"{what}: {path.name}: {error.strerror}") from None


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except (OSError, ValueError):
        return False
