"""Score many items with all detectors in two processes, and ask no detector twice for the same thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from typing import Any

from likeness.errors import DataError
from likeness.jobs.bench_detectors import build_measured
from likeness.jobs.measuring import Parts, Scored, Wanted
from likeness.jobs.score_store import FACES, ScoreStore, detector_table
from likeness.types import Detector, Progress

PROCESSES = 2
Call = Callable[[Mapping[str, Detector]], list[Scored]]


@dataclass(frozen=True)
class Work:
    """One item to score.

    Attributes:
        key: what is shown, see `score_store.work_key`.
        call: called with detectors in another process (so it is a partial of a function at the top of a module); gives the
            same rows in the same order whichever detectors it gets.
    """

    key: str
    call: Call


def score_all(
    works: Sequence[Work],
    wanted: Wanted,
    store: ScoreStore,
    progress: Progress | None = None,
    what: str = "scoring",
    processes: int = PROCESSES,
) -> list[list[Scored]]:
    """The rows of every work, in the order of the works.

    Args:
        works: what to score.
        wanted: label -> (detector, configuration).
        store: where scores of earlier runs are.
        progress: see `likeness.types.Progress`.
        what: for the progress.
        processes: how many work side by side.
    """
    tables = {label: detector_table(name, options) for label, (name, options) in wanted.items()}
    missing = {w.key: _missing(w.key, tables, store) for w in works}
    todo = [w for w in works if missing[w.key] is not None]
    if todo:
        context = get_context("spawn")
        with ProcessPoolExecutor(processes, context, _start, (wanted,)) as pool:
            waiting: dict[Future[list[Scored]], Work] = {
                pool.submit(_run, w, tuple(missing[w.key] or ())): w for w in todo
            }
            for done, future in enumerate(as_completed(waiting)):
                _keep(waiting[future].key, future.result(), (tables, missing), store)
                if progress:
                    progress(what, done + 1, len(todo))
    return [_rows(w.key, tables, store) for w in works]


def _missing(key: str, tables: Mapping[str, str], store: ScoreStore) -> list[str] | None:
    """Labels whose scores are not known; None = nothing is missing, the faces neither."""
    lacking = [label for label, table in tables.items() if store.get(table, key) is None]
    return lacking if lacking or store.get(FACES, key) is None else None


def _keep(
    key: str,
    rows: Sequence[Scored],
    known: tuple[Mapping[str, str], Mapping[str, list[str] | None]],
    store: ScoreStore,
) -> None:
    tables, missing = known
    faces = store.get(FACES, key)
    if faces is None:
        store.put(FACES, key, [{**asdict(row), "scores": {}, "parts": {}} for row in rows])
    elif [(f["kind"], f["step"]) for f in faces] != [(row.kind, row.step) for row in rows]:
        raise DataError(
            f"kept scores do not fit what is shown now ({len(faces)} rows, {len(rows)} expected): faces are found or fakes "
            "made in another way than before; delete the folder of kept scores"
        )
    for label in missing[key] or ():
        store.put(tables[label], key, [_given(row, label) for row in rows])


def _rows(key: str, tables: Mapping[str, str], store: ScoreStore) -> list[Scored]:
    stored = store.get(FACES, key) or []
    scores = {label: store.get(table, key) or [] for label, table in tables.items()}
    return [
        _taken(
            Scored(**{**row, "nuisance": tuple(row["nuisance"])}),
            {label: values[place] for label, values in scores.items()},
        )
        for place, row in enumerate(stored)
    ]


def _given(row: Scored, label: str) -> Any:
    """What is kept of one detector: its score, and beside it those of the face and of single frames if there are any."""
    parts = row.parts.get(label)
    return row.scores[label] if parts is None else [row.scores[label], parts.track, *parts.frames]


def _taken(row: Scored, given: Mapping[str, Any]) -> Scored:
    """Inverse of `_given` for all detectors."""
    listed = {label: value for label, value in given.items() if isinstance(value, list)}
    return replace(
        row,
        scores={label: v[0] if label in listed else v for label, v in given.items()},
        parts={label: Parts(v[1], tuple(v[2:])) for label, v in listed.items()},
    )


_BUILT: dict[str, Any] = {}


def _start(wanted: Wanted) -> None:
    """Build the detectors once per worker process; a process pool offers no other place to keep them."""
    import cv2

    cv2.setNumThreads(1)
    _BUILT.update({label: build_measured(name, o) for label, (name, o) in wanted.items()})


def _run(work: Work, labels: tuple[str, ...]) -> list[Scored]:
    return work.call({label: _BUILT[label] for label in labels})
