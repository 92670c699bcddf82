"""A certificate that the user brought: chain and private key in one file, so that they can never be of two minds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from likeness.errors import KeyStoreError
from likeness.provenance import certificates, keys_files

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

FILE: Final = "own.pem"
_KEY_STARTS = b"-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True)
class OwnChain:
    """The user's chain, leaf first, and the leaf's private key as PKCS #8 PEM."""

    chain: tuple[Certificate, ...]
    key_pem: bytes = field(repr=False)
    algorithm: str

    def chain_pem(self) -> bytes:
        """What travels in a manifest: everything but a self-signed root (C2PA specification 2.1, section 14.6)."""
        rooted = len(self.chain) > 1 and self.chain[-1].subject == self.chain[-1].issuer
        kept = self.chain[:-1] if rooted else self.chain
        return b"".join(certificates.to_pem(certificate) for certificate in kept)

    def text(self) -> bytes:
        """The file of the store."""
        return b"".join(certificates.to_pem(c) for c in self.chain) + self.key_pem


def check_parts(chain_pem: bytes, key_pem: bytes, now: datetime) -> OwnChain:
    """Check what a user brings before it is stored.

    Raises:
        KeyStoreError: damaged, not fitting, expired, or of a kind that C2PA does not allow.
    """
    chain = certificates.load_certificates(chain_pem, "the chain")
    key = certificates.load_key(key_pem, "the private key")
    algorithm = certificates.signing_algorithm(key, "the private key")
    certificates.check_fits(chain[0], key, "the first certificate of the chain")
    certificates.check_may_sign(chain[0], "the first certificate of the chain")
    for number, (lower, upper) in enumerate(itertools.pairwise(chain), 1):
        certificates.check_issued(lower, upper, f"certificate {number} of the chain")
    for number, certificate in enumerate(chain, 1):
        certificates.check_valid_at(certificate, now, f"certificate {number} of the chain")
    if len(chain) == 1:
        raise KeyStoreError(
            "the chain: expected the signing certificate and the one that issued it, got one alone; "
            "C2PA does not accept a certificate without its issuer"
        )
    return OwnChain(tuple(chain), certificates.key_pem(key), algorithm)


def read(folder: Path) -> OwnChain | None:
    """The chain in a store, or None if the user brought none.

    Raises:
        KeyStoreError: its file is damaged or open to others.
    """
    path = folder / FILE
    if not path.exists() and not path.is_symlink():
        return None
    text = keys_files.read_guarded(path, private=True)
    place = text.find(_KEY_STARTS)
    if place < 0:
        raise KeyStoreError(f"{path}: holds no private key; give it again: likeness keys use")
    chain = certificates.load_certificates(text[:place], str(path))
    key = certificates.load_key(text[place:], str(path))
    certificates.check_fits(chain[0], key, str(path))
    return OwnChain(tuple(chain), text[place:], certificates.signing_algorithm(key, str(path)))
