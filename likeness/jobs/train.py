"""The use case `train`: run a recipe, of a detector on a data folder or of a generator on two face sets."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likeness import registry
from likeness.errors import ConfigError, InputError, MarkError, MissingExtraError, UsageError
from likeness.types import Consent, Progress, Purpose

if TYPE_CHECKING:
    from likeness.data.face_sets import FaceSet
    from likeness.provenance import KeyStore, Making
    from likeness.training.hooks import RunHooks
    from likeness.training.processes import Processes


def train(
    recipe: Path, data: Path, out: Path | None = None, progress: Progress | None = None
) -> dict[str, float]:
    """Train the detector that a recipe describes.

    Args:
        recipe: TOML file that names its part (`detector = "..."`).
        data: folder with manifest.csv and splits.csv.
        out: where weights go; default: where the recipe says (`out = "..."`).
        progress: see `likeness.types.Progress`.

    Returns:
        Figures measured on held-out identities, by name.
    """
    settings = read_recipe(recipe)
    if "detector" not in settings:
        raise UsageError(
            f"{recipe.name} trains a generator: give --source FACES --target FACES, folders of `likeness extract`"
        )
    name = settings["detector"]
    if not data.is_dir():
        raise InputError(f"{data}: expected a folder with manifest.csv; use --data FOLDER")
    module = registry.load("detectors", name)
    if not hasattr(module, "training"):
        raise ConfigError(f"{recipe.name}: the detector {name!r} is not trained, it has no weights")
    target = out or Path(str(settings.get("out", f"runs/{name}")))
    try:
        return dict(module.training(settings, data, target, progress))
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "create") from error


@dataclass(frozen=True)
class PairTraining:
    """What `train_pair` is asked for.

    Attributes:
        settings: a recipe's tables, with `generator` at the top; see `read_recipe`.
        source: face set of the identity that is to appear.
        target: face set of the person in the footage.
        out: the run folder.
        minutes: training time, in place of the recipe's; all resumed parts together.
        resume: whether a run that lies in `out` may be continued; without it such a run is left alone.
        compare_identity: whether swapped faces are compared with both people, by dlib's network, at every measurement.
    """

    settings: Mapping[str, Any]
    source: Path
    target: Path
    out: Path
    minutes: float | None = None
    resume: bool = False
    compare_identity: bool = True


@dataclass(frozen=True)
class TrainingPermit:
    """On whose behalf a pair is trained.

    Attributes:
        purpose: what for; both consent records must allow it.
        today: the day on which they must hold.
        keys: who signs previews; without keys none are written.
    """

    purpose: Purpose
    today: date
    keys: KeyStore | None = None


@dataclass(frozen=True)
class TrainingReports:
    """How a run tells what it does.

    Attributes:
        progress: see `likeness.types.Progress`.
        say: gets a sentence at every measurement.
        stop: asked after every step; True ends the run in good order.
        processes: this process among those of a run on several devices, see `likeness.training.processes`; None = alone.
    """

    progress: Progress | None = None
    say: Callable[[str], None] | None = None
    stop: Callable[[], bool] | None = None
    processes: Processes | None = None


def train_pair(
    job: PairTraining, permit: TrainingPermit, reports: TrainingReports | None = None
) -> dict[str, float]:
    """Train a generator on two face sets.

    Returns:
        Figures on held-out faces; `job.out` then holds model.onnx, which `swap` takes.

    Raises:
        ConsentError: a face set's record does not cover the purpose today; before anything is trained.
        UsageError: `out` holds a run and `resume` is not set, or the recipe is not a generator's.
        DataError: no face set, or too few faces.
        MissingExtraError: torch is not installed.
    """
    from likeness.data.face_sets import read_face_set
    from likeness.jobs.timelapse import write_timelapse

    name = str(job.settings.get("generator", ""))
    if not name:
        raise UsageError(
            "the recipe trains no generator: give --data FOLDER for that of a detector"
        )
    module = registry.load("generators", name)
    if not hasattr(module, "training"):
        raise ConfigError(f"the generator {name!r} is not trained; use it directly")
    reports = reports or TrainingReports()
    first = reports.processes is None or reports.processes.first
    if first and (job.out / "run.json").exists() and not job.resume:
        raise UsageError(
            f"{job.out} holds a run already: go on with --resume, or choose another folder"
        )
    sets = [_placed(read_face_set(folder), folder) for folder in (job.source, job.target)]
    making = _making(name, sets, permit)
    hooks = _hooks(making, permit, reports)
    if job.compare_identity:
        hooks = replace(hooks, embed=_embedder())
    try:
        figures = dict(module.training(_settings(job), sets[0], sets[1], job.out, hooks))
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "create") from error
    if permit.keys is not None and first:
        try:
            write_timelapse(job.out, making, permit.keys)
        except MarkError as error:  # an extra: without its marks it is not kept, and the model is
            if reports.say is not None:
                reports.say(f"no film of the previews: {error}")
    return figures


def read_recipe(path: Path) -> Mapping[str, Any]:
    """A recipe as a mapping; raises `ConfigError` if it is no TOML or does not name one detector or generator."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not a TOML recipe ({error})") from error
    named = [k for k in ("detector", "generator") if isinstance(settings.get(k), str)]
    if len(named) != 1:
        raise ConfigError(
            f'{path.name}: expected detector = "NAME" or generator = "NAME" at the top'
        )
    return settings


def _settings(job: PairTraining) -> Mapping[str, Any]:
    if job.minutes is None:
        return job.settings
    training = {**dict(job.settings.get("training", {})), "minutes": job.minutes}
    return {**job.settings, "training": training}


def _placed(faces: FaceSet, folder: Path) -> FaceSet:
    """The set with the folder that it was read from, for run.json."""
    return replace(faces, about={**faces.about, "folder": str(folder)})


def _making(name: str, sets: Sequence[FaceSet], permit: TrainingPermit) -> Making:
    """How the previews are made; one job whatever day the run is resumed on, so that its film carries one watermark."""
    from likeness.provenance import Making

    hashes = "".join(f.sha256 for f in sets)
    number = hashlib.sha256(f"{name} {hashes}".encode()).digest()[:8]
    return Making(
        generator=name,
        digital_source="compositeWithTrainedAlgorithmicMedia",
        consents=tuple(f.consent for f in sets),
        purpose=permit.purpose,
        today=permit.today,
        job_id=int.from_bytes(number, "big"),
    )


def _hooks(making: Making, permit: TrainingPermit, reports: TrainingReports) -> RunHooks:
    from likeness.provenance import encode_marked, require_consent
    from likeness.training.hooks import RunHooks
    from likeness.training.processes import ALONE
    from likeness.types import ImageArray

    keys = permit.keys
    maker = keys.maker_public_key() if keys is not None else None

    def encode(image: ImageArray) -> bytes:
        assert keys is not None
        return encode_marked(image, making, keys)

    def allow(consents: Sequence[Consent]) -> None:
        require_consent(consents, permit.purpose, permit.today, maker)

    return RunHooks(
        allow=allow,
        progress=reports.progress,
        encode=encode if keys is not None else None,
        say=reports.say,
        stop=reports.stop,
        processes=reports.processes or ALONE,
    )


def _embedder() -> Any:
    """Identity embeddings, for figures only; None where their network is not installed."""
    from likeness.data.identity_embedding import DlibEmbedder

    try:
        return DlibEmbedder()
    except MissingExtraError:
        return None
