"""The quick look: can this file hold content credentials at all? Ordinary files are answered in milliseconds.

Every embedded manifest starts with a JUMBF superbox, whose type `jumb` stands in clear bytes in every container that
carries credentials here; no such bytes, no manifest. Only an ID3 tag may hold its frames compressed: such files are
always looked at closely.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from likeness.media.facts import clean

_BLOCK: Final = 1 << 18
_OVERLAP: Final = 1024
_REMOTE = re.compile(rb"""dcterms:provenance\s*(?:=\s*["']|>)\s*([^"'<\s]{1,900})""")


@dataclass(frozen=True)
class Traces:
    """What the quick look saw.

    Attributes:
        manifest: the file may hold a manifest; False is certain.
        remote: address of credentials kept elsewhere, as the file's XMP gives it; empty if none.
    """

    manifest: bool
    remote: str


def find_traces(file: BinaryIO) -> Traces:
    """Read a file once for traces of credentials.

    Args:
        file: readable and seekable; read from its start.
    """
    file.seek(0)
    window = file.read(_BLOCK)
    manifest, remote = window.startswith(b"ID3"), ""
    while window:
        manifest = manifest or _holds(window, b"jumb")
        if not remote and _holds(window, b"dcte"):
            found = _REMOTE.search(window)
            remote = clean(found.group(1).decode("utf-8", "replace")) if found else ""
        block = file.read(_BLOCK)
        window = window[-_OVERLAP:] + block if block else b""
    return Traces(manifest, remote if re.match(r"https?://", remote) else "")


def _holds(data: bytes, four: bytes) -> bool:
    """Whether four bytes stand anywhere in `data`: compared as numbers, at each of the four alignments."""
    wanted = np.frombuffer(four, np.uint32)[0]
    for shift in range(4):
        count = (len(data) - shift) // 4
        if count > 0 and (np.frombuffer(data, np.uint32, count, shift) == wanted).any():
            return True
    return False
