"""Restoration: a worn face in, the same face with the detail that such faces usually have. The detail is invented.

The network sees the face upright at one size; what it adds is carried back to the crop and laid over the crop's own pixels. So
a crop that is larger than what the network sees keeps what it has, and strength 0 gives back the input bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from likeness import weights
from likeness.errors import ConfigError, UsageError, WeightsError
from likeness.faces.geometry import align_matrix, invert, transform, warp
from likeness.generators._restore_components import FILE as COMPONENTS
from likeness.generators._restore_components import ComponentDictionaries
from likeness.types import DoubleArray, FaceCrop, FloatArray, GenerateRequest, ImageArray

if TYPE_CHECKING:
    from likeness.training.hooks import RunHooks

INFO = {
    "summary": "Restores a worn face (small, blurred, noisy, coded) at 192 px; the detail is invented and identifies nobody",
    "cue": "face restoration",
    "question": "synthesised",
    "kinds": ["attribute_editing"],
    "needs": ["target"],
    "paper": "residual-in-residual dense blocks after Wang et al., ESRGAN, ECCVW 2018; component dictionaries after Li et al., DFDNet, "
    "ECCV 2020; trained on drawn wear after Wang et al., Real-ESRGAN, ICCVW 2021",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: trained on UTKFace and FFHQ pictures, whose terms carry over",
    "known_failures": [
        "what it draws is what faces usually look like there, not what this one looked like: it is no evidence of anything",
        "eyes, teeth and glasses that cover a few pixels come out as a plausible guess or stay soft",
        "profiles (yaw over about 40 degrees) and faces behind hands are rare in its training",
        "hair and background near the face get the detail of skin; nothing beyond the crop is restored",
        "faces under about 24 px between the eyes' outer corners are too small to keep their identity",
    ],
    "default": False,
    "trainable": True,
}
WEIGHTS: dict[str, str] = {"restore-1": "network.onnx"}
MARGIN: Final = 0.25
"""Of the crops that the network sees, see `likeness.faces.align`."""
LIMITS: Final = (
    "restored detail is invented: it identifies nobody and is no evidence of what was there"
)
_PART = "restore"
_RIM_PX = 8.0  # over which what is added fades out towards the border of what the network sees


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        strength: share of what the network adds, 0 = the input, 1 = all of it.
        dictionaries: whether detail of eyes, nose and mouth from averaged dictionaries is added.
        model: run folder of `likeness train recipes/restore.toml`, or its network.onnx; empty = the shipped one.
        threads: threads inside one operator; 0 = one per physical core.
        batch: crops that go through the network at once.
    """

    strength: float = 1.0
    dictionaries: bool = False
    model: str = ""
    threads: int = 0
    batch: int = 4

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0 or self.batch < 1:
            raise ConfigError(
                f"restore: expected strength within 0-1 and batch >= 1, got {self.strength} and {self.batch}"
            )


def build(config: Config) -> Restorer:
    """The generator; raises `WeightsError` if there is no model or it is another's."""
    path = Path(config.model) if config.model else weights.path_of(_PART, WEIGHTS["restore-1"])
    if path.is_dir():
        path = path / WEIGHTS["restore-1"]
    if not path.is_file():
        raise WeightsError(
            f"no trained restorer at {config.model}: expected a run folder with {WEIGHTS['restore-1']}; make one with: "
            "likeness train recipes/restore.toml --data FOLDER"
        )
    return Restorer(config, Network.load(path, config.threads))


def training_on_data(
    settings: Mapping[str, Any], data: Path, out: Path, hooks: RunHooks
) -> dict[str, float]:
    """Train a restorer on real faces of a data folder; see `likeness.generators._restore_training.train`."""
    from likeness.generators._restore_settings import resolve
    from likeness.generators._restore_training import train

    return train(resolve(settings), data, out, hooks)


