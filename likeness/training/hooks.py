"""What a training run that makes faces needs from outside: the caller hands it in, training knows none of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from likeness.training.processes import ALONE, Processes
from likeness.types import Consent, FloatArray, ImageArray, Progress


@dataclass(frozen=True)
class RunHooks:
    """Callables of a run.

    Attributes:
        allow: raises `ConsentError` unless the records cover the run; called once, before the first batch.
        progress: see `likeness.types.Progress`.
        encode: turns an (H, W, 3) uint8 RGB picture with generated faces into the bytes of a marked PNG; without it
            no preview is written, because generated pixels leave only with their marks.
        embed: an (S, S, 3) uint8 RGB crop and its (478, 2) landmarks to a (D,) float32 identity embedding. Without
            it similarity is not measured.
        say: gets sentences for the person who waits.
        stop: asked after every step; True ends the run in good order.
        processes: this process among those of the run, see `likeness.training.processes`.
        clock: seconds that the run's time is counted in; see `FitConfig.clock`.
    """

    allow: Callable[[Sequence[Consent]], object]
    progress: Progress | None = None
    encode: Callable[[ImageArray], bytes] | None = None
    embed: Callable[[ImageArray, FloatArray], FloatArray] | None = None
    say: Callable[[str], None] | None = None
    stop: Callable[[], bool] | None = None
    processes: Processes = ALONE
    clock: Callable[[], float] = time.monotonic
