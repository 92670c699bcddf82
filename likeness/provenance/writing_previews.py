"""`encode_marked`: generated pixels as the bytes of a picture, for previews, report strips, pages and streams."""

from __future__ import annotations

import io

import numpy as np

from likeness import media
from likeness.errors import OutputError
from likeness.media.writing import PICTURE_TYPES, encode_picture
from likeness.provenance import watermark
from likeness.provenance.consent import require_consent
from likeness.provenance.credentials import sign
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making
from likeness.provenance.visible_label import DEFAULT_LABEL, VisibleLabel
from likeness.provenance.writing_target import told_of
from likeness.provenance.writing_verify import carries, verify_credentials
from likeness.types import ImageArray, check_array


def encode_marked(
    image: ImageArray,
    making: Making,
    keys: KeyStore,
    format: str = "PNG",
    label: str | None = None,
) -> bytes:
    """Encode a generated picture in memory: always with credentials, and with a mark in its pixels.

    The mark is the watermark where the picture can carry it and it is found again in the encoded bytes; otherwise (small
    or flat pictures) it is a visible label. The credentials say which. A label that a consent record demands, or else
    one that is given, is burnt in as well.

    Args:
        image: (H, W, 3) uint8 RGB; at least 64 px on each side where a label must be burnt in.
        making: how it was generated, for whom and with whose consent; its job number is the watermark's payload.
        keys: who signs.
        format: PNG, WEBP (both without loss) or JPEG (quality 95).
        label: words to burn in; where a consent record demands its own, those count.

    Returns:
        The bytes of a picture file that was read back and verified.

    Raises:
        ConsentError: no record covers this.
        OutputError: unknown format, or a label that does not fit.
        MarkError: the credentials were not found in the finished bytes.
        KeyStoreError: the keys cannot sign.
        ShapeError: `image` is no RGB picture.
    """
    check_array("encode_marked.image", image, (None, None, 3), np.uint8)
    permission = require_consent(
        making.consents, making.purpose, making.today, keys.maker_public_key()
    )
    if format not in PICTURE_TYPES:
        raise OutputError(
            f"picture: expected one of the formats {', '.join(PICTURE_TYPES)}, got {format!r}"
        )
    label = permission.visible_label or label
    encoded = _watermarked(image, making, format, label)
    if encoded is None:
        label = label or DEFAULT_LABEL
        encoded, watermarked = encode_picture(_labelled(image, label), format), False
    else:
        watermarked = True
    told = told_of(making, watermarked, label)
    finished = io.BytesIO()
    sign(io.BytesIO(encoded), finished, PICTURE_TYPES[format], told, keys)
    verify_credentials(finished, PICTURE_TYPES[format], told, keys)
    return finished.getvalue()


def _watermarked(image: ImageArray, making: Making, format: str, label: str | None) -> bytes | None:
    """The encoded picture with its watermark; None where it cannot carry one."""
    size_wh = (image.shape[1], image.shape[0])
    if watermark.can_carry(size_wh, "image"):
        return None
    labelled = _labelled(image, label) if label else image
    marked = watermark.Embedder(size_wh, making.job_id).embed(labelled)
    encoded = encode_picture(marked, format)
    (again,) = media.open_clip(encoded, name="the encoded picture").frames
    return encoded if carries(again.image, making.job_id) else None


def _labelled(image: ImageArray, label: str) -> ImageArray:
    return VisibleLabel(label, (image.shape[1], image.shape[0])).burn(image)
