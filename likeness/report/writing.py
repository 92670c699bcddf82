"""Reports to disk, whole or not at all: a temporary file beside the target, then a rename."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.errors import OutputError, why_not_written
from likeness.report.schema import report_json


def write_json(report: Mapping[str, Any], path: str | Path) -> None:
    """Write what `report_to_dict` made.

    Raises:
        OutputError: the file cannot be written; one line says why. Nothing is left behind.
    """
    _write(Path(path), report_json(report).encode("utf-8"))


def write_html(path: str | Path, html: str) -> None:
    """Write what `render_html` made.

    Raises:
        OutputError: the file cannot be written; one line says why. Nothing is left behind.
    """
    _write(Path(path), html.encode("utf-8", "backslashreplace"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a report whose bytes are settled, such as a signed one.

    Raises:
        OutputError: the file cannot be written; one line says why. Nothing is left behind.
    """
    _write(Path(path), data)


def _write(path: Path, data: bytes) -> None:
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        if path.exists() and not path.is_file():  # a pipe or a device: never renamed over
            path.write_bytes(data)
        else:
            _write_whole(path, data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why_not_written(error)}") from error


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    # Not tempfile.mkstemp: the file shall get the permissions that the person's umask gives.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
