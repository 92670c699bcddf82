"""Making and examining records: reference pictures must show one face, and nothing half-made is left."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likeness import faces
from likeness.errors import ConsentError, MediaError, OutputError
from likeness.jobs.consent_records import (
    NewRecord,
    add_reference,
    examine_record,
    new_record,
    synthetic_person,
)
from likeness.provenance import signatures
from likeness.provenance.consent import (
    read_consent,
    require_consent,
    sign_record,
    write_consent,
)

LAST = date(2027, 12, 31)


@pytest.fixture(scope="module")
def models() -> faces.FaceModels:
    return faces.FaceModels(1)


@pytest.fixture
def picture(tmp_path: Path, portrait: np.ndarray) -> Path:
    path = tmp_path / "pictures" / "ada.png"
    path.parent.mkdir()
    Image.fromarray(portrait[:300, 80:380]).save(path)
    return path


@pytest.fixture
def request_(tmp_path: Path) -> NewRecord:
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"I agree.")
    (tmp_path / "records").mkdir()
    out = tmp_path / "records" / "ada.consent.toml"
    return NewRecord(out, "Ada", "own_likeness", "research", LAST, letter)


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_record_with_its_picture_is_made_and_holds(
    request_: NewRecord, picture: Path, models: faces.FaceModels
) -> None:
    record = new_record(replace(request_, references=(picture,)), models)
    folder = request_.out.parent
    assert files(folder) == ["ada.consent.toml", "ada.png"]
    assert (folder / "ada.png").read_bytes() == picture.read_bytes()
    assert record.consent.document_sha256 == hashlib.sha256(b"I agree.").hexdigest()
    examined = examine_record(request_.out, date(2027, 12, 1))
    assert examined.days_left == 30 and examined.expires_soon
    assert not examine_record(request_.out, date(2027, 11, 30)).expires_soon
    assert examine_record(request_.out, LAST).days_left == 0
    with pytest.raises(ConsentError, match="purpose"):
        examine_record(request_.out, LAST, "art")


def test_a_record_without_picture_is_made_and_allows_nothing_until_one_is_added(
    request_: NewRecord, picture: Path, models: faces.FaceModels
) -> None:
    new_record(request_)
    with pytest.raises(ConsentError, match="references"):
        examine_record(request_.out, LAST)
    add_reference(request_.out, picture, models)
    assert examine_record(request_.out, LAST).permission.subjects == ("Ada",)
    with pytest.raises(ConsentError, match="has this picture already"):
        add_reference(request_.out, picture, models)
    assert files(request_.out.parent) == ["ada.consent.toml", "ada.png"]


def test_an_altered_or_lost_picture_is_noticed(
    request_: NewRecord, picture: Path, models: faces.FaceModels
) -> None:
    new_record(replace(request_, references=(picture,)), models)
    stored = request_.out.parent / "ada.png"
    stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(ConsentError, match=r"references: ada\.png: was altered"):
        examine_record(request_.out, LAST)
    stored.unlink()
    with pytest.raises(ConsentError, match=r"references: ada\.png: No such file"):
        examine_record(request_.out, LAST)


def test_a_signed_record_takes_no_more_pictures(
    request_: NewRecord, picture: Path, models: faces.FaceModels
) -> None:
    record = new_record(request_)
    sign_record(record.path, signatures.private_key(signatures.new_key_pem(), "a key"))
    before = record.path.read_bytes()
    with pytest.raises(ConsentError, match="signed"):
        add_reference(record.path, picture, models)
    assert record.path.read_bytes() == before
    assert files(record.path.parent) == ["ada.consent.toml", "ada.consent.toml.sig"]


def test_a_picture_must_show_exactly_one_large_face(
    request_: NewRecord, picture: Path, portrait: np.ndarray, models: faces.FaceModels
) -> None:
    small = np.full((400, 400, 3), 128, np.uint8)
    small[100:228, 100:228] = np.array(Image.fromarray(portrait).resize((128, 128)))
    shown = {
        "exactly one face, got 2": np.concatenate([portrait, portrait], axis=1),
        "exactly one face, got none": np.full((256, 256, 3), 90, np.uint8),
        "px or more between the eyes": small,
    }
    for says, image in shown.items():
        Image.fromarray(image).save(picture)
        with pytest.raises(ConsentError, match=f"references: .*{says}"):
            new_record(replace(request_, references=(picture,)), models)
    assert files(request_.out.parent) == []


def test_what_is_no_picture_is_refused(
    request_: NewRecord, picture: Path, models: faces.FaceModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture.write_bytes(b"%PDF-1.4 not a picture")
    with pytest.raises(MediaError, match=r"references: ada\.png"):
        new_record(replace(request_, references=(picture,)), models)
    with pytest.raises(ConsentError, match=r"references: none\.png: No such file"):
        new_record(replace(request_, references=(picture.parent / "none.png",)), models)
    frames = [Image.new("RGB", (64, 64), (n, n, n)) for n in (0, 200)]
    frames[0].save(picture, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(ConsentError, match="expected a picture, got video"):
        new_record(replace(request_, references=(picture,)), models)
    assert files(request_.out.parent) == []


def test_nothing_is_left_where_the_record_cannot_be_written(
    request_: NewRecord, picture: Path, models: faces.FaceModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr("likeness.jobs.consent_records.write_consent", full)
    with pytest.raises(OutputError, match="full"):
        new_record(replace(request_, references=(picture,)), models)
    assert files(request_.out.parent) == []


def test_a_record_is_never_overwritten(request_: NewRecord) -> None:
    new_record(request_)
    before = request_.out.read_bytes()
    with pytest.raises(OutputError, match="not overwritten"):
        new_record(replace(request_, subject="Bob"))
    assert request_.out.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"document": Path("nowhere.pdf")}, "document_sha256"),
        ({"basis": "synthetic_person"}, "basis"),
        ({"basis": "friendship"}, "basis"),
        ({"purpose": "fun"}, "purpose"),
        ({"basis": "public_domain", "purpose": "art"}, "purpose"),
        ({"subject": "A\x00"}, "subject"),
        ({"attested": False}, "adult, no_sexual_use"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    request_: NewRecord, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(ConsentError, match=field):
        new_record(replace(request_, **change))
    assert files(request_.out.parent) == []


def test_a_synthetic_person_is_bound_to_the_picture(tmp_path: Path, picture: Path) -> None:
    key = signatures.private_key(signatures.new_key_pem(), "the toolkit's")
    public = key.public_key().public_bytes_raw()
    record = synthetic_person(picture, "research", LAST, key.sign)
    path = picture.parent / "face.consent.toml"
    write_consent(record, path)
    assert examine_record(path, LAST, None, public).record.signed_by == "toolkit"
    assert require_consent([record], "research", LAST, public)
    assert read_consent(path).consent == record
    picture.write_bytes(b"another picture")
    with pytest.raises(ConsentError, match=r"references: .* was altered"):
        examine_record(path, LAST, None, public)
    with pytest.raises(ConsentError, match="signature"):
        examine_record(path, LAST)
