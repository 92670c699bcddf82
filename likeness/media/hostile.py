"""The border to other people's parsers: whatever they raise on hostile bytes becomes one typed error with one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from likeness.errors import LikenessError, LimitError, MediaError


@contextmanager
def parsing(name: str, what: str) -> Iterator[None]:
    """Turn any exception of a third-party parser into `MediaError` (or `LimitError` for memory and bombs).

    Args:
        name: the file, for the message.
        what: what was being read, in words.
    """
    try:
        yield
    except LikenessError:
        raise
    except MemoryError as error:
        raise LimitError(
            f"{name}: not enough memory to read its {what}; try a smaller file or a machine with more memory"
        ) from error
    except Exception as error:  # a parser on hostile bytes may raise anything
        if type(error).__name__.startswith("DecompressionBomb"):
            raise LimitError(
                f"{name}: its {what} is too large to be decoded safely: {reason(error)}"
            ) from error
        raise MediaError(
            f"{name}: expected a readable {what}, got: {reason(error)}; "
            f"the file is damaged or not what it says it is"
        ) from error


def reason(error: BaseException) -> str:
    """An exception in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    # Libraries name our own file objects by their address in memory, which tells a reader nothing.
    line = " ".join(re.sub(r"\s*<[\w.]+ object at 0x[0-9a-f]+>", "", str(text)).split())
    return line if len(line) <= 160 else line[:157] + "..."
