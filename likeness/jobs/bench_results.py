"""What a benchmark is asked, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from likeness.jobs.bench_gallery import Mistake
from likeness.jobs.bench_rows import BenchRow, Line
from likeness.jobs.bench_synthesis import FaceGenerator
from likeness.jobs.clip_material import ClipPlan
from likeness.jobs.clip_swaps import SwapModel
from likeness.jobs.measuring import Wanted
from likeness.jobs.scored_items import PROCESSES


@dataclass(frozen=True)
class BenchOptions:
    """What to measure.

    Attributes:
        detectors: label in the table -> (name, configuration), so that one detector can run with several weights; for
            names see `bench_detectors`.
        ladder: whether every step of the degradation ladder is measured too.
        matrix: whether clips are manipulated by every generator; cues over time and `fused` are judged there.
        role: role of the files; test unless you are choosing between models.
        limit: at most this many items of a source, evenly spread over the list; None = all.
        models: trained swaps for the matrix.
        faces: generators of whole faces for the matrix.
        clip_frames: at most so many neighbouring frames of a clip of the matrix; half of them are one stretch.
        role_file: CSV that corrects the roles of unlabelled identities.
        cache: folder for found faces; None = none.
        store: folder for scores that need not be measured again; None = none.
        processes: that work side by side.
        gallery: confident mistakes to show per detector, of each sort.
    """

    detectors: Wanted
    ladder: bool = False
    matrix: bool = False
    role: str = "test"
    limit: int | None = None
    models: tuple[SwapModel, ...] = ()
    faces: tuple[FaceGenerator, ...] = ()
    clip_frames: int = ClipPlan.frames
    role_file: Path | None = None
    cache: Path | None = Path("runs/faces")
    store: Path | None = Path("runs/scores")
    processes: int = PROCESSES
    gallery: int = 0


@dataclass(frozen=True)
class RiskCurve:
    """Share of wrong answers against the share that is answered, the surest first."""

    detector: str
    test_set: str
    coverage: tuple[float, ...]
    risk: tuple[float, ...]


@dataclass(frozen=True)
class BenchResults:
    """All that was measured.

    Attributes:
        layout: name of the folder's layout.
        role: of the files.
        frozen: name of the frozen pseudo-fakes.
        notes: sentences that belong above the figures.
        rows: detector x test set x step x level, with intervals and audits.
        areas: along the ladder; the figure is the mean AUC over its steps.
        controls: real against real.
        alarms: false alarms by person's group; the figure is the share of people.
        bins: by head pose and size of the face.
        matrix: generator x detector.
        left_out: a fusion fitted here, without each generator.
        curves: risk against coverage.
        mistakes: the most confident ones.
    """

    layout: str
    role: str
    frozen: str
    notes: tuple[str, ...]
    rows: tuple[BenchRow, ...]
    areas: tuple[Line, ...] = ()
    controls: tuple[Line, ...] = ()
    alarms: tuple[Line, ...] = ()
    bins: tuple[Line, ...] = ()
    matrix: tuple[Line, ...] = ()
    left_out: tuple[Line, ...] = ()
    curves: tuple[RiskCurve, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
