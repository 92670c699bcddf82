"""The use case `train` for generators that learn from a folder of real faces, not from two people's face sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeness import registry
from likeness.errors import ConfigError, InputError, MissingExtraError, UsageError
from likeness.jobs.train import TrainingReports
from likeness.types import ImageArray


@dataclass(frozen=True)
class DataTraining:
    """What `train_from_data` is asked for.

    Attributes:
        settings: a recipe's tables, with `generator` at the top; see `likeness.jobs.train.read_recipe`.
        data: folder with manifest.csv and splits.csv.
        out: the run folder.
        minutes: training time, in place of the recipe's; all resumed parts together.
        resume: whether a run that lies in `out` may be continued; without it such a run is left alone.
    """

    settings: Mapping[str, Any]
    data: Path
    out: Path
    minutes: float | None = None
    resume: bool = False


def learns_from_data(name: str) -> bool:
    """Whether a generator is trained on a data folder; without torch.

    Raises:
        UnknownPartError: no such generator.
    """
    return hasattr(registry.load("generators", name), "training_on_data")


def train_from_data(
    job: DataTraining,
    reports: TrainingReports | None = None,
    encode: Callable[[ImageArray], bytes] | None = None,
) -> dict[str, float]:
    """Train a generator on the faces of a data folder.

    Nobody's likeness is made, so no record is asked for: the pictures' terms are written into the run and go with the weights.

    Args:
        job: see `DataTraining`.
        reports: see `TrainingReports`.
        encode: marks previews; without it none are written.

    Returns:
        Figures on held-out people; `job.out` then holds what using the model needs.

    Raises:
        UsageError: `out` holds a run and `resume` is not set.
        ConfigError: the generator is trained otherwise.
        InputError: no such folder.
        MissingExtraError: torch is not installed.
    """
    from likeness.training.hooks import RunHooks
    from likeness.training.processes import ALONE

    name = str(job.settings.get("generator", ""))
    if not job.data.is_dir():
        raise InputError(f"{job.data}: expected a folder with manifest.csv; use --data FOLDER")
    if not learns_from_data(name):
        raise ConfigError(
            f"the generator {name!r} learns from two people: give --source FACES --target FACES"
        )
    reports = reports or TrainingReports()
    first = reports.processes is None or reports.processes.first
    if first and (job.out / "run.json").exists() and not job.resume:
        raise UsageError(
            f"{job.out} holds a run already: go on with --resume, or choose another folder"
        )
    hooks = RunHooks(
        allow=lambda _: None,
        progress=reports.progress,
        encode=encode,
        say=reports.say,
        stop=reports.stop,
        processes=reports.processes or ALONE,
    )
    module: Any = registry.load("generators", name)
    try:
        return dict(module.training_on_data(_settings(job), job.data, job.out, hooks))
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "create") from error


def _settings(job: DataTraining) -> Mapping[str, Any]:
    if job.minutes is None:
        return job.settings
    training = {**dict(job.settings.get("training", {})), "minutes": job.minutes}
    return {**job.settings, "training": training}
