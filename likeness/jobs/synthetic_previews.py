"""Previews of a generator of whole faces while it is trained: marked as what they are, pictures of people who do not exist."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from likeness import registry
from likeness.errors import MarkError
from likeness.jobs.timelapse import write_timelapse
from likeness.provenance import KeyStore, Making, encode_marked, sign_synthetic
from likeness.types import Consent, ImageArray, Purpose

KIND = "face_synthesis"
_VALID_DAYS = 365


def preview_making(name: str, keys: KeyStore, today: date) -> Making | None:
    """What the marks of a run's previews say; None for generators that make no whole faces.

    Args:
        name: of the generator.
        keys: sign the record; without a record nothing is marked, and what is not marked is not shown.
        today: the day.
    """
    if KIND not in registry.part("generators", name).info["kinds"]:
        return None
    purpose: Purpose = "research"  # the terms of the pictures that it learns from
    digest = hashlib.sha256(f"previews of {name} in training".encode())
    record = Consent(
        subject=f"synthetic people {digest.hexdigest()[:16]}",
        basis="synthetic_person",
        purpose=purpose,
        expires=today + timedelta(days=_VALID_DAYS),
        document_sha256=digest.hexdigest(),
        adult=True,
        no_sexual_use=True,
    )
    return Making(
        generator=name,
        digital_source="trainedAlgorithmicMedia",
        consents=(sign_synthetic(record, keys.maker_sign),),
        purpose=purpose,
        today=today,
        job_id=int.from_bytes(digest.digest()[:8], "big"),
    )


def encoder(making: Making, keys: KeyStore) -> Callable[[ImageArray], bytes]:
    """For `train_from_data`: a grid of faces to the bytes of a marked PNG."""
    return lambda image: encode_marked(image, making, keys)


def film(run: Path, making: Making, keys: KeyStore) -> str:
    """Write the film of the previews; returns a sentence if there is none, because it could not be marked."""
    try:
        write_timelapse(run, making, keys)
    except MarkError as error:
        return f"no film of the previews: {error}"
    return ""