@dataclass(frozen=True)
class Network:
    """A restoration network in onnxruntime.

    Attributes:
        session: of the graph.
        size_px: side of what it sees.
        tag: of its weights.
        dictionaries: of components; None where none lie beside it.
    """

    session: Any
    size_px: int
    tag: str
    dictionaries: ComponentDictionaries | None

    @classmethod
    def load(cls, path: Path, threads: int = 0) -> Network:
        """Open a graph that the recipe wrote; raises `WeightsError` for anything else."""
        session = weights.session(path, threads)
        inputs = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
        outputs = [o.name for o in session.get_outputs()]
        size: Any = inputs[0][2][-1] if inputs and len(inputs[0][2]) == 3 else 0
        fits = isinstance(size, int) and 32 <= size <= 512 and outputs == ["restored"]
        if not fits or inputs != [("images", "tensor(float)", [3, size, size])]:
            raise WeightsError(
                f"{path.name}: not a restoration network; train one with recipes/restore.toml"
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        beside = path.with_name(COMPONENTS)
        known = ComponentDictionaries.load(beside, size) if beside.is_file() else None
        return cls(session, size, f"restore-{digest[:12]}", known)

    def __call__(self, images: ImageArray) -> FloatArray:
        """(N, size_px, size_px, 3) uint8 RGB -> what is restored, (N, size_px, size_px, 3) float32 in [0, 1]."""
        inputs = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        (restored,) = self.session.run(["restored"], {"images": inputs})
        return np.ascontiguousarray(np.clip(restored, 0.0, 1.0).transpose(0, 2, 3, 1))


class Restorer:
    """Restores target crops; the same request gives the same crop.

    Attributes:
        config: see `Config`.
        network: see `Network`.
    """

    def __init__(self, config: Config, network: Network) -> None:
        if config.dictionaries and network.dictionaries is None:
            raise WeightsError(
                f"restore: no {COMPONENTS} beside the network; train it with recipes/restore.toml or set dictionaries "
                "to false"
            )
        self.config, self.network = config, network

    @property
    def tag(self) -> str:
        """Tag of the weights, for credentials."""
        return self.network.tag

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """The target, restored.

        Args:
            request: `target`, a crop of any size; without landmarks it must have been cut with the margin 0.25. Source and
                seed change nothing.

        Returns:
            A crop of the target's size, matrix, landmarks and mask.

        Raises:
            UsageError: no target.
        """
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[GenerateRequest]) -> list[FaceCrop]:
        """As `generate`, for several crops."""
        targets = [_target(r) for r in requests]
        made: list[FaceCrop] = []
        for start in range(0, len(targets), self.config.batch):
            some = targets[start : start + self.config.batch]
            places = [self._place(t) for t in some]
            seen = np.stack(
                [
                    warp(t.image, p, self.network.size_px, "replicate")
                    for t, p in zip(some, places, strict=True)
                ]
            )
            drawn = self.network(seen) if self.config.strength else seen / np.float32(255)
            for target, place, own, face in zip(some, places, seen, drawn, strict=True):
                face = self._with_components(target, place, own, face)
                made.append(self._laid_over(target, place, face - own / np.float32(255)))
        return made

    def _with_components(
        self, target: FaceCrop, place: DoubleArray, seen: ImageArray, face: FloatArray
    ) -> FloatArray:
        known = self.network.dictionaries
        if not self.config.dictionaries or known is None or target.landmarks_px is None:
            return face
        points = transform(target.landmarks_px.astype(np.float64), place)
        return known.added(face, points)

    def _place(self, target: FaceCrop) -> DoubleArray:
        """(2, 3) similarity from crop pixels to what the network sees."""
        size, side = self.network.size_px, target.image.shape[0]
        if target.landmarks_px is not None:
            return align_matrix(target.landmarks_px, size, MARGIN)
        scale = size / side
        return np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2]])

    def _laid_over(self, target: FaceCrop, place: DoubleArray, added: FloatArray) -> FaceCrop:
        """The crop with what the network added, carried back from where the network saw it."""
        import cv2

        size, side = self.network.size_px, target.image.shape[0]
        scale = float(np.sqrt(abs(np.linalg.det(place[:, :2]))))
        if scale > 1.05:  # the crop is smaller than what the network sees
            added = cv2.GaussianBlur(added, (0, 0), 0.5 * float(np.sqrt(scale * scale - 1.0)))
        distance = np.minimum(np.arange(size), np.arange(size)[::-1]).astype(np.float32) + 0.5
        ramp = np.clip(distance / np.float32(_RIM_PX), 0.0, 1.0)
        added = added * (ramp[:, None] * ramp[None, :])[..., None]
        back = cv2.warpAffine(added, invert(place), (side, side), flags=cv2.INTER_CUBIC)
        mixed = target.image + np.float32(255 * self.config.strength) * back
        image = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        points = None if target.landmarks_px is None else target.landmarks_px.copy()
        return FaceCrop(image, target.mask.copy(), target.matrix.copy(), points)


def _target(request: GenerateRequest) -> FaceCrop:
    if request.target is None:
        raise UsageError("restore needs a target crop, got none")
    return request.target
