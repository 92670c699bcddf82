"""Content credentials of any file, whoever signed them: three separate facts, and what they say.

*Present*: there is a manifest. *Intact*: its signature holds and the file is the one that was signed. *Trusted*: the
signer's certificate leads to one that the reader trusts. A file without credentials is an ordinary file: most are.
Nothing is fetched: a manifest that lies elsewhere is named, and no certificate is asked about.

Validation codes: C2PA specification 2.2, section 15.2.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import BinaryIO, Final

from likeness.errors import LimitError, MediaError
from likeness.provenance import credentials_report as report
from likeness.provenance.credentials_report import Action, ReadIngredient
from likeness.provenance.credentials_scan import find_traces
from likeness.provenance.credentials_settings import MOST_MANIFEST_BYTES, c2pa_context, one_line
from likeness.provenance.hard_binding_jumbf import Store
from likeness.provenance.hard_binding_stores import locate_store

FORGEABLE: Final = (
    "Marks can be forged or removed: anyone can sign a file with a certificate of their own, and a file without "
    "credentials is no more and no less suspicious than any other."
)


@dataclass(frozen=True)
class Credentials:
    """What a file's content credentials are and say. Texts come from the file: cleaned, shortened, never proof.

    Attributes:
        present: there is a manifest in the file or its sidecar.
        intact: the signature holds and the bytes are those that were signed; None if absent or not checkable.
        trusted: the signature holds and its certificate leads to a trusted one; None if absent or not checkable.
        issuer: organisation that the signer's certificate names.
        signer: common name in the signer's certificate.
        algorithm: of the signature.
        signed_at: time from a time-stamp authority, ISO 8601; empty if there is none: then nobody vouches for it.
        claim_generator: program that made the manifest, with version.
        title: what the manifest calls the file.
        digital_sources: last part of every IPTC digital source type, in order, once each.
        actions: what was done, in order.
        ingredients: what went in.
        job_id: our own job number, if the manifest is of our form.
        generator: our own generator's name, if the manifest is of our form.
        weights: tag of its weights, if the manifest is of our form.
        made_on: day of making, if the manifest is of our form.
        consent_ids: salted numbers of the people, if the manifest is of our form.
        remote: address of credentials kept elsewhere; never fetched.
        from_sidecar: the manifest came from a file beside this one.
        problems: what does not hold, in plain words with the C2PA code in brackets.
    """

    present: bool
    intact: bool | None = None
    trusted: bool | None = None
    issuer: str = ""
    signer: str = ""
    algorithm: str = ""
    signed_at: str = ""
    claim_generator: str = ""
    title: str = ""
    digital_sources: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    ingredients: tuple[ReadIngredient, ...] = ()
    job_id: int | None = None
    generator: str = ""
    weights: str = ""
    made_on: date | None = None
    consent_ids: tuple[str, ...] = ()
    remote: str = ""
    from_sidecar: bool = False
    problems: tuple[str, ...] = ()

    @property
    def digital_source(self) -> str:
        """The last digital source type, which tells what the file has become; empty if none is given."""
        return self.digital_sources[-1] if self.digital_sources else ""


def read_credentials(
    file: BinaryIO,
    media_type: str = "",
    trust_anchors_pem: str = "",
    sidecar: bytes | None = None,
) -> Credentials:
    """Read and verify the content credentials of a file.

    Args:
        file: readable and seekable; read from its start.
        media_type: such as image/png; found out from the bytes if empty or wrong.
        trust_anchors_pem: certificates that the reader trusts, see `KeyStore.trust_anchors_pem`.
        sidecar: bytes of a manifest that lies beside the file; used instead of one inside.

    Returns:
        The facts. Damaged or hostile credentials are facts too: present, not intact, with the problem in words.

    Raises:
        MediaError: the file itself cannot be read.
    """
    if sidecar is not None:
        return replace(_read(file, media_type, trust_anchors_pem, sidecar), from_sidecar=True)
    try:
        traces = find_traces(file)
    except OSError as error:
        raise MediaError(
            f"content credentials: the file cannot be read: {one_line(error)}"
        ) from error
    if not traces.manifest:
        return Credentials(present=False, remote=traces.remote)
    return replace(_read(file, media_type, trust_anchors_pem, None), remote=traces.remote)


def _read(file: BinaryIO, media_type: str, anchors: str, sidecar: bytes | None) -> Credentials:
    import c2pa

    try:
        _check_size(file, sidecar)
    except LimitError as error:
        return Credentials(True, None, None, problems=(f"not checked: {error}",))
    file.seek(0)
    try:
        with (
            c2pa_context(anchors) as context,
            c2pa.Reader(media_type, file, manifest_data=sidecar, context=context) as reader,
        ):
            text = reader.json()
        store = json.loads(text)
    except c2pa.C2paError.ManifestNotFound:
        return Credentials(present=False)
    except c2pa.C2paError.NotSupported:
        return Credentials(present=False)
    except Exception as error:  # the library on hostile bytes may raise anything
        return Credentials(True, False, False, problems=(report.words_for_error(one_line(error)),))
    return Credentials(present=True, **report.facts_of(store))


def _check_size(file: BinaryIO, sidecar: bytes | None) -> None:
    """Raise `LimitError` if the library would have to read more than any honest file holds."""
    if sidecar is not None and len(sidecar) > MOST_MANIFEST_BYTES:
        raise LimitError(f"the credentials are larger than {MOST_MANIFEST_BYTES} bytes")
    try:
        found = locate_store(file, MOST_MANIFEST_BYTES) if sidecar is None else None
        data = found.data if found else sidecar
        if data:
            Store(data).check_counts()
    except LimitError:
        raise
    except MediaError:
        return  # what is damaged, the library describes
