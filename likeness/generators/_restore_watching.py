"""What happens beside the training of the restorer: figures on held-out people. Nothing of it changes the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.data.aligned_faces import AlignedFaces
from likeness.generators._restore_settings import RestoreSettings
from likeness.networks.restoration import RestorationNet
from likeness.training.hooks import RunHooks
from likeness.training.loop import Moment
from likeness.training.run_folder import read_metrics, write_metrics
from likeness.types import FloatArray, ImageArray, IndexArray

_MEASURED, _MEASURED_PX = 48, 128


class Watch:
    """Called by the loop after every step: measures now and then on held-out people.

    Attributes:
        rows: one per measurement, as in metrics.csv.
    """

    def __init__(
        self,
        faces: AlignedFaces,
        held: IndexArray,
        settings: RestoreSettings,
        out: Path,
        hooks: RunHooks,
    ) -> None:
        import cv2

        self.settings, self.out, self.hooks = settings, out, hooks
        some = held[np.linspace(0, len(held) - 1, min(_MEASURED, len(held))).round().astype(int)]
        small = [
            cv2.resize(faces.images[r], (_MEASURED_PX,) * 2, interpolation=cv2.INTER_AREA)
            for r in some
        ]
        self.clean = np.stack(small)
        wear = replace(settings.wear, clean=0.0)  # an untouched picture has no finite figure
        worn = [wear.draw(np.random.default_rng([7, i]))(im) for i, im in enumerate(self.clean)]
        self.worn = np.stack(worn)
        self.rows = read_metrics(out)
        self._measured_s: float | None = None

    def __call__(self, moment: Moment) -> bool:
        """Measure when it is time; True if the person asked to stop."""
        if self._measured_s is None:
            self._measured_s = moment.seconds
        if moment.seconds - self._measured_s >= self.settings.training.measure_every_s:
            self._measured_s = moment.seconds
            network: Any = moment.model.network
            self.measure(network, moment)
        return self.hooks.stop is not None and self.hooks.stop()

    def measure(self, network: RestorationNet, moment: Moment) -> dict[str, Any]:
        """One row of figures, kept, written and told."""
        device = next(network.parameters()).device
        network.eval()
        with torch.inference_mode():
            drawn = network(as_input(self.worn).to(device)).clamp(0, 1).cpu().numpy()
        restored = np.rint(255 * drawn.transpose(0, 2, 3, 1))
        row = {
            "step": moment.step,
            "seconds": round(moment.seconds, 1),
            "loss": round(moment.loss, 5),
            "psnr_db": round(mean_psnr_db(restored, self.clean), 3),
            "psnr_before_db": round(mean_psnr_db(self.worn, self.clean), 3),
        }
        self.rows = [r for r in self.rows if r["step"] < moment.step] + [row]
        write_metrics(self.out, self.rows)
        if self.hooks.say is not None:
            self.hooks.say(
                f"step {moment.step}: held-out PSNR {row['psnr_db']:.2f} dB, before {row['psnr_before_db']:.2f} dB"
            )
        return row

    def sample(self, size_px: int) -> FloatArray:
        """(N, 3, size_px, size_px) float32 worn faces for checking the graph."""
        import cv2

        large = [
            cv2.resize(i, (size_px, size_px), interpolation=cv2.INTER_CUBIC) for i in self.worn[:4]
        ]
        return np.ascontiguousarray(as_input(np.stack(large)).numpy())


def as_input(images: ImageArray) -> torch.Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in [0, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def mean_psnr_db(drawn: np.ndarray, wanted: np.ndarray) -> float:
    """Mean over pictures, in dB."""
    errors = np.square(drawn.astype(np.float64) - wanted).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / np.maximum(errors, 0.1))))
