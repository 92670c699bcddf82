"""Figures on held-out faces while an autoencoder trains, and what they say in plain words.

No detector of manipulation takes part: neither its score nor its features decide when to stop or what to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness.data.warps import STILL, FaceBatch, FacePool
from likeness.types import FloatArray, ImageArray, IndexArray

if TYPE_CHECKING:
    import torch

    from likeness.data.face_sets import FaceSet
    from likeness.faces import FaceModels
    from likeness.networks.autoencoder_blocks import Side, SwapNetwork

Embed = Callable[[ImageArray, FloatArray], FloatArray]
COMPARED_PX = 64
"""Networks of different resolution are compared at this size."""
_MOST = 48  # held-out faces of each identity per measurement
_SWAPS = 16  # swapped faces whose landmarks and identity are measured
_GRID = 16
_JUDGED_STEPS = (
    500  # fewer steps say nothing: a network that starts at the mean face first gets worse
)
_ENOUGH = 0.01  # improvement over the last three measurements below which a run may stop


@dataclass(frozen=True)
class HeldOut:
    """The faces that figures are measured on.

    Attributes:
        pool: held-out faces of one identity.
        rows: those that are measured, evenly spread.
        landmarks_px: (len(pool), 478, 2) in crop pixels.
        images: (len(pool), S, S, 3) uint8 crops.
    """

    pool: FacePool
    rows: IndexArray
    landmarks_px: FloatArray
    images: ImageArray


def held_out(faces: FaceSet, coverage: float) -> HeldOut:
    """At most 48 evenly spread faces of a set."""
    count = len(faces)
    rows = np.unique(np.linspace(0, count - 1, min(count, _MOST)).round().astype(np.int64))
    pool = FacePool(faces.images[rows], faces.landmarks_px[rows], coverage)
    return HeldOut(pool, np.arange(len(rows)), faces.landmarks_px[rows], faces.images[rows])


def split_rows(faces: FaceSet, share: float, files: Sequence[str]) -> tuple[IndexArray, IndexArray]:
    """Rows to learn from and rows to measure on.

    Args:
        faces: the set.
        share: of each file's faces, the last ones in time, where no files are named.
        files: names of files that are held out whole.
    """
    from pathlib import PurePath

    names = np.array([PurePath(str(n)).name for n in faces.values("file")])
    if files:
        held = np.isin(names, [PurePath(f).name for f in files])
    else:
        held = np.zeros(len(names), dtype=bool)
        for name in dict.fromkeys(names.tolist()):
            rows = np.flatnonzero(names == name)
            held[rows[len(rows) - round(share * len(rows)) :]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def dssim_map(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) (1 - SSIM) / 2 with the 11x11 Gaussian window of Wang et al. 2004, sigma 1.5."""
    import torch
    from torch.nn.functional import conv2d, pad

    line = torch.exp(-((torch.arange(11, device=drawn.device) - 5.0) ** 2) / 4.5)
    line = (line / line.sum()).view(1, 1, 1, 11).expand(3, 1, 1, 11)

    def mean(x: torch.Tensor) -> torch.Tensor:
        x = conv2d(pad(x, (5, 5, 0, 0), mode="reflect"), line, groups=3)
        return conv2d(pad(x, (0, 0, 5, 5), mode="reflect"), line.transpose(2, 3), groups=3)

    a, b = mean(drawn), mean(wanted)
    spread = mean(drawn * drawn) - a * a + mean(wanted * wanted) - b * b
    common = mean(drawn * wanted) - a * b
    similar = (2 * a * b + 1e-4) * (2 * common + 9e-4)
    return (1 - similar / ((a * a + b * b + 1e-4) * (spread + 9e-4))) / 2


def reconstruction_figures(network: SwapNetwork, side: Side, held: HeldOut) -> dict[str, Any]:
    """How well held-out faces of one identity are drawn again, inside the face oval, at 64 px.

    Returns:
        `dssim`, mean absolute error `l1`, `l1_eyes`, `l1_mouth`, `l1_skin` (in [0, 1]), and `map`, a (16, 16) list of
        the mean absolute error over the crop: where the result is weak.
    """
    import torch

    device = next(network.parameters()).device
    shown = held.pool.draw(
        held.rows, np.random.default_rng(0), STILL, (network.input_px, max(COMPARED_PX, 128))
    )
    with torch.inference_mode():
        images = as_tensor(shown.inputs, device)
        drawn = network.decode(network.encode(images), side)[:, :3].float()
        drawn = at_size(drawn, COMPARED_PX)
        wanted = at_size(as_tensor(shown.targets, device), COMPARED_PX)
        areas = at_size(as_tensor(shown.regions, device), COMPARED_PX)
        face, eyes, mouth = areas[:, :1], areas[:, 1:2], areas[:, 2:3]
        error = (drawn - wanted).abs().mean(dim=1, keepdim=True)
        unlike = dssim_map(drawn, wanted).mean(dim=1, keepdim=True)
        skin = (face - eyes - mouth).clamp(0, 1)
        grid = torch.nn.functional.adaptive_avg_pool2d((error * face).mean(dim=0)[None], _GRID)[
            0, 0
        ]

    def within(values: torch.Tensor, where: torch.Tensor) -> float:
        return float((values * where).sum() / where.sum().clamp_min(1e-6))

    return {
        "dssim": within(unlike, face),
        "l1": within(error, face),
        "l1_eyes": within(error, eyes),
        "l1_mouth": within(error, mouth),
        "l1_skin": within(error, skin),
        "map": [[round(float(v), 4) for v in row] for row in grid],
    }


