"""What records allow, and whose signature counts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import ConsentError, KeyStoreError
from likeness.provenance import signatures
from likeness.provenance.consent import (
    RESEARCH_LABEL,
    read_consent,
    require_consent,
    sign_record,
    sign_synthetic,
    signature_path,
    write_consent,
)
from likeness.types import Consent, Reference

LAST = date(2027, 12, 31)
ADA = Consent(
    subject="Ada",
    basis="own_likeness",
    purpose="research",
    expires=LAST,
    document_sha256="ab" * 32,
    adult=True,
    no_sexual_use=True,
    references=(Reference("ada.jpg", "cd" * 32),),
)
TERMS = replace(ADA, subject="a data set", basis="dataset_terms", references=())


@pytest.fixture(scope="module")
def key() -> Any:
    return signatures.private_key(signatures.new_key_pem(), "a new key")


def test_the_last_day_still_holds_and_the_next_does_not() -> None:
    permission = require_consent([ADA], "research", LAST)
    assert (permission.until, permission.subjects) == (LAST, ("Ada",))
    assert permission.visible_label is None
    with pytest.raises(ConsentError, match="expires: held until 2027-12-31"):
        require_consent([ADA], "research", LAST + timedelta(days=1))


def test_everybody_must_be_covered() -> None:
    bob = replace(ADA, subject="Bob", expires=date(2027, 1, 1))
    permission = require_consent([ADA, bob], "research", date(2027, 1, 1))
    assert permission.subjects == ("Ada", "Bob") and permission.until == bob.expires
    with pytest.raises(ConsentError, match=r"record 2 of 2 \(Bob\): expires"):
        require_consent([ADA, bob], "research", date(2027, 1, 2))
    with pytest.raises(ConsentError, match="expected a record for everyone"):
        require_consent([], "research", LAST)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpose": "art"}, "purpose: agreed is art, asked for is research"),
        ({"adult": False}, "adult"),
        ({"no_sexual_use": False}, "no_sexual_use"),
        ({"document_sha256": ""}, "document_sha256"),
        ({"document_sha256": "ab"}, "document_sha256"),
        ({"references": ()}, "references"),
        ({"basis": "written_consent", "references": ()}, "references"),
        ({"basis": "friendship"}, "basis"),
        ({"subject": ""}, "subject"),
        ({"expires": "2027-12-31"}, "expires"),
        ({"signature": "A" * 86 + "=="}, "signature"),
        ({"references": (Reference("../x", "cd" * 32),)}, "references"),
    ],
)
def test_what_is_not_covered_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ConsentError, match=field):
        require_consent([replace(ADA, **change)], "research", LAST)


@pytest.mark.parametrize("basis", ["dataset_terms", "public_domain"])
def test_terms_allow_research_with_a_visible_label(basis: Any) -> None:
    record = replace(TERMS, basis=basis)
    assert require_consent([record], "research", LAST).visible_label == RESEARCH_LABEL
    assert require_consent([ADA, record], "research", LAST).visible_label == RESEARCH_LABEL
    with pytest.raises(ConsentError, match=f"purpose: {basis} allows research only"):
        require_consent([replace(record, purpose="art")], "art", LAST)


def test_the_job_itself_must_make_sense() -> None:
    with pytest.raises(ConsentError, match="purpose"):
        require_consent([ADA], "fun", LAST)  # type: ignore[arg-type]
    with pytest.raises(ConsentError, match="today"):
        require_consent([ADA], "research", datetime(2027, 1, 1))


def test_a_record_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ada.consent.toml"
    write_consent(ADA, path)
    record = read_consent(path)
    assert record.consent == ADA and record.signed_by == "nobody"
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ConsentError, match="nowhere"):
        read_consent(tmp_path / "nowhere.toml")
    with pytest.raises(ConsentError, match="plain file"):
        read_consent(tmp_path)
    with pytest.raises(ConsentError, match="null"):
        read_consent(tmp_path / "a\x00b")


def test_a_subject_signs_and_every_change_is_noticed(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "ada.consent.toml"
    write_consent(ADA, path)
    assert sign_record(path, key) == signature_path(path) == tmp_path / "ada.consent.toml.sig"
    record = read_consent(path)
    assert record.signed_by == "subject"
    assert record.consent == replace(ADA, subject_key=signatures.public_key_of(key))
    whole = path.read_bytes()
    for changed in (whole + b"\n", whole.replace(b"2027", b"2037"), whole.replace(b"Ada", b"Bob")):
        assert changed != whole
        path.write_bytes(changed)
        with pytest.raises(ConsentError, match=r"subject_key: .* does not verify"):
            read_consent(path)
    path.write_bytes(whole)
    before = signature_path(path).read_bytes()
    sign_record(path, key)
    assert (path.read_bytes(), signature_path(path).read_bytes()) == (whole, before)


def test_a_signature_cannot_go_missing_or_be_another_persons(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "ada.consent.toml"
    write_consent(ADA, path)
    sign_record(path, key)
    place = signature_path(path)
    other = signatures.private_key(signatures.new_key_pem(), "another key")
    for text in (signatures.sign(other, path.read_bytes()), "", "AAAA", "\xff" * 90, "x" * 5000):
        place.write_bytes(text.encode("latin-1"))
        with pytest.raises(ConsentError, match="subject_key"):
            read_consent(path)
    place.unlink()
    with pytest.raises(ConsentError, match=r"subject_key: the signature .* is missing"):
        read_consent(path)
    with pytest.raises(ConsentError, match="subject_key: expected the key it names"):
        sign_record(path, other)
    place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConsentError, match="is a link"):
        read_consent(path)


def test_a_signature_beside_a_record_without_key_is_refused(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "ada.consent.toml"
    write_consent(ADA, path)
    signature_path(path).write_text(signatures.sign(key, path.read_bytes()))
    with pytest.raises(ConsentError, match=r"subject_key: is missing"):
        read_consent(path)


def synthetic() -> Consent:
    return replace(
        ADA, basis="synthetic_person", references=(Reference("face.png", ADA.document_sha256),)
    )


def test_a_synthetic_person_is_only_one_that_this_toolkit_made(key: Any) -> None:
    public = key.public_key().public_bytes_raw()
    record = sign_synthetic(synthetic(), key.sign)
    assert require_consent([record], "research", LAST, public).visible_label is None
    with pytest.raises(ConsentError, match="signature: cannot be checked"):
        require_consent([record], "research", LAST)
    with pytest.raises(ConsentError, match="signature: is missing"):
        require_consent([synthetic()], "research", LAST, public)
    changes: list[dict[str, Any]] = [
        {"subject": "Eve"}, {"purpose": "art"}, {"expires": date(2030, 1, 1)}, {"document_sha256": "ef" * 32},
        {"references": ()}, {"references": (Reference("other.png", ADA.document_sha256),)}, {"subject_key": "A" * 43 + "="},
    ]  # fmt: skip
    for change in changes:
        forged = replace(record, **change)
        with pytest.raises(ConsentError, match="signature: was not made by the key"):
            require_consent([forged], forged.purpose, LAST, public)
    other = signatures.private_key(signatures.new_key_pem(), "another").public_key()
    with pytest.raises(ConsentError, match="signature: was not made by the key"):
        require_consent([record], "research", LAST, other.public_bytes_raw())


def test_a_synthetic_record_may_not_borrow_a_real_face(key: Any) -> None:
    public = key.public_key().public_bytes_raw()
    borrowed = replace(synthetic(), references=(Reference("ada.jpg", "cd" * 32),))
    with pytest.raises(ConsentError, match="references: the only picture"):
        require_consent([sign_synthetic(borrowed, key.sign)], "research", LAST, public)
    with pytest.raises(ConsentError, match="basis"):
        sign_synthetic(ADA, key.sign)


def test_a_synthetic_record_is_checked_when_it_is_read(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "face.consent.toml"
    public = key.public_key().public_bytes_raw()
    write_consent(sign_synthetic(synthetic(), key.sign), path)
    assert read_consent(path, public).signed_by == "toolkit"
    assert read_consent(path).signed_by == "nobody"
    with pytest.raises(ConsentError, match="signature"):
        read_consent(path, bytes(32))


def foreign_keys() -> dict[str, tuple[bytes, str]]:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa, x25519

    def pem(private: Any, protection: Any = None) -> bytes:
        protection = protection or s.NoEncryption()
        return bytes(private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, protection))

    ed = ed25519.Ed25519PrivateKey.generate()
    public = ed.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    return {
        "RSA": (pem(rsa.generate_private_key(65537, 2048)), "expected an Ed25519 key, got .*RSA"),
        "X25519": (pem(x25519.X25519PrivateKey.generate()), "expected an Ed25519 key"),
        "encrypted": (pem(ed, s.BestAvailableEncryption(b"secret")), "password"),
        "public": (public, "expected a private key, got a public one"),
        "garbage": (b"\x00\xff" * 50, "expected a private key"),
        "empty": (b"", "expected a private key"),
        "half": (pem(ed)[:60], "expected a private key"),
        "huge": (b"-" * 200_000, "at most"),
    }


def test_foreign_keys_are_refused(tmp_path: Path) -> None:
    for kind, (data, says) in foreign_keys().items():
        path = tmp_path / f"{kind}.pem"
        path.write_bytes(data)
        path.chmod(0o600)
        with pytest.raises(KeyStoreError, match=says):
            signatures.read_private_key(path)


def test_a_key_that_others_can_read_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.key.pem"
    path.write_bytes(signatures.new_key_pem())
    path.chmod(0o644)
    with pytest.raises(KeyStoreError, match="0644"):
        signatures.read_private_key(path)
    path.chmod(0o600)
    assert signatures.read_private_key(path)
    with pytest.raises(KeyStoreError, match="no such key"):
        signatures.read_private_key(tmp_path / "none.pem")
