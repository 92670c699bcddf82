"""Ed25519 signatures (RFC 8032) of people over their consent records, and the keys they are made with.

Keys are PKCS #8 PEM files without a password, public keys and signatures travel as base64.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Final

from likeness.errors import KeyStoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_BYTES, SIGNATURE_BYTES = 32, 64
_MAKE_ONE: Final = "make one with: likeness consent new-key NAME.pem"


def new_key_pem() -> bytes:
    """A new private key as PEM."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from likeness.provenance.certificates import key_pem

    return key_pem(Ed25519PrivateKey.generate())


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file that only its owner can read.

    Raises:
        KeyStoreError: missing, a link, open to others, protected by a password, public, no Ed25519 key or no key at all.
    """
    from likeness.provenance.keys_files import read_guarded

    if not path.exists():
        raise KeyStoreError(f"{path}: no such key; {_MAKE_ONE}")
    return private_key(read_guarded(path, private=True), str(path))


def private_key(pem: bytes, what: str) -> Ed25519PrivateKey:
    """The private key in PEM.

    Args:
        pem: the text.
        what: what to call it in the error.

    Raises:
        KeyStoreError: protected by a password, public, no Ed25519 key or no key at all.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from likeness.provenance.certificates import load_key

    if b"PUBLIC KEY-----" in pem:
        raise KeyStoreError(f"{what}: expected a private key, got a public one")
    key = load_key(pem, what)
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
        raise KeyStoreError(f"{what}: expected an Ed25519 key, got {kind}; {_MAKE_ONE}")
    return key


def public_key_of(key: Ed25519PrivateKey) -> str:
    """Base64 of the public key that belongs to `key`."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def sign(key: Ed25519PrivateKey, data: bytes) -> str:
    """Base64 of the signature of `key` over `data`."""
    return base64.b64encode(key.sign(data)).decode("ascii")


def verifies(public_key: str, signature: str, data: bytes) -> bool:
    """Whether `signature` was made over `data` with the key that belongs to `public_key` (both base64)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key_bytes, signature_bytes = _decoded(public_key), _decoded(signature)
    if len(key_bytes) != KEY_BYTES or len(signature_bytes) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key_bytes).verify(signature_bytes, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_public_key(text: object) -> bool:
    """Whether `text` is base64 of 32 bytes."""
    return len(_decoded(text)) == KEY_BYTES


def is_signature(text: object) -> bool:
    """Whether `text` is base64 of 64 bytes."""
    return len(_decoded(text)) == SIGNATURE_BYTES


def _decoded(text: object) -> bytes:
    """The bytes of strict base64; nothing if it is another text, or one of several spellings of the same bytes."""
    if not isinstance(text, str):
        return b""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return b""
    return data if base64.b64encode(data).decode("ascii") == text else b""
