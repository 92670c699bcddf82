"""Fit the mean 3-D face, its normals and its mirror pairs (`likeness/faces/shading.py`).

Data: a folder of pictures with one face each, and a CSV of path and role that names those to use; the shipped shape saw
the StyleGAN1 faces of role `train`, nobody's. Cost: one minute on a laptop CPU. Expected result: see
`likeness/weights/faces/SHAPE.md`.

    python recipes/fit_face_shape.py DATA/faces/fake/stylegan1_256 DATA/splits.csv [OUT.safetensors]
"""

import csv
import sys
from pathlib import Path

import numpy as np
from scipy.spatial import Delaunay

from likeness.faces.finding import SIZE_PX, find_faces, mesh_square
from likeness.faces.geometry import warp
from likeness.faces.models import FaceModels
from likeness.faces.pose import model_points_mm
from likeness.media import open_clip
from likeness.types import DoubleArray
from likeness.weights import FOLDER, save_arrays

ROUNDS = 10
MESH = 468


def main(folder: Path, roles: Path, out: Path) -> None:
    """Generalised Procrustes mean, made symmetric, in the axes and the scale of `faces.pose`."""
    with roles.open(newline="") as file:
        wanted = {row["path"] for row in csv.DictReader(file) if row["role"] == "train"}
    models, meshes = FaceModels(), []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        if not any(w.endswith(f"{folder.name}/{path.name}") for w in wanted):
            continue
        image = next(iter(open_clip(path).frames.at([0]))).image
        faces = find_faces(image, models=models, min_face_px=60)
        if len(faces):
            square = mesh_square(faces.landmarks_px[0])
            crop = warp(image, square, SIZE_PX, "replicate", cubic=False)
            meshes.append(models.mesh(crop[None])[0][0, :MESH].astype(np.float64))
    indices, model = model_points_mm()
    mean = meshes[0]
    for _ in range(ROUNDS):
        mean = np.median([moved(mesh, mean, slice(None)) for mesh in meshes], axis=0)
    mean = moved(mean, model, indices, fit_to=model)
    flipped = mean * [-1.0, 1.0, 1.0]
    mirror = ((mean[:, None] - flipped[None]) ** 2).sum(axis=-1).argmin(axis=1)
    mean = 0.5 * (mean + flipped[mirror])
    arrays = {
        "points_mm": mean.astype(np.float32),
        "normals": normals(mean).astype(np.float32),
        "mirror": mirror.astype(np.int64),
    }
    save_arrays(out, arrays, {"faces": str(len(meshes))})
    apart = np.linalg.norm(mean[indices] - model, axis=1)
    pairs = float((mirror[mirror] == np.arange(MESH)).mean())
    print(f"{len(meshes)} faces; {apart.mean():.1f} mm from faces.pose; {pairs:.0%} of pairs agree")


def moved(
    mesh: DoubleArray, wanted: DoubleArray, rows, fit_to: DoubleArray | None = None
) -> DoubleArray:
    """A mesh turned, scaled and shifted so that its `rows` lie on `wanted` (Umeyama 1991, without mirroring)."""
    target = wanted if fit_to is not None else wanted[rows]
    a, b = mesh[rows], target
    low_a, low_b = a.mean(axis=0), b.mean(axis=0)
    left, values, right = np.linalg.svd((a - low_a).T @ (b - low_b))
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    turn = left @ sign @ right
    scale = float((values * np.diag(sign)).sum() / ((a - low_a) ** 2).sum())
    return scale * (mesh - low_a) @ turn + low_b


def normals(points: DoubleArray) -> DoubleArray:
    """(468, 3) unit normals that point away from the head; triangles from the face unrolled round a vertical axis."""
    turn = np.arctan2(points[:, 0], 90.0 - points[:, 2])
    triangles = Delaunay(np.stack([90.0 * turn, points[:, 1]], axis=1)).simplices
    a, b, c = (points[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    outwards = (a + b + c) / 3.0 - np.array([0.0, 30.0, 90.0])
    faces *= np.sign((faces * outwards).sum(axis=1, keepdims=True))
    found = np.zeros_like(points)
    for k in range(3):
        np.add.at(found, triangles[:, k], faces)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


if __name__ == "__main__":
    target = Path(sys.argv[3]) if len(sys.argv) > 3 else FOLDER / "faces" / "shape.safetensors"
    main(Path(sys.argv[1]), Path(sys.argv[2]), target)
