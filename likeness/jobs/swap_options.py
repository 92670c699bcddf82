"""What `swap` is asked for: on whose behalf, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from likeness import media
from likeness.errors import UsageError
from likeness.faces.merge_options import MergeConfig
from likeness.faces.smoothing import SmoothingConfig
from likeness.provenance.consent import ConsentRecord
from likeness.provenance.keys import KeyStore
from likeness.types import Purpose


@dataclass(frozen=True)
class SwapPermit:
    """Who may be swapped, and what for.

    Attributes:
        records: a consent record for everyone who is generated or generated over; their references lie beside them.
        purpose: every record must allow it.
        today: the day on which they must hold.
        keys: of this installation; they sign the result.
    """

    records: tuple[ConsentRecord, ...]
    purpose: Purpose
    today: date
    keys: KeyStore


@dataclass(frozen=True)
class SwapOptions:
    """How to swap.

    Attributes:
        generator: name of the generator; with a trained run it is known already.
        options: its configuration.
        model: folder of a training run; None for generators without training.
        sources: pictures and clips of the person whose face is given; none: two people of the target exchange faces.
        person: which person of the target is replaced, 1 = the one with most faces.
        first, last: frames to swap, from first up to, but not including, last; all others stay as they are.
        merge: see `MergeConfig`.
        touch_ups: (first, end, settings): frames that are merged with other settings.
        smoothing: of the landmarks over time.
        restore: share of what the generator `restore` adds to every generated face before it is merged; 0 = it is not asked.
        seed: of the generators and the grain.
        threads: of the networks; 0 = one per physical core.
        detectors: whether the report asks our own detectors about the unmarked frames.
        crf, preset: of the encoder, see `WriteOptions`.
        limits: of the files.
    """

    generator: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    model: Path | None = None
    sources: tuple[Path, ...] = ()
    person: int | None = None
    first: int = 0
    last: int | None = None
    merge: MergeConfig = field(default_factory=MergeConfig)
    touch_ups: tuple[tuple[int, int, MergeConfig], ...] = ()
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    restore: float = 0.0
    seed: int = 0
    threads: int = 0
    detectors: bool = True
    crf: int = 18
    preset: str = "veryfast"
    limits: media.Limits = field(default_factory=media.Limits)

    def __post_init__(self) -> None:
        if self.first < 0 or (self.last is not None and self.last <= self.first):
            raise UsageError(
                f"--frames: expected A:B with 0 <= A < B, got {self.first}:{self.last}"
            )
        if not 0.0 <= self.restore <= 1.0:
            raise UsageError(f"restore: expected a share within 0-1, got {self.restore}")
        if self.model is not None and self.sources:
            raise UsageError(
                "a trained model holds its source already: give --model or --source, not both"
            )
        if "model" in self.options:  # its run says whose face it holds, and under which records
            raise UsageError("--option model: expected --model RUN, the folder of its training")
