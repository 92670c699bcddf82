"""Batches for `self_blended` straight from the training device: no pack, no picture twice, every pair drawn anew.

What the packs hold and this does not: pairs coded as video (H.264) and faces redrawn from principal components. Kinds that are left
share what those had. Worth it on a graphics processor; on a CPU the packs are faster (benchmarks/results/tensor_engine.csv).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from likeness.data.known_faces import KnownFace, load_images
from likeness.data.mixture import PseudoFakeConfig, Shares
from likeness.data.pairs import MAY_DONATE
from likeness.detectors._self_blended_network_training import Batch, Curriculum, Learner
from likeness.detectors._self_blended_tensor_views_training import (
    crop_matrices,
    crops_of_tensors,
    maps_of,
    views_of_tensors,
)
from likeness.detectors._self_blended_twins import KINDS, SHARES, SOFT, _donors
from likeness.errors import DataError
from likeness.networks.self_blended import FixedViews
from likeness.training.feeding import Batches
from likeness.training.tensor_blends import tensor_pairs
from likeness.training.tensor_degradations import blurred, draw_degradations
from likeness.training.tensor_faces import TensorFaces, framed
from likeness.training.tensor_resampling import levels, resampled
from likeness.types import FloatArray, IndexArray

Tensor = torch.Tensor
MADE = KINDS[:5]
"""The kinds that tensors make, in the order of `KINDS`."""
FRAME_PX = 256
"""Largest frame that faces are kept in."""
CANDIDATES = 2
"""Pairs that are made for each that is learnt from, so that a curriculum can choose."""
_SOFT_FACE = KINDS.index("soft_face")
_SOFTENED_SHARE, _SHARPENED_SHARE = 0.4, 0.15  # as in `_self_blended_twins`
_SHIFT, _ZOOM = 0.03, 0.06
_TERCILES = 3


@dataclass(frozen=True, eq=False)
class TensorMaterial:
    """Real faces on the device, by size of their frames.

    Attributes:
        faces: one set per frame size.
        donors: for each set (F,) int64 rows of `givers`.
        givers: the faces that may be given to others.
        degraded_share: share of pairs that are degraded, both members alike.
    """

    faces: Sequence[TensorFaces]
    donors: Sequence[Tensor]
    givers: TensorFaces
    degraded_share: float = 0.5

    def __post_init__(self) -> None:
        if not self.faces or len(self.faces) != len(self.donors):
            raise DataError("tensor batches: expected faces, and donors for each set of them")


@dataclass(frozen=True, eq=False)
class Candidates:
    """C pairs before the views.

    Attributes:
        crops: (C, 2, 2, 3, 160, 160) float32 levels: real and fake, each at both scales.
        maps: (C, 2, 20, 20) float32.
        kinds: (C,) int64 places in `KINDS`.
        change: (C,) float32 mean difference of the tight crops in levels.
        degraded: (C,) bool.
    """

    crops: Tensor
    maps: Tensor
    kinds: IndexArray
    change: FloatArray
    degraded: IndexArray


def material_of(
    data: Path, faces: Sequence[KnownFace], seed: int, device: torch.device | str = "cpu"
) -> TensorMaterial:
    """Put real faces on a device, sorted by the size of their frames, each with a donor as `twins_of` chooses it.

    Square pictures of up to 256 px stay as they are; of others the surroundings of the face are cut out (see `framed`). Those that
    may donate share one size, that of the largest.

    Args:
        data: where the items' paths start.
        faces: real faces; 0.13 MB each at 200 px.
        seed: of the donors.
        device: where the batches are to be made.
    """
    donors = _donors(faces, seed)
    images = [load_images(data, face)[0] for face in faces]
    gives = [face.item.source in MAY_DONATE for face in faces]
    sizes = [i.shape[0] if i.shape[0] == i.shape[1] <= FRAME_PX else FRAME_PX for i in images]
    shared = max(size for size, may in zip(sizes, gives, strict=True) if may)
    sizes = [shared if may else size for size, may in zip(sizes, gives, strict=True)]
    groups = {
        size: [i for i, own in enumerate(sizes) if own == size] for size in sorted(set(sizes))
    }
    place = {id(faces[i]): k for k, i in enumerate(groups[shared])}
    sets = {}
    for size, members in groups.items():
        frames, points = zip(
            *(framed(images[i], faces[i].track.landmarks_px[0], size) for i in members), strict=True
        )
        sources = [faces[i].item.source for i in members]
        sets[size] = TensorFaces.of(np.stack(frames), np.stack(points), sources, device)
    rows = [torch.tensor([place[id(donors[i])] for i in own]) for own in groups.values()]
    return TensorMaterial(list(sets.values()), rows, sets[shared])


def tensor_batches_of(
    material: TensorMaterial, learner: Learner, plan: Curriculum, reference: int = 512
) -> Batches:
    """Batches by number, on the device of the faces; see `_self_blended_network_training.batches_of`.

    Args:
        material: real faces.
        learner: whose losses say which kinds come more often.
        plan: the curriculum.
        reference: pairs that are made once to learn how obvious fakes are: what is obvious, medium and subtle follows from them.
    """
    device = material.givers.images.device
    filters = FixedViews().eval().to(device)
    scale = _Scale.of(candidates_of(material, reference, np.random.default_rng(0)))

    def batches(number: int, rng: np.random.Generator) -> Batch:
        found = candidates_of(material, CANDIDATES * plan.pairs, rng)
        rank, bins = scale(found)
        shares = plan.weights(number, rank, bins, learner.table(number))
        count = min(plan.pairs, int(np.count_nonzero(shares)))
        rows = np.sort(rng.choice(len(bins), count, replace=False, p=shares))
        return _batch(filters, found, rows, (rng.random(count) < 0.5, bins))

    return batches


@torch.no_grad()
def candidates_of(material: TensorMaterial, count: int, rng: np.random.Generator) -> Candidates:
    """Pairs of faces drawn at random."""
    sizes = np.array([len(faces) for faces in material.faces])
    per_set = rng.multinomial(count, sizes / sizes.sum())
    shares = np.array(SHARES[: len(MADE)])
    parts = []
    for place, number in enumerate(per_set):
        soft = int(rng.binomial(number, shares[_SOFT_FACE] / shares.sum()))
        engine = Shares(*shares[:_SOFT_FACE])
        for some, config in ((number - soft, PseudoFakeConfig(engine)), (soft, SOFT)):
            if some:
                parts.append(_of_one_set(material, place, int(some), (config, rng)))
    return Candidates(
        crops=torch.cat([part.crops for part in parts]),
        maps=torch.cat([part.maps for part in parts]),
        kinds=np.concatenate([part.kinds for part in parts]),
        change=np.concatenate([part.change for part in parts]),
        degraded=np.concatenate([part.degraded for part in parts]),
    )


def _of_one_set(
    material: TensorMaterial,
    place: int,
    count: int,
    drawing: tuple[PseudoFakeConfig, np.random.Generator],
) -> Candidates:
    config, rng = drawing
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    rows = torch.randint(len(material.faces[place]), (count,), generator=generator)
    faces = material.faces[place].at(rows)
    faces = replace(faces, images=_softened(faces.images, generator))
    donors = None if config is SOFT else (material.givers, material.donors[place][rows])
    pairs = tensor_pairs(faces, torch.arange(count), int(rng.integers(2**62)), config, donors)
    members = torch.stack([pairs.real, pairs.fake], 1)
    degraded = torch.rand(count, generator=generator) < material.degraded_share
    some = degraded.nonzero()[:, 0]
    if len(some):
        sharp = _sharpened(members[some], generator)
        members[some] = draw_degradations(generator, len(some))(sharp)
    matrices = crop_matrices(_jittered(faces.landmarks_px, generator))
    crops = crops_of_tensors(members, matrices)
    change = (crops[:, 0, 0] - crops[:, 1, 0]).abs().mean((1, 2, 3))
    kinds = np.full(count, _SOFT_FACE) if config is SOFT else pairs.kind.numpy()
    maps = maps_of(pairs.mask, matrices)
    return Candidates(crops, maps, kinds, change.cpu().numpy(), degraded.numpy())


@dataclass(frozen=True, eq=False)
class _Scale:
    """How obvious fakes are: sorted changes of all kinds together, and the thirds of each kind."""

    changes: FloatArray
    thirds: FloatArray

    @classmethod
    def of(cls, found: Candidates) -> _Scale:
        middle = np.percentile(found.change, (100 / 3, 200 / 3))
        thirds = [
            np.percentile(own, (100 / 3, 200 / 3)) if len(own) >= _TERCILES else middle
            for own in (found.change[found.kinds == k] for k in range(len(KINDS)))
        ]
        return cls(np.sort(found.change), np.array(thirds, np.float32))

    def __call__(self, found: Candidates) -> tuple[FloatArray, IndexArray]:
        """(C,) rank in [0, 1], 1 = most obvious, and (C,) bin of each pair, as `bins_of` numbers them."""
        rank = np.searchsorted(self.changes, found.change) / len(self.changes)
        third = (found.change[:, None] > self.thirds[found.kinds]).sum(axis=1)
        bins = (found.kinds * _TERCILES + third) * 2 + found.degraded
        return rank.astype(np.float32), bins.astype(np.int64)


@torch.no_grad()
def _batch(
    filters: FixedViews,
    found: Candidates,
    rows: IndexArray,
    about: tuple[npt.NDArray[np.bool_], IndexArray],
) -> Batch:
    """The chosen pairs, some of them mirrored, real faces first."""
    mirror, bins = about
    turned = torch.from_numpy(mirror).to(found.crops.device)
    chosen = torch.from_numpy(rows).to(found.crops.device)
    crops, maps = found.crops[chosen], found.maps[chosen]
    crops = torch.where(turned.view(-1, 1, 1, 1, 1, 1), crops.flip(-1), crops)
    maps = torch.where(turned.view(-1, 1, 1, 1), maps.flip(-1), maps)
    ordered = crops.transpose(0, 1).flatten(0, 1)  # (2B, scale, 3, 160, 160)
    views = views_of_tensors(filters, ordered.flatten(0, 1)).unflatten(0, ordered.shape[:2])
    both = torch.cat([torch.zeros_like(maps), maps])
    return Batch(views.to(torch.bfloat16), both, torch.from_numpy(bins[rows]))


def _softened(images: Tensor, generator: torch.Generator) -> Tensor:
    """Some faces lose detail before anything is blended."""
    drawn = torch.rand((2, len(images)), generator=generator)
    factor = torch.where(drawn[0] < _SOFTENED_SHARE, 0.45 + 0.55 * drawn[1], 1.0)
    some = (factor < 1.0).nonzero()[:, 0]
    if not len(some):
        return images
    out = images.clone()
    out[some] = resampled(images[some].float(), factor[some].to(images.device)).byte()
    return out


def _sharpened(members: Tensor, generator: torch.Generator) -> Tensor:
    """Some pairs, both members alike, as cameras and editors sharpen."""
    drawn = torch.rand((3, len(members)), generator=generator)
    some = (drawn[0] < _SHARPENED_SHARE).nonzero()[:, 0]
    if not len(some):
        return members
    amount = (0.3 + 0.9 * drawn[1, some]).to(members.device).view(-1, 1, 1, 1)
    sigma = (0.6 + 0.9 * drawn[2, some]).to(members.device)
    out, flat = members.clone(), members[some].flatten(1, 2).float()
    sharp = levels(flat + amount * (flat - blurred(flat, sigma)))
    out[some] = sharp.unflatten(1, (-1, 3)).byte()
    return out


def _jittered(landmarks_px: Tensor, generator: torch.Generator) -> Tensor:
    """As a face finder would place them another time: moved and scaled a little as a whole."""
    drawn = torch.rand((len(landmarks_px), 3), generator=generator).to(landmarks_px.device)
    drawn = drawn * 2.0 - 1.0
    centre = landmarks_px.mean(1, keepdim=True)
    size = (landmarks_px.amax(1) - landmarks_px.amin(1)).amax(1)
    zoom = (1.0 + _ZOOM * drawn[:, 2])[:, None, None]
    shift = (_SHIFT * drawn[:, :2] * size[:, None])[:, None]
    return centre + (landmarks_px - centre) * zoom + shift
