"""IPTC digital source types, and what each says of a file: https://cv.iptc.org/newscodes/digitalsourcetype/"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from likeness.types import ClaimContent

_SAYS: Final[dict[str, ClaimContent]] = {
    "trainedAlgorithmicMedia": "generated",
    "compositeWithTrainedAlgorithmicMedia": "generated",
    "compositeSynthetic": "generated",
    "algorithmicMedia": "generated",
    "virtualRecording": "generated",
    "digitalArt": "edited",
    "digitalCreation": "edited",
    "dataDrivenMedia": "edited",
    "composite": "edited",
    "humanEdits": "edited",
    "minorHumanEdits": "edited",
    "algorithmicallyEnhanced": "edited",
    "softwareImage": "edited",
    "digitalCapture": "captured",
    "computationalCapture": "captured",
    "compositeCapture": "captured",
    "negativeFilm": "captured",
    "positiveFilm": "captured",
    "print": "captured",
}
_ORDER: tuple[ClaimContent, ...] = ("generated", "edited", "captured")


def short_source(uri: object) -> str:
    """The last part of a source type's address, such as trainedAlgorithmicMedia; empty for anything else."""
    found = re.search(r"digitalsourcetype/([A-Za-z]{1,60})/?$", str(uri)[:300])
    return found.group(1) if found else ""


def says(sources: Iterable[str]) -> ClaimContent | None:
    """What source types say together: generated outweighs edited, edited captured; None if they say nothing."""
    said = {_SAYS[source] for source in sources if source in _SAYS}
    return next((content for content in _ORDER if content in said), None)
