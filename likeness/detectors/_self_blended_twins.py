"""Twins that `self_blended` learns from: a real face and a pseudo-fake of it, degraded and cut alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from likeness.data import blends
from likeness.data.degradations import Step, degrade, random_degradation
from likeness.data.eigenfaces import MARGIN, Eigenfaces
from likeness.data.eigenfaces import SIZE_PX as DRAWN_PX
from likeness.data.known_faces import KnownFace, load_images
from likeness.data.masks import boundary
from likeness.data.mixture import PseudoFakeConfig, Shares
from likeness.data.pairs import MAY_DONATE, item_seed
from likeness.data.pseudo_fakes import Donor, PseudoFake, make_pseudo_fake, nearest_donors
from likeness.detectors._self_blended_crop import SIZE_PX, crops_of
from likeness.errors import DataError
from likeness.faces import align
from likeness.types import FloatArray, ImageArray, Progress

MAP = 20
KINDS = (
    "self_blend_full",
    "self_blend_part",
    "cross_identity",
    "warp_blur",
    "soft_face",
    "reconstruction",
)
SHARES = (0.40, 0.15, 0.15, 0.10, 0.08, 0.12)
"""Of the kinds: those of the engine, then faces of 32 to 128 px in the place of sharper ones and faces from a few hundred
numbers, as small networks leave them."""
ENGINE_CONFIG = PseudoFakeConfig()
SOFT = PseudoFakeConfig(Shares(0.0, 0.0, 0.0, 1.0), target_p=0.0, warp_size_px=(32, 128))
REDRAWN = PseudoFakeConfig(
    Shares(0.0, 0.0, 1.0, 0.0), ratios=(0.75, 1.0, 1.0), relight_p=0.0, match_softness=False
)
_DONOR_CANDIDATES = 100
_H264_SHARE, _SHARPENED_SHARE, _SOFTENED_SHARE = 0.25, 0.15, 0.4
_SHIFT, _ZOOM = 0.03, 0.06


@dataclass(frozen=True)
class Draws:
    """What the twins are drawn from.

    Attributes:
        seed: fixes every draw; what is drawn for a face does not depend on the others, only its donor does.
        per_face: twins of each face.
        degraded_share: share of the pairs that are degraded, both members alike.
        kinds: which pseudo-fakes; empty = all of `KINDS`.
    """

    seed: int
    per_face: int
    degraded_share: float
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Twins:
    """A real face and its twin.

    Attributes:
        crops: (2, 2, 160, 160, 3) uint8 RGB: real and fake, each at both scales.
        maps: (2, 20, 20) uint8: mask and boundary of the blend in the tight crop, 255 = 1.
        kind: place in `KINDS`.
        change: mean difference of the tight crops in levels, how obvious the fake is.
        degraded: whether both were degraded.
        group: identity.
    """

    crops: ImageArray
    maps: ImageArray
    kind: int
    change: float
    degraded: bool
    group: str


def eigenfaces_of(data: Path, faces: Sequence[KnownFace], most: int = 1200) -> Eigenfaces:
    """A basis of at most `most` of the faces, evenly spread over the list."""
    rows = np.unique(np.linspace(0, len(faces) - 1, min(most, len(faces))).astype(int))
    crops = [
        align(load_images(data, faces[i])[0], faces[i].track.landmarks_px[0], DRAWN_PX, MARGIN)
        for i in rows
    ]
    return Eigenfaces.fit(np.stack([crop.image for crop in crops]))


def twins_of(
    data: Path,
    faces: Sequence[KnownFace],
    draws: Draws,
    basis: Path,
    progress: Progress | None = None,
) -> Iterator[Twins]:
    """Twins of every face, in order of the faces; donors of cross-identity blends are among them.

    Args:
        data: where the items' paths start.
        faces: real faces.
        draws: see `Draws`.
        basis: file of `Eigenfaces`.
        progress: see `likeness.types.Progress`.
    """
    work = list(zip(faces, _donors(faces, draws.seed), strict=True))
    one = partial(_of_face, data, draws, basis)
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        for done, made in enumerate(pool.map(one, work, chunksize=8)):
            yield from made
            if progress:
                progress("making twins", done + 1, len(work))


def cells(mask: FloatArray) -> ImageArray:
    """(2, 20, 20) uint8 of a (160, 160) mask in [0, 1]: mask and boundary 4M(1-M), cell by cell."""
    side = SIZE_PX // MAP
    maps = np.stack([mask, boundary(mask)]).reshape(2, MAP, side, MAP, side).mean(axis=(2, 4))
    return np.asarray(np.round(255 * np.clip(maps, 0, 1)), np.uint8)


def pair_crops(
    fake: PseudoFake, pictures: Sequence[ImageArray], landmarks_px: FloatArray
) -> tuple[ImageArray, ImageArray]:
    """Crops and maps of a pair whose pictures may have been degraded since: see `Twins`."""
    import cv2

    cut = [crops_of(picture, landmarks_px) for picture in pictures]
    mask = cv2.warpAffine(
        fake.mask, cut[0][0].matrix, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REFLECT
    )
    return np.stack([[crop.image for crop in some] for some in cut]), cells(mask)


def _of_face(
    data: Path, draws: Draws, basis: Path, work: tuple[KnownFace, KnownFace]
) -> list[Twins]:
    import cv2

    cv2.setNumThreads(1)  # one process per core already
    face, giver = work
    if giver.item.source not in MAY_DONATE:
        raise DataError(
            f"{giver.item.path}: the terms of {giver.item.source} do not cover synthesis"
        )
    image, landmarks = load_images(data, face)[0], face.track.landmarks_px[0]
    donor = load_images(data, giver)[0], giver.track.landmarks_px[0]
    eigenfaces = Eigenfaces.load(basis)
    made = []
    for k in range(draws.per_face):
        rng = np.random.default_rng([*item_seed(face, draws.seed), k])
        kind = _drawn_kind(rng, draws.kinds)
        fake = _pseudo_fake(kind, (_softened(image, rng), landmarks), donor, eigenfaces, rng)
        pictures = [fake.real, fake.image]
        degraded = bool(rng.random() < draws.degraded_share)
        if degraded:
            pictures = _degraded(pictures, rng)
        crops, maps = pair_crops(fake, pictures, _jittered(landmarks, rng))
        change = float(np.abs(crops[0, 0].astype(np.int16) - crops[1, 0]).mean())
        made.append(Twins(crops, maps, KINDS.index(kind), change, degraded, face.item.group))
    return made


def _drawn_kind(rng: np.random.Generator, wanted: Sequence[str]) -> str:
    shares = np.array([s * (not wanted or k in wanted) for k, s in zip(KINDS, SHARES, strict=True)])
    if not shares.any():
        raise DataError(f"twins: unknown kinds {', '.join(wanted)}; known: {', '.join(KINDS)}")
    return str(rng.choice(KINDS, p=shares / shares.sum()))


def _pseudo_fake(
    kind: str, face: Donor, donor: Donor, eigenfaces: Eigenfaces, rng: np.random.Generator
) -> PseudoFake:
    if kind == "soft_face":
        return make_pseudo_fake(*face, rng, SOFT)
    if kind == "reconstruction":
        count = round(float(np.exp(rng.uniform(np.log(30), np.log(256)))))
        drawn = eigenfaces.redrawn(*face, count)
        return make_pseudo_fake(*face, rng, REDRAWN, (drawn, face[1]))
    return make_pseudo_fake(*face, rng, ENGINE_CONFIG.only(kind), donor)


def _softened(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Some faces lose detail before anything is blended: a network must not learn how sharp its training pictures were."""
    factor = float(rng.uniform(0.45, 1.0))
    return blends.resample(image, factor) if rng.random() < _SOFTENED_SHARE else image


