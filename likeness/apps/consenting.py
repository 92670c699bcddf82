"""`likeness consent`: make, sign and check consent records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likeness.errors import ConsentError

if TYPE_CHECKING:
    from likeness.jobs.consent_records import ExaminedRecord
    from likeness.provenance.consent import ConsentRecord
    from likeness.types import Purpose

ATTESTATIONS = (
    "The person was of age when they agreed, and so are they in every reference picture.",
    "No sexual or intimate imagery of the person will be made.",
)
_ALLOWS = {
    "own_likeness": "your own likeness",
    "written_consent": "a person who agreed in writing",
    "dataset_terms": "people of a data set, as its terms allow",
    "public_domain": "people in pictures of the public domain",
    "synthetic_person": "a person who does not exist",
}

consent_app = typer.Typer(
    help="Consent records: who agreed to be generated, for what, until when. Nothing is generated without one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@consent_app.command("new")
def new(
    *,
    subject: Annotated[str, typer.Option(help="Who, in words that you understand.")],
    basis: Annotated[
        str,
        typer.Option(help="own_likeness, written_consent, dataset_terms or public_domain."),
    ],
    purpose: Annotated[
        str, typer.Option(help="research, education, journalism, art or production.")
    ],
    expires: Annotated[str, typer.Option(help="Last day on which it holds, as in 2027-12-31.")],
    document: Annotated[
        Path, typer.Option(help="The signed letter or the terms; its hash is kept.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The record, as X.consent.toml.")],
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="A picture of the person alone; repeat for more. Copied beside it."),
    ] = None,
    attest: Annotated[
        bool, typer.Option("--attest", help="Make the two statements without being asked.")
    ] = False,
) -> None:
    """Make a record. It states that the person is of age and that sexual use is excluded.

    On a terminal you are asked whether that is true; elsewhere, running the command makes the statements.
    """
    from likeness.jobs.consent_records import NewRecord, new_record
    from likeness.provenance.consent_fields import day_from

    request = NewRecord(
        out=out,
        subject=subject,
        basis=basis,  # type: ignore[arg-type]
        purpose=purpose,  # type: ignore[arg-type]
        expires=day_from(expires, out.name),
        document=document,
        references=tuple(reference or ()),
        attested=_attested(attest),
    )
    record = new_record(request)
    _say(f"Written: {out}")
    _say_what_is_missing(record)


@consent_app.command("add-reference")
def add(
    file: Annotated[Path, typer.Argument(help="The record.")],
    picture: Annotated[list[Path], typer.Argument(help="Pictures of the person alone.")],
) -> None:
    """Add pictures of the person to a record that is not signed yet."""
    from likeness.jobs.consent_records import add_reference

    for one in picture:
        record = add_reference(file, one)
        _say(f"Added to {file}: {record.consent.references[-1].file}")


@consent_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The record.")],
    purpose: Annotated[
        str | None, typer.Option(help="Ask for this purpose; default: the record's own.")
    ] = None,
) -> None:
    """Say what a record allows, for whom and until when; exits with 6 and the field if it allows nothing."""
    from datetime import date
    from typing import cast

    from likeness.jobs.consent_records import examine_record
    from likeness.provenance.consent import read_consent

    made_here = read_consent(file).consent.basis == "synthetic_person"
    key = maker_public_key() if made_here else None  # others need no key store, nor a whole one
    _show(examine_record(file, date.today(), cast("Purpose | None", purpose), key))


@consent_app.command("sign")
def sign(
    file: Annotated[Path, typer.Argument(help="The record.")],
    key: Annotated[Path, typer.Option(help="The subject's private key, from consent new-key.")],
) -> None:
    """Sign a record as the person it is about; writes FILE.sig beside it."""
    from likeness.provenance.consent import read_consent, sign_record
    from likeness.provenance.signatures import read_private_key

    place = sign_record(file, read_private_key(key))
    _say(f"Signed: {place}")
    _say(f"Public key: {read_consent(file).consent.subject_key}")


@consent_app.command("new-key")
def new_key(
    out: Annotated[Path, typer.Argument(help="The private key to make, as X.key.pem.")],
) -> None:
    """Make an Ed25519 key for signing records; only its owner can read the file."""
    from likeness.provenance.consent_files import write_whole
    from likeness.provenance.signatures import new_key_pem, private_key, public_key_of

    pem = new_key_pem()
    write_whole(out, pem, replace=False, mode=0o600)
    _say(f"Written: {out} (keep it to yourself, and keep a copy)")
    _say(f"Public key: {public_key_of(private_key(pem, out.name))}")


def maker_public_key() -> bytes | None:
    """The key that signs synthetic people here; None where this user has no key store yet."""
    from likeness.apps.config_folder import keys_folder
    from likeness.provenance.keys import KeyStore, store_exists

    folder = keys_folder()
    return KeyStore(folder).maker_public_key() if store_exists(folder) else None


def _attested(without_asking: bool) -> bool:
    _say("This record states:")
    for number, statement in enumerate(ATTESTATIONS):
        _say(f"  {number + 1}. {statement}")
    if without_asking or not _on_a_terminal():
        return True
    return typer.confirm("Is that true?", default=False)


def _on_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _say_what_is_missing(record: ConsentRecord) -> None:
    from likeness.provenance.consent import NEEDS_REFERENCE

    if record.consent.references:
        return
    if record.consent.basis in NEEDS_REFERENCE:
        _say(
            "It does not permit generation yet: it needs a picture of the person. Add one with:\n"
            f"  likeness consent add-reference {record.path} PICTURE"
        )
    else:
        _say("Without a reference picture it covers no face in footage that is generated over.")


def _show(examined: ExaminedRecord) -> None:
    consent, permission = examined.record.consent, examined.permission
    signed = {
        "subject": f"the subject, key {consent.subject_key}",
        "toolkit": "this toolkit, which made the picture",
        "nobody": "nobody; it stands on its keeper's word",
    }[examined.record.signed_by]
    lines = {
        "allows": f"{permission.purpose} with the likeness of {consent.subject}",
        "until": f"{permission.until} (that day included; {examined.days_left} days left)",
        "basis": f"{consent.basis}: {_ALLOWS[consent.basis]}",
        "document": f"SHA-256 {consent.document_sha256}",
        "references": ", ".join(r.file for r in consent.references) or "none: covers no footage",
        "signed by": signed,
        "attests": "of age; no sexual use",
        "label": permission.visible_label or "none is needed besides the invisible marks",
    }
    for word, text in lines.items():
        _say(f"{word:11} {text}")
    if examined.expires_soon:
        typer.echo(
            f"warning: expires in {examined.days_left} days, on {permission.until}; ask again in time",
            err=True,
        )


def _say(line: str) -> None:
    try:
        typer.echo(line)
    except UnicodeEncodeError as error:
        raise ConsentError(f"this terminal cannot show {error.object!a}") from None
