"""What is told about a piece of generated media: the same facts go into its credentials, its watermark and its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from likeness.errors import UsageError
from likeness.types import Consent, FactValue, Purpose

DigitalSource = Literal["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"]
"""IPTC digital source types: wholly generated media, and recorded media into which generated parts were set."""


@dataclass(frozen=True)
class Ingredient:
    """Input footage of a generated file: its name and the hash of its bytes; the pixels themselves do not travel.

    Attributes:
        name: file name without folders.
        sha256: hex hash of the file's bytes.
        media_type: such as video/mp4.
        role: what it served as: the target footage, or the source of the identity.
    """

    name: str
    sha256: str
    media_type: str
    role: Literal["target", "source"] = "target"


@dataclass(frozen=True)
class Making:
    """How a piece of media was generated, for whom and with whose consent.

    Attributes:
        generator: name of the part that made it, or words such as "pseudo-fake".
        weights: tag of the weights; empty if it has none.
        digital_source: IPTC type, see `DigitalSource`.
        consents: a record for everyone who is generated or generated over; at least one.
        purpose: what it is made for; every record must allow it.
        today: the day on which the records must hold.
        job_id: 64-bit number of the job, 0 <= job_id < 2**64: the watermark's payload, also written in the manifest.
        ingredients: the footage that went in.
        settings: further facts for the manifest.

    Raises:
        UsageError: a job number out of range, or no generator named.
    """

    generator: str
    digital_source: DigitalSource
    consents: tuple[Consent, ...]
    purpose: Purpose
    today: date
    job_id: int
    weights: str = ""
    ingredients: tuple[Ingredient, ...] = ()
    settings: Mapping[str, FactValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.job_id < 2**64:
            raise UsageError(f"job_id: expected 0 <= job_id < 2**64, got {self.job_id}")
        if not self.generator:
            raise UsageError("a making needs the name of its generator, got an empty one")
