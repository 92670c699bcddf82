"""Drawing faces of people who do not exist, from latents, with a network in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness import weights
from likeness.errors import UsageError, WeightsError
from likeness.types import FaceCrop, FloatArray, GenerateRequest, ImageArray, check_array

if TYPE_CHECKING:
    from likeness.generators._synthesis_part import Config

FORMAT = "likeness-face-synthesis-1"
_LARGEST_PX, _LARGEST_LATENT = 1024, 4096


@dataclass(frozen=True)
class FaceSynthesis:
    """A generator of whole faces: it needs nobody's picture.

    Attributes:
        generator: name of the part.
        tag: of the weights.
        size_px: side of the faces.
        latent: numbers that a face is drawn from.
        truncation: factor of the latents where a call names none.
        batch: faces that go through the network at once.
        session: of the graph.
    """

    generator: str
    tag: str
    size_px: int
    latent: int
    truncation: float
    batch: int
    session: Any

    def latent_of(self, seed: int) -> FloatArray:
        """(D,) float32 from N(0, 1): what stands behind the face of a seed, the same on every machine.

        Raises:
            UsageError: a negative seed.
        """
        if seed < 0:
            raise UsageError(f"seed: expected 0 or more, got {seed}")
        return np.random.default_rng(seed).standard_normal(self.latent, np.float32)

    def draw(self, latents: FloatArray, truncation: float | None = None) -> ImageArray:
        """Faces from latents; each depends on its own latent only.

        Args:
            latents: (N, D) float32.
            truncation: factor of the latents, 0-2; None = the configured one.

        Returns:
            (N, S, S, 3) uint8 RGB, unmarked: they leave the program through `provenance` only.

        Raises:
            ShapeError: latents of another shape or dtype.
            UsageError: latents that are no numbers, or an impossible truncation.
        """
        check_array("latents", latents, (None, self.latent), np.float32)
        factor = self.truncation if truncation is None else truncation
        if not 0.0 <= factor <= 2.0 or not np.isfinite(latents).all():
            raise UsageError("draw: expected finite latents and a truncation within 0-2")
        shrunk = latents * np.float32(factor)
        faces = np.empty((len(latents), self.size_px, self.size_px, 3), np.uint8)
        for start in range(0, len(latents), self.batch):
            some = np.ascontiguousarray(shrunk[start : start + self.batch])
            (drawn,) = self.session.run(["images"], {"latents": some})
            rounded = np.rint(np.clip(drawn, 0.0, 1.0) * 255.0).astype(np.uint8)
            faces[start : start + self.batch] = rounded.transpose(0, 2, 3, 1)
        return faces

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """The face of a seed.

        Args:
            request: its seed; a source or a target is refused, because neither would be in the face.

        Returns:
            A crop that is a whole picture: mask 1 everywhere, identity matrix, no landmarks.

        Raises:
            UsageError: a source, a target or a negative seed.
        """
        for role in ("source", "target"):
            if getattr(request, role) is not None:
                raise UsageError(
                    f"{self.generator} draws a whole face from a seed and takes no {role}; leave it out"
                )
        image = self.draw(self.latent_of(request.seed)[None])[0]
        mask = np.ones((self.size_px, self.size_px), np.float32)
        return FaceCrop(image, mask, np.eye(2, 3))


def open_synthesis(name: str, shipped: Mapping[str, str], config: Config) -> FaceSynthesis:
    """Open the graph that a configuration asks for, else the shipped one.

    Raises:
        WeightsError: none there, or one that is not of this generator.
    """
    if config.model:
        path, tag = Path(config.model), Path(config.model).stem
        if path.is_dir():
            path = path / "generator" / "network.onnx"
        if not path.is_file():
            raise WeightsError(
                f"no trained model at {config.model}: expected a run folder; make one with: likeness train RECIPE "
                "--data FOLDER -o RUN"
            )
    else:
        if not shipped:
            raise WeightsError(
                f"{name} ships no weights: train it with likeness train RECIPE --data FOLDER and give its run folder "
                "as model"
            )
        tag, file = next(iter(shipped.items()))
        path = weights.path_of(name, file)
    session = weights.session(path, config.threads)
    latent, size_px = _sizes(session, path, name)
    return FaceSynthesis(name, tag, size_px, latent, config.truncation, config.batch, session)


def _sizes(session: Any, path: Path, name: str) -> tuple[int, int]:
    """Latent numbers and side of the faces, from a graph that is what it has to be."""
    told = session.get_modelmeta().custom_metadata_map
    inputs, outputs = session.get_inputs(), session.get_outputs()
    names = [i.name for i in inputs], [o.name for o in outputs]
    if (
        told.get("format") == FORMAT
        and told.get("generator") == name
        and names == (["latents"], ["images"])
    ):
        latent, drawn = inputs[0].shape[1:], outputs[0].shape[1:]
        whole = all(isinstance(v, int) for v in (*latent, *drawn))
        if whole and len(latent) == 1 and drawn == [3, drawn[-1], drawn[-1]]:
            sizes = int(latent[0]), int(drawn[-1])
            if 1 <= sizes[0] <= _LARGEST_LATENT and 16 <= sizes[1] <= _LARGEST_PX:
                return sizes
    raise WeightsError(
        f"{path.name}: not a generator of {name} (it says {told.get('generator', 'nothing')!r}); give a run folder of "
        f"`likeness train` with generator = {name!r}"
    )
