"""A file that has no name until it is finished: whoever pulls the plug finds the old file, the new one, or nothing.

Linux makes files without a name (`O_TMPFILE`); what is written into one vanishes with the process unless it is linked
into a folder. So unmarked frames never have a name, and the marked file gets its name in one step, after it was verified.
Elsewhere a file is made and its name taken away at once; the finished bytes are then copied to a hidden `.partial` file
that is renamed. A kill during that copy leaves a hidden file of marked bytes, which the next write removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from likeness.errors import OutputError, why_not_written

_PARTIAL: Final = re.compile(r"\.likeness-[0-9a-f]{16}\.partial")
_MODE: Final = 0o666  # less what the person's umask takes away
_UNSUPPORTED: Final = frozenset((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))


class Landing:
    """A place for one finished file; use as a context manager: without `land` nothing is left.

    Attributes:
        file: nameless, "w+b": the finished file goes in here.

    Args:
        path: where it shall lie; its folder must exist.

    Raises:
        OutputError: the folder is missing or cannot be written to, or the path is a folder, a device or a pipe.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_place(path)
        with failing(path):
            remove_stale(path.parent)
            self.file = nameless(path.parent)

    def __enter__(self) -> Landing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # buffered bytes of a file that is given up
            self.file.close()

    @contextmanager
    def scratch(self) -> Iterator[BinaryIO]:
        """Another nameless file on the same disk, gone at the end."""
        with failing(self.path):
            file = nameless(self.path.parent)
        try:
            yield file
        finally:
            with contextlib.suppress(OSError):
                file.close()

    def land(self) -> None:
        """Give the finished file its name; a file that had it is replaced in the same step.

        Raises:
            OutputError: the disk refuses; the old file is as it was.
        """
        with failing(self.path):
            check_place(self.path)  # it may have become a folder or a pipe meanwhile
            self.file.flush()
            os.fsync(self.file.fileno())
            if not _link(self.file, self.path):
                self._land_by_rename()
            _sync_folder(self.path.parent)

    def _land_by_rename(self) -> None:
        """Over a hidden name that is whole when it appears where links are possible, and copied where not."""
        partial = self.path.with_name(f".likeness-{secrets.token_hex(8)}.partial")
        try:
            if not _link(self.file, partial):
                self._copy_to(partial)
            partial.replace(self.path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _copy_to(self, partial: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(partial, flags, _MODE), "wb") as copy:
            _lock(copy.fileno())
            self.file.seek(0)
            shutil.copyfileobj(self.file, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())


def check_place(path: Path) -> None:
    """Raise `OutputError` unless a file can be put at `path`: in a folder, over nothing or over a regular file."""
    if "\x00" in str(path):
        raise OutputError(f"cannot write {str(path)!r}: a name has no null byte")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = 0
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why_not_written(error)}") from error
    if stat.S_ISDIR(mode):
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    if mode and not stat.S_ISREG(mode):
        raise OutputError(f"cannot write {path}: it is a device or a pipe; name a regular file")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: the folder does not exist; make it first")


def nameless(folder: Path) -> BinaryIO:
    """A file without a name on the disk of `folder`, readable and writable. Raises `OSError`."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    anonymous = getattr(os, "O_TMPFILE", 0)
    if anonymous:
        try:
            descriptor = os.open(folder, flags | anonymous, _MODE)
        except (IsADirectoryError, FileNotFoundError, NotADirectoryError):
            anonymous = 0  # a kernel that takes the flag for something else
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            anonymous = 0
        else:
            _lock(descriptor)
            return os.fdopen(descriptor, "w+b")
    named = folder / f".likeness-{secrets.token_hex(8)}.partial"
    file = os.fdopen(os.open(named, flags | os.O_CREAT | os.O_EXCL, _MODE), "w+b")
    named.unlink()
    return file


def remove_stale(folder: Path) -> None:
    """Remove hidden files that an interrupted write left behind; those of a write in progress are locked and stay."""
    for path in folder.iterdir():
        if not _PARTIAL.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(descriptor):
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """Turn `OSError` into `OutputError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why_not_written(error)}") from error


def _link(file: BinaryIO, path: Path) -> bool:
    """Give a nameless file a name that nobody has; False where that is not possible."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return False
    try:
        # With a folder's descriptor Python calls linkat, which is able to follow the link in /proc.
        os.link(f"/proc/self/fd/{file.fileno()}", path.name, dst_dir_fd=folder)
        return True
    except (OSError, NotImplementedError):
        return False
    finally:
        os.close(folder)


def _lock(descriptor: int) -> bool:
    """Hold the file for ourselves until it is closed; False if somebody else does or locks do not exist."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except (ImportError, OSError):
        return False


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders; the name is written all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
