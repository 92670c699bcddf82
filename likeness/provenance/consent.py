"""Consent records: read, write and sign them, and say what they allow.

Nobody is generated without a record that covers them. A record keeps what was agreed; it proves nobody's identity.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from likeness.errors import ConsentError
from likeness.provenance import signatures
from likeness.provenance.consent_fields import check_form, wrong
from likeness.provenance.consent_files import read_plain, write_whole
from likeness.provenance.consent_form import (
    MOST_TOML_BYTES,
    canonical_bytes,
    consent_from_toml,
    consent_to_toml,
)
from likeness.types import Basis, Consent, Purpose

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RESEARCH_LABEL: Final = "SYNTHETIC · research use only · made by Likeness"
NEEDS_REFERENCE: Final[tuple[Basis, ...]] = ("own_likeness", "written_consent")
RESEARCH_ONLY: Final[tuple[Basis, ...]] = ("public_domain", "dataset_terms")
_MOST_SIGNATURE_BYTES = 4 << 10


@dataclass(frozen=True)
class Permission:
    """What a set of records allows together.

    Attributes:
        purpose: what for.
        subjects: whom, one for each record, in the keeper's words; never written into an output.
        until: last day on which all of them hold.
        visible_label: text that every output must carry visibly as well; None where marks that nobody sees are enough.
    """

    purpose: Purpose
    subjects: tuple[str, ...]
    until: date
    visible_label: str | None


@dataclass(frozen=True)
class ConsentRecord:
    """A record that was read from a file.

    Attributes:
        consent: what it says.
        path: the file; its references lie beside it.
        sha256: hash of the file's bytes.
        signed_by: whose signature was checked: the subject's, this toolkit's, or nobody's.
    """

    consent: Consent
    path: Path
    sha256: str
    signed_by: Literal["subject", "toolkit", "nobody"]

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


def require_consent(
    consents: Sequence[Consent],
    purpose: Purpose,
    today: date,
    maker_public_key: bytes | None = None,
) -> Permission:
    """Say what the records allow, or stop: everyone who is generated or generated over needs one.

    Args:
        consents: a record for each person.
        purpose: what is to be made with them.
        today: the day on which they must hold; the last day of a record still does.
        maker_public_key: `KeyStore.maker_public_key()`, 32 bytes; only records of synthetic people need it.

    Returns:
        What is allowed, for whom, until when, and the label that it must carry.

    Raises:
        ConsentError: no record, or one that does not cover this; the message names the field.
    """
    if not consents:
        raise ConsentError(
            "consent: expected a record for everyone who is generated, got none; make one with: "
            "likeness consent new"
        )
    if purpose not in get_args(Purpose):
        raise wrong("the job", "purpose", "one of " + ", ".join(get_args(Purpose)), purpose)
    if isinstance(today, datetime) or not isinstance(today, date):
        raise wrong("the job", "today", "a date without time", today)
    for number, consent in enumerate(consents):
        what = f"record {number + 1} of {len(consents)}" if len(consents) > 1 else "the record"
        check_form(consent, what)
        what = f"{what} ({consent.subject})"
        _check_holds(what, consent, purpose, today)
        _check_basis(what, consent, maker_public_key)
    research = any(c.basis in RESEARCH_ONLY for c in consents)
    return Permission(
        purpose=purpose,
        subjects=tuple(c.subject for c in consents),
        until=min(c.expires for c in consents),
        visible_label=RESEARCH_LABEL if research else None,
    )


def read_consent(path: Path, maker_public_key: bytes | None = None) -> ConsentRecord:
    """Read a record and check the signatures that it has.

    Its form and its signatures are checked, not what it allows: that is `require_consent`, for a purpose and a day.

    Args:
        path: the TOML file. A detached signature lies beside it: the same name with .sig.
        maker_public_key: `KeyStore.maker_public_key()`, to check a synthetic person's record.

    Raises:
        ConsentError: missing, unreadable, wrong form, or a signature that is missing or does not verify; names the field.
    """
    path = Path(path)
    data = read_plain(path, MOST_TOML_BYTES, "the record")
    consent = consent_from_toml(data, path.name)
    signed_by: Literal["subject", "toolkit", "nobody"] = "nobody"
    if _check_detached(path, data, consent):
        signed_by = "subject"
    if consent.basis == "synthetic_person" and maker_public_key is not None:
        _check_made_here(path.name, consent, maker_public_key)
        signed_by = "toolkit"
    return ConsentRecord(consent, path, hashlib.sha256(data).hexdigest(), signed_by)


def write_consent(consent: Consent, path: Path, *, replace: bool = False) -> None:
    """Write a record, whole or not at all.

    Args:
        consent: what it says.
        path: a name that ends in .consent.toml is customary.
        replace: whether a file that is there may go.

    Raises:
        ConsentError: a field has no valid form.
        OutputError: it cannot be written.
    """
    write_whole(Path(path), consent_to_toml(consent).encode("utf-8"), replace=replace)


def sign_record(path: Path, key: Ed25519PrivateKey) -> Path:
    """Sign a record as its subject; a record that names no key yet gets the public one written into it first.

    Args:
        path: the TOML file.
        key: the subject's private key.

    Returns:
        The signature's file: base64 of Ed25519 over the record's exact bytes.

    Raises:
        ConsentError: no such record, or it names another key.
        OutputError: it cannot be written.
    """
    path = Path(path)
    data = read_plain(path, MOST_TOML_BYTES, "the record")
    consent = consent_from_toml(data, path.name)
    public = signatures.public_key_of(key)
    if consent.subject_key not in ("", public):
        raise wrong(path.name, "subject_key", f"the key it names, {consent.subject_key}", public)
    if not consent.subject_key:
        data = consent_to_toml(replace(consent, subject_key=public)).encode("utf-8")
        write_whole(path, data, replace=True)  # without its signature this record is refused
    place = signature_path(path)
    write_whole(place, f"{signatures.sign(key, data)}\n".encode("ascii"), replace=True)
    return place


def signature_path(path: Path) -> Path:
    """Where the detached signature of a record lies."""
    return path.with_name(f"{path.name}.sig")


def sign_synthetic(consent: Consent, maker_sign: Callable[[bytes], bytes]) -> Consent:
    """The record of a person who does not exist, signed by the toolkit that made the picture.

    Args:
        consent: its `document_sha256` is the hash of the picture.
        maker_sign: `KeyStore.maker_sign`.

    Raises:
        ConsentError: another basis, or a wrong form.
    """
    if consent.basis != "synthetic_person":
        raise wrong("the record", "basis", "synthetic_person", consent.basis)
    signature = base64.b64encode(maker_sign(canonical_bytes(consent))).decode("ascii")
    return check_form(replace(consent, signature=signature))


def check_purpose(consent: Consent, what: str = "the record") -> None:
    """Raise `ConsentError` if the record's basis can never allow the record's purpose."""
    if consent.basis in RESEARCH_ONLY and consent.purpose != "research":
        raise ConsentError(
            f"{what}: purpose: {consent.basis} allows research only, got {consent.purpose}"
        )


def _check_holds(what: str, consent: Consent, purpose: Purpose, today: date) -> None:
    if today > consent.expires:
        raise ConsentError(
            f"{what}: expires: held until {consent.expires}, today is {today}; ask again and make a new record"
        )
    if consent.purpose != purpose:
        raise ConsentError(
            f"{what}: purpose: agreed is {consent.purpose}, asked for is {purpose}; each purpose needs its own record"
        )
    if not consent.adult:
        raise ConsentError(f"{what}: adult: the record must attest that the person is of age")
    if not consent.no_sexual_use:
        raise ConsentError(f"{what}: no_sexual_use: the record must exclude sexual use")


def _check_basis(what: str, consent: Consent, maker_public_key: bytes | None) -> None:
    if consent.basis in NEEDS_REFERENCE and not consent.references:
        raise ConsentError(
            f"{what}: references: {consent.basis} needs at least one picture of the person; add it with: "
            f"likeness consent add-reference"
        )
    check_purpose(consent, what)
    if consent.basis == "synthetic_person":
        _check_made_here(what, consent, maker_public_key)
    elif consent.signature:
        raise ConsentError(
            f"{what}: signature: is for synthetic people only, got one with {consent.basis}; a person signs "
            f"with: likeness consent sign"
        )


def _check_made_here(what: str, consent: Consent, maker_public_key: bytes | None) -> None:
    if not consent.signature:
        raise ConsentError(
            f"{what}: signature: is missing; a synthetic person's record is signed as the picture is made"
        )
    if maker_public_key is None:
        raise ConsentError(
            f"{what}: signature: cannot be checked without the key store of this installation"
        )
    key = base64.b64encode(maker_public_key).decode("ascii")
    if not signatures.verifies(key, consent.signature, canonical_bytes(consent)):
        raise ConsentError(
            f"{what}: signature: was not made by the key of this installation over this record; only pictures "
            f"that were synthesised here count as synthetic people"
        )
    if any(r.sha256 != consent.document_sha256 for r in consent.references):
        raise ConsentError(
            f"{what}: references: the only picture of a synthetic person is the one in document_sha256"
        )


def _check_detached(path: Path, data: bytes, consent: Consent) -> bool:
    """Whether a valid signature of the subject lies beside the record; one that does not verify is an error."""
    place = signature_path(path)
    if not place.exists() and not place.is_symlink():
        if consent.subject_key:
            raise ConsentError(
                f"{path.name}: subject_key: the signature {place.name} is missing; sign with: likeness consent sign"
            )
        return False
    what = f"{path.name}: subject_key"
    text = read_plain(place, _MOST_SIGNATURE_BYTES, what, follow=False)
    if not consent.subject_key:
        raise ConsentError(
            f"{what}: is missing, so {place.name} belongs to nobody; sign again or remove it"
        )
    signature = text.decode("ascii", "replace").strip()
    if not signatures.verifies(consent.subject_key, signature, data):
        raise ConsentError(
            f"{what}: the signature in {place.name} does not verify; the record was changed after it was signed, "
            f"or somebody else signed"
        )
    return True
