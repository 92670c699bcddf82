"""Where keys and other settings of a user live: the one place that asks the environment."""

from __future__ import annotations

import os
from pathlib import Path

from likeness.errors import UsageError


def config_folder() -> Path:
    """LIKENESS_CONFIG, else likeness/ below XDG_CONFIG_HOME, else ~/.config/likeness; it need not exist.

    Raises:
        UsageError: there is no home folder and none of the variables names one.
    """
    named = os.environ.get("LIKENESS_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(base).is_absolute():  # the XDG rule: a relative path is to be ignored
        return Path(base) / "likeness"
    try:
        return Path.home() / ".config" / "likeness"
    except RuntimeError:
        raise UsageError("no home folder to keep keys in; name one in LIKENESS_CONFIG") from None


def keys_folder() -> Path:
    """The folder of the key store."""
    return config_folder() / "keys"


def data_folder() -> Path:
    """LIKENESS_HOME, else likeness/ below XDG_DATA_HOME, else ~/.local/share/likeness; it need not exist.

    Raises:
        UsageError: there is no home folder and none of the variables names one.
    """
    named = os.environ.get("LIKENESS_HOME")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_DATA_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "likeness"
    try:
        return Path.home() / ".local" / "share" / "likeness"
    except RuntimeError:
        raise UsageError("no home folder to keep files in; name one with --data-folder") from None
