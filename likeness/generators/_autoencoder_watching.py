"""What happens beside the training of an autoencoder: figures, previews, advice. Nothing of it changes the training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.face_sets import FaceSet
from likeness.data.face_shards import write_whole
from likeness.errors import MarkError
from likeness.faces import FaceModels
from likeness.generators import _autoencoder_measuring as measuring
from likeness.generators._autoencoder_settings import RunSettings
from likeness.networks.autoencoder_blocks import SIDES, Side, SwapNetwork
from likeness.training import FitResult
from likeness.training.event_log import EventLog, require_event_log
from likeness.training.hooks import RunHooks
from likeness.training.loop import Moment
from likeness.training.run_folder import PREVIEWS, write_metrics
from likeness.types import FloatArray

_PREVIEWED = 4
_REFERENCES = 8  # faces whose mean embedding stands for an identity


class RunWatch:
    """Called by the loop after every step.

    Args:
        settings: of the run.
        held: held-out faces of both identities.
        learned: the faces that are learned from, for the identities' mean embeddings.
        out: the run folder.
        hooks: see `RunHooks`.

    Attributes:
        rows: one per measurement, as in metrics.csv.
        maps: where each identity is drawn badly: (16, 16) mean absolute errors.
        advice: the last sentence on going on or stopping.
    """

    def __init__(
        self,
        settings: RunSettings,
        held: Mapping[Side, FaceSet],
        learned: Mapping[Side, FaceSet],
        out: Path,
        hooks: RunHooks,
    ) -> None:
        self.settings, self.out, self.hooks = settings, out, hooks
        self.held = {s: measuring.held_out(f, settings.training.coverage) for s, f in held.items()}
        self.rows: list[dict[str, Any]] = []
        self.maps: dict[str, Any] = {}
        self.advice = ""
        self._models = FaceModels(threads=1)
        self._centres = self._identity_centres(learned)
        self._measured_s: float | None = None
        self._previewed_s: float | None = None
        self._first: Moment | None = None
        self._events: EventLog | None = None
        if settings.training.tensorboard:
            require_event_log()

    def __call__(self, moment: Moment) -> bool:
        """Measure and show when it is time; True if the person asked to stop."""
        config = self.settings.training
        if self._first is None:
            self._first = moment
            self._measured_s = self._previewed_s = moment.seconds
        if moment.seconds - (self._measured_s or 0.0) >= config.measure_every_s:
            self._measured_s = moment.seconds
            self.measure(_network(moment.model), moment)
        if moment.seconds - (self._previewed_s or 0.0) >= config.preview_every_s:
            self._previewed_s = moment.seconds
            self.preview(_network(moment.model), moment.step)
        return self.hooks.stop is not None and self.hooks.stop()

    def measure(self, network: SwapNetwork, moment: Moment) -> dict[str, Any]:
        """One row of figures, kept, written and told."""
        network.eval()
        row = {
            "step": moment.step,
            "seconds": round(moment.seconds, 1),
            "images_per_s": round(self._rate(moment), 1),
            "loss": round(moment.loss, 5),
        } | self._figures(network)
        self.rows.append(row)
        self.advice = measuring.advice(self.rows)
        row["advice"] = self.advice
        write_metrics(self.out, self.rows)
        if self.settings.training.tensorboard:
            self._events = self._events or EventLog(self.out, moment.step)
            self._events.add(row)
        self._say(
            f"step {moment.step}: held-out DSSIM {row['dssim']:.4f}, {row['images_per_s']:.0f} faces/s; {self.advice}"
        )
        return row

    def measure_at_end(self, network: SwapNetwork, result: FitResult) -> dict[str, Any]:
        """The last row, unless the last step was measured already; and a last preview."""
        if self.rows and self.rows[-1]["step"] == result.step and self.maps:
            return self.rows[-1]
        row = self.measure(network, Moment(result.step, result.trained_s, result.loss, network))
        self.preview(network, result.step)
        return row

    def preview(self, network: SwapNetwork, step: int) -> None:
        """Write what held-out faces look like now: as they are, drawn again, and swapped; marked or not at all."""
        if self.hooks.encode is None:
            return
        network.eval()
        rows = []
        for side in SIDES:
            held = self.held[side]
            some = held.rows[:: max(1, len(held.rows) // _PREVIEWED)][:_PREVIEWED]
            rows += [held.images[some], measuring.set_in(network, side, held, some)]
            if side == "target":
                rows.append(measuring.set_in(network, "source", held, some))
        picture = np.concatenate([np.concatenate(list(r), axis=1) for r in rows], axis=0)
        try:
            data = self.hooks.encode(np.ascontiguousarray(picture))
        except MarkError as error:  # flat first attempts may not carry a mark: no preview, and on
            self._say(f"no preview of step {step}: {error}")
            return
        write_whole(self.out / PREVIEWS / f"step_{step:09d}.png", data)

    def _figures(self, network: SwapNetwork) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for side in SIDES:
            found = measuring.reconstruction_figures(network, side, self.held[side])
            self.maps[side] = found.pop("map")
            figures |= {f"{name}_{side}": round(value, 5) for name, value in found.items()}
        figures["dssim"] = round((figures["dssim_source"] + figures["dssim_target"]) / 2, 5)
        target = self.held["target"]
        some = measuring.swap_rows(target)
        swapped = measuring.set_in(network, "source", target, some)
        found = measuring.swap_figures(swapped, target, some, self._models)
        if self.hooks.embed is not None and self._centres is not None:
            near = measuring.embeddings(swapped, target.landmarks_px[some], self.hooks.embed)
            found |= measuring.identity_figures(near, self._centres)
        return figures | {k: round(v, 4) for k, v in found.items()}

    def _identity_centres(
        self, learned: Mapping[Side, FaceSet]
    ) -> tuple[FloatArray, FloatArray] | None:
        if self.hooks.embed is None:
            return None
        centres = []
        for side in SIDES:
            some = learned[side].take(
                np.arange(0, len(learned[side]), max(1, len(learned[side]) // _REFERENCES))
            )
            found = measuring.embeddings(some.images, some.landmarks_px, self.hooks.embed)
            centres.append(found.mean(axis=0))
        return centres[0], centres[1]

    def _rate(self, moment: Moment) -> float:
        """Faces per second since this process began."""
        first = self._first or moment
        seconds = moment.seconds - first.seconds
        config = self.settings.training
        faces = 2 * config.batch * config.accumulate * (moment.step - first.step)
        return faces / seconds if seconds > 0 else 0.0

    def _say(self, text: str) -> None:
        if self.hooks.say is not None:
            self.hooks.say(text)


def _network(model: Any) -> SwapNetwork:
    network = model.network
    assert isinstance(network, SwapNetwork)
    return network