def _degraded(pictures: list[ImageArray], rng: np.random.Generator) -> list[ImageArray]:
    """Both pictures alike: sharpened now and then, then either coded as video or degraded as stills are."""
    import cv2

    if rng.random() < _SHARPENED_SHARE:
        amount, sigma = float(rng.uniform(0.3, 1.2)), float(rng.uniform(0.6, 1.5))
        pictures = [
            cv2.addWeighted(p, 1 + amount, cv2.GaussianBlur(p, (0, 0), sigma), -amount, 0.0)
            for p in pictures
        ]
    if rng.random() < _H264_SHARE:
        step = Step("h264", "h264", 3, float(rng.integers(18, 37)))
        return [degrade([picture], step)[0] for picture in pictures]
    rough = random_degradation(rng)
    return [rough(picture) for picture in pictures]


def _jittered(landmarks: FloatArray, rng: np.random.Generator) -> FloatArray:
    """As a face finder would place them another time: moved and scaled a little as a whole."""
    centre = landmarks.mean(axis=0)
    size = float(np.ptp(landmarks, axis=0).max())
    shift = rng.uniform(-_SHIFT, _SHIFT, 2) * size
    zoom = float(rng.uniform(1 - _ZOOM, 1 + _ZOOM))
    return np.asarray(centre + (landmarks - centre) * zoom + shift, np.float32)


def _donors(faces: Sequence[KnownFace], seed: int) -> list[KnownFace]:
    """For every face that may not donate or may: the most similarly shaped of a hundred random others that may."""
    rng = np.random.default_rng(seed)
    givers = [face for face in faces if face.item.source in MAY_DONATE]
    if len(givers) < 2:
        raise DataError("twins: cross-identity blends need two faces or more that may donate")
    landmarks = np.stack([face.track.landmarks_px[0] for face in givers])
    donors = []
    for face in faces:
        others = rng.integers(0, len(givers), _DONOR_CANDIDATES)
        others = np.array([i for i in others if givers[i].item.group != face.item.group])
        nearest = nearest_donors(face.track.landmarks_px[0], landmarks[others], 1)[0]
        donors.append(givers[int(others[nearest])])
    return donors
