"""Use of a trained autoencoder: target crops in, the source's face in the target's pose and expression out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from likeness.errors import ConfigError, UsageError, WeightsError
from likeness.faces.geometry import align_matrix, invert, warp
from likeness.generators._autoencoder_run import open_graph
from likeness.types import DoubleArray, FaceCrop, FloatArray, GenerateRequest, ImageArray

_SAME_SHARE = 0.1  # crops whose face is this much larger or smaller than in training are cut anew


class AutoencoderSwap:
    """Draws the source's face for target crops with onnxruntime. The same request gives the same crop.

    Args:
        generator: name of the part, which the model must belong to.
        model: run folder or `.onnx` file.
        threads: threads inside one operator; 0 = one per physical core.
        batch: crops that go through the network at once.

    Attributes:
        facts: what is known of the model.

    Raises:
        WeightsError: no model there, or that of another generator.
    """

    def __init__(self, generator: str, model: str, threads: int = 0, batch: int = 8) -> None:
        if batch < 1:
            raise ConfigError(f"generator {generator}: batch: expected 1 or more, got {batch}")
        self._session, self.facts = open_graph(model, threads)
        if self.facts.generator != generator:
            raise WeightsError(
                f"{model}: expected a model of {generator}, got one of {self.facts.generator}; use "
                f"--generator {self.facts.generator}"
            )
        self._batch = batch

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """The source's face in place of the target's.

        Args:
            request: `target`, a crop of any size with the margin of the training crops; crops of another margin need
                landmarks. The source lies in the model, the seed changes nothing.

        Returns:
            A crop of the target's size, matrix and landmarks. Its mask is what the network draws as the face; of
            networks without a mask, the target's own.

        Raises:
            UsageError: no target.
        """
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[GenerateRequest]) -> list[FaceCrop]:
        """As `generate`, for several crops at once; faster."""
        targets = [_target(r) for r in requests]
        places = [self._place(t) for t in targets]
        crops: list[FaceCrop] = []
        for start in range(0, len(targets), self._batch):
            part = range(start, min(start + self._batch, len(targets)))
            size = self.facts.input_px
            seen = [
                warp(targets[i].image, _scaled(places[i], size), size, "replicate", False)
                for i in part
            ]
            drawn = self._draw(np.stack(seen))
            crops += [self._put(targets[i], places[i], d) for i, d in zip(part, drawn, strict=True)]
        return crops

    def _draw(self, images: ImageArray) -> FloatArray:
        """(N, s, s, 3) uint8 -> (N, S, S, 3 or 4) float32 in [0, 1]."""
        inputs = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        faces: Any = self._session.run(None, {"images": inputs})[0]
        return np.ascontiguousarray(faces.transpose(0, 2, 3, 1))

    def _place(self, target: FaceCrop) -> DoubleArray:
        """(2, 3) similarity from crop pixels to the unit square (0 to 1, corner to corner) that the network draws."""
        size = target.image.shape[0]
        centre, side = np.full(2, (size - 1) / 2), size * self.facts.coverage
        if target.landmarks_px is not None:
            own = align_matrix(target.landmarks_px, 1000, self.facts.margin)
            share = float(np.sqrt(abs(np.linalg.det(own[:, :2])))) * size / 1000
            if (
                abs(share - 1) > _SAME_SHARE
            ):  # cut with another margin: cut it as the training crops were
                inner = own / 1000
                inner[:, 2] += (0.5 / 1000, 0.5 / 1000)
                inner[:, 2] -= 0.5
                inner /= self.facts.coverage
                inner[:, 2] += 0.5
                return inner
        linear = np.eye(2) / side
        return np.concatenate([linear, (0.5 - linear @ centre)[:, None]], axis=1)

    def _put(self, target: FaceCrop, place: DoubleArray, drawn: FloatArray) -> FaceCrop:
        """What was drawn, set into the target's crop; beyond it the target's own pixels and no mask."""
        import cv2

        size, drawn_px = target.image.shape[0], drawn.shape[0]
        back = invert(_scaled(place, drawn_px))
        wh = (size, size)
        face = cv2.warpAffine(
            drawn[..., :3], back, wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        inside = cv2.warpAffine(np.ones((drawn_px, drawn_px), np.float32), back, wh)
        mask = inside * target.mask
        if self.facts.has_mask:
            mask = cv2.warpAffine(np.ascontiguousarray(drawn[..., 3]), back, wh)
        image = np.clip(np.rint(face * 255), 0, 255).astype(np.uint8)
        image = np.where(inside[..., None] > 0.5, image, target.image)
        mask = np.where(inside > 0.5, np.clip(mask, 0, 1), 0).astype(np.float32)
        return FaceCrop(image, mask, target.matrix, target.landmarks_px)


def _scaled(place: DoubleArray, size: int) -> DoubleArray:
    """The placement to pixels of a picture of `size`, centres at whole numbers."""
    scaled = place * size
    scaled[:, 2] -= 0.5
    return scaled


def _target(request: GenerateRequest) -> FaceCrop:
    if request.target is None:
        raise UsageError("an autoencoder needs a target crop, got none")
    return request.target
