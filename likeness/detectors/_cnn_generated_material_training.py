"""What `cnn_generated` learns from: pictures of one generator, their photographic counterpart, twins, and their folds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.manifest import Item, read_items, select_items
from likeness.detectors._cnn_generated_drawn_training import (
    GENERATORS,
    HELD_OUT_SEED,
    LEARNED_SEED,
    RESTORED,
    SMALL,
    SYNTHESISERS,
    drawn_pairs,
    faces_of,
    small_pairs,
)
from likeness.detectors._cnn_generated_levelling import levelled
from likeness.detectors._cnn_generated_network_training import Material, Picture
from likeness.detectors._cnn_generated_redrawing_training import (
    RedrawConfig,
    Twin,
    train_redrawer,
    twins_of,
)
from likeness.detectors._cnn_generated_spectral_training import spectral_pairs
from likeness.errors import DataError
from likeness.networks.cnn_generated import PATCH_PX, UPSAMPLINGS, Redrawer
from likeness.types import ImageArray, Progress

FOLDS = 3
LEFT_OUT = (
    ("transposed", SMALL + "transposed", "dcgan"),
    ("nearest", SMALL + "nearest", "light_gan"),
    ("shuffle", SMALL + "shuffle", RESTORED),
)
"""What the network of each fold never sees: a way of upsampling, and the generator that uses it or comes nearest to it, so
that a new generator is measured on the way. Restored faces are learned from by none: no levelling brings their audit down."""


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        real: data source of the photographs.
        fake: data source of the generated pictures, of the same size and compression.
        twins: data source of the photographs that are drawn again.
        n_twins: how many of them.
        n_redrawn: how many of those become twins; 0 = all. The others only teach the redrawer.
        held_out_twins: photographs of role `select` that are drawn again, in every way, for the figures.
        n_drawn: faces that each of our own generators draws, and photographs beside them; 0 = none.
        held_out_drawn: the same for the figures: photographs of role `select`, other seeds.
        n_small: faces as small as theirs that are drawn again.
        n_spectral: photographs with changed bands of their spectrum, or a grid of resampling.
        calibrate_drawn: whether calibration and domain hold for drawn faces, enlarged, and photographs like them.
        redraw_steps: steps of the redrawer, its decoders in turns.
        networks: how many of the three folds get a network; pictures of the others are learned from only.
        start: folder of an earlier run whose folds are gone on from; empty = from nothing.
        steps: steps of each network.
        batch: patches per step.
        learning_rate: of the networks, at the start.
        twin_share: share of twins and their photographs in a batch; 0 = none.
        quality: lowest and highest JPEG quality that figures are measured in.
        final_evaluation: also score the `test` half, once, when everything is decided.
        seed: fixes every draw.
        role_file: corrected roles of unlabelled identities; empty = none.
        faces: folder of found faces; empty = find them again.
        run: folder of the checkpoints.
        threads: of torch.
    """

    real: str = "ffhq256"
    fake: str = "stylegan1_256"
    twins: str = "utkface"
    n_twins: int = 400
    n_redrawn: int = 0
    held_out_twins: int = 100
    n_drawn: int = 0
    held_out_drawn: int = 0
    n_small: int = 0
    n_spectral: int = 0
    calibrate_drawn: bool = False
    redraw_steps: int = 1200
    networks: int = FOLDS
    start: str = ""
    steps: int = 1000
    batch: int = 32
    learning_rate: float = 2e-3
    twin_share: float = 0.4
    quality: tuple[int, int] = (60, 95)
    final_evaluation: bool = False
    seed: int = 1
    role_file: str = ""
    faces: str = "runs/faces"
    run: str = "runs/cnn_generated"
    threads: int = 1

    def digest(self, part: str) -> str:
        """What identifies the run of one part: all settings that change what it learns."""
        drawing = ("twins", "n_twins", "redraw_steps", "seed")
        learning = (
            *("real", "fake", "batch", "learning_rate", "twin_share", "quality"),
            "n_drawn",
            "n_small",
            "n_spectral",
            "n_redrawn",
            "role_file",
            "start",
        )
        names = drawing if part == "redrawer" else (*drawing, *learning, "steps")
        text = json.dumps([part, {name: getattr(self, name) for name in names}], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Gathered:
    """All material with its folds.

    Attributes:
        pictures: of both classes.
        folds: fold of each.
        twins: of the training photographs of both sources.
        twin_folds: fold of each; -1 where its photograph is in no fold.
        held_out: twins of photographs that no network sees, in every way of upsampling.
        found: pairs of photographs that no network sees and faces of other seeds, as they are: not made alike.
    """

    pictures: tuple[Picture, ...]
    folds: tuple[int, ...]
    twins: tuple[Twin, ...]
    twin_folds: tuple[int, ...]
    held_out: tuple[Twin, ...]
    found: tuple[Twin, ...] = ()

    def without(self, fold: int) -> Material:
        """What the network of a fold learns from."""
        pictures = [p for p, k in zip(self.pictures, self.folds, strict=True) if k != fold]
        twins = [
            t
            for t, k in zip(self.twins, self.twin_folds, strict=True)
            if t.kind not in LEFT_OUT[fold] and k != fold
        ]
        return Material(tuple(pictures), tuple(twins))


def gather(data: Path, config: TrainingConfig, progress: Progress | None = None) -> Gathered:
    """Read pictures of role `train`, train the redrawer and draw the twins."""
    items = read_items(data, config.role_file or None)
    pictures = pictures_of(data, items, config, "train")
    order = np.random.default_rng(config.seed).permutation(len(pictures))
    folds = np.empty(len(pictures), np.int64)
    folds[order] = np.arange(len(order)) % FOLDS
    others = photographs(data, items, config.twins, "train", config.n_twins)
    own = [(p.image, p.group) for p in pictures if p.label == 0]
    own_folds = [int(k) for p, k in zip(pictures, folds, strict=True) if p.label == 0]
    if config.twin_share <= 0:
        return Gathered(pictures, tuple(folds.tolist()), (), (), ())
    network = redrawer(others, config, progress)
    others = others[: config.n_redrawn or len(others)]
    twins = twins_of(network, others + own, lambda n: (UPSAMPLINGS[n % len(UPSAMPLINGS)],))
    held_out = photographs(data, items, config.twins, "select", config.held_out_twins)
    more = drawn(data, items, network, config, progress)
    more += [t.alike() for t in spectral_pairs(others[: config.n_spectral], config.seed)]
    found = found_pairs(data, items, config)
    return Gathered(
        pictures,
        tuple(folds.tolist()),
        (*twins, *more),
        (*[-1] * len(others), *own_folds, *[-1] * len(more)),
        tuple(twins_of(network, held_out, lambda n: UPSAMPLINGS)),
        tuple(found),
    )


def drawn(
    data: Path,
    items: Sequence[Item],
    network: Redrawer,
    config: TrainingConfig,
    progress: Progress | None = None,
) -> list[Twin]:
    """Faces of our own generators, and faces as small that were drawn again, made alike with their photographs."""
    most = max(config.n_drawn, config.n_small)
    faces = faces_of(data, items, (config.twins, "train", most), config.faces)
    pairs = list(small_pairs(network, faces[: config.n_small]))
    for kind in SYNTHESISERS:
        pairs += drawn_pairs(kind, faces[: config.n_drawn], LEARNED_SEED)
    made = []
    for done, pair in enumerate(pairs):
        made.append(pair.alike())
        if progress:
            progress("making pairs alike", done + 1, len(pairs))
    return made


def found_pairs(data: Path, items: Sequence[Item], config: TrainingConfig) -> list[Twin]:
    """Photographs of role `select` and what each generator drew beside them, as they are."""
    wanted = (config.twins, "select", config.held_out_drawn)
    faces = faces_of(data, items, wanted, config.faces)
    return [pair for kind in GENERATORS for pair in drawn_pairs(kind, faces, HELD_OUT_SEED)]


def redrawer(
    pictures: Sequence[tuple[ImageArray, str]],
    config: TrainingConfig,
    progress: Progress | None = None,
) -> Redrawer:
    """The redrawer, from its last checkpoint if there is one."""
    settings = RedrawConfig(
        steps=config.redraw_steps,
        batch=8,
        learning_rate=4e-3,
        seed=config.seed,
        out=Path(config.run) / "redrawer",
        run=config.digest("redrawer"),
    )
    return train_redrawer([image for image, _ in pictures], settings, progress)


def pictures_of(
    data: Path, items: Sequence[Item], config: TrainingConfig, role: str
) -> tuple[Picture, ...]:
    """Photographs and generated pictures of one role; raises `DataError` if a class is missing."""
    chosen = own_items(items, config, role)
    if {item.label for item in chosen} != {0, 1}:
        raise DataError(
            f"cnn_generated: expected {role} pictures of {config.real} and of {config.fake} in {data.name}"
        )
    images = [_load(data, item) for item in chosen]
    labels = [item.label for item in chosen]
    levels = levelled(images, labels)
    # A generator is one group in the manifest; its pictures are independent draws and are counted one by one.
    names = [item.group if item.label == 0 else item.path for item in chosen]
    return tuple(Picture(*row) for row in zip(images, labels, names, levels, strict=True))


def own_items(items: Sequence[Item], config: TrainingConfig, role: str) -> list[Item]:
    """Photographs and generated pictures of one role, in the order of `pictures_of`."""
    return [
        item
        for source in (config.real, config.fake)
        for item in select_items(items, source=source, role=role)
    ]


def photographs(
    data: Path, items: Sequence[Item], source: str, role: str, count: int
) -> list[tuple[ImageArray, str]]:
    """At most so many photographs of a source, evenly spread, none smaller than a patch, and their identities."""
    chosen = select_items(items, source=source, role=role, kind="face", label=0)
    if not chosen or count < 1:
        return []
    rows = np.unique(np.linspace(0, len(chosen) - 1, count).astype(int))
    found = [(_load(data, chosen[i]), chosen[i].group) for i in rows]
    return [(image, group) for image, group in found if min(image.shape[:2]) >= PATCH_PX + 1]


def _load(data: Path, item: Item) -> Any:
    from likeness.media import open_clip

    clip = open_clip(item.file(data))
    image = next(iter(clip.frames)).image
    clip.frames.close()
    return image
