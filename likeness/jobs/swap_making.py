"""What the credentials of a swap say of its inputs, and the number that stands in its watermark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypedDict

from likeness.provenance.making import Ingredient
from likeness.types import Clip, FactValue


class JobFacts(TypedDict):
    """Fields of a `Making` that follow from the inputs."""

    job_id: int
    ingredients: tuple[Ingredient, ...]
    settings: Mapping[str, FactValue]


def facts_of_job(
    footage: tuple[Clip, Sequence[Clip]], settings: Mapping[str, FactValue], today: date
) -> JobFacts:
    """Ingredients, settings and number of a job.

    Args:
        footage: the target, and the source's pictures and clips.
        settings: what it is made with.
        today: the day.
    """
    clip, sources = footage
    parts = [Ingredient(clip.name, clip.sha256, _media_type(clip), "target")]
    parts += [Ingredient(s.name, s.sha256, _media_type(s), "source") for s in sources]
    number = job_number([p.sha256 for p in parts], settings, today)
    return {"job_id": number, "ingredients": tuple(parts), "settings": settings}


def job_number(hashes: Sequence[str], settings: Mapping[str, FactValue], today: date) -> int:
    """64 bits that name the job: the same inputs, settings and day give the same number."""
    text = repr((list(hashes), sorted(settings.items()), today.isoformat()))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def _media_type(clip: Clip) -> str:
    return clip.raw.media_type if clip.raw is not None else "application/octet-stream"
