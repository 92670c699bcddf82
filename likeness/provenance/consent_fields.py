"""What every field of a consent record may hold: types, ranges and harmless text, each error naming its field."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import get_args

from likeness.errors import ConsentError
from likeness.provenance.signatures import is_public_key, is_signature
from likeness.types import Basis, Consent, Purpose

MOST_SUBJECT, MOST_FILE_NAME, MOST_REFERENCES = 200, 200, 32
_EMPTY_FILE = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_HASH, _DAY = re.compile(r"[0-9a-f]{64}"), re.compile(r"\d{4}-\d{2}-\d{2}")
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
_TURNS_TEXT = set("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE_IN_NAMES = set('/\\:*?"<>|')


class Words(str):
    """Words of ours that are shown as they are; values of the record are shown quoted."""


def wrong(what: str, field: str, expected: str, actual: object) -> ConsentError:
    """The error about one field of the record `what`: expected, actual."""
    text = actual if isinstance(actual, Words) else shown(actual)
    return ConsentError(f"{what}: {field}: expected {expected}, got {text}")


def check_form(consent: Consent, what: str = "the record") -> Consent:
    """Return `consent` if every field has the right type and form; says nothing about what it allows.

    Args:
        consent: a record, however it was made.
        what: what to call it in the error.

    Raises:
        ConsentError: names the field.
    """
    _check_words(what, "subject", consent.subject, MOST_SUBJECT)
    for field, value, allowed in (
        ("basis", consent.basis, get_args(Basis)),
        ("purpose", consent.purpose, get_args(Purpose)),
    ):
        if value not in allowed:
            raise wrong(what, field, "one of " + ", ".join(allowed), value)
    if not _is_day(consent.expires):
        raise wrong(what, "expires", "a date such as 2027-12-31", consent.expires)
    check_hash(what, "document_sha256", consent.document_sha256)
    for field in ("adult", "no_sexual_use"):
        if not isinstance(getattr(consent, field), bool):
            raise wrong(what, field, "true or false", getattr(consent, field))
    if consent.subject_key != "" and not is_public_key(consent.subject_key):
        raise wrong(what, "subject_key", "base64 of 32 bytes (Ed25519)", consent.subject_key)
    if consent.signature != "" and not is_signature(consent.signature):
        raise wrong(what, "signature", "base64 of 64 bytes (Ed25519)", consent.signature)
    _check_references(what, consent.references)
    return consent


def check_hash(what: str, field: str, value: object) -> None:
    """Raise `ConsentError` unless `value` is a SHA-256 in 64 lower-case hex digits of something that is not empty."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise wrong(what, field, "64 lower-case hex digits (SHA-256)", value)
    if value == _EMPTY_FILE:
        raise wrong(what, field, "the hash of a document", Words("that of an empty file"))


def is_plain_name(name: object) -> bool:
    """Whether `name` is a file name without folders that every system takes literally."""
    return (
        isinstance(name, str)
        and 0 < len(name.encode("utf-8", "replace")) <= MOST_FILE_NAME
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
        and not any(c in _UNSAFE_IN_NAMES or _is_odd(c) for c in name)
    )


def day_from(text: str, what: str = "the record") -> date:
    """The date in `text`, as in 2027-12-31.

    Raises:
        ConsentError: names `expires`.
    """
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise wrong(what, "expires", "a date such as 2027-12-31", text)


def _check_references(what: str, references: object) -> None:
    if not isinstance(references, tuple) or len(references) > MOST_REFERENCES:
        raise wrong(
            what, "references", f"a list of at most {MOST_REFERENCES} pictures", Words("another")
        )
    for number, reference in enumerate(references):
        place = f"references[{number}]"
        if not is_plain_name(reference.file):
            expected = "a plain file name; the picture lies beside the record"
            raise wrong(what, f"{place}.file", expected, reference.file)
        check_hash(what, f"{place}.sha256", reference.sha256)
    if len({r.file for r in references}) < len(references):
        raise ConsentError(f"{what}: references: the same file is named twice")


def _check_words(what: str, field: str, value: object, most: int) -> None:
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise wrong(what, field, "words without space around them", value)
    if len(value) > most:
        raise wrong(what, field, f"at most {most} characters", Words(f"{len(value)}"))
    if any(_is_odd(c) for c in value):
        raise wrong(what, field, "printable characters", value)


def _is_odd(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE or character in _TURNS_TEXT


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def shown(value: object) -> str:
    """A value of a record for an error: ASCII, quoted, not too long."""
    text = value.isoformat() if isinstance(value, date) else ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
