"""Content credentials (C2PA) of what we make: a signed manifest inside the file, or beside it where none fits in.

Nothing here touches the network: no time stamp is fetched, so the moment of signing is known to nobody but the signer.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import likeness
from likeness.errors import OutputError
from likeness.provenance.credentials_manifest import manifest_of
from likeness.provenance.credentials_settings import c2pa_context, c2pa_errors
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making

if TYPE_CHECKING:
    import c2pa

CARRIERS: Final = frozenset(
    (
        *("image/jpeg", "image/png", "image/webp", "image/tiff", "image/gif", "image/avif"),
        *("image/heic", "image/heif", "video/mp4", "video/quicktime", "video/x-m4v"),
        *("video/x-msvideo", "video/avi", "audio/mp4", "audio/wav", "audio/x-wav", "audio/wave"),
        *("audio/vnd.wave", "audio/mpeg", "audio/flac"),
    )
)
"""Media types that can carry a manifest; each is signed, read and tampered with in the tests."""


def can_carry(media_type: str) -> bool:
    """Whether files of this type can hold a manifest; the others need a sidecar, see `sign_sidecar`."""
    return media_type.strip().lower() in CARRIERS


def sign(
    source: BinaryIO, destination: BinaryIO, media_type: str, making: Making, keys: KeyStore
) -> None:
    """Copy a media file with a signed manifest put into it.

    Args:
        source: the finished file, readable and seekable; read from its start.
        destination: writable, readable and seekable ("w+b"), empty; written from its start.
        media_type: of `source`, see `can_carry`.
        making: what the manifest tells.
        keys: who signs.

    Raises:
        OutputError: the type cannot carry a manifest, the source is no such file, or the destination cannot be written.
        KeyStoreError: the keys cannot sign (expired, damaged, open to others).
    """
    if not can_carry(media_type):
        raise OutputError(
            f"{media_type}: cannot carry content credentials; write them to a sidecar (name.ext.c2pa), "
            f"or use one of {', '.join(sorted(CARRIERS))}"
        )
    _sign(source, destination, media_type, (making, keys), embed=True)


def sign_sidecar(source: BinaryIO, media_type: str, making: Making, keys: KeyStore) -> bytes:
    """The signed manifest for a file that cannot carry one, to be kept beside it as name.ext.c2pa.

    Args:
        source: the finished file, readable and seekable; any type.
        media_type: such as video/x-matroska.
        making: what the manifest tells.
        keys: who signs.

    Raises:
        OutputError: the manifest cannot be made.
        KeyStoreError: the keys cannot sign.
    """
    with tempfile.TemporaryFile() as copy:  # the library insists on writing the file again
        return _sign(source, copy, media_type, (making, keys), embed=False)


def _sign(
    source: BinaryIO,
    destination: Any,
    media_type: str,
    told_by: tuple[Making, KeyStore],
    embed: bool,
) -> bytes:
    import c2pa

    making, keys = told_by
    ids = [keys.consent_id(consent) for consent in making.consents]
    manifest = manifest_of(making, ids, likeness.__version__)
    source.seek(0)
    with (
        c2pa_errors(f"content credentials of a {media_type} file", OutputError),
        c2pa_context() as context,
        c2pa.Builder(manifest, context=context) as builder,
        _native_signer(keys) as signer,
    ):
        if not embed:
            builder.set_no_embed()
        written: bytes = builder.sign(signer, media_type, source, destination)
    if not written:
        raise OutputError(f"content credentials of a {media_type} file: nothing was signed")
    return written


def _native_signer(keys: KeyStore) -> c2pa.Signer:
    import c2pa

    signer = keys.signer()
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.chain_pem, signer.key_pem, None)
    return c2pa.Signer.from_info(info)
