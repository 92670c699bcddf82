"""Folders: uploads by their hash, results by what was asked of which file with which code and weights.

    incoming/   uploads on their way in; emptied at every start
    uploads/    one file per content, named by its SHA-256
    results/    one folder per answer
    scratch/    where workers write; emptied at every start

Every name is made here of hexadecimal digits. What a person called a file stands in the table and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import likeness
from likeness.apps.web.problems import Problem
from likeness.errors import OutputError, UsageError, why_not_written

META: Final = "meta.json"
MARKER: Final = "workbench.json"
_HEX: Final = re.compile(r"[0-9a-f]{16,64}")
_FILE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.(json|html|pdf|png|jpg|webp|csv|mp4)")
_UNSEEN_BY_RESULTS: Final = ("apps",)
_PRIVATE: Final = 0o700


class Results:
    """The folders below one data folder, made if they are not there.

    Raises:
        UsageError: the folder holds something that no workbench made; it would be swept away.
        OutputError: they cannot be made.
    """

    def __init__(self, data_folder: Path) -> None:
        self.root = data_folder
        self.incoming, self.uploads = data_folder / "incoming", data_folder / "uploads"
        self.results, self.scratch = data_folder / "results", data_folder / "scratch"
        try:
            data_folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            _check_ours(data_folder)
            for folder in (self.incoming, self.uploads, self.results, self.scratch):
                folder.mkdir(mode=_PRIVATE, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot use {data_folder}: {why_not_written(error)}") from error
        self.code = code_fingerprint()

    def key(self, kind: str, sha256: str, options: Mapping[str, Any], trust: str = "") -> str:
        """Name of the result folder: 32 hex digits that change with the file, the question, the code or the weights."""
        asked = [kind, sha256, dict(options), self.code, trust]
        text = json.dumps(asked, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]

    def upload(self, sha256: str) -> Path:
        """Where the file of that hash lies, if it is there."""
        return self.uploads / _hex(sha256)

    def folder(self, key: str) -> Path:
        """Where the result of that name lies, if it is there."""
        return self.results / _hex(key)

    def meta(self, key: str) -> dict[str, Any] | None:
        """What a finished result says of itself; None if there is no finished result."""
        try:
            value = json.loads((self.folder(key) / META).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def file(self, key: str, name: str) -> Path:
        """A file of a result.

        Raises:
            Problem: 404, there is no such file.
        """
        if _FILE.fullmatch(name):
            path = self.folder(key) / name
            if path.is_file() and not path.is_symlink():
                return path
        raise Problem(404, "This result has no such file.")

    def begin(self, job_id: str) -> Path:
        """An empty folder for a worker: `out` becomes the result, `tmp` is for temporary files."""
        folder = self.scratch / _hex(job_id)
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("out", "tmp"):
            (folder / name).mkdir(mode=_PRIVATE, parents=True)
        return folder

    def keep(self, job_id: str, key: str, meta: Mapping[str, Any]) -> None:
        """What a worker wrote becomes the result: checked to hold plain files only, then renamed as a whole.

        Raises:
            OutputError: it holds something else, or the disk refuses.
        """
        out, target = self.scratch / _hex(job_id) / "out", self.folder(key)
        for path in out.iterdir():
            if path.is_symlink() or not path.is_file() or not _FILE.fullmatch(path.name):
                raise OutputError("the worker left something that is no result")
        write_whole(out / META, json.dumps(dict(meta)).encode())
        try:
            shutil.rmtree(target, ignore_errors=True)
            out.rename(target)
        except OSError as error:
            raise OutputError(f"cannot keep the result: {why_not_written(error)}") from error

    def end(self, job_id: str) -> None:
        """Forget what a worker left behind."""
        shutil.rmtree(self.scratch / _hex(job_id), ignore_errors=True)

    def forget_upload(self, sha256: str) -> None:
        """Delete an uploaded file."""
        self.upload(sha256).unlink(missing_ok=True)

    def forget_result(self, key: str) -> None:
        """Delete a result."""
        shutil.rmtree(self.folder(key), ignore_errors=True)

    def sweep(self, uploads: set[str], results: set[str]) -> None:
        """At a start: empty what is temporary, delete what no job knows (a kill may leave it)."""
        for folder in (self.incoming, self.scratch):
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for folder, known in ((self.uploads, uploads), (self.results, results)):
            for path in folder.iterdir():
                if path.name not in known:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _check_ours(folder: Path) -> None:
    """Mark an empty folder as a workbench's own; refuse one with other people's files in it."""
    if not (folder / MARKER).is_file():
        if any(folder.iterdir()):
            raise UsageError(
                f"{folder}: expected an empty folder or one that a workbench made, got one with other files"
            )
        (folder / MARKER).write_text('{"kind": "likeness workbench", "format": 1}\n', "utf-8")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: the disk refuses.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path.name}: {why_not_written(error)}") from error


def code_fingerprint() -> str:
    """32 hex digits of everything that decides what comes out: the package's code, templates and weights."""
    digest = hashlib.sha256(likeness.__version__.encode())
    for path in _deciding(Path(likeness.__file__).parent):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _deciding(package: Path) -> Iterator[Path]:
    yield from sorted(Path(__file__).parent.glob("run_*.py"))
    for room in sorted(package.iterdir()):
        if room.is_file():
            yield room
        elif room.name not in _UNSEEN_BY_RESULTS and room.name != "__pycache__":
            yield from sorted(
                p for p in room.rglob("*") if p.is_file() and "__pycache__" not in p.parts
            )


def _hex(name: str) -> str:
    """The name, if it is one that was made here; anything else never becomes a path."""
    if not _HEX.fullmatch(name):
        raise Problem(404, "There is nothing of that name.")
    return name
