"""Crops that the boundary network learns from: real faces and pseudo-fakes of them, with the masks of the blends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from likeness.data.degradations import random_degradation
from likeness.data.known_faces import KnownFace, load_images
from likeness.data.masks import boundary
from likeness.data.mixture import PseudoFakeConfig, Shares
from likeness.data.packs import CropPack
from likeness.data.pairs import MAY_DONATE, item_seed, look_alikes
from likeness.data.pseudo_fakes import make_pseudo_fake
from likeness.detectors._boundary_crop import CELL_PX, SIZE_PX, crop_of
from likeness.errors import DataError
from likeness.types import FloatArray, ImageArray, Progress

MIXTURE = PseudoFakeConfig(
    shares=Shares(self_blend_full=0.4, self_blend_part=0.15, cross_identity=0.25, warp_blur=0.2),
    ratios=(0.5, 0.75, 1.0, 1.0, 1.0, 1.0),
)
"""More blends with other people than the engine's default, as a swap has two sources; none so thin that nothing is seen."""


@dataclass(frozen=True)
class Twins:
    """A real face and its twin, cut alike.

    Attributes:
        real: (160, 160, 3) uint8 RGB.
        fake: the same with a blend in it.
        mask: (160, 160) uint8, 255 where the blend's source lies.
        recipe: JSON of what was drawn.
        landmarks_px: (478, 2) float32 in the crop.
        group: identity.
    """

    real: ImageArray
    fake: ImageArray
    mask: ImageArray
    recipe: str
    landmarks_px: FloatArray
    group: str


@dataclass(frozen=True)
class Draws:
    """What the twins are drawn from.

    Attributes:
        seed: fixes every draw, whatever the order of the faces.
        per_face: twins of each face.
        degraded_share: share of the pairs that are degraded, both members alike.
    """

    seed: int
    per_face: int
    degraded_share: float


def twins_of(
    data: Path, faces: Sequence[KnownFace], draws: Draws, progress: Progress | None = None
) -> Iterator[Twins]:
    """Twins of every face, in order of the faces; donors of cross-identity blends are among them."""
    work = list(zip(faces, look_alikes(faces, draws.seed), strict=True))
    one = partial(_of_face, data, draws)
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        for done, made in enumerate(pool.map(one, work, chunksize=16)):
            yield from made
            if progress:
                progress("making twins", done + 1, len(work))


def pack_of(
    data: Path,
    faces: Sequence[KnownFace],
    draws: Draws,
    folder: Path,
    progress: Progress | None = None,
) -> CropPack:
    """A pack of twins, from the folder if it was made before: its name holds a hash of all that decides what is in it.

    Rows 2i and 2i + 1 are a real crop and its twin.
    """
    digest = hashlib.sha256("".join(f.item.sha256 for f in faces).encode())
    digest.update(f"{draws} {MIXTURE.config_hash()} {SIZE_PX}".encode())
    place = folder / f"boundary-{digest.hexdigest()[:16]}"
    if not place.is_dir():
        if not faces:
            raise DataError("boundary: no faces to learn from")
        _packed(list(twins_of(data, faces, draws, progress)), faces[0].item.source).save(place)
    return CropPack.load(place)


def cells(mask: ImageArray) -> FloatArray:
    """(..., 40, 40) float32 in [0, 1]: the boundary 4M(1-M) of (..., 160, 160) uint8 masks, cell by cell."""
    line = boundary(mask.astype(np.float32) / np.float32(255))
    side = mask.shape[-1] // CELL_PX
    split = line.reshape(*mask.shape[:-2], side, CELL_PX, side, CELL_PX)
    return np.asarray(split.mean(axis=(-3, -1)), np.float32)


def _packed(twins: Sequence[Twins], source: str) -> CropPack:
    count = len(twins)
    images = np.empty((2 * count, SIZE_PX, SIZE_PX, 3), np.uint8)
    masks = np.zeros((2 * count, SIZE_PX, SIZE_PX), np.uint8)
    for i, pair in enumerate(twins):
        images[2 * i], images[2 * i + 1], masks[2 * i + 1] = pair.real, pair.fake, pair.mask
    return CropPack(
        images,
        np.tile(np.array([0, 1], np.int64), count),
        tuple(pair.group for pair in twins for _ in range(2)),
        (source,) * (2 * count),
        np.repeat(np.arange(count, dtype=np.int64), 2),
        tuple(recipe for pair in twins for recipe in ("{}", pair.recipe)),
        masks,
    )


def _of_face(data: Path, draws: Draws, work: tuple[KnownFace, KnownFace]) -> list[Twins]:
    import cv2

    cv2.setNumThreads(1)  # one process per core already
    face, donor = work
    if donor.item.source not in MAY_DONATE:
        raise DataError(
            f"{donor.item.path}: the terms of {donor.item.source} do not cover synthesis"
        )
    image, landmarks = load_images(data, face)[0], face.track.landmarks_px[0]
    other = load_images(data, donor)[0], donor.track.landmarks_px[0]
    made = []
    for k in range(draws.per_face):
        rng = np.random.default_rng([*item_seed(face, draws.seed), k])
        fake = make_pseudo_fake(image, landmarks, rng, MIXTURE, other)
        pictures = [fake.real, fake.image]
        if rng.random() < draws.degraded_share:
            rough = random_degradation(rng)
            pictures = [rough(picture) for picture in pictures]
        real, twin = (crop_of(picture, landmarks) for picture in pictures)
        mask = cv2.warpAffine(
            fake.mask, real.matrix, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REFLECT
        )
        assert real.landmarks_px is not None
        made.append(
            Twins(
                real.image,
                twin.image,
                np.round(255 * mask).astype(np.uint8),
                json.dumps(fake.recipe),
                real.landmarks_px,
                face.item.group,
            )
        )
    return made
