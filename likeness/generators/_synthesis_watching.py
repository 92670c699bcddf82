"""What happens beside the training of a generator of faces: figures, previews, warnings. Nothing of it changes the training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness.data.face_shards import write_whole
from likeness.errors import MarkError
from likeness.generators._synthesis_settings import SynthesisSettings
from likeness.networks.random_features import RandomFeatures, random_features
from likeness.scoring.synthesis import (
    diversity,
    kernel_distance,
    memorisation,
    sliced_wasserstein,
)
from likeness.training.adversarial import Adversaries, DuelMoment, DuelResult
from likeness.training.hooks import RunHooks
from likeness.training.run_folder import PREVIEWS, read_metrics, write_metrics
from likeness.types import ImageArray

PREVIEW_SEED = 2016
"""Of the latents behind previews and figures: the same faces from one snapshot to the next."""
_SIDE = 8  # of the preview's grid
_MAGNIFIED = 2
_STRIP = 0.1  # of the grid's height, below it: room for a visible label, where the picture carries no watermark
_SURE = 0.98  # accuracy from which the discriminator leaves its adversary nothing to learn


class SynthesisWatch:
    """Called by the loop after every step.

    Args:
        settings: of the run.
        learned: (N, S, S, 3) uint8 faces that are learned from.
        held: (M, S, S, 3) uint8 faces of people who are not.
        out: the run folder; figures that stand there are gone on with.
        hooks: see `RunHooks`.

    Attributes:
        rows: one per measurement, as in metrics.csv.
        advice: the last sentence on how the two stand.
    """

    def __init__(
        self,
        settings: SynthesisSettings,
        learned: ImageArray,
        held: ImageArray,
        out: Path,
        hooks: RunHooks,
    ) -> None:
        self.settings, self.out, self.hooks = settings, out, hooks
        self.rows = read_metrics(out)
        self.advice = ""
        self._held = held[np.linspace(0, len(held) - 1, settings.training.measured).astype(int)]
        self._network = RandomFeatures()
        self._of_held = random_features(self._held, self._network)
        both = np.concatenate([learned, learned[:, :, ::-1]]) if settings.training.flip else learned
        self._of_learned = random_features(np.ascontiguousarray(both), self._network)
        self._measured_s: float | None = None
        self._previewed_s: float | None = None
        self._sums: dict[str, list[float]] = {}
        self._began: DuelMoment | None = None

    def __call__(self, moment: DuelMoment) -> bool:
        """Measure and show when it is time; True if the person asked to stop."""
        config = self.settings.training
        for kind, values in (("loss", moment.losses), ("gradient", moment.gradients)):
            for name, value in values.items():
                self._sums.setdefault(f"{kind}_{name}", []).append(value)
        if self._began is None:
            self._began = moment
            self._measured_s = self._previewed_s = moment.seconds
            self.rows = [row for row in self.rows if row["step"] < moment.step]
        if moment.seconds - (self._measured_s or 0.0) >= config.measure_every_s:
            self._measured_s = moment.seconds
            self.measure(moment)
        if moment.seconds - (self._previewed_s or 0.0) >= config.preview_every_s:
            self._previewed_s = moment.seconds
            self.preview(moment.generator, moment.step)
        return self.hooks.stop is not None and self.hooks.stop()

    def measure(self, moment: DuelMoment) -> dict[str, Any]:
        """One row of figures, kept, written and told."""
        row: dict[str, Any] = {
            "step": moment.step,
            "seconds": round(moment.seconds, 1),
            "images_per_s": round(self._rate(moment), 1),
        }
        row |= {k: round(float(np.mean(v)), 4) for k, v in sorted(self._sums.items())}
        self._sums = {}
        samples = drawn_faces(moment.generator, self.settings.training.measured)
        row |= self._quality(samples)
        row |= accuracy(moment.adversaries.discriminator, self._held, samples)
        self.advice = advice(row)
        row["advice"] = self.advice
        self.rows.append(row)
        write_metrics(self.out, self.rows)
        self._say(
            f"step {moment.step}: SWD {row['swd']:.1f}, kernel distance {row['kernel_distance']:.3f}, "
            f"{row['images_per_s']:.0f} faces/s; {self.advice}"
        )
        return row

    def at_end(self, result: DuelResult, pair: Adversaries) -> dict[str, Any]:
        """The last row, unless the last step was measured already; and a last preview."""
        if not self.rows or self.rows[-1]["step"] != result.step:
            self.measure(DuelMoment(result.step, result.trained_s, {}, {}, result.generator, pair))
            self.preview(result.generator, result.step)
        return self.rows[-1]

    def preview(self, generator: torch.nn.Module, step: int) -> None:
        """Write an 8x8 grid of drawn faces, the same latents every time; marked or not at all."""
        if self.hooks.encode is None:
            return
        faces = drawn_faces(generator, _SIDE * _SIDE)
        rows = [
            np.concatenate(list(f), axis=1) for f in faces.reshape(_SIDE, _SIDE, *faces.shape[1:])
        ]
        picture = np.concatenate(rows, axis=0)
        picture = picture.repeat(_MAGNIFIED, axis=0).repeat(_MAGNIFIED, axis=1)
        strip = np.zeros((round(_STRIP * len(picture)), *picture.shape[1:]), np.uint8)
        picture = np.concatenate([picture, strip], axis=0)
        try:
            data = self.hooks.encode(np.ascontiguousarray(picture))
        except MarkError as error:  # flat first attempts may not carry a mark: no preview, and on
            self._say(f"no preview of step {step}: {error}")
            return
        write_whole(self.out / PREVIEWS / f"step_{step:09d}.png", data)

    def _quality(self, samples: ImageArray) -> dict[str, float]:
        found = random_features(samples, self._network)
        wasserstein = sliced_wasserstein(samples, self._held)
        distance = kernel_distance(found, self._of_held)
        varied = diversity(found, self._of_held)
        learned = memorisation(found, self._of_learned, self._of_held)
        figures = {"swd": wasserstein.mean} | {f"swd_{s}": d for s, d in wasserstein.levels}
        figures |= {
            "kernel_distance": distance.value,
            "diversity": varied.ratio,
            "diversity_nearest": varied.nearest_ratio,
            "copied": learned.copied,
            "memorisation_ratio": learned.distance_ratio,
            "memorised": float(learned.memorised),
        }
        return {k: round(float(v), 4) for k, v in figures.items()}

    def _rate(self, moment: DuelMoment) -> float:
        """Faces per second since this process began."""
        began = self._began or moment
        seconds = moment.seconds - began.seconds
        faces = self.settings.training.batch * (moment.step - began.step)
        return faces / seconds if seconds > 0 else 0.0

    def _say(self, text: str) -> None:
        if self.hooks.say is not None:
            self.hooks.say(text)


@torch.no_grad()
def drawn_faces(generator: torch.nn.Module, count: int) -> ImageArray:
    """(count, S, S, 3) uint8 RGB of the averaged generator, from fixed latents."""
    rng = np.random.default_rng(PREVIEW_SEED)
    latents = rng.standard_normal((count, int(generator.latent)), np.float32)  # type: ignore[arg-type]
    device = next(generator.parameters()).device
    parts = [generator(some.to(device)).cpu() for some in torch.from_numpy(latents).split(64)]
    faces = (torch.cat(parts).permute(0, 2, 3, 1) * 127.5 + 127.5).round().clamp(0, 255)
    return np.ascontiguousarray(faces.to(torch.uint8).numpy())


@torch.no_grad()
def accuracy(
    discriminator: torch.nn.Module, held: ImageArray, samples: ImageArray
) -> dict[str, float]:
    """Share of people it never saw whom it takes for recorded, and of drawn faces that it takes for drawn; 0.5 = it cannot tell."""
    was = discriminator.training
    discriminator.eval()
    device = next(discriminator.parameters()).device
    shares = {}
    for name, images, sign in (("held_out", held, 1), ("drawn", samples, -1)):
        tensor = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1.0
        logits = torch.cat([discriminator(some.to(device)).cpu() for some in tensor.split(64)])
        shares[f"accuracy_{name}"] = round(float((sign * logits > 0).float().mean()), 4)
    discriminator.train(was)
    return shares


def advice(row: Mapping[str, Any]) -> str:
    """A sentence on how the two stand."""
    told = (float(row["accuracy_held_out"]) + float(row["accuracy_drawn"])) / 2
    if row["memorised"]:
        return "it copies faces that it learned from: stop, or augment more"
    if row["diversity_nearest"] < 0.3:
        return "it draws the same few faces again and again: lower the generator's rate"
    if told > _SURE:
        return f"the discriminator tells {told:.0%}: lower its rate, or augment more"
    return f"the discriminator tells {told:.0%} of held-out and drawn faces apart"
