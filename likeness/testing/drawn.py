"""What the contract is run on: the portrait that scikit-image ships, still and moving, and fakes drawn of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from likeness import faces, media, registry
from likeness.data import PseudoFakeConfig, make_pseudo_fake
from likeness.data.unsteady import UnsteadyConfig, make_unsteady
from likeness.faces.geometry import transform
from likeness.jobs.demo import moved, portrait_path
from likeness.jobs.detect import find_tracks
from likeness.types import Clip, FaceCrop, FaceTrack, GenerateRequest, ImageArray

DRAWS = 8
CLIP_FRAMES, CLIP_DRAWS = 24, 2
"""Neighbouring frames of a drawn clip, and how many are drawn of each strength."""
Drawn = tuple[Clip, Sequence[FaceTrack]]


def portrait_clip(
    frames: int = 1, image: ImageArray | None = None
) -> tuple[Clip, tuple[FaceTrack, ...]]:
    """A drawn clip of the NASA portrait (or of `image`) and its faces."""
    picture = portrait() if image is None else image
    images = [picture] if frames == 1 else moved(picture, frames)
    clip = media.clip_from_frames(images)
    return clip, find_tracks(clip, frames)


def portrait() -> ImageArray:
    """(512, 512, 3) uint8 RGB: the NASA portrait that scikit-image ships."""
    return next(iter(media.open_clip(portrait_path()).frames)).image


def portrait_request(name: str, seed: int = 7) -> GenerateRequest:
    """What a generator says that it needs (`INFO["needs"]`), of the NASA portrait; the target is the mirrored one."""
    needs = registry.part("generators", name).info["needs"]
    pictures = {"source": portrait(), "target": mirrored(portrait())}
    crops = {role: portrait_crop(image) for role, image in pictures.items()}
    wanted = {role: crop for role, crop in crops.items() if role in needs}
    return GenerateRequest(**wanted, seed=seed)


def portrait_crop(image: ImageArray | None = None) -> FaceCrop:
    """The aligned face of the NASA portrait (or of `image`, a change of it), 192 px, with its landmarks."""
    picture = portrait() if image is None else image
    _, (track,) = portrait_clip(image=picture)
    crop = faces.align(picture, track.landmarks_px[0], 192)
    points = transform(track.landmarks_px[0].astype(np.float64), crop.matrix)
    return replace(crop, landmarks_px=points.astype(np.float32))


def mirrored(image: ImageArray) -> ImageArray:
    """(H, W, 3) the picture left to right."""
    return np.ascontiguousarray(image[:, ::-1])


def blends(strength: float) -> list[Drawn]:
    """Self-blends of the portrait."""
    _, (track,) = portrait_clip()
    config = PseudoFakeConfig(strength=strength)
    made = [
        make_pseudo_fake(
            portrait(), track.landmarks_px[0], np.random.default_rng(seed), config
        ).image
        for seed in range(DRAWS)
    ]
    return [(media.clip_from_frames([image]), (track,)) for image in made]


def unsteady(strength: float) -> list[Drawn]:
    """Clips of the portrait with a blended face that wanders from frame to frame; at 0 it stays put."""
    clip, (track,) = portrait_clip(CLIP_FRAMES)
    images = [frame.image for frame in clip.frames]
    config = UnsteadyConfig(strength=(strength, strength), part_p=1.0)
    drawn: list[Drawn] = []
    for seed in range(CLIP_DRAWS):
        rng = np.random.default_rng(seed)
        _, fakes = make_unsteady(images, track.landmarks_px, rng, config)
        drawn.append((media.clip_from_frames(fakes), (track,)))
    return drawn


def grids(strength: float) -> list[Drawn]:
    """The portrait with every second row and column lifted a little, as transposed convolutions leave it."""
    y, x = np.indices((512, 512))
    pattern = ((x % 2 == 0) & (y % 2 == 0)).astype(np.float32)[..., None] - 0.25
    lifted = portrait().astype(np.float32) + 12.0 * strength * pattern
    image = np.clip(lifted, 0, 255).round().astype(np.uint8)
    return [(media.clip_from_frames([image]), portrait_clip()[1])]
