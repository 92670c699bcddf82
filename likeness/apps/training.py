"""`likeness train`: a detector on a data folder, or a generator on two face sets with figures as it goes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from likeness.apps.config_folder import keys_folder
from likeness.apps.progress import console, shown_progress
from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.training.processes import Processes


@dataclass(frozen=True)
class TrainRequest:
    """The command line of `train`."""

    recipe: Path
    data: Path | None = None
    out: Path | None = None
    source: Path | None = None
    target: Path | None = None
    minutes: float | None = None
    resume: bool = False
    purpose: str = ""


def run_training(request: TrainRequest) -> None:
    """Train what the recipe describes and show the figures."""
    from likeness.jobs.train import read_recipe

    settings = read_recipe(request.recipe)
    figures = _trained(request, dict(settings))
    for key, value in figures.items():
        console().print(f"{key:32} {value:.4f}")


def _trained(request: TrainRequest, settings: dict[str, object]) -> dict[str, float]:
    if "generator" not in settings:
        return _detector(request)
    if request.data is not None:
        return _generator_on_data(request, settings)
    return _generator(request, settings)


def _detector(request: TrainRequest) -> dict[str, float]:
    from likeness.jobs.train import train

    if request.data is None:
        raise UsageError(f"{request.recipe.name} trains a detector: give --data FOLDER")
    if request.source or request.target or request.minutes is not None or request.resume:
        raise UsageError(
            f"{request.recipe.name} trains a detector: --source, --target, --minutes and --resume are for generators "
            "(a detector's run resumes by itself)"
        )
    with shown_progress() as progress:
        return train(request.recipe, request.data, request.out, progress)


def _generator(request: TrainRequest, settings: dict[str, object]) -> dict[str, float]:
    from typing import cast, get_args

    from likeness.data.face_sets import read_manifest
    from likeness.jobs.train import PairTraining, TrainingPermit, TrainingReports, train_pair
    from likeness.jobs.train_from_data import learns_from_data
    from likeness.provenance import open_or_create
    from likeness.types import Purpose

    if request.source is None or request.target is None:
        raise UsageError(
            f"{request.recipe.name} trains a generator on a data folder: give --data FOLDER"
            if learns_from_data(str(settings["generator"]))
            else f"{request.recipe.name} trains a generator: give --source FACES --target FACES, folders of "
            "`likeness extract`"
        )
    out = request.out or Path(str(settings.get("out", "runs/swap")))
    purpose = request.purpose or read_manifest(request.source).consent.purpose
    if purpose not in get_args(Purpose):
        raise UsageError(
            f"--purpose: expected one of {', '.join(get_args(Purpose))}, got {purpose!r}"
        )
    processes, settings = _joined(settings)
    job = PairTraining(
        settings, request.source, request.target, out, request.minutes, request.resume
    )
    permit = TrainingPermit(cast(Purpose, purpose), date.today(), open_or_create(keys_folder()))
    with shown_progress() as progress, _stopped_by_ctrl_c() as stop:
        reports = TrainingReports(progress, _say, stop, processes)
        figures = train_pair(job, permit, reports)
    _say(f"Model: {out}  Figures: {out / 'metrics.csv'}  Previews: {out / 'previews'}")
    return figures


def _generator_on_data(request: TrainRequest, settings: dict[str, object]) -> dict[str, float]:
    from likeness.jobs.synthetic_previews import encoder, film, preview_making
    from likeness.jobs.train import TrainingReports
    from likeness.jobs.train_from_data import DataTraining, train_from_data
    from likeness.provenance import open_or_create

    assert request.data is not None
    if request.source or request.target or request.purpose:
        raise UsageError(
            f"{request.recipe.name}: --data trains a generator on a data folder; --source, --target and --purpose are "
            "for those that learn two people"
        )
    out = request.out or Path(str(settings.get("out", f"runs/{settings['generator']}")))
    processes, settings = _joined(settings)
    job = DataTraining(settings, request.data, out, request.minutes, request.resume)
    keys = open_or_create(keys_folder())
    making = preview_making(str(settings["generator"]), keys, date.today())
    encode = encoder(making, keys) if making is not None else None
    with shown_progress() as progress, _stopped_by_ctrl_c() as stop:
        reports = TrainingReports(progress, _say, stop, processes)
        figures = train_from_data(job, reports, encode)
    if making is not None and (unfilmed := film(out, making, keys)):
        _say(unfilmed)
    _say(f"Model: {out}  Figures: {out / 'metrics.csv'}")
    return figures


def _joined(settings: dict[str, object]) -> tuple[Processes | None, dict[str, object]]:
    """The other processes of a run that `torchrun` started, and the recipe with this process's own device."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count < 2:
        return None, settings
    from likeness.training.processes import joined

    table = settings.get("training", {})
    training: dict[str, object] = dict(table) if isinstance(table, dict) else {}
    device = str(training.get("device", "cpu"))
    if device == "cuda":
        training["device"] = f"cuda:{os.environ['LOCAL_RANK']}"
    return joined(int(os.environ["RANK"]), count, device), {**settings, "training": training}


def _say(text: str) -> None:
    console().print(text, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C asks the run to end in good order; the second ends it at once."""
    asked = False

    def ask(_signal: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        _say("stopping after this step, then writing the model; again to stop at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
