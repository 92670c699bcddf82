"""Fit the basis of the appearance descriptor that tells the faces of one clip apart (`likeness/faces/appearance.py`).

Data: a folder of pictures with one face each; the shipped basis saw 246 StyleGAN1 faces, nobody's. Cost: one minute on
a laptop CPU. Expected result: see `likeness/weights/faces/APPEARANCE.md`.

    python recipes/fit_face_appearance.py FOLDER [OUT.safetensors]
"""

import sys
from pathlib import Path

import numpy as np

from likeness.faces.appearance import raw_descriptor
from likeness.faces.finding import find_faces
from likeness.faces.models import FaceModels
from likeness.media import open_clip
from likeness.weights import FOLDER, save_arrays

COMPONENTS = 100


def main(folder: Path, out: Path) -> None:
    """Mean and half-whitened principal components of the raw descriptors, as 16-bit floats."""
    models, rows = FaceModels(), []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        frame = next(iter(open_clip(path).frames.at([0])))
        faces = find_faces(frame.image, models=models, min_face_px=90)
        if len(faces):
            rows.append(raw_descriptor(frame.image, faces.landmarks_px[0]))
    every = np.array(rows, np.float64)
    mean = every.mean(axis=0)
    value, vector = np.linalg.eigh(np.cov((every - mean).T))
    projection = vector[:, -COMPONENTS:] * value[-COMPONENTS:] ** -0.5
    projection /= np.abs(
        projection
    ).max()  # scale is lost in the unit length; keeps 16 bits exact enough
    arrays = {"mean": mean.astype(np.float16), "projection": projection.astype(np.float16)}
    save_arrays(out, arrays, {"faces": str(len(rows)), "components": str(COMPONENTS)})
    print(f"{len(rows)} faces -> {out.name}")


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER / "faces" / "appearance.safetensors"
    main(Path(sys.argv[1]), target)
