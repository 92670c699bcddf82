"""Signed reports: one line at the end of a JSON or HTML report says who wrote these very bytes.

The signature is made with the key that also signs content credentials, so that whoever trusts a colleague's root
certificate (`likeness keys trust add`) can check that colleague's reports. It covers every byte of the file but its own
digits: the certificate chain and the time that stand beside them are covered too. Rewriting a JSON report with the same
content in another layout therefore counts as altering it.

    {"schema": ..., "signature": "likeness-signature-1 signed=TIME chain=LEAF.ISSUER value=DIGITS"}
    <!doctype html> ... <!-- likeness-signature-1 signed=TIME chain=LEAF.ISSUER value=DIGITS -->

The time is what the signer's clock said; no authority vouches for it.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from likeness.errors import DataError, KeyStoreError
from likeness.provenance import certificates

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from likeness.provenance.keys import KeyStore

MARK: Final = b"likeness-signature-1 "
MOST_BYTES: Final = 256 << 20
_LINE: Final = (
    rb"likeness-signature-1 signed=(?P<signed>[0-9T:+.-]{19,40}) "
    rb"chain=(?P<chain>[A-Za-z0-9+/=.]{1,65536}) value=(?P<value>[0-9a-f]{64,2048})"
)
_JSON_END: Final = re.compile(rb',\n "signature": "' + _LINE + rb'"\n\}\n\Z')
_HTML_END: Final = re.compile(rb"<!-- " + _LINE + rb" -->\n\Z")
_PURPOSE: Final = b"likeness report signature 1\n"
State = Literal["untouched", "altered", "unknown_key", "unsigned"]


@dataclass(frozen=True)
class ReportCheck:
    """What a signature says.

    Attributes:
        state: `untouched` (signed by a trusted key, not a bit has changed since), `altered` (the signature does not fit
            the bytes), `unknown_key` (not a bit has changed, but nobody here trusts the signer) or `unsigned`.
        signer: name on the certificate; empty where it cannot be believed.
        signed: when, by the signer's clock; None where it cannot be believed.
        sentence: the same for people.
    """

    state: State
    signer: str = ""
    signed: datetime | None = None
    sentence: str = ""


def sign_report(report: bytes, keys: KeyStore, now: datetime | None = None) -> bytes:
    """The report with its signature line.

    Args:
        report: a JSON or HTML report as `likeness.report` writes it, without a signature.
        keys: whose key signs.
        now: time of signing, with time zone; the clock's by default.

    Raises:
        DataError: no report, signed already, or too large.
        KeyStoreError: the key cannot be used.
    """
    if len(report) > MOST_BYTES:
        raise DataError(f"report: expected at most {MOST_BYTES} bytes, got {len(report)}")
    if _end_of(report) is not None:
        raise DataError("report: expected one without a signature, got one that is signed")
    signer = keys.signer()
    chain = certificates.load_certificates(signer.chain_pem, "the signing chain")
    packed = ".".join(base64.b64encode(_der(c)).decode("ascii") for c in chain)
    moment = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    line = MARK + f"signed={moment} chain={packed} value=".encode("ascii")
    if _is_json(report):
        before, after = report.rstrip()[:-1].rstrip() + b',\n "signature": "' + line, b'"\n}\n'
    elif report[:15].lower() == b"<!doctype html>":
        before, after = report.rstrip() + b"\n<!-- " + line, b" -->\n"
    else:
        raise DataError("report: expected a JSON object or an HTML document, got something else")
    key = certificates.load_key(signer.key_pem, "the signing key")
    value = _signed(key, _covered(before, after))
    return before + value.hex().encode("ascii") + after


def check_report(report: bytes, keys: KeyStore | None) -> ReportCheck:
    """Whether a report is as its signer left it.

    Args:
        report: the bytes of the file.
        keys: whom to trust; None = nobody.

    Returns:
        The outcome; a report that was tampered with is an outcome, not an error.

    Raises:
        DataError: far too large to be a report.
    """
    if len(report) > MOST_BYTES:
        raise DataError(f"report: expected at most {MOST_BYTES} bytes, got {len(report)}")
    found = _end_of(report)
    if found is None:
        if MARK.strip() in report:
            return ReportCheck("altered", sentence="The signature line is damaged or out of place.")
        return ReportCheck("unsigned", sentence="This report carries no signature.")
    altered = ReportCheck("altered", sentence="The report was altered after it was signed.")
    try:
        signed = datetime.fromisoformat(found["signed"].decode("ascii"))
        chain = _chain(found["chain"])
    except (ValueError, KeyStoreError):
        return altered
    covered = _covered(report[: found.start("value")], report[found.end("value") :])
    if signed.tzinfo is None or not _fits(
        chain[0], bytes.fromhex(found["value"].decode()), covered
    ):
        return altered
    name = _shown(chain[0])
    if keys is None or not _trusted(chain, keys, signed):
        sentence = f"Not a bit has changed since it was signed, but nobody here trusts the signer, who says: {name}."
        return ReportCheck("unknown_key", name, signed, sentence)
    when = f"{signed.astimezone(UTC):%Y-%m-%d %H:%M} UTC by the signer's clock"
    return ReportCheck("untouched", name, signed, f"Untouched since {name} signed it ({when}).")


def _end_of(report: bytes) -> re.Match[bytes] | None:
    """The signature line, which stands at the very end; what a file is called may look like one elsewhere."""
    return _JSON_END.search(report) or _HTML_END.search(report)


def _shown(certificate: Certificate) -> str:
    """The name that the certificate gives, safe to print; anybody can issue one with any name."""
    try:
        name = certificates.common_name(certificate)
    except ValueError:
        name = ""
    return "".join(c for c in name if c.isprintable())[:120] or "a signer without a name"


def _covered(before: bytes, after: bytes) -> bytes:
    """All bytes but the digits; the lengths keep what stands before them apart from what stands after."""
    return _PURPOSE + f"{len(before)} {len(after)}\n".encode("ascii") + before + after


def _is_json(report: bytes) -> bool:
    if not report.lstrip().startswith(b"{"):
        return False
    try:
        return bool(json.loads(report))
    except (ValueError, RecursionError):
        return False


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _chain(packed: bytes) -> list[Certificate]:
    """Certificates of the line, leaf first; ValueError if they are none."""
    from cryptography import x509

    parts = packed.split(b".")
    if len(parts) > certificates.MOST_CERTIFICATES:
        raise ValueError("too many certificates")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(p, validate=True)) for p in parts]
    except Exception as error:  # a parser on hostile bytes; its exceptions share no base
        raise ValueError("no certificates") from error


def _signed(key: Any, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(_hash_of(key.curve.name)))
    signature: bytes = key.sign(data, *_pss())
    return signature


def _fits(certificate: Certificate, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        key = certificate.public_key()
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_hash_of(key.curve.name)))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            key.verify(signature, data, *_pss())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _hash_of(curve: str) -> Any:
    from cryptography.hazmat.primitives import hashes

    return {"secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}.get(curve, hashes.SHA256())


def _pss() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    mask = padding.MGF1(hashes.SHA256())
    return padding.PSS(mask, padding.PSS.DIGEST_LENGTH), hashes.SHA256()


def _trusted(chain: list[Certificate], keys: KeyStore, signed: datetime) -> bool:
    """Whether each certificate was issued by the next and one of them by (or is) a trusted one, all valid at signing."""
    anchors = _anchors(keys)
    fingerprints = {certificates.fingerprint(a) for a in anchors}
    try:
        certificates.check_may_sign(chain[0], "the signer's certificate")
        for place, certificate in enumerate(chain):
            certificates.check_valid_at(certificate, signed, "a certificate of the signer")
            if place and certificates.fingerprint(certificate) in fingerprints:
                return True
            if any(_issued(certificate, anchor, signed) for anchor in anchors):
                return True
            if place + 1 < len(chain):
                certificates.check_issued(certificate, chain[place + 1], "the signer's chain")
                if not certificates.is_authority(chain[place + 1]):
                    return False
    except (KeyStoreError, ValueError):  # damaged extensions are a ValueError
        return False
    return False


def _anchors(keys: KeyStore) -> list[Certificate]:
    end = "-----END CERTIFICATE-----"
    pems = (pem + end for pem in keys.trust_anchors_pem().split(end)[:-1])
    return [
        certificates.load_certificates(p.encode("ascii"), "a trusted certificate")[0] for p in pems
    ]


def _issued(certificate: Certificate, anchor: Certificate, signed: datetime) -> bool:
    try:
        certificates.check_issued(certificate, anchor, "a certificate of the signer")
        certificates.check_valid_at(anchor, signed, "a trusted certificate")
    except KeyStoreError:
        return False
    return certificates.is_authority(anchor)
