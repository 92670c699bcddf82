"""The form of a consent record: its fields, their types, and the three ways it is written down.

A TOML file for people, a dictionary for `run.json` and manifests, one line of JSON for the metadata of safetensors. All
three are read strictly: a field that is missing, unknown, of another type or out of range is an error that names it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from likeness.errors import ConsentError
from likeness.provenance.consent_fields import Words, check_form, day_from, shown, wrong
from likeness.types import Consent, Reference

FORMAT: Final = "likeness-consent-1"
MOST_TOML_BYTES, MOST_LINE_BYTES = 16 << 10, 1 << 10
"""A record with 32 references takes 4 KiB. Reading a key of n dotted parts takes n * n steps: 32 KiB of them, half a minute."""
MOST_JSON_BYTES: Final = 4 << 20
FIELDS: Final = (
    "format",
    "subject",
    "basis",
    "purpose",
    "expires",
    "document_sha256",
    "adult",
    "no_sexual_use",
    "subject_key",
    "signature",
    "references",
)
_OPTIONAL = ("subject_key", "signature", "references")
_HEADER = "# A consent record of Likeness: it keeps what was agreed, it proves nobody's identity."


def consent_to_dict(consent: Consent) -> dict[str, Any]:
    """A record as strings, booleans and a list, for JSON; `consent_from_dict` reads it back.

    It holds the subject in clear: use `pseudonymous` first where it leaves the keeper's hands.
    """
    found: dict[str, Any] = {
        "format": FORMAT,
        "subject": consent.subject,
        "basis": consent.basis,
        "purpose": consent.purpose,
        "expires": consent.expires.isoformat(),
        "document_sha256": consent.document_sha256,
        "adult": consent.adult,
        "no_sexual_use": consent.no_sexual_use,
        "subject_key": consent.subject_key,
        "signature": consent.signature,
        "references": [{"file": r.file, "sha256": r.sha256} for r in consent.references],
    }
    return {key: value for key, value in found.items() if value or key not in _OPTIONAL}


def consent_from_dict(values: Mapping[str, Any], what: str = "the record") -> Consent:
    """Read what `consent_to_dict` made, strictly.

    Raises:
        ConsentError: a field is missing, unknown or wrong; the message names it.
    """
    if not isinstance(values, Mapping):
        raise wrong(what, "record", "a table of fields", values)
    _check_keys(what, values, FIELDS, _OPTIONAL)
    if values["format"] != FORMAT:
        raise wrong(what, "format", f"{FORMAT!r}", values["format"])
    expires = values["expires"]
    if isinstance(expires, str):
        expires = day_from(expires, what)
    references = values.get("references", [])
    if not isinstance(references, list):
        raise wrong(what, "references", "a list of pictures", references)
    found = Consent(
        subject=values["subject"],
        basis=values["basis"],
        purpose=values["purpose"],
        expires=expires,
        document_sha256=values["document_sha256"],
        adult=values["adult"],
        no_sexual_use=values["no_sexual_use"],
        references=tuple(_reference(what, i, r) for i, r in enumerate(references)),
        subject_key=values.get("subject_key", ""),
        signature=values.get("signature", ""),
    )
    return check_form(found, what)


def consents_to_json(consents: Sequence[Consent]) -> str:
    """Records as one line of JSON, for the string metadata of a safetensors file; the same records, the same text."""
    return json.dumps([consent_to_dict(c) for c in consents], sort_keys=True, ensure_ascii=True)


def consents_from_json(text: str, what: str = "the records") -> tuple[Consent, ...]:
    """Read what `consents_to_json` made, strictly.

    Raises:
        ConsentError: not such a text, or a record in it is wrong; the message names the field.
    """
    if not isinstance(text, str) or len(text) > MOST_JSON_BYTES:
        raise wrong(
            what, "records", f"text of at most {MOST_JSON_BYTES} characters", Words("another")
        )
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise wrong(what, "records", "JSON", Words(_line(error))) from None
    if not isinstance(found, list):
        raise wrong(what, "records", "a list", found)
    return tuple(consent_from_dict(v, f"{what}, number {i + 1}") for i, v in enumerate(found))


def consent_to_toml(consent: Consent) -> str:
    """The file's text; the same record gives the same text.

    Raises:
        ConsentError: a field has no valid form.
    """
    fields = consent_to_dict(check_form(consent))
    lines = [_HEADER]
    for key, value in fields.items():
        if key == "expires":
            lines.append(f"{key} = {value}")
        elif key != "references":
            # Without control characters, which the form forbids, a JSON string is a TOML string.
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    for reference in fields.get("references", []):
        lines += ["", "[[references]]"]
        lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in reference.items()]
    return "\n".join(lines) + "\n"


def consent_from_toml(data: bytes, what: str = "the record") -> Consent:
    """Read the bytes of a record.

    Raises:
        ConsentError: too large, no UTF-8, no TOML, or a field is wrong; the message names it.
    """
    if len(data) > MOST_TOML_BYTES:
        raise wrong(what, "record", f"at most {MOST_TOML_BYTES} bytes", Words("more"))
    if any(len(line) > MOST_LINE_BYTES for line in data.split(b"\n")):
        raise wrong(what, "record", f"lines of at most {MOST_LINE_BYTES} bytes", Words("longer"))
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise wrong(
            what, "record", "text in UTF-8", Words(f"another byte at {error.start}")
        ) from None
    except (ValueError, RecursionError) as error:  # tomllib lets both out on hostile text
        raise wrong(what, "record", "TOML", Words(_line(error))) from None
    return consent_from_dict(values, what)


def canonical_bytes(consent: Consent) -> bytes:
    """What the toolkit's own key signs: every field but the signature, in one order, with a word of its own in front."""
    fields = consent_to_dict(replace(consent, signature=""))
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return b"likeness consent record\0" + text.encode("ascii")


def pseudonymous(consent: Consent, consent_id: str) -> Consent:
    """The record without the person's name, for what is passed on: models, manifests, outputs.

    The subject becomes "id:" and the number of `KeyStore.consent_id`, references keep their hashes and lose their names,
    and the subject's public key goes: the signature that it checks lies beside the file and does not travel.
    A synthetic person has no name to protect and a signature that would break: that record stays as it is.
    """
    if consent.basis == "synthetic_person":
        return consent
    references = tuple(
        Reference(f"reference-{i + 1}", r.sha256) for i, r in enumerate(consent.references)
    )
    return replace(consent, subject=f"id:{consent_id}", references=references, subject_key="")


def _check_keys(
    what: str, values: Mapping[str, Any], known: Sequence[str], optional: Sequence[str] = ()
) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise ConsentError(f"{what}: {shown(key)} is no field of a record{hint}")
    for key in known:
        if key not in values and key not in optional:
            raise ConsentError(f"{what}: {key}: is missing; a record cannot do without it")


def _reference(what: str, number: int, values: Any) -> Reference:
    place = f"references[{number}]"
    if not isinstance(values, Mapping):
        raise wrong(what, place, "a file name and its hash", values)
    _check_keys(f"{what}: {place}", values, ("file", "sha256"))
    return Reference(values["file"], values["sha256"])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is given twice")
    return found


def _line(error: BaseException) -> str:
    text = "too deeply nested" if isinstance(error, RecursionError) else ascii(str(error))[1:-1]
    return text if len(text) <= 120 else text[:117] + "..."
