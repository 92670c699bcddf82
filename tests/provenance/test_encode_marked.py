"""`encode_marked`: previews carry credentials and a mark in their pixels."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from likeness import media, provenance
from likeness.errors import ConsentError, MarkError, OutputError, ShapeError
from likeness.provenance import (
    KeyStore,
    Making,
    encode_marked,
    find_watermark,
    read_credentials,
    writing_previews,
)
from likeness.types import Consent, Reference

TODAY = date(2026, 11, 22)
RESEARCH = Consent("terms", "dataset_terms", "research", TODAY, "0" * 64, True, True)
CONSENTED = replace(RESEARCH, basis="written_consent", references=(Reference("a.png", "1" * 64),))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return provenance.open_or_create(tmp_path_factory.mktemp("config") / "keys")


def making(consent: Consent = CONSENTED) -> Making:
    return Making("test", "trainedAlgorithmicMedia", (consent,), "research", TODAY, job_id=77)


def pixels(encoded: bytes) -> np.ndarray:
    (frame,) = media.open_clip(encoded).frames
    return frame.image


def has_strip(encoded: bytes, image: np.ndarray) -> bool:
    """Whether the lowest rows are a dark strip with white letters."""
    rows = pixels(encoded)[-12:].astype(float)
    return bool(np.median(rows) < 45 and (rows > 150).mean() > 0.005 and image[-12:].mean() > 60)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_preview_carries_credentials_and_a_watermark(
    keys: KeyStore, portrait: np.ndarray, format: str
):
    image = portrait[:300, 100:400]
    encoded = encode_marked(image, making(), keys, format)
    found = read_credentials(io.BytesIO(encoded), "", keys.trust_anchors_pem())
    assert found.intact and found.trusted and found.job_id == 77
    mark = find_watermark([pixels(encoded)])
    assert mark.found and mark.payload == 77
    assert not has_strip(encoded, image)


@pytest.mark.parametrize("size", [64, 96, 127])
def test_what_is_too_small_for_a_watermark_is_labelled(
    keys: KeyStore, portrait: np.ndarray, size: int
):
    image = np.ascontiguousarray(portrait[: size * 2 : 2, 100 : 100 + size * 2 : 2]) // 2 + 100
    encoded = encode_marked(image, making(), keys)
    assert has_strip(encoded, image)
    assert pixels(encoded).shape == image.shape
    assert read_credentials(io.BytesIO(encoded)).job_id == 77
    with pytest.raises(OutputError, match="64 px"):
        encode_marked(image[:60], making(), keys)


def test_what_is_too_flat_for_a_watermark_is_labelled(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch, portrait: np.ndarray
):
    monkeypatch.setattr(writing_previews, "carries", lambda image, payload: False)
    image = portrait[:200, 100:300] // 2 + 100
    assert has_strip(encode_marked(image, making(), keys), image)


def test_a_record_or_the_caller_may_want_a_label_as_well(keys: KeyStore, portrait: np.ndarray):
    image = portrait[:256, 100:356] // 2 + 100
    for encoded in (
        encode_marked(image, making(RESEARCH), keys),
        encode_marked(image, making(), keys, label="PREVIEW"),
    ):
        assert has_strip(encoded, image)
        assert find_watermark([pixels(encoded)]).payload == 77
    # Words of the caller's own do not take the place of those that are demanded.
    demanded = encode_marked(image, making(RESEARCH), keys, label="x")
    assert np.array_equal(pixels(demanded), pixels(encode_marked(image, making(RESEARCH), keys)))


def test_nothing_is_encoded_without_consent_or_credentials(
    keys: KeyStore, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    small = np.ascontiguousarray(portrait[::8, ::8])
    with pytest.raises(ConsentError, match="expires"):
        encode_marked(small, making(replace(RESEARCH, expires=date(2026, 1, 1))), keys)
    with pytest.raises(OutputError, match="GIF"):
        encode_marked(small, making(), keys, "GIF")
    with pytest.raises(ShapeError):
        encode_marked(small[..., 0], making(), keys)
    monkeypatch.setattr(
        writing_previews, "sign", lambda source, out, *rest: out.write(source.read())
    )
    with pytest.raises(MarkError, match="no credentials"):
        encode_marked(small, making(), keys)
