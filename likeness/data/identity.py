"""Who is the same person in an unlabelled source, and which role their files keep.

Works on identity embeddings; computing them (dlib, a face network) is the caller's business. Two pictures of one person in
training and in test would let a detector recognise the person instead of the manipulation.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.types import FloatArray, ImageArray, IndexArray, check_array

ROLE_ORDER = ("test", "calibrate", "select", "train")
"""Scarce roles first: a person who spans roles stays where losing a file costs most."""


def embed_images(
    images: Iterable[ImageArray], embed: Callable[[ImageArray], FloatArray]
) -> FloatArray:
    """(N, D) float32 embeddings of N pictures, one at a time."""
    rows = [np.asarray(embed(image), np.float32) for image in images]
    if not rows:
        raise DataError("no picture to embed")
    return np.stack(rows)


def near_pairs(embeddings: FloatArray, distance: float, block: int = 1024) -> IndexArray:
    """Pairs of rows that are nearer than `distance` (Euclidean), without ever holding the full distance matrix.

    Args:
        embeddings: (N, D) float32.
        distance: in the embedding's own units; see `recipes/identity_clusters.py` for how dlib's behaves.
        block: rows compared at a time; memory is block x N float32.

    Returns:
        (P, 2) int64, first < second.
    """
    check_array("near_pairs.embeddings", embeddings, (None, None), np.float32)
    if not np.isfinite(embeddings).all():
        raise DataError("embeddings hold NaN or infinite numbers; drop the pictures they come from")
    squares = np.einsum("nd,nd->n", embeddings, embeddings)
    pairs = []
    for start in range(0, len(embeddings), block):
        part = embeddings[start : start + block]
        squared = (
            squares[start : start + block, None]
            + squares[start:]
            - 2.0 * (part @ embeddings[start:].T)
        )
        first, second = np.nonzero(squared < distance * distance)
        upper = first < second
        pairs.append(np.stack([first[upper] + start, second[upper] + start], axis=1))
    return np.concatenate(pairs).astype(np.int64) if pairs else np.zeros((0, 2), np.int64)


def cluster_embeddings(embeddings: FloatArray, distance: float = 0.36) -> IndexArray:
    """Connected components of the graph that joins rows nearer than `distance`.

    Returns:
        (N,) int64 cluster of each row; clusters are numbered by their first row, so the result does not depend on the block
        size or the library.
    """
    pairs = near_pairs(embeddings, distance)
    parent = np.arange(len(embeddings))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for a, b in pairs.tolist():
        ra, rb = root(a), root(b)
        parent[max(ra, rb)] = min(ra, rb)
    roots = np.array([root(i) for i in range(len(parent))], np.int64)
    return np.unique(roots, return_inverse=True)[1].reshape(-1).astype(np.int64)


def resolve_roles(clusters: IndexArray, roles: Sequence[str]) -> list[str]:
    """One role per person.

    Where a cluster spans roles, its files in the first of test, calibrate, select, train that it touches stay; the others become
    "dropped". Files that have no role, or are dropped already, stay so.

    Returns:
        The new role of each row.

    Raises:
        DataError: lengths differ, or a role is unknown.
    """
    check_array("resolve_roles.clusters", clusters, (len(roles),), np.int64)
    rank = {role: i for i, role in enumerate(ROLE_ORDER)}
    best: dict[int, int] = {}
    for cluster, role in zip(clusters.tolist(), roles, strict=True):
        if role in rank:
            best[cluster] = min(best.get(cluster, len(rank)), rank[role])
        elif role not in ("", "dropped"):
            raise DataError(f"unknown role {role!r}; expected one of {', '.join(ROLE_ORDER)}")
    return [
        role if role not in rank or rank[role] == best[cluster] else "dropped"
        for cluster, role in zip(clusters.tolist(), roles, strict=True)
    ]


def write_role_changes(
    file: str | Path, paths: Sequence[str], clusters: IndexArray, roles: Sequence[str]
) -> int:
    """Write path, cluster, role for every file of a person with several files, so that the groups become known too.

    Returns:
        Number of rows.
    """
    sizes = np.bincount(clusters) if len(clusters) else np.zeros(0, np.int64)
    file = Path(file)
    part = file.with_name(f".{file.name}.part")
    rows = [
        (path, f"person_{cluster:05d}", role)
        for path, cluster, role in zip(paths, clusters.tolist(), roles, strict=True)
        if sizes[cluster] > 1
    ]
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("path", "cluster", "role"))
        writer.writerows(rows)
    part.replace(file)
    return len(rows)
