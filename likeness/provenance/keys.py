"""The key store: what this installation signs with, and whom it trusts.

A folder that only its owner can enter holds a certificate chain for content credentials, an Ed25519 key that signs the
records of synthetic people, the salt of consent ids, and the certificates that are trusted when credentials are read.
It is made whole or not at all, and checked whenever it is opened.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from likeness.errors import KeyStoreError
from likeness.provenance import certificates, keys_files, keys_own, keys_trust
from likeness.provenance.keys_trust import Anchor
from likeness.types import Consent

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509 import Certificate

FORMAT: Final = 1
SALT_BYTES: Final = 32
_MARKER, _SALT, _MAKER = "store.json", "salt", "maker.key"
_ROOT, _BETWEEN, _BETWEEN_KEY = "root.pem", "intermediate.pem", "intermediate.key"
_LEAF, _LEAF_KEY = "leaf.pem", "leaf.key"
_TRUST = "trust"


@dataclass(frozen=True)
class Signer:
    """What content credentials are signed with.

    Attributes:
        chain_pem: the leaf certificate, then those above it, without the root.
        key_pem: private key of the leaf, PKCS #8; never shown.
        algorithm: es256, es384, es512, ps256 or ed25519.
        name: common name of the leaf.
        expires: last moment at which the leaf holds.
        own: whether the user brought it.
    """

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    algorithm: str
    name: str
    expires: datetime
    own: bool


class KeyStore:
    """The keys in one folder. Opening reads and checks all of them.

    Args:
        folder: made by `KeyStore.create`.
        now: the moment that counts for expiry; the clock's by default.

    Raises:
        KeyStoreError: missing, foreign, truncated, readable by others, linked elsewhere, or parts that do not fit.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.folder = folder
        self._now = now
        keys_files.check_folder(folder)
        self._check_marker()
        self._salt = self._read(_SALT)
        if len(self._salt) != SALT_BYTES:
            raise KeyStoreError(
                f"{folder / _SALT}: expected {SALT_BYTES} bytes, got {len(self._salt)}"
            )
        self._maker = self._load_maker()
        self._check_chain()

    @classmethod
    def create(cls, folder: Path, now: datetime | None = None) -> KeyStore:
        """Make a new store and open it; two makers at once both end up with the store of the first.

        Raises:
            KeyStoreError: something else is in the folder.
            OutputError: it cannot be written.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        moment = now or datetime.now(UTC)
        chain = certificates.issue_chain(moment)
        marker = {"format": FORMAT, "kind": "likeness key store", "made": moment.isoformat()}
        keys_files.create_folder(
            folder,
            {
                _MARKER: json.dumps(marker).encode(),
                _SALT: secrets.token_bytes(SALT_BYTES),
                _MAKER: certificates.key_pem(Ed25519PrivateKey.generate()),
                _ROOT: chain.root,
                _BETWEEN: chain.intermediate,
                _BETWEEN_KEY: chain.intermediate_key,
                _LEAF: chain.leaf,
                _LEAF_KEY: chain.leaf_key,
            },
        )
        return cls(folder, now)

    def exists(self) -> bool:
        """Whether the store is still there."""
        return store_exists(self.folder)

    def signer(self) -> Signer:
        """The user's own chain if there is one, otherwise the local one; a local leaf that expired is renewed.

        Raises:
            KeyStoreError: the user's own certificate has expired, or its files were damaged.
        """
        own = keys_own.read(self.folder)
        if own is not None:
            certificates.check_valid_at(own.chain[0], self._moment(), "your own certificate")
            return Signer(
                chain_pem=own.chain_pem(),
                key_pem=own.key_pem,
                algorithm=own.algorithm,
                name=certificates.common_name(own.chain[0]),
                expires=own.chain[0].not_valid_after_utc,
                own=True,
            )
        pem = self._read(_LEAF)
        leaf = certificates.load_certificates(pem, str(self.folder / _LEAF))[0]
        if not leaf.not_valid_before_utc <= self._moment() < leaf.not_valid_after_utc:
            pem = self._renew(leaf)
            leaf = certificates.load_certificates(pem, str(self.folder / _LEAF))[0]
        return Signer(
            chain_pem=pem + self._read(_BETWEEN),
            key_pem=self._read(_LEAF_KEY),
            algorithm="es256",
            name=certificates.common_name(leaf),
            expires=leaf.not_valid_after_utc,
            own=False,
        )

    def use(self, chain_pem: bytes, key_pem: bytes) -> Signer:
        """Sign with the user's own certificate from now on.

        Args:
            chain_pem: leaf first, then those above it; the root may be there or not.
            key_pem: private key of the leaf, without a password.

        Raises:
            KeyStoreError: key and certificate do not fit, it has expired, or C2PA does not allow its kind.
        """
        parts = keys_own.check_parts(chain_pem, key_pem, self._moment())
        keys_files.write_whole(self.folder / keys_own.FILE, parts.text(), private=True)
        return self.signer()

    def use_local(self) -> None:
        """Sign with the local chain again; the user's own is removed from the store."""
        (self.folder / keys_own.FILE).unlink(missing_ok=True)

    def trust_anchors_pem(self) -> str:
        """Everything that is trusted when credentials are read, as one PEM text."""
        return "".join(pem.decode("ascii") for pem, _ in self._anchors())

    def anchors(self) -> tuple[Anchor, ...]:
        """Everything that is trusted when credentials are read, our own root first."""
        return tuple(keys_trust.describe(pem, origin) for pem, origin in self._anchors())

    def add_trust(self, pem_path: Path) -> tuple[str, ...]:
        """Trust the authorities in a PEM file from now on; returns their fingerprints.

        Raises:
            KeyStoreError: unreadable, no certificate, or one that may not issue others.
        """
        return keys_trust.add(self.folder / _TRUST, pem_path)

    def remove_trust(self, fingerprint: str) -> str:
        """Trust an added certificate no longer; the first digits of its fingerprint are enough. Returns all of it.

        Raises:
            UsageError: no added certificate, or several, start like that.
        """
        return keys_trust.remove(self.folder / _TRUST, fingerprint)

    def maker_sign(self, data: bytes) -> bytes:
        """Ed25519 signature, 64 bytes, of this installation over `data`."""
        signature: bytes = self._maker.sign(data)
        return signature

    def maker_public_key(self) -> bytes:
        """Ed25519 public key, 32 bytes, that checks `maker_sign`."""
        key: bytes = self._maker.public_key().public_bytes_raw()
        return key

    def consent_id(self, consent: Consent) -> str:
        """16 hex digits that stand for the record's subject: the same person gets the same number in this store.

        Salted HMAC-SHA256 (RFC 2104) of the name: without the salt nobody can try names until one fits.
        """
        name = " ".join(unicodedata.normalize("NFKC", consent.subject).casefold().split())
        return hmac.new(self._salt, name.encode(), hashlib.sha256).hexdigest()[:16]

    def _anchors(self) -> list[tuple[bytes, str]]:
        found = [(self._read(_ROOT), "local")]
        own = keys_own.read(self.folder)
        if own is not None:  # whoever signs with a chain trusts it
            found.append((certificates.to_pem(own.chain[-1]), "own chain"))
        return found + [(pem, "added") for pem in keys_trust.added(self.folder / _TRUST).values()]

    def _moment(self) -> datetime:
        return self._now or datetime.now(UTC)

    def _read(self, name: str) -> bytes:
        return keys_files.read_guarded(self.folder / name, private=True)

    def _check_marker(self) -> None:
        path = self.folder / _MARKER
        try:
            marker = json.loads(self._read(_MARKER))
            kind, version = marker["kind"], marker["format"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise KeyStoreError(
                f"{path}: expected the marker of a key store, got something else"
            ) from None
        if kind != "likeness key store" or version != FORMAT:
            raise KeyStoreError(f"{path}: expected format {FORMAT}, got {kind!r} {version!r}")

    def _load_maker(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = certificates.load_key(self._read(_MAKER), str(self.folder / _MAKER))
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyStoreError(f"{self.folder / _MAKER}: expected an Ed25519 key")
        return key

    def _check_chain(self) -> None:
        found = {}
        for name in (_ROOT, _BETWEEN, _LEAF):
            found[name] = certificates.load_certificates(self._read(name), str(self.folder / name))[
                0
            ]
        for name, key_name in ((_BETWEEN, _BETWEEN_KEY), (_LEAF, _LEAF_KEY)):
            path = str(self.folder / key_name)
            certificates.check_fits(
                found[name], certificates.load_key(self._read(key_name), path), path
            )
        certificates.check_issued(found[_LEAF], found[_BETWEEN], str(self.folder / _LEAF))
        certificates.check_issued(found[_BETWEEN], found[_ROOT], str(self.folder / _BETWEEN))

    def _renew(self, leaf: Certificate) -> bytes:
        """A new certificate for the same leaf key: one file changes, so a kill leaves a store that fits."""
        between = certificates.load_certificates(self._read(_BETWEEN), "intermediate")[0]
        certificates.check_valid_at(between, self._moment(), str(self.folder / _BETWEEN))
        pem = certificates.issue_leaf(
            leaf.public_key(),
            self._read(_BETWEEN),
            self._read(_BETWEEN_KEY),
            self._moment(),
        )
        keys_files.write_whole(self.folder / _LEAF, pem, private=True)
        return pem


def store_exists(folder: Path) -> bool:
    """Whether a key store is in `folder`; it may still be damaged."""
    return (folder / _MARKER).exists()


def open_or_create(folder: Path, now: datetime | None = None) -> KeyStore:
    """The key store in `folder`; made on first use.

    Raises:
        KeyStoreError: something else is in the folder, or the store is damaged or open to others.
        OutputError: it cannot be written.
    """
    return KeyStore(folder, now) if store_exists(folder) else KeyStore.create(folder, now)
