"""What generators, editors and cameras leave in a file's metadata: hints in plain text, never proof.

EXIF and XMP, PNG text chunks of known image generators, comments, and the strings by which containers name their
encoder. Nothing is decoded and nothing expanded beyond 64 KiB, whatever the file declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from likeness.media.facts import clean
from likeness.provenance.metadata_readers import lines_of
from likeness.provenance.metadata_tools import judge
from likeness.types import ClaimContent

MOST_FINDINGS: Final = 40
_MOST_LINES = 2000
_SHOWN = 120


@dataclass(frozen=True)
class MetadataFinding:
    """One line of metadata.

    Attributes:
        where: EXIF, XMP, PNG text, JPEG comment, RIFF information or container.
        key: its name.
        value: its text, cleaned and shortened.
        says: that the file was generated, edited or captured; None for a line that only names something.
        tool: the program that it names, if one is known; empty otherwise.
    """

    where: str
    key: str
    value: str
    says: ClaimContent | None = None
    tool: str = ""


def read_metadata(file: BinaryIO) -> tuple[MetadataFinding, ...]:
    """What a file's metadata say of its making; those that say something come first.

    Args:
        file: readable and seekable; any bytes.

    Returns:
        At most `MOST_FINDINGS` findings, none twice. Damaged metadata say nothing.
    """
    found: dict[tuple[str, str, str], MetadataFinding] = {}
    for number, (where, key, text) in enumerate(lines_of(file)):
        if number >= _MOST_LINES:
            break
        content, tool = judge(key, text)
        line = MetadataFinding(where, clean(key, 40), clean(text, _SHOWN), content, clean(tool, 60))
        if line.value:
            found.setdefault((line.where, line.key, line.value), line)
    lines = sorted(found.values(), key=lambda line: line.says is None)
    return tuple(lines[:MOST_FINDINGS])
