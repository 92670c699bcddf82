"""Certificates for content credentials: the local chain is issued here, and every chain is checked here.

A chain is root -> intermediate -> leaf with keys on the curve P-256. The root's private key is thrown away as soon as
it has signed the intermediate: it cannot be stolen, and the intermediate is enough to renew a leaf. Names carry no
person and no machine, only a random number that tells two installations apart.

What a leaf must look like: C2PA specification 2.1, section 14.5.1 (X.509 certificates).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from likeness.errors import KeyStoreError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MOST_CERTIFICATES: Final = 16
_CA_DAYS, _LEAF_DAYS = 20 * 365, 5 * 365
_CLOCK_SKEW = timedelta(days=1)
_DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"  # id-kp-documentSigning, RFC 9336


@dataclass(frozen=True)
class Chain:
    """A freshly issued local chain; PEM bytes throughout, private keys as PKCS #8 without a password."""

    root: bytes
    intermediate: bytes
    intermediate_key: bytes = field(repr=False)
    leaf: bytes
    leaf_key: bytes = field(repr=False)


def issue_chain(now: datetime) -> Chain:
    """Make root, intermediate and leaf; `now` (with time zone) is when they start to hold."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = secrets.token_hex(4)
    root_key, between_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root_name = _name(f"Likeness local root {number}")
    between_name = _name(f"Likeness local intermediate {number}")
    root = _authority(root_name, root_key.public_key(), root_name, root_key, (now, 1))
    between = _authority(between_name, between_key.public_key(), root_name, root_key, (now, 0))
    between_pem = _pem(between)
    return Chain(
        root=_pem(root),
        intermediate=between_pem,
        intermediate_key=key_pem(between_key),
        leaf=issue_leaf(leaf_key.public_key(), between_pem, key_pem(between_key), now),
        leaf_key=key_pem(leaf_key),
    )


def issue_leaf(public_key: Any, issuer_pem: bytes, issuer_key_pem: bytes, now: datetime) -> bytes:
    """A leaf for `public_key` that may sign claims for five years, or as long as its issuer lasts. PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer = x509.load_pem_x509_certificate(issuer_pem)
    issuer_key = load_key(issuer_key_pem, "key of the intermediate")
    number = common_name(issuer).rsplit(" ", 1)[-1]
    ends = min(now + timedelta(days=_LEAF_DAYS), issuer.not_valid_after_utc)
    builder = _builder(_name(f"Likeness local signer {number}"), issuer.subject, public_key)
    builder = builder.not_valid_before(now - _CLOCK_SKEW).not_valid_after(ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(_usage(digital_signature=True), True)
    purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier(_DOCUMENT_SIGNING)]
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    builder = _identified(builder, public_key, issuer_key.public_key())
    return _pem(builder.sign(issuer_key, hashes.SHA256()))


def load_certificates(pem: bytes, what: str) -> list[Certificate]:
    """All certificates of a PEM text.

    Raises:
        KeyStoreError: none in it, more than `MOST_CERTIFICATES`, or not readable.
    """
    from cryptography import x509

    if pem.count(b"-----BEGIN CERTIFICATE-----") > MOST_CERTIFICATES:
        raise KeyStoreError(f"{what}: expected at most {MOST_CERTIFICATES} certificates, got more")
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise KeyStoreError(
            f"{what}: expected certificates in PEM form, got: {_line(error)}"
        ) from None


def load_key(pem: bytes, what: str) -> Any:
    """A private key from PEM (PKCS #8, SEC 1 or PKCS #1) without a password.

    Raises:
        KeyStoreError: damaged, of an unknown kind, or protected by a password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyStoreError(f"{what}: is protected by a password; store it without one") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyStoreError(
            f"{what}: expected a private key in PEM form, got: {_line(error)}"
        ) from None


def key_pem(key: Any) -> bytes:
    """A private key as PKCS #8 PEM without a password."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def check_fits(certificate: Certificate, key: Any, what: str) -> None:
    """Raise `KeyStoreError` unless the certificate is for the private key."""
    if certificate.public_key() != key.public_key():
        raise KeyStoreError(f"{what}: its private key does not fit the certificate")


def check_issued(certificate: Certificate, issuer: Certificate, what: str) -> None:
    """Raise `KeyStoreError` unless `issuer` signed `certificate`."""
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise KeyStoreError(
            f"{what}: was not issued by the next certificate of its chain "
            f"({issuer.subject.rfc4514_string()!r})"
        ) from None


def check_valid_at(certificate: Certificate, now: datetime, what: str) -> None:
    """Raise `KeyStoreError` if the certificate does not hold at `now`."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now <= ends:
        raise KeyStoreError(
            f"{what}: holds from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, today is {now:%Y-%m-%d}"
        )


def signing_algorithm(key: Any, what: str) -> str:
    """What C2PA calls the algorithm of a private key: es256, es384, es512, ps256 or ed25519.

    Raises:
        KeyStoreError: a kind or size of key that C2PA does not allow.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        known = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
        if key.curve.name in known:
            return known[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise KeyStoreError(
        f"{what}: expected a key for ES256, ES384, ES512, PS256 (2048 bits or more) or Ed25519, "
        f"got {type(key).__name__.strip('_')}"
    )


def check_may_sign(certificate: Certificate, what: str) -> None:
    """Raise `KeyStoreError` naming what a leaf certificate lacks for signing C2PA claims."""
    from cryptography import x509

    def extension(kind: Any) -> Any:
        try:
            return certificate.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    usage, purposes = extension(x509.KeyUsage), extension(x509.ExtendedKeyUsage)
    constraints = extension(x509.BasicConstraints)
    lacks = []
    if constraints is not None and constraints.ca:
        lacks.append("must not be a certificate authority")
    if usage is None or not usage.digital_signature:
        lacks.append("needs the key usage digitalSignature")
    if purposes is None or not list(purposes):
        lacks.append("needs an extended key usage (emailProtection or documentSigning)")
    if extension(x509.AuthorityKeyIdentifier) is None:
        lacks.append("needs an authority key identifier")
    if lacks:
        raise KeyStoreError(f"{what}: {'; '.join(lacks)}")


def is_authority(certificate: Certificate) -> bool:
    """Whether the certificate may issue others."""
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False


def fingerprint(certificate: Certificate) -> str:
    """SHA-256 of the certificate, 64 hex digits."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: Certificate) -> str:
    """Common name of the subject, or all of the subject where it has none."""
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def to_pem(certificate: Certificate) -> bytes:
    """The certificate as PEM."""
    return _pem(certificate)


def _authority(
    subject: Any, public_key: Any, issuer: Any, issuer_key: Any, lasts: tuple[datetime, int]
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now, below = lasts
    builder = _builder(subject, issuer, public_key)
    builder = builder.not_valid_before(now - _CLOCK_SKEW)
    builder = builder.not_valid_after(now + timedelta(days=_CA_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=below), True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), True)
    return _identified(builder, public_key, issuer_key.public_key()).sign(
        issuer_key, hashes.SHA256()
    )


def _builder(subject: Any, issuer: Any, public_key: Any) -> Any:
    from cryptography import x509

    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    return builder.public_key(public_key).serial_number(x509.random_serial_number())


def _identified(builder: Any, public_key: Any, issuer_public_key: Any) -> Any:
    from cryptography import x509

    own = x509.SubjectKeyIdentifier.from_public_key(public_key)
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public_key)
    return builder.add_extension(own, False).add_extension(theirs, False)


def _usage(**allowed: bool) -> Any:
    from cryptography import x509

    every = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in every})


def _name(common_name: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Likeness (local, self-issued)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
