"""Find people who appear in several files of an unlabelled source, and keep each of them in one role.

    python recipes/identity_clusters.py DATA --source utkface --out recipes/utkface_roles.csv

DATA holds manifest.csv and splits.csv. Every picture of the source is embedded (dlib's face recognition ResNet, 128
numbers; King 2017), pictures nearer than the threshold are one person, and a person who spans roles keeps the first of
test, calibrate, select, train that they touch; their other files are dropped. The CSV lists the files of people with several
files: path, cluster, role. `likeness.data.manifest.read_items(DATA, role_file=...)` applies it.

Cost: about five pictures a second on one core. Needs the extra `create`. The embeddings are biometric data: they stay in the
cache file on this machine and are not part of the project.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from likeness.data.identity import cluster_embeddings, resolve_roles, write_role_changes
from likeness.data.manifest import Item, read_items, select_items

DISTANCE = 0.36
# Connected components chain: among 8,761 faces, 0.45 makes one "person" of 1,758 pictures, 0.40 one of 637 and 0.36 one of 154.
# At 0.36, 167 people span roles and 469 files are dropped; dlib's own 0.6 is meant for a handful of people.


class DlibEmbedder:
    """A picture of one face in, a (128,) float32 identity embedding out."""

    def __init__(self) -> None:
        import dlib
        import face_recognition_models as models

        self._rectangle = dlib.rectangle
        self._find = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(models.pose_predictor_five_point_model_location())
        self._embed = dlib.face_recognition_model_v1(models.face_recognition_model_location())

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, bool]:
        """Embed the largest face; without one the whole picture counts as the face.

        Returns:
            (128,) float32 embedding, and whether a face was found.
        """
        found = self._find(image, 0)
        height, width = image.shape[:2]
        box = max(found, key=lambda r: r.area()) if found else self._rectangle(0, 0, width, height)
        vector = self._embed.compute_face_descriptor(image, self._points(image, box))
        return np.asarray(vector, np.float32), bool(found)


def embed_items(folder: Path, items: list[Item], cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Embed every item, reusing `cache` where its paths match.

    Returns:
        (N, 128) float32 embeddings and (N,) bool whether a face was found.
    """
    paths = np.array([item.path for item in items])
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as kept:
            if np.array_equal(kept["paths"], paths):
                return kept["embeddings"], kept["found"]
    embedder, start = DlibEmbedder(), time.monotonic()
    embeddings, found = np.zeros((len(items), 128), np.float32), np.zeros(len(items), bool)
    for i, item in enumerate(items):
        image = cv2.cvtColor(cv2.imread(str(folder / item.path)), cv2.COLOR_BGR2RGB)
        embeddings[i], found[i] = embedder(image)
        if (i + 1) % 250 == 0:
            print(f"{i + 1}/{len(items)}  {(i + 1) / (time.monotonic() - start):.1f}/s", flush=True)
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_name(f"part-{cache.name}")
    np.savez(part, paths=paths, embeddings=embeddings, found=found)
    part.replace(cache)
    return embeddings, found


def main() -> None:
    """Embed, cluster, resolve, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", default="utkface")
    parser.add_argument("--out", type=Path, default=Path("recipes/utkface_roles.csv"))
    parser.add_argument("--cache", type=Path, default=Path("runs/identity_embeddings.npz"))
    parser.add_argument("--distance", type=float, default=DISTANCE)
    options = parser.parse_args()
    items = list(select_items(read_items(options.data), source=options.source))
    embeddings, found = embed_items(options.data, items, options.cache)
    clusters = cluster_embeddings(embeddings, options.distance)
    roles = [item.role for item in items]
    kept = resolve_roles(clusters, roles)
    write_role_changes(options.out, [item.path for item in items], clusters, kept)
    sizes = Counter(Counter(clusters.tolist()).values())
    spanning = sum(
        len({roles[i] for i in np.flatnonzero(clusters == c)}) > 1 for c in set(clusters.tolist())
    )
    print(
        f"{len(items)} files, {int((~found).sum())} without a found face, {len(set(clusters.tolist()))} people"
    )
    print(f"people by number of files: {dict(sorted(sizes.items()))}")
    print(f"{spanning} people span roles, {kept.count('dropped')} files dropped -> {options.out}")


if __name__ == "__main__":
    main()
