"""The two protocols that parts keep; nothing to inherit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from likeness.types.arrays import Value
from likeness.types.faces import FaceCrop, FaceTrack
from likeness.types.findings import Evidence
from likeness.types.media import Clip


@dataclass(frozen=True, eq=False)
class GenerateRequest(Value):
    """What a generator gets: any of a source identity, a target crop and a seed."""

    source: FaceCrop | None = None
    target: FaceCrop | None = None
    seed: int = 0


class Detector(Protocol):
    """Looks for one cue of manipulation. Nothing to inherit; see `likeness.testing.check_detector`."""

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Examine `clip`; expected outcomes are values (`not_applicable`), broken promises are exceptions."""
        ...


class Generator(Protocol):
    """Makes one face crop."""

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """Make a crop for `request`, deterministic for its seed."""
        ...


Progress = Callable[[str, int, int | None], None]
"""Called as progress(what, done, total): what is being done, how many are done, how many in all (None = unknown)."""