def swap_figures(
    swapped: ImageArray, target: HeldOut, rows: IndexArray, models: FaceModels
) -> dict[str, float]:
    """How far the landmarks of swapped faces lie from the target's, and in how many a face is found at all.

    Args:
        swapped: (N, S, S, 3) uint8 crops with the swapped face set in.
        target: whose rows were swapped.
        rows: (N,) which.
        models: loaded face networks.

    Returns:
        `landmark_error`: mean distance in units of the distance between the eyes (the two identities' faces differ in
        shape, so it does not reach 0); `faces_found`: share.
    """
    from likeness.faces import eye_distance_px
    from likeness.faces.finding import MIN_PRESENCE, mesh_on, mesh_square

    errors = []
    for image, row in zip(swapped, rows, strict=True):
        wanted = target.landmarks_px[row]
        found, presence = mesh_on(image, [mesh_square(wanted)], models)
        if presence[0] >= MIN_PRESENCE:
            distance = np.linalg.norm(found[0][:468] - wanted[:468], axis=1).mean()
            errors.append(float(distance / eye_distance_px(wanted)))
    return {
        "landmark_error": float(np.mean(errors)) if errors else float("nan"),
        "faces_found": len(errors) / max(1, len(rows)),
    }


def embeddings(
    images: Sequence[ImageArray] | ImageArray, landmarks_px: FloatArray, embed: Embed
) -> FloatArray:
    """(N, D) float32 embeddings of N crops."""
    return np.stack([embed(i, p) for i, p in zip(images, landmarks_px, strict=True)])


def identity_figures(found: FloatArray, centres: tuple[FloatArray, FloatArray]) -> dict[str, float]:
    """How near swapped faces are to both identities.

    Args:
        found: (N, D) embeddings of the swapped faces.
        centres: (D,) mean embeddings of source and target.

    Returns:
        Mean Euclidean distances to source and target, and the share of faces nearer to the source.
    """
    to_source, to_target = (np.linalg.norm(found - c, axis=1) for c in centres)
    return {
        "distance_to_source": float(to_source.mean()),
        "distance_to_target": float(to_target.mean()),
        "nearer_to_source": float((to_source < to_target).mean()),
    }


def advice(rows: Sequence[dict[str, Any]]) -> str:
    """What the measurements so far say about going on, in plain words."""
    values = [(float(r["seconds"]), float(r["dssim"])) for r in rows if "dssim" in r]
    if len(values) < 4 or float(rows[-1]["step"]) - float(rows[-4]["step"]) < _JUDGED_STEPS:
        return "still improving: too early to say when to stop"
    best_before = min(v for _, v in values[:-3])
    best_now = min(v for _, v in values[-3:])
    gain = 1.0 - best_now / best_before
    minutes = (values[-1][0] - values[-4][0]) / 60
    if gain < 0:
        return f"can stop: held-out faces got no better in the last {minutes:.0f} minutes"
    if gain < _ENOUGH:
        return (
            f"can stop: only {gain:.1%} better on held-out faces in the last {minutes:.0f} minutes"
        )
    return f"still improving: {gain:.1%} better on held-out faces in the last {minutes:.0f} minutes"


def as_tensor(images: ImageArray, device: Any) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [0, 1], channels last in memory."""
    import torch

    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255


def coloured(batch: FaceBatch, device: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs (channels last in memory), targets and regions (not) of a batch as tensors, colours changed."""
    import torch

    gain = torch.from_numpy(batch.gains).to(device)[:, :, None, None]
    offset = torch.from_numpy(batch.offsets).to(device)[:, :, None, None]

    def ready(images: ImageArray, plain: bool) -> torch.Tensor:
        layout = torch.contiguous_format if plain else torch.channels_last
        pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
        return pixels.to(torch.float32, memory_format=layout)

    inputs, targets = (
        ready(images, plain).mul_(gain / 255).add_(offset).clamp_(0, 1)
        for images, plain in ((batch.inputs, False), (batch.targets, True))
    )
    return inputs, targets, ready(batch.regions, True).div_(255)


def at_size(images: torch.Tensor, size: int) -> torch.Tensor:
    """Pictures by area to a smaller size, or as they are."""
    from torch.nn.functional import interpolate

    return images if images.shape[-1] == size else interpolate(images, (size, size), mode="area")


def set_in(network: SwapNetwork, side: Side, held: HeldOut, rows: IndexArray) -> ImageArray:
    """(N, S, S, 3) uint8 crops with the face that `side` draws set in, by the network's mask or the face oval."""
    import cv2
    import torch

    device, size = next(network.parameters()).device, held.images.shape[1]
    shown = held.pool.draw(
        rows, np.random.default_rng(0), STILL, (network.input_px, network.output_px)
    )
    with torch.inference_mode():
        drawn = network.decode(network.encode(as_tensor(shown.inputs, device)), side).float().cpu()
    inner = round(size * held.pool.coverage)
    start = (size - inner) // 2
    result = held.images[rows].copy()
    for i, picture in enumerate(drawn.permute(0, 2, 3, 1).numpy()):
        mask = picture[..., 3:] if picture.shape[2] > 3 else shown.regions[i, ..., :1] / 255.0
        both = np.concatenate([picture[..., :3] * 255.0, mask], axis=2).astype(np.float32)
        both = cv2.resize(both, (inner, inner), interpolation=cv2.INTER_LINEAR)
        part = result[i, start : start + inner, start : start + inner]
        part[:] = np.rint(part + both[..., 3:] * (both[..., :3] - part)).clip(0, 255)
    return result


def swap_rows(target: HeldOut) -> IndexArray:
    """Rows of the target whose swaps are measured."""
    return target.rows[:: max(1, len(target.rows) // _SWAPS)][:_SWAPS]
