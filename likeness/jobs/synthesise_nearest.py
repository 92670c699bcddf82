"""Synthesised people beside the training faces that are most like them: is this a new face or a copy?

The sheet shows real people of a data set. It is for whoever trains, not for passing on, and says so in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from likeness.data.aligned_faces import AlignedFaces, FaceCut, FaceStores, aligned_faces
from likeness.errors import MissingExtraError
from likeness.jobs.synthesise_options import SynthesisPermit
from likeness.jobs.synthesise_sheet import cell, rows_of
from likeness.provenance.consent_files import hash_document, write_whole
from likeness.provenance.making import Making
from likeness.provenance.writing_previews import encode_marked
from likeness.scoring.synthesis import Memorisation, memorisation
from likeness.types import Consent, FloatArray, ImageArray, IndexArray, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

SHEET = "nearest_for_yourself.png"
NEAREST = 4
MOST_ROWS = 16
LEAST_TESTED = 10
WARNING = "Shows REAL people of the training data. For yourself only: do not pass it on."
_BAND_PX = 24
_ABREAST = 8
TERMS_SUBJECT = "real people of the training data, shown for comparison"


@dataclass(frozen=True)
class NearestOptions:
    """Which faces are compared with.

    Attributes:
        data: folder with manifest.csv and splits.csv; faces of role `train` are those that were learnt from, faces of role
            `select` the yardstick.
        cut: how they are cut: as for the training.
        stores: see `FaceStores`.
    """

    data: Path
    cut: FaceCut = field(default_factory=FaceCut)
    stores: FaceStores = field(default_factory=FaceStores)


@dataclass(frozen=True, eq=False)
class NearestFaces:
    """What came out.

    Attributes:
        sheet: the marked picture.
        memorisation: the test over all people; None for fewer than 10.
    """

    sheet: Path
    memorisation: Memorisation | None


def nearest_faces(
    out: Path,
    people: tuple[ImageArray, Sequence[int]],
    options: NearestOptions,
    by: tuple[Making, SynthesisPermit],
    progress: Progress | None = None,
) -> NearestFaces:
    """Write the sheet into a folder of synthesised people.

    Args:
        out: the folder.
        people: (N, S, S, 3) uint8 and their seeds.
        options: the real faces.
        by: how the people were made, and on whose behalf; the data set's terms are added to the records.
        progress: see `Progress`.

    Raises:
        ConsentError: the purpose is another than research: more the terms of a data set do not allow.
        DataError: no data set there, or no usable face in it.
        MissingExtraError: torch is not installed.
        OutputError: the sheet is there already or cannot be written.
    """
    making, permit = by
    making = with_terms(making, permit, options.data)
    images, seeds = people
    measure = _features()
    trained = aligned_faces(options.data, ["train"], options.cut, options.stores, progress)
    kept_out = aligned_faces(options.data, ["select"], options.cut, options.stores, progress)
    drawn_rows, train_rows, kept_rows = (
        measure(stack) for stack in (images, _small(trained), _small(kept_out))
    )
    order = _order(drawn_rows, train_rows)
    sheet = nearest_sheet(images, [f"seed {s}" for s in seeds], trained.images, order)
    write_whole(out / SHEET, encode_marked(sheet, making, permit.keys), replace=False)
    found = None
    if len(images) >= LEAST_TESTED:
        both = np.concatenate(
            [train_rows, measure(_small(trained)[:, :, ::-1])]
        )  # learnt mirrored too
        found = memorisation(drawn_rows, both, kept_rows)
    return NearestFaces(out / SHEET, found)


def with_terms(making: Making, permit: SynthesisPermit, data: Path) -> Making:
    """The making of a picture that shows real faces of a data set as well: their terms stand beside the synthetic record."""
    terms = Consent(
        subject=TERMS_SUBJECT,
        basis="dataset_terms",
        purpose=permit.purpose,
        expires=permit.until,
        document_sha256=hash_document(data / "manifest.csv"),
        adult=True,
        no_sexual_use=True,
    )
    return replace(
        making,
        digital_source="compositeWithTrainedAlgorithmicMedia",
        consents=(*making.consents, terms),
        settings={**making.settings, "shows_real_training_faces": True},
    )


def nearest_sheet(
    images: ImageArray, captions: Sequence[str], training: ImageArray, order: IndexArray
) -> ImageArray:
    """A row for each of the first 16 people: the person, then the training faces next to them; two rows abreast beyond 8.

    Args:
        images: (N, S, S, 3) uint8.
        captions: N short texts.
        training: (T, s, s, 3) uint8.
        order: (N, k) indices into `training`, nearest first.

    Returns:
        (H, W, 3) uint8.
    """
    rows = []
    for image, caption, near in list(zip(images, captions, order, strict=True))[:MOST_ROWS]:
        real = [cell(training[i], f"REAL person {n + 1}") for n, i in enumerate(near)]
        rows.append([cell(image, f"made: {caption}"), *real])
    columns = 1 + order.shape[1]
    if len(rows) > _ABREAST:
        gap = np.full_like(rows[0][0], 255)
        beside = [*rows[_ABREAST:], *[[gap]] * (2 * _ABREAST - len(rows))]
        rows = [[*a, gap, *b] for a, b in zip(rows, beside, strict=False)]
        columns = 2 * columns + 1
    return _with_warning(rows_of(rows, columns))


def _with_warning(sheet: ImageArray) -> ImageArray:
    import cv2

    band = np.full((_BAND_PX, sheet.shape[1], 3), 255, np.uint8)
    at = (6, _BAND_PX - 8)
    cv2.putText(band, WARNING, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (160, 30, 20), 1, cv2.LINE_AA)
    below = max(0, sheet.shape[1] // 2 - sheet.shape[0] - _BAND_PX)  # a strip carries no watermark
    return np.vstack([band, sheet, np.full((below, sheet.shape[1], 3), 255, np.uint8)])


def _features() -> Callable[[ImageArray], FloatArray]:
    try:
        from likeness.networks.random_features import RandomFeatures, random_features
    except ImportError:
        raise MissingExtraError("torch (nearest training faces)", "create") from None
    network = RandomFeatures()
    return lambda images: random_features(images, network)


def _small(found: AlignedFaces) -> ImageArray:
    return found.shrunk(min(64, found.size_px))


def _order(drawn: FloatArray, training: FloatArray) -> IndexArray:
    """(N, 4) nearest first, in features that count alike."""
    spread = np.maximum(training.std(axis=0), 1e-6)
    mean = training.mean(axis=0)
    x, y = (drawn - mean) / spread, (training - mean) / spread
    squares = (y**2).sum(1)[None] - 2.0 * (x @ y.T)
    order: IndexArray = np.argsort(squares, axis=1, kind="stable")[:, :NEAREST].astype(np.int64)
    return order
