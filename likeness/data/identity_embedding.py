"""Identity embeddings of faces: dlib's face recognition network on a face that our own landmarks set upright.

The network (King 2017, public domain, a ResNet after He et al. 2016) comes with the extra `create`. Its companion, dlib's
landmark model, is not used: the terms of the data it was trained on are unclear. An embedding is biometric data. It
serves to compare a face with the references of a consent record and stays in memory; the one place where embeddings are
kept is the face set of a person who has a consent record (`data.face_sets`), and they are that person's own.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from likeness.errors import MissingExtraError
from likeness.types import LANDMARK_COUNT, FloatArray, ImageArray, check_array

SIZE: Final = 128
_WEIGHTS: Final = "models/dlib_face_recognition_resnet_model_v1.dat"
# What dlib's alignment expects: outer and inner corner of the subject's left eye, of the right eye, base of the nose.
_POINTS: Final = (263, 362, 33, 133, 2)


class DlibEmbedder:
    """A face in a picture in, a (128,) float32 embedding out; nearer (Euclidean) means more alike.

    Raises:
        MissingExtraError: the extra `create` is not installed.
    """

    def __init__(self) -> None:
        spec = find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtraError("face_recognition_models (identity embedding)", "create")
        try:
            import dlib
        except ImportError:
            raise MissingExtraError("dlib (identity embedding)", "create") from None
        weights = Path(spec.submodule_search_locations[0]) / _WEIGHTS
        self._dlib: Any = dlib
        self._network: Any = dlib.face_recognition_model_v1(str(weights))

    def __call__(self, image: ImageArray, landmarks_px: FloatArray) -> FloatArray:
        """Embed one face.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks_px: (478, 2) float32 of the face, in pixels of `image`.

        Returns:
            (128,) float32.

        Raises:
            ShapeError: an array of another shape or type.
        """
        check_array("DlibEmbedder.image", image, (None, None, 3), np.uint8)
        check_array("DlibEmbedder.landmarks_px", landmarks_px, (LANDMARK_COUNT, 2), np.float32)
        points = [
            self._dlib.point(round(float(x)), round(float(y)))
            for x, y in landmarks_px[list(_POINTS)]
        ]
        height, width = image.shape[:2]
        box = self._dlib.rectangle(0, 0, width - 1, height - 1)  # only the points are looked at
        face = self._dlib.full_object_detection(box, self._dlib.points(points))
        vector = self._network.compute_face_descriptor(np.ascontiguousarray(image), face)
        return np.asarray(vector, np.float32)
