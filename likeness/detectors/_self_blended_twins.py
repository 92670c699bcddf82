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
from likeness.data.eigenfaces import MARGIN, Eigenfaces, laid_over
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
    "autoencoder",
)
SHARES = (0.34, 0.14, 0.14, 0.09, 0.07, 0.06, 0.16)
"""Of the kinds: those of the engine, then faces of 32 to 128 px in the place of sharper ones, faces from a few hundred
numbers, and faces drawn again by the network of a swap."""
ENGINE_CONFIG = PseudoFakeConfig()
SOFT = PseudoFakeConfig(Shares(0.0, 0.0, 0.0, 1.0), target_p=0.0, warp_size_px=(32, 128))
REDRAWN = PseudoFakeConfig(
    Shares(0.0, 0.0, 1.0, 0.0), ratios=(0.75, 1.0, 1.0), relight_p=0.0, match_softness=False
)
_DONOR_CANDIDATES = 100
_H264_SHARE, _SHARPENED_SHARE, _SOFTENED_SHARE = 0.45, 0.15, 0.4
"""Clips are what most swaps are found in, and every one of them is coded."""
_CRISPED_SHARE, _DETAILED_SHARE = 0.4, 0.6
"""Of the autoencoder's faces: sharpened before they are laid in, as swaps are; given back a part of the detail that its code
has no room for, because the network of one pair of people keeps more than that of thousands."""
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
class Drawn:
    """Where faces that were drawn again come from.

    Attributes:
        basis: file of `Eigenfaces`.
        faces: .npy file, (N, 128, 128, 3) uint8 RGB: every face of the list as the autoencoder draws it.
    """

    basis: Path
    faces: Path


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
    drawn: Drawn,
    progress: Progress | None = None,
) -> Iterator[Twins]:
    """Twins of every face, in order of the faces; donors of cross-identity blends are among them.

    Args:
        data: where the items' paths start.
        faces: real faces.
        draws: see `Draws`.
        drawn: see `Drawn`.
        progress: see `likeness.types.Progress`.
    """
    work = list(enumerate(zip(faces, _donors(faces, draws.seed), strict=True)))
    one = partial(_of_face, data, draws, drawn)
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
    data: Path, draws: Draws, drawn: Drawn, work: tuple[int, tuple[KnownFace, KnownFace]]
) -> list[Twins]:
    import cv2

    cv2.setNumThreads(1)  # one process per core already
    row, (face, giver) = work
    if giver.item.source not in MAY_DONATE:
        raise DataError(
            f"{giver.item.path}: the terms of {giver.item.source} do not cover synthesis"
        )
    image, landmarks = load_images(data, face)[0], face.track.landmarks_px[0]
    donor = load_images(data, giver)[0], giver.track.landmarks_px[0]
    redrawer = Redrawer(
        Eigenfaces.load(drawn.basis), np.load(drawn.faces, "r", allow_pickle=False)[row]
    )
    made = []
    for k in range(draws.per_face):
        rng = np.random.default_rng([*item_seed(face, draws.seed), k])
        kind = _drawn_kind(rng, draws.kinds)
        fake = _pseudo_fake(kind, (_softened(image, rng), landmarks), donor, redrawer, rng)
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


@dataclass(frozen=True)
class Redrawer:
    """Draws one face again, in two ways.

    Attributes:
        basis: of all faces.
        face: (128, 128, 3) uint8 RGB, this face as the autoencoder drew it.
    """

    basis: Eigenfaces
    face: ImageArray

    def __call__(self, kind: str, of: Donor, rng: np.random.Generator) -> ImageArray:
        """The picture with its face drawn again."""
        import cv2

        if kind == "reconstruction":
            count = round(float(np.exp(rng.uniform(np.log(30), np.log(256)))))
            return self.basis.redrawn(*of, count)
        crop = align(*of, len(self.face), MARGIN)
        face = np.array(self.face)
        if rng.random() < _DETAILED_SHARE:
            share, sigma = rng.uniform(0.3, 1.0), float(rng.uniform(1.0, 2.5))
            detail = crop.image.astype(np.float32) - cv2.GaussianBlur(crop.image, (0, 0), sigma)
            face = np.clip(np.rint(face + share * detail), 0, 255).astype(np.uint8)
        if rng.random() < _CRISPED_SHARE:
            face = _sharpened(face, float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.8, 2.0)))
        return laid_over(of[0], face, crop.matrix)


def _pseudo_fake(
    kind: str, face: Donor, donor: Donor, redrawer: Redrawer, rng: np.random.Generator
) -> PseudoFake:
    if kind == "soft_face":
        return make_pseudo_fake(*face, rng, SOFT)
    if kind in ("reconstruction", "autoencoder"):
        return make_pseudo_fake(*face, rng, REDRAWN, (redrawer(kind, face, rng), face[1]))
    return make_pseudo_fake(*face, rng, ENGINE_CONFIG.only(kind), donor)


def _sharpened(picture: ImageArray, amount: float, sigma: float) -> ImageArray:
    import cv2

    soft = cv2.GaussianBlur(picture, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0.0), np.uint8)


def _softened(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Some faces lose detail before anything is blended: a network must not learn how sharp its training pictures were."""
    factor = float(rng.uniform(0.45, 1.0))
    return blends.resample(image, factor) if rng.random() < _SOFTENED_SHARE else image


def _degraded(pictures: list[ImageArray], rng: np.random.Generator) -> list[ImageArray]:
    """Both pictures alike: sharpened now and then, then either coded as video or degraded as stills are."""
    if rng.random() < _SHARPENED_SHARE:
        amount, sigma = float(rng.uniform(0.3, 1.2)), float(rng.uniform(0.6, 1.5))
        pictures = [_sharpened(p, amount, sigma) for p in pictures]
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
