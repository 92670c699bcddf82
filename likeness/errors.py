"""Every error that Likeness raises on purpose, in one tree.

    LikenessError                  exit 1
    ├── UsageError                 exit 2   the request makes no sense
    │   ├── UnknownPartError                no detector or generator of that name
    │   └── ConfigError                     a configuration has an unknown key or an impossible value
    ├── InputError                 exit 3   the request is fine, the file is not
    │   ├── MediaError                      unreadable, unsupported or empty media
    │   │   └── LimitError                  media larger than the stated limits
    │   ├── WeightsError                    missing, foreign or damaged weights
    │   ├── DataError                       a manifest, split or crop pack that breaks its promise
    │   └── KeyStoreError                   missing, foreign, unreadable or badly kept keys and certificates
    ├── OutputError                exit 4   the result cannot be written
    │   ├── MarkError                       generated media would leave without its marks; nothing was left behind
    │   └── IdentityError                   a result would show somebody else than it should; nothing was left behind
    ├── ConsentError               exit 6   nobody is generated without a consent record that covers it
    ├── MissingExtraError          exit 5   an optional part is not installed
    ├── ShapeError                 exit 1   a noun was built with the wrong array (a bug in a part)
    └── ContractError              exit 1   a part breaks the contract of its kind

Each says what was expected, what came, and what to do. Each knows its exit code.
"""

from __future__ import annotations

import errno


class LikenessError(Exception):
    """Base of all errors that are raised on purpose."""

    exit_code = 1


class UsageError(LikenessError):
    """The request makes no sense."""

    exit_code = 2


class UnknownPartError(UsageError):
    """No part of that name."""


class ConfigError(UsageError):
    """A configuration has an unknown key or an impossible value."""


class InputError(LikenessError):
    """The request is fine, the input is not."""

    exit_code = 3


class MediaError(InputError):
    """Unreadable, unsupported or empty media."""


class LimitError(MediaError):
    """Media that is larger than the stated limits."""


class WeightsError(InputError):
    """Missing, foreign or damaged weights."""


class DataError(InputError):
    """A manifest, split or crop pack that breaks its promise."""


class KeyStoreError(InputError):
    """Missing, foreign, unreadable or badly kept keys and certificates."""


class OutputError(LikenessError):
    """The result cannot be written."""

    exit_code = 4


class MarkError(OutputError):
    """Generated media would leave without its marks; nothing was left behind."""


class IdentityError(OutputError):
    """A result would show somebody else than it should; nothing was left behind."""


class ConsentError(LikenessError):
    """No consent record covers what was asked for; the message names the field that is missing or wrong."""

    exit_code = 6


class MissingExtraError(LikenessError):
    """An optional part of the package is not installed."""

    exit_code = 5

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} is not installed; it comes with: pip install 'likeness[{extra}]'")


class ShapeError(LikenessError):
    """A noun was built with the wrong array."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(f"{name}: expected {expected}, got {actual}")


class ContractError(LikenessError):
    """A part breaks the contract of its kind."""


_WHY_NOT_WRITTEN = {
    errno.EROFS: "the folder is read-only; choose another",
    errno.EACCES: "no permission to write there; choose another folder",
    errno.EPERM: "no permission to write there; choose another folder",
    errno.ENOENT: "the folder does not exist; make it first",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed there",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EEXIST: "it is there already and is not overwritten; choose another name",
    errno.EIO: "the disk reports a fault",
}


def why_not_written(error: OSError) -> str:
    """Why a file could not be written and what to do, in words, for an `OutputError`."""
    return (
        _WHY_NOT_WRITTEN.get(error.errno or 0)
        or (error.strerror or str(error) or "unknown").lower()
    )
