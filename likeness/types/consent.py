"""Consent: who may be generated, why, what for and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Basis = Literal[
    "own_likeness", "written_consent", "dataset_terms", "public_domain", "synthetic_person"
]
Purpose = Literal["research", "education", "journalism", "art", "production"]


@dataclass(frozen=True)
class Reference:
    """A picture of the person of a consent record: its file name beside the record, and its hash."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Consent:
    """That a person agreed to, or terms allow, the generation of their likeness: record-keeping, no proof of identity.

    Attributes:
        subject: who, in words that the record's keeper understands; never written into an output.
        basis: why it is allowed.
        purpose: what for; a job with another purpose is refused.
        expires: last day on which it holds.
        document_sha256: hash of the signed letter or of the terms; of the picture itself for a synthetic person.
        adult: attests that the person is of age; False is refused.
        no_sexual_use: attests that sexual use is excluded; False is refused.
        references: pictures of the person; faces that are generated over must match one.
        subject_key: the person's Ed25519 public key, base64; empty where the record is not signed by them.
        signature: Ed25519 signature, base64: over a synthetic person's record by the toolkit's own key.
    """

    subject: str
    basis: Basis
    purpose: Purpose
    expires: date
    document_sha256: str
    adult: bool
    no_sexual_use: bool
    references: tuple[Reference, ...] = ()
    subject_key: str = ""
    signature: str = ""
