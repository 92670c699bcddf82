"""`swap --restore`: what a swap's generator made goes through the restorer before it is merged into the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from likeness import registry
from likeness.jobs.swap_frames import Replacement
from likeness.jobs.swap_options import SwapOptions
from likeness.types import FaceCrop, FactValue, GenerateRequest, Generator


class Restored:
    """A generator whose crops are restored; their masks stay the generator's own.

    Args:
        inner: what makes the faces.
        restorer: the generator `restore`.
    """

    def __init__(self, inner: Generator, restorer: Generator) -> None:
        self.inner, self.restorer = inner, restorer

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """As the inner generator, restored."""
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[GenerateRequest]) -> list[FaceCrop]:
        """As `generate`, for several crops."""
        batch = getattr(self.inner, "generate_batch", None)
        made = list(batch(requests)) if batch else [self.inner.generate(r) for r in requests]
        placed = [_placed(crop, r.target) for crop, r in zip(made, requests, strict=True)]
        together = getattr(self.restorer, "generate_batch", None)
        asked = [GenerateRequest(target=crop) for crop in placed]
        sharper = list(together(asked)) if together else [self.restorer.generate(a) for a in asked]
        return [replace(m, image=s.image) for m, s in zip(made, sharper, strict=True)]


def restorer_of(options: SwapOptions) -> Generator | None:
    """The generator `restore` as the options ask for it; None where they do not.

    Raises:
        WeightsError: no restorer is installed.
    """
    if not options.restore:
        return None
    settings = {"strength": options.restore, "threads": options.threads}
    restorer: Generator = registry.build("generators", "restore", settings)
    return restorer


def told_of_restorer(options: SwapOptions, restorer: Generator | None) -> dict[str, FactValue]:
    """What credentials and report say of it."""
    if restorer is None:
        return {}
    return {
        "restore.strength": options.restore,
        "restore.weights": str(getattr(restorer, "tag", "")),
    }


def with_restoration(
    replacements: Sequence[Replacement], restorer: Generator | None
) -> tuple[Replacement, ...]:
    """The replacements with restored crops; as they were without a restorer."""
    if restorer is None:
        return tuple(replacements)
    return tuple(replace(r, generator=Restored(r.generator, restorer)) for r in replacements)


def _placed(crop: FaceCrop, target: FaceCrop | None) -> FaceCrop:
    """The crop with the target's landmarks: a generated face lies where the target's does."""
    if crop.landmarks_px is not None or target is None or target.landmarks_px is None:
        return crop
    return replace(crop, landmarks_px=np.array(target.landmarks_px))
