"""Networks of detectors as something that can be differentiated, for `attacks.py` only: nothing of the package uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from likeness import weights
from likeness.faces.geometry import align_matrix, invert
from likeness.types import FaceTrack, ImageArray


@dataclass(frozen=True)
class Network:
    """A logit of a whole picture.

    Attributes:
        logit: takes (1, 3, H, W) levels and the landmarks.
    """

    logit: Callable[[torch.Tensor, np.ndarray], torch.Tensor]

    def descend(
        self, image: ImageArray, track: FaceTrack, start: np.ndarray, level: float, steps: int
    ) -> np.ndarray:
        """(H, W, 3) change of at most `level` that lowers the logit, by projected signs of its gradient."""
        base = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
        change = torch.from_numpy(start.astype(np.float32)).permute(2, 0, 1)[None]
        for _ in range(steps):
            change.requires_grad_(True)
            logit = self.logit((base + change).clamp(0, 255), track.landmarks_px[0])
            (slope,) = torch.autograd.grad(logit, change)
            change = (change.detach() - 2.5 * level / steps * slope.sign()).clamp(-level, level)
        return change[0].permute(1, 2, 0).numpy()


def crop(picture: torch.Tensor, landmarks_px: np.ndarray, size: int, margin: float) -> torch.Tensor:
    """(1, size, size, 3) aligned face, as `faces.align` cuts it but for its anti-aliasing."""
    back = invert(align_matrix(landmarks_px, size, margin))
    height, width = picture.shape[-2:]
    y, x = np.mgrid[0:size, 0:size]
    place = np.stack([x, y], -1) @ back[:, :2].T + back[:, 2]
    place = 2 * (place + 0.5) / (width, height) - 1
    grid = torch.from_numpy(place.astype(np.float32))[None]
    cut = functional.grid_sample(picture, grid, "bicubic", "reflection", align_corners=False)
    return cut.clamp(0, 255).permute(0, 2, 3, 1)


def load_network(name: str) -> Network:
    """The network of a detector with its shipped weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return NETWORKS[name]()


def _loaded(module: torch.nn.Module, part: str, file: str) -> torch.nn.Module:
    arrays, _ = weights.load_arrays(weights.path_of(part, file))
    state: dict[str, Any] = {k: torch.from_numpy(v.copy()) for k, v in arrays.items()}
    module.load_state_dict(state, strict=False)
    missing = set(module.state_dict()) - set(state)
    if any("num_batches" not in key for key in missing):
        raise SystemExit(f"{part}/{file}: lacks {sorted(missing)[:3]}")
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module.eval()


def boundary() -> Network:
    from likeness.detectors._boundary_crop import MARGIN, SIZE_PX
    from likeness.networks.boundary import BoundaryNet

    network = _loaded(BoundaryNet(), "boundary", "network.safetensors")
    return Network(lambda p, lm: network(crop(p, lm, SIZE_PX, MARGIN))[1].sum())


def self_blended() -> Network:
    from likeness.networks.self_blended import SelfBlendedNet

    return _two_crops(_loaded(SelfBlendedNet(), "self_blended", "network.safetensors"))


def multiscale_patch() -> Network:
    from likeness.networks.multiscale_patch import MultiscalePatchNet

    return _two_crops(_loaded(MultiscalePatchNet(), "multiscale_patch", "network.safetensors"))


def fused() -> Network:
    """Gradients of all networks that the fusion listens to, by their weight in it; what else it fuses has none."""
    from attacks_scores import weights_of_fusion

    found = weights_of_fusion()
    networks = [(found[name], make()) for name, make in NETWORKS.items() if name in found]
    return Network(lambda p, lm: torch.stack([w * n.logit(p, lm) for w, n in networks]).sum())


def _two_crops(network: torch.nn.Module) -> Network:
    """Networks that see a face at two scales, and the phase of both."""
    from likeness.detectors._self_blended_crop import MARGINS, SIZE_PX

    def logit(picture: torch.Tensor, landmarks_px: np.ndarray) -> torch.Tensor:
        crops = torch.cat([crop(picture, landmarks_px, SIZE_PX, m) for m in MARGINS])
        return network(crops[None], phase_only(crops)[None])[1].sum()

    return Network(logit)


def phase_only(images: torch.Tensor) -> torch.Tensor:
    """As `_self_blended_crop.phase_only`, of (N, S, S, 3) floats."""
    luma = images @ torch.tensor([0.299, 0.587, 0.114])
    spectrum = torch.fft.rfft2(luma - luma.mean(dim=(1, 2), keepdim=True))
    phase = torch.fft.irfft2(spectrum / (spectrum.abs() + 1.0), s=luma.shape[1:])
    size = torch.sqrt((phase**2).mean(dim=(1, 2), keepdim=True)) + 1e-6
    return (phase / size).clamp(-4.0, 4.0)


NETWORKS: dict[str, Callable[[], Network]] = {
    "boundary": boundary,
    "self_blended": self_blended,
    "multiscale_patch": multiscale_patch,
    "fused": fused,
}
