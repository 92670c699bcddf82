"""Making and examining consent records: where the record meets its pictures and the faces in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from likeness import faces, media
from likeness.errors import ConsentError, MediaError, OutputError
from likeness.provenance.consent import (
    ConsentRecord,
    Permission,
    check_purpose,
    read_consent,
    require_consent,
    sign_synthetic,
    write_consent,
)
from likeness.provenance.consent_fields import check_form
from likeness.provenance.consent_files import (
    MOST_REFERENCE_BYTES,
    hash_document,
    read_plain,
    read_reference,
    store_reference,
)
from likeness.types import Basis, Consent, FloatArray, ImageArray, Purpose, Reference

WARN_DAYS = 30
LEAST_EYE_DISTANCE_PX = 24.0
"""Faces with less between their eyes are refused as references; the clips of the comparison have 45 px and more."""
REFERENCE_LIMITS = media.Limits(file_bytes=MOST_REFERENCE_BYTES)


@dataclass(frozen=True)
class NewRecord:
    """What `consent new` is asked to write down.

    Attributes:
        out: the file to make.
        subject: who, in words that the keeper understands.
        basis: why it is allowed.
        purpose: what for.
        expires: last day.
        document: the signed letter or the terms; only its hash is kept.
        references: pictures of the person.
        attested: that the person is of age and that sexual use is excluded.
    """

    out: Path
    subject: str
    basis: Basis
    purpose: Purpose
    expires: date
    document: Path
    references: tuple[Path, ...] = ()
    attested: bool = True


@dataclass(frozen=True)
class ReferenceFace:
    """The one face of a reference picture.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32.
    """

    image: ImageArray
    landmarks_px: FloatArray


@dataclass(frozen=True)
class ExaminedRecord:
    """A record that holds today.

    Attributes:
        record: the record.
        permission: what it allows.
        days_left: days until its last one; 0 on that day.
    """

    record: ConsentRecord
    permission: Permission
    days_left: int

    @property
    def expires_soon(self) -> bool:
        """Whether it is time to ask again."""
        return self.days_left <= WARN_DAYS


def new_record(request: NewRecord, models: faces.FaceModels | None = None) -> ConsentRecord:
    """Make a record, with its reference pictures beside it.

    Without a reference, a record that needs one is written all the same: it allows nothing until one is added.

    Args:
        request: what to write down.
        models: loaded face networks.

    Raises:
        ConsentError: a field is wrong, the document is missing, or a picture shows not exactly one face.
        MediaError: a reference is no readable picture.
        OutputError: the record is there already, or cannot be written. Nothing is left behind.
    """
    if request.basis == "synthetic_person":
        raise ConsentError(
            "basis: a synthetic person's record is made and signed together with the picture, by the generator; "
            "it cannot be made by hand"
        )
    if not request.attested:
        raise ConsentError(
            "adult, no_sexual_use: a record must attest both; without them nobody is generated"
        )
    out, folder = request.out, request.out.parent
    consent = check_form(
        Consent(
            subject=request.subject,
            basis=request.basis,
            purpose=request.purpose,
            expires=request.expires,
            document_sha256=hash_document(request.document, f"{out.name}: document_sha256"),
            adult=request.attested,
            no_sexual_use=request.attested,
        ),
        out.name,
    )
    check_purpose(consent, out.name)
    if out.exists() or out.is_symlink():
        raise OutputError(f"cannot write {out}: it is there already and is not overwritten")
    pictures = [_checked_picture(p, out.name, models) for p in request.references]
    _store(pictures, folder, lambda found: write_consent(replace(consent, references=found), out))
    return read_consent(out)


def add_reference(
    path: Path, picture: Path, models: faces.FaceModels | None = None
) -> ConsentRecord:
    """Add a picture of the person to a record.

    Args:
        path: the record; one that its subject has signed stays as it was signed.
        picture: shows exactly one face; copied beside the record unless it lies there.
        models: loaded face networks.

    Raises:
        ConsentError: the record is wrong, signed or full, or the picture does not show exactly one face.
        MediaError: the picture cannot be read.
        OutputError: the record cannot be written. Nothing is left behind.
    """
    record = read_consent(path)
    if record.signed_by != "nobody" or record.consent.signature:
        raise ConsentError(
            f"{path.name}: references: the record is signed, and a new picture would break the signature; "
            f"make a new record with the picture and have it signed"
        )
    pictures = [_checked_picture(picture, path.name, models)]
    before = record.consent.references

    def write(found: tuple[Reference, ...]) -> None:
        if found[0].sha256 in {r.sha256 for r in before}:
            raise ConsentError(f"{path.name}: references: has this picture already")
        write_consent(replace(record.consent, references=before + found), path, replace=True)

    _store(pictures, path.parent, write)
    return read_consent(path)


def examine_record(
    path: Path, today: date, purpose: Purpose | None = None, maker_public_key: bytes | None = None
) -> ExaminedRecord:
    """Everything that can be said about a record without the media it is for.

    Args:
        path: the record.
        today: the day that counts.
        purpose: what it is to be used for; the record's own if it is left out.
        maker_public_key: `KeyStore.maker_public_key()`, for synthetic people.

    Raises:
        ConsentError: it allows nothing; the message names the field.
    """
    record = read_consent(path, maker_public_key)
    wanted = purpose or record.consent.purpose
    permission = require_consent([record.consent], wanted, today, maker_public_key)
    for reference in record.consent.references:
        read_reference(path.parent, reference, record.name)
    return ExaminedRecord(record, permission, (record.consent.expires - today).days)


def synthetic_person(
    picture: Path, purpose: Purpose, expires: date, maker_sign: Callable[[bytes], bytes]
) -> Consent:
    """The record of a person who does not exist: for a generator, right after it wrote the marked picture.

    Args:
        picture: the file that was synthesised here.
        purpose: what it may be used for.
        expires: last day.
        maker_sign: `KeyStore.maker_sign`.

    Returns:
        A signed record whose only reference is the picture; write it beside the picture with `write_consent`.

    Raises:
        ConsentError: the picture is missing or its name is no plain file name.
    """
    digest = hash_document(picture)
    unsigned = Consent(
        subject=f"synthetic person {digest[:16]}",
        basis="synthetic_person",
        purpose=purpose,
        expires=expires,
        document_sha256=digest,
        adult=True,
        no_sexual_use=True,
        references=(Reference(picture.name, digest),),
    )
    return sign_synthetic(unsigned, maker_sign)


def reference_face(
    data: bytes, name: str, what: str, models: faces.FaceModels | None = None
) -> ReferenceFace:
    """The only face of a reference picture.

    Args:
        data: the file's bytes.
        name: the file's name.
        what: the record, for the error.
        models: loaded face networks.

    Raises:
        ConsentError: names `references`: no picture, not exactly one face, or one that is too small.
        MediaError: the bytes cannot be read.
    """
    clip = media.open_clip(data, REFERENCE_LIMITS, name)
    try:
        if clip.kind != "image":
            raise ConsentError(f"{what}: references: {name}: expected a picture, got {clip.kind}")
        image = next(iter(clip.frames)).image
    finally:
        clip.frames.close()
    found = faces.find_faces(image, models=models)
    if len(found) != 1:
        raise ConsentError(
            f"{what}: references: {name}: expected exactly one face, got {len(found) or 'none'}; "
            f"use a picture of the person alone"
        )
    landmarks_px = found.landmarks_px[0]
    distance = float(faces.eye_distance_px(landmarks_px))
    if distance < LEAST_EYE_DISTANCE_PX:
        raise ConsentError(
            f"{what}: references: {name}: expected {LEAST_EYE_DISTANCE_PX:.0f} px or more between the eyes, "
            f"got {distance:.0f}; use a larger picture"
        )
    return ReferenceFace(image, np.ascontiguousarray(landmarks_px, np.float32))


def _checked_picture(
    picture: Path, what: str, models: faces.FaceModels | None
) -> tuple[str, bytes]:
    data = read_plain(picture, MOST_REFERENCE_BYTES, f"{what}: references")
    try:
        reference_face(data, picture.name, what, models)
    except MediaError as error:
        raise type(error)(f"{what}: references: {error}") from error
    return picture.name, data


def _store(
    pictures: list[tuple[str, bytes]],
    folder: Path,
    write: Callable[[tuple[Reference, ...]], None],
) -> None:
    """Put the pictures beside the record, then write it; if that fails, the copies go again."""
    made: list[Path] = []
    found: list[Reference] = []
    try:
        for name, data in pictures:
            reference, is_new = store_reference(folder, name, data)
            if is_new:
                made.append(folder / reference.file)
            found.append(reference)
        write(tuple(found))
    except BaseException:
        for copy in made:
            copy.unlink(missing_ok=True)
        raise
