"""What `synthesise` is asked for: by which generator, for what, and the record that stands for its people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

import numpy as np

from likeness import registry
from likeness.errors import ConfigError, UsageError, WeightsError
from likeness.jobs.swap_making import job_number
from likeness.provenance.consent import sign_synthetic
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making
from likeness.types import Consent, FactValue, FloatArray, ImageArray, Purpose, check_array

GENERATOR = "light_gan"
MOST_PEOPLE = 1024
LEAST_SIDE_PX, MOST_SIDE_PX = 128, 1024
VALID_DAYS = 365
_BATCH = 16


class Synthesiser(Protocol):
    """What a generator of people who do not exist can do.

    Attributes:
        size_px: side of what it draws.
        tag: of its weights.
    """

    size_px: int
    tag: str

    def latent_of(self, seed: int) -> FloatArray:
        """(D,) float32: the point that a seed stands for."""
        ...

    def draw(self, latents: FloatArray, truncation: float | None = None) -> ImageArray:
        """(N, D) -> (N, size_px, size_px, 3) uint8 RGB; truncation in (0, 1] trades variety for likeness to the mean."""
        ...


@dataclass(frozen=True)
class SynthesisPlan:
    """By what, and how.

    Attributes:
        generator: name of a generator that makes `face_synthesis`.
        options: its configuration; `model`, a run folder or weights file, takes the place of what is shipped.
        truncation: 0-1; 1 = as trained.
        size_px: side of what is written. Drawn pictures are enlarged to it: a watermark and a findable face need pixels.
    """

    generator: str = GENERATOR
    options: Mapping[str, Any] = field(default_factory=dict)
    truncation: float = 1.0
    size_px: int = 256

    def __post_init__(self) -> None:
        if not 0.0 < self.truncation <= 1.0:
            raise UsageError(f"--truncation: expected 0 < truncation <= 1, got {self.truncation:g}")
        if not LEAST_SIDE_PX <= self.size_px <= MOST_SIDE_PX or self.size_px % 2:
            raise UsageError(
                f"--size: expected an even number from {LEAST_SIDE_PX} to {MOST_SIDE_PX}, got {self.size_px}"
            )


@dataclass(frozen=True)
class SynthesisPermit:
    """What for, and who signs. Nobody is shown, so nobody's consent is asked for.

    Attributes:
        purpose: what the people may be used for.
        today: the day.
        keys: of this installation; they sign pictures and records.
        expires: last day of the records; None = a year from now.
    """

    purpose: Purpose
    today: date
    keys: KeyStore
    expires: date | None = None

    @property
    def until(self) -> date:
        """Last day of the records."""
        return self.expires or self.today + timedelta(days=VALID_DAYS)


def open_synthesiser(plan: SynthesisPlan) -> Synthesiser:
    """The generator of a plan.

    Raises:
        UnknownPartError, ConfigError: no such generator or option.
        UsageError: it makes something else.
        WeightsError: its model is missing or broken.
    """
    kinds = registry.part("generators", plan.generator).info["kinds"]
    if "face_synthesis" not in kinds:
        raise UsageError(
            f"--generator {plan.generator}: makes {', '.join(kinds)}, expected one that makes face_synthesis; "
            "see: likeness generators"
        )
    made: Synthesiser = registry.build("generators", plan.generator, plan.options)
    return made


def shipped_synthesisers() -> list[str]:
    """Generators of people whose weights are installed; the default first."""
    parts = registry.parts("generators").items()
    names = [name for name, part in parts if part.info.get("synthesises")]
    with_weights = [name for name in names if registry.load("generators", name).WEIGHTS]
    return sorted(with_weights, key=lambda name: name != GENERATOR)


def making_of(
    plan: SynthesisPlan, permit: SynthesisPermit, seeds: Sequence[int], tag: str = ""
) -> Making:
    """What the marks say: wholly synthetic, under a record whose document is the plan itself.

    Args:
        plan: by what and how.
        permit: what for.
        seeds: of the people that are shown.
        tag: of the weights.

    Raises:
        ConsentError: purpose or date have no valid form.
    """
    settings: dict[str, FactValue] = {
        "truncation": plan.truncation,
        "seeds": ",".join(map(str, seeds)),
        "size_px": plan.size_px,
    }
    facts = [plan.generator, tag, sorted((k, str(v)) for k, v in plan.options.items()), settings]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    record = Consent(
        subject=f"synthetic people {digest[:16]}",
        basis="synthetic_person",
        purpose=permit.purpose,
        expires=permit.until,
        document_sha256=digest,
        adult=True,
        no_sexual_use=True,
    )
    return Making(
        generator=plan.generator,
        digital_source="trainedAlgorithmicMedia",
        consents=(sign_synthetic(record, permit.keys.maker_sign),),
        purpose=permit.purpose,
        today=permit.today,
        job_id=job_number([digest], settings, permit.today),
        weights=tag,
        settings=settings,
    )


def drawn(
    synthesiser: Synthesiser, latents: FloatArray, plan: SynthesisPlan, each: Callable[[int], None]
) -> ImageArray:
    """(N, size_px, size_px, 3) uint8 pictures of latents, enlarged.

    Args:
        synthesiser: draws.
        latents: (N, D) float32.
        plan: truncation and size.
        each: told how many are drawn.

    Raises:
        WeightsError: what was drawn is no stack of square pictures.
    """
    rows = []
    for at in range(0, len(latents), _BATCH):
        part = latents[at : at + _BATCH]
        images = synthesiser.draw(part, plan.truncation)
        side = synthesiser.size_px
        if images.shape != (len(part), side, side, 3) or images.dtype != np.uint8:
            raise WeightsError(
                f"{plan.generator}: expected {len(part)} pictures of {side} px, got {images.dtype} {images.shape}"
            )
        rows += [enlarged(image, plan.size_px) for image in images]
        each(len(rows))
    return np.stack(rows)


def enlarged(image: ImageArray, size_px: int) -> ImageArray:
    """A square picture of another size: cubic where it grows, by area where it shrinks."""
    import cv2

    check_array("enlarged.image", image, (None, None, 3), np.uint8)
    if image.shape[:2] == (size_px, size_px):
        return image
    kind = cv2.INTER_CUBIC if size_px > image.shape[0] else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=kind), np.uint8)


def between(first: FloatArray, last: FloatArray, frames: int) -> FloatArray:
    """(frames, D) latents on the great circle from one to the other, lengths going along (White 2016).

    Args:
        first: (D,) float32.
        last: (D,) float32.
        frames: 2 or more; both ends are among them.

    Raises:
        ConfigError: too few frames.
    """
    if frames < 2:
        raise ConfigError(f"--frames: expected 2 or more, got {frames}")
    share = np.linspace(0.0, 1.0, frames)[:, None]
    lengths = [max(float(np.linalg.norm(v)), 1e-12) for v in (first, last)]
    a, b = first / lengths[0], last / lengths[1]
    angle = float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
    if np.sin(angle) < 1e-6:  # the same direction, or opposite ones: no great circle is the one
        points = (1.0 - share) * a + share * b
    else:
        points = (np.sin((1.0 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    lengths_between = (1.0 - share) * lengths[0] + share * lengths[1]
    return np.asarray(points * lengths_between, np.float32)
