"""Make the crop pack that recipes/mesonet.toml trains on: real faces and pseudo-fakes of the same people.

    python recipes/mesonet_pack.py DATA
    likeness train recipes/mesonet.toml --data DATA

DATA holds manifest.csv and splits.csv. Of a random choice of UTKFace pictures with role `train`, each that shows a face gives a
real crop and a pseudo-fake crop (self-blends and warp blur, no second person), degraded alike in 7 of 10 cases and cut by the
same matrix as in the detector. A pack is a folder of 393 kB per pair; it holds fakes and is not to be published.

Cost: 51 pairs a second on one core (600 pictures, of which 594 show a face: 15 s in all) where `--store` holds the found
faces already; finding them the first time comes on top. The default of 3,000 takes 1.2 GB of memory and as much disk.
UTKFace pictures have 200 px and end close to the face: crops are enlarged and their rims mirrored, real and fake alike.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from likeness.data import CropPack
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import Item, read_items, select_items
from likeness.data.pairs import Pair, item_seed, make_pair, roughen_pair
from likeness.detectors.mesonet import CROP_PX, crop_matrix, warp_crop
from likeness.errors import DataError
from likeness.types import ImageArray

SOURCE, ROLE = "utkface", "train"
DEGRADED_SHARE = 0.7


def choose(folder: Path, role_file: Path, count: int, seed: int) -> list[Item]:
    """At most `count` training pictures, drawn at random: in the manifest they are sorted by age."""
    items = select_items(read_items(folder, role_file), source=SOURCE, role=ROLE)
    order = np.random.default_rng(seed).permutation(len(items))
    return [items[i] for i in order[:count]]


def draw_pair(folder: Path, face: KnownFace, seed: int) -> Pair:
    """The pair of one face, degraded or not; its recipe says which."""
    pair = make_pair(folder, face, seed)
    rng = np.random.default_rng([*item_seed(face, seed), 1])  # not the stream of make_pair
    degraded = bool(rng.random() < DEGRADED_SHARE)
    pair = roughen_pair(pair, rng) if degraded else pair
    return Pair(pair.real, pair.fake, pair.track, {**pair.recipe, "degraded": degraded})


def pair_crops(pair: Pair) -> tuple[ImageArray, ImageArray]:
    """Real and fake crop of the pair's first picture, (256, 256, 3) uint8 RGB each, cut by one and the same matrix."""
    matrix = crop_matrix(pair.track.landmarks_px[0])
    return warp_crop(pair.real[0], matrix), warp_crop(pair.fake[0], matrix)


def build(folder: Path, faces: Sequence[KnownFace], seed: int) -> CropPack:
    """A pack of two crops per face, real before fake.

    Both members carry the pair's recipe, because its draw may have changed the real one, too. Faces that do not lie within
    their picture are left out.
    """
    images = np.empty((2 * len(faces), CROP_PX, CROP_PX, 3), np.uint8)
    kept: list[KnownFace] = []
    recipes: list[str] = []
    start = time.monotonic()
    for done, face in enumerate(faces, 1):
        try:
            pair = draw_pair(folder, face, seed)
        except DataError as error:
            print(f"left out: {face.item.path}: {error}", flush=True)
            continue
        row = 2 * len(kept)
        images[row], images[row + 1] = pair_crops(pair)
        kept.append(face)
        recipes += [json.dumps(pair.recipe)] * 2
        if done % 250 == 0:
            print(f"{done}/{len(faces)}  {done / (time.monotonic() - start):.1f}/s", flush=True)
    return CropPack(
        images=images[: 2 * len(kept)],
        labels=np.tile(np.array([0, 1], np.int64), len(kept)),
        groups=tuple(face.item.group for face in kept for _ in range(2)),
        sources=tuple(face.item.source for face in kept for _ in range(2)),
        pair_ids=np.repeat(np.arange(len(kept), dtype=np.int64), 2),
        recipes=tuple(recipes),
    )


def main() -> None:
    """Choose, find, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/packs/mesonet"))
    parser.add_argument("--faces", type=int, default=3000, help="pictures to choose")
    parser.add_argument("--role-file", type=Path, default=Path("recipes/utkface_roles.csv"))
    parser.add_argument("--store", type=Path, default=Path("runs/faces"), help="found faces")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.faces < 1:
        parser.error(f"--faces: expected 1 or more, got {options.faces}")
    if options.out.exists():  # before the work, not after it
        parser.error(f"{options.out} exists; remove it or choose another folder with --out")
    cv2.setNumThreads(1)
    chosen = choose(options.data, options.role_file, options.faces, options.seed)
    faces = known_faces(options.data, chosen, options.store)
    pack = build(options.data, faces, options.seed)
    pack.save(options.out)
    people = len(set(pack.groups))
    print(f"{len(chosen)} pictures, {len(faces)} faces, {people} identities, {len(pack)} crops")
    print(f"-> {options.out}")


if __name__ == "__main__":
    main()
