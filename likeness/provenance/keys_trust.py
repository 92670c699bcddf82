"""The certificates that a user trusts when credentials are read: one PEM file each, named by its fingerprint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from likeness.errors import KeyStoreError, UsageError
from likeness.provenance import certificates, keys_files

MOST_TRUSTED: Final = 256


@dataclass(frozen=True)
class Anchor:
    """A certificate that is trusted when credentials are read.

    Attributes:
        fingerprint: SHA-256 of the certificate, 64 hex digits.
        name: its subject.
        expires: last moment at which it holds.
        origin: "local" (our own root), "own chain" (top of the chain that the user signs with) or "added".
    """

    fingerprint: str
    name: str
    expires: datetime
    origin: str


def describe(pem: bytes, origin: str) -> Anchor:
    """What is shown about a trusted certificate."""
    found = certificates.load_certificates(pem, "a trusted certificate")[0]
    name = found.subject.rfc4514_string()
    return Anchor(certificates.fingerprint(found), name, found.not_valid_after_utc, origin)


def added(folder: Path) -> dict[str, bytes]:
    """Fingerprint -> PEM of what the user added; a file whose name is not its fingerprint is refused.

    Raises:
        KeyStoreError: a file that is damaged, swapped or open to others, or too many of them.
    """
    if not folder.exists():
        return {}
    keys_files.check_folder(folder)
    names = sorted(p.name for p in folder.iterdir() if re.fullmatch(r"[0-9a-f]{64}\.pem", p.name))
    if len(names) > MOST_TRUSTED:
        raise KeyStoreError(f"{folder}: expected at most {MOST_TRUSTED} certificates")
    out = {}
    for name in names:
        pem = keys_files.read_guarded(folder / name, private=True)
        found = certificates.load_certificates(pem, str(folder / name))
        if len(found) != 1 or certificates.fingerprint(found[0]) + ".pem" != name:
            raise KeyStoreError(f"{folder / name}: its name is not its fingerprint; remove it")
        out[name.removesuffix(".pem")] = pem
    return out


def add(folder: Path, pem_path: Path) -> tuple[str, ...]:
    """Store the authorities of a PEM file; returns their fingerprints.

    Raises:
        KeyStoreError: unreadable, no certificate, one that may not issue others, or too many.
    """
    found = certificates.load_certificates(keys_files.read_given(pem_path), str(pem_path))
    for certificate in found:
        if not certificates.is_authority(certificate):
            raise KeyStoreError(
                f"{pem_path}: {certificate.subject.rfc4514_string()!r} may not issue "
                f"certificates; expected a root or an intermediate"
            )
    fingerprints = tuple(certificates.fingerprint(c) for c in found)
    if len({*added(folder), *fingerprints}) > MOST_TRUSTED:
        raise KeyStoreError(f"{folder}: at most {MOST_TRUSTED} certificates can be trusted")
    folder.mkdir(mode=keys_files.PRIVATE_FOLDER, exist_ok=True)
    for name, certificate in zip(fingerprints, found, strict=True):
        keys_files.write_whole(folder / f"{name}.pem", certificates.to_pem(certificate), True)
    return fingerprints


def remove(folder: Path, start: str) -> str:
    """Remove the one certificate whose fingerprint starts with `start`; returns the whole fingerprint.

    Raises:
        UsageError: none or several start like that.
    """
    wanted = start.replace(":", "").strip().lower()
    hits = [name for name in added(folder) if wanted and name.startswith(wanted)]
    if len(hits) != 1:
        raise UsageError(
            f"trust remove: expected the start of one added fingerprint (likeness keys trust list), "
            f"got {start!r}, which fits {len(hits)}"
        )
    (folder / f"{hits[0]}.pem").unlink(missing_ok=True)
    return hits[0]
