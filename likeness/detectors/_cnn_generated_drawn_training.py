"""Faces that our own generators drew, each beside a photograph that went the same way, for `cnn_generated` to learn from.

A generator's faces are small: the photograph is cut as the generator's own training faces were, brought to the same size, and
both are enlarged alike. Nothing is written: these pictures are unmarked and vanish with the process. The graphs are opened as
weights, below the generators, which know nothing of a detector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from likeness import weights
from likeness.data.known_faces import KnownFace, known_faces, load_images
from likeness.data.manifest import Item, select_items
from likeness.detectors._cnn_generated_redrawing_training import Twin, redrawn
from likeness.errors import WeightsError
from likeness.faces.geometry import align_matrix, invert, transform, warp
from likeness.networks.cnn_generated import UPSAMPLINGS, Redrawer
from likeness.types import DoubleArray, ImageArray

SYNTHESISERS = ("dcgan", "light_gan")
RESTORED = "restore"
GENERATORS = (*SYNTHESISERS, RESTORED)
SMALL = "small "
"""Before the way of upsampling of a face that was drawn again at the size of the generators' faces."""
LEARNED_SEED, HELD_OUT_SEED = 2_000_000, 3_000_000
"""Of the first face that is learned from, and that figures are measured on; benchmarks begin at 1,000,000."""
SHOWN_PX, CUT_PX, SMALL_PX = 256, 192, 64
_RESTORED_MARGIN = 0.25
_WEAR = (1.5, 3.0)  # how much smaller a face was before it is restored


@dataclass(frozen=True)
class Face:
    """A photograph's face, upright from brow to chin.

    Attributes:
        image: (192, 192, 3) uint8 RGB.
        landmarks_px: (478, 2) in it.
        group: identity.
    """

    image: ImageArray
    landmarks_px: DoubleArray
    group: str


def faces_of(
    data: Path, items: Sequence[Item], wanted: tuple[str, str, int], store: str
) -> list[Face]:
    """Faces of a source and a role, at most so many, evenly spread.

    Args:
        data: the data folder.
        items: of its manifest.
        wanted: source, role, how many.
        store: folder of found faces; empty = none.
    """
    source, role, count = wanted
    chosen = select_items(items, source=source, role=role, kind="face", label=0)
    if not chosen or count < 1:
        return []
    rows = np.unique(np.linspace(0, len(chosen) - 1, count).astype(int))
    known = known_faces(data, [chosen[i] for i in rows], Path(store) if store else None)
    return [_cut(data, face) for face in known]


def drawn_pairs(kind: str, faces: Sequence[Face], first_seed: int) -> Iterator[Twin]:
    """Photographs and what a generator drew, as found: neither is made like the other.

    Args:
        kind: one of `GENERATORS`.
        faces: photographs.
        first_seed: of the drawn faces; a restored face is worn by it.

    Raises:
        WeightsError: the generator's weights are not installed, or are of another form.
    """
    if kind == RESTORED:
        yield from _restored_pairs(faces, first_seed)
        return
    session = weights.session(weights.path_of(kind, "network.onnx"), threads=1)
    (latents,), (images,) = session.get_inputs(), session.get_outputs()
    if latents.name != "latents" or len(images.shape) != 4:
        raise WeightsError(f"{kind}/network.onnx: expected a graph from latents to pictures")
    for number, face in enumerate(faces):
        rng = np.random.default_rng(first_seed + number)  # as the generator itself takes its seeds
        latent = rng.standard_normal(latents.shape[1], np.float32)
        (drawn,) = session.run(None, {"latents": latent[None]})
        fake = _levels(drawn[0].transpose(1, 2, 0))
        real = resized(face.image, fake.shape[0])
        yield Twin(resized(real, SHOWN_PX), resized(fake, SHOWN_PX), kind, face.group)


def small_pairs(network: Redrawer, faces: Sequence[Face]) -> Iterator[Twin]:
    """Faces as small as the generators', and the same drawn again in one way of upsampling after the other."""
    for number, face in enumerate(faces):
        kind = UPSAMPLINGS[number % len(UPSAMPLINGS)]
        real = resized(face.image, SMALL_PX)
        fake = redrawn(network, real, kind)
        yield Twin(resized(real, SHOWN_PX), resized(fake, SHOWN_PX), SMALL + kind, face.group)


def resized(image: ImageArray, size_px: int) -> ImageArray:
    """A square picture of another size: cubic where it grows, by area where it shrinks, as drawn faces are enlarged."""
    if image.shape[:2] == (size_px, size_px):
        return image
    way = cv2.INTER_CUBIC if size_px > image.shape[0] else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=way), np.uint8)


def _restored_pairs(faces: Sequence[Face], first_seed: int) -> Iterator[Twin]:
    session = weights.session(weights.path_of(RESTORED, "network.onnx"), threads=1)
    size = session.get_inputs()[0].shape[-1]
    for number, face in enumerate(faces):
        factor = np.random.default_rng(first_seed + number).uniform(*_WEAR)
        worn = resized(resized(face.image, round(CUT_PX / factor)), CUT_PX)
        fake = _restored(session, size, worn, face.landmarks_px)
        yield Twin(resized(face.image, SHOWN_PX), resized(fake, SHOWN_PX), RESTORED, face.group)


def _restored(session: Any, size: int, worn: ImageArray, points: DoubleArray) -> ImageArray:
    """What the network adds to an upright face, carried back to where the face lies and laid over it."""
    place = align_matrix(points, size, _RESTORED_MARGIN)
    seen = warp(worn, place, size, "replicate").astype(np.float32) / 255
    (drawn,) = session.run(None, {"images": np.ascontiguousarray(seen.transpose(2, 0, 1))[None]})
    added = np.clip(drawn[0].transpose(1, 2, 0), 0, 1) - seen
    back = cv2.warpAffine(added, invert(place), worn.shape[1::-1], flags=cv2.INTER_CUBIC)
    return _levels(worn / np.float32(255) + back)


def _cut(data: Path, known: KnownFace) -> Face:
    points = known.track.landmarks_px[0].astype(np.float64)
    matrix = align_matrix(points, CUT_PX, 0.0)
    image = warp(load_images(data, known)[0], matrix, CUT_PX)
    return Face(image, transform(points, matrix), known.item.group)


def _levels(image: Any) -> ImageArray:
    """(H, W, 3) numbers in [0, 1], clipped, as uint8."""
    return np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)
