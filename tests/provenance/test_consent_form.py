"""Records written down and read back: every field survives, and everything that is no record is refused by name."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.errors import ConsentError
from likeness.provenance.consent_fields import is_plain_name
from likeness.provenance.consent_form import (
    FIELDS,
    canonical_bytes,
    consent_from_dict,
    consent_from_toml,
    consent_to_dict,
    consent_to_toml,
    consents_from_json,
    consents_to_json,
    pseudonymous,
)
from likeness.provenance.signatures import is_public_key
from likeness.types import Basis, Consent, Purpose, Reference

KEY, SIGNATURE = "A" * 43 + "=", "A" * 86 + "=="
ADA = Consent(
    subject="Ada",
    basis="own_likeness",
    purpose="research",
    expires=date(2027, 12, 31),
    document_sha256="ab" * 32,
    adult=True,
    no_sexual_use=True,
    references=(Reference("ada.jpg", "cd" * 32),),
)

hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
printable = st.characters(
    exclude_categories=("Cc", "Cs", "Zl", "Zp"),
    exclude_characters="\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)
words = st.text(printable, min_size=1, max_size=60).map(lambda s: s.strip() or "?")
names = st.text(printable, min_size=1, max_size=40).filter(is_plain_name)
consents = st.builds(
    Consent,
    subject=words,
    basis=st.sampled_from(get_args(Basis)),
    purpose=st.sampled_from(get_args(Purpose)),
    expires=st.dates(),
    document_sha256=hashes,
    adult=st.booleans(),
    no_sexual_use=st.booleans(),
    references=st.lists(
        st.builds(Reference, names, hashes), max_size=4, unique_by=lambda r: r.file
    ).map(tuple),
    subject_key=st.sampled_from(["", KEY]),
    signature=st.sampled_from(["", SIGNATURE]),
)


@settings(max_examples=60, deadline=None)
@given(consents)
def test_a_record_survives_every_way_of_writing_it_down(consent: Consent) -> None:
    text = consent_to_toml(consent)
    assert consent_from_toml(text.encode()) == consent
    assert consent_to_toml(consent_from_toml(text.encode())) == text
    assert consent_from_dict(consent_to_dict(consent)) == consent
    line = consents_to_json([consent, ADA])
    assert "\n" not in line and line.isascii()
    assert consents_from_json(line) == (consent, ADA)


@settings(max_examples=30, deadline=None)
@given(consents)
def test_what_is_signed_changes_with_every_field_but_the_signature(consent: Consent) -> None:
    signed = canonical_bytes(consent)
    assert canonical_bytes(replace(consent, signature="")) == signed
    changes: list[dict[str, Any]] = [
        {"subject": consent.subject + "x"},
        {"basis": "own_likeness" if consent.basis != "own_likeness" else "public_domain"},
        {"purpose": "art" if consent.purpose != "art" else "research"},
        {"expires": date(2001, 2, 3) if consent.expires != date(2001, 2, 3) else date(2001, 2, 4)},
        {"document_sha256": "f" * 63 + ("0" if consent.document_sha256[-1] != "0" else "1")},
        {"adult": not consent.adult},
        {"no_sexual_use": not consent.no_sexual_use},
        {"references": (*consent.references, Reference("one-more.jpg", "cd" * 32))},
        {"subject_key": "" if consent.subject_key else KEY},
    ]
    assert len({signed, *(canonical_bytes(replace(consent, **c)) for c in changes)}) == 10


@given(st.binary(max_size=300))
def test_any_bytes_give_a_record_or_a_consent_error(data: bytes) -> None:
    with pytest.raises(ConsentError):
        consent_from_toml(data)


@pytest.mark.parametrize(
    "field", [f for f in FIELDS if f not in ("subject_key", "signature", "references")]
)
def test_a_missing_field_is_named(field: str) -> None:
    values = consent_to_dict(ADA)
    del values[field]
    with pytest.raises(ConsentError, match=f"{field}: is missing"):
        consent_from_dict(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "likeness-consent-2"),
        ("subject", ""),
        ("subject", "  "),
        ("subject", 7),
        ("subject", "A\x00da"),
        ("subject", "Ada\nadult = true"),
        ("subject", "Ada \u202egpj.evil"),
        ("subject", "x" * 201),
        ("basis", "friendship"),
        ("basis", ["own_likeness"]),
        ("purpose", "fun"),
        ("purpose", None),
        ("expires", "31.12.2027"),
        ("expires", "2027-02-30"),
        ("expires", "20271231"),
        ("expires", 20271231),
        ("expires", datetime(2027, 12, 31)),
        ("document_sha256", "ab" * 31),
        ("document_sha256", "AB" * 32),
        ("document_sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("adult", 1),
        ("adult", "true"),
        ("no_sexual_use", None),
        ("subject_key", "A" * 44),
        ("subject_key", "not base64"),
        ("signature", KEY),
        ("signature", 5),
        ("references", "ada.jpg"),
        ("references", {"file": "ada.jpg"}),
        ("references", ["ada.jpg"]),
        ("references", [{"file": "ada.jpg"}]),
        ("references", [{"file": f"{n}.jpg", "sha256": "cd" * 32} for n in range(33)]),
        ("references", [{"file": "a.jpg", "sha256": "cd" * 32}] * 2),
        ("references", [{"file": "a.jpg", "sha256": "xy" * 32}]),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ConsentError, match=field):
        consent_from_dict({**consent_to_dict(ADA), field: value})


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a/b.jpg", "a\\b.jpg", "C:ada.jpg", "..", ".", "", ".ada.jpg", "a\x00.jpg",
     "a\n.jpg", "a.jpg ", "a\u202egpj.exe", "x" * 201, 5, None],
)  # fmt: skip
def test_a_reference_is_named_without_folders(name: Any) -> None:
    values = {**consent_to_dict(ADA), "references": [{"file": name, "sha256": "cd" * 32}]}
    with pytest.raises(ConsentError, match=r"references\[0\]\.file"):
        consent_from_dict(values)
    assert not is_plain_name(name)


def test_an_unknown_field_gets_a_suggestion() -> None:
    with pytest.raises(
        ConsentError, match=r"'expire' is no field of a record; did you mean 'expires'"
    ):
        consent_from_dict({**consent_to_dict(ADA), "expire": "2027-12-31"})
    with pytest.raises(ConsentError, match=r"'zzz' is no field of a record; there are format"):
        consent_from_dict({**consent_to_dict(ADA), "zzz": 1})
    reference = {"file": "a.jpg", "sha256": "cd" * 32, "path": "x"}
    with pytest.raises(ConsentError, match=r"references\[0\]: 'path' is no field"):
        consent_from_dict({**consent_to_dict(ADA), "references": [reference]})


BOMBS = {
    "too long": b"#" * 20_000,
    "deep lists": b"a=" + b"[" * 1000 + b"\n" + (b"[" * 1000 + b"\n") * 10,
    "dotted keys": b"\n".join(b"a%d" % n + b".a" * 500 + b"=1" for n in range(15)),
    "dotted tables": b"\n".join(b"[a%d" % n + b".a" * 500 + b"]" for n in range(15)),
    "huge number": b"\n".join(b"a%d=" % n + b"9" * 1000 for n in range(15)),
    "many tables": b"".join(b"[a%d]\n" % n for n in range(2000)),
    "not UTF-8": b'subject = "\xff"',
    "UTF-16": consent_to_toml(ADA).encode("utf-16"),
    "a NUL": b'subject = "A\x00da"',
    "given twice": consent_to_toml(ADA).encode().replace(b"adult", b'adult = false\nadult'),
    "no TOML": b"%PDF-1.4\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_text_is_refused_quickly(name: str) -> None:
    start = time.process_time()
    with pytest.raises(ConsentError, match="the record"):
        consent_from_toml(BOMBS[name])
    assert time.process_time() - start < 5.0


def test_lines_are_bounded_so_that_dotted_keys_stay_cheap() -> None:
    with pytest.raises(ConsentError, match="record: expected lines of at most 1024 bytes"):
        consent_from_toml(b"a." * 8000 + b"a=1")


def test_a_nul_behind_an_escape_is_refused_too() -> None:
    text = consent_to_toml(ADA).replace('"Ada"', '"A\\u0000da"')
    with pytest.raises(ConsentError, match="subject: expected printable"):
        consent_from_toml(text.encode())


def test_the_order_of_fields_and_comments_do_not_matter() -> None:
    head, *lines = consent_to_toml(ADA).split("\n\n")[0].splitlines()
    shuffled = "\n".join([head, *reversed(lines), "# agreed by telephone"])
    assert consent_from_toml(shuffled.encode()) == replace(ADA, references=())


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", "[" * 100_000, '[{"a": 1, "a": 2}]', "NaN",
     consents_to_json([ADA]).replace('"adult": true', '"adult": true, "adult": true')],
)  # fmt: skip
def test_hostile_metadata_is_refused(text: str) -> None:
    with pytest.raises(ConsentError, match="the records"):
        consents_from_json(text)


def test_a_travelling_record_names_nobody() -> None:
    signed = replace(ADA, subject_key=KEY)
    sent = pseudonymous(signed, "0123456789abcdef")
    text = consents_to_json([sent])
    assert "Ada" not in text and "ada" not in text and KEY not in text
    assert sent.subject == "id:0123456789abcdef"
    assert [r.sha256 for r in sent.references] == [r.sha256 for r in ADA.references]
    assert consents_from_json(text) == (sent,)
    synthetic = replace(ADA, basis="synthetic_person", signature=SIGNATURE)
    assert pseudonymous(synthetic, "0" * 16) == synthetic


def test_base64_has_one_spelling() -> None:
    assert is_public_key(KEY)
    assert not is_public_key("A" * 42 + "B=")  # the same bytes as KEY, with stray bits at the end
    assert not is_public_key(KEY + "\n")
