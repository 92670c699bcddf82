"""Runs for the benchmark's matrix: which person's clips a trained swap puts its source's face into, and what draws faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from likeness import registry
from likeness.data.face_rows import read_manifest
from likeness.data.manifest import Item
from likeness.errors import DataError, UsageError
from likeness.jobs.clip_swaps import SwapModel, may_swap
from likeness.training.run_folder import ABOUT, read_about


def read_model(text: str, items: Sequence[Item]) -> SwapModel:
    """Read `NAME=RUN`, or `NAME=RUN:GROUP` where the run's face sets are gone.

    Args:
        text: a name for the tables and the folder of a run of `likeness train`.
        items: of the data folder; the clips that the target's face set was cut from say who the target is.

    Raises:
        UsageError: another form, or nobody of these items may be swapped by this run.
        WeightsError: no run lies there.
    """
    name, _, rest = text.partition("=")
    folder, _, group = rest.rpartition(":") if not Path(rest).is_dir() else (rest, "", "")
    if not name or not folder:
        raise UsageError(f"--model: expected NAME=RUN or NAME=RUN:GROUP, got {text!r}")
    run = Path(folder)
    model = SwapModel.read(name, run, group or _target_group(run, items))
    if not any(may_swap(i) and i.group == model.group for i in items):
        raise UsageError(
            f"--model {name}: no clip of {model.group!r} in the data, or its terms do not cover swaps"
        )
    return model


def drawing_run(text: str) -> tuple[str, str, Path] | None:
    """Name, generator and folder of `NAME=RUN` where the run draws or restores whole faces; None for any other text."""
    name, _, rest = text.partition("=")
    folder = Path(rest)
    if not name or not (folder / ABOUT).is_file():
        return None
    part = str(read_about(folder).get("generator", ""))
    known = registry.parts("generators").get(part)
    if known is None or not (known.info.get("synthesises") or part == "restore"):
        return None
    return name, part, folder


def _target_group(run: Path, items: Sequence[Item]) -> str:
    sets = read_about(run).get("face_sets")
    entry = sets.get("target") if isinstance(sets, dict) else None
    folder = entry.get("folder") if isinstance(entry, dict) else None
    cut_from: set[str] = set()
    for place in (Path(str(folder)), run.parent / Path(str(folder)).name) if folder else ():
        try:
            cut_from = {str(row["sha256"]) for row in read_manifest(place).rows}
        except DataError:
            continue
        break
    groups = {
        i.group
        for i in items
        if i.kind == "video" and i.sha256 and any(h.startswith(i.sha256) for h in cut_from)
    }
    if len(groups) != 1:
        raise UsageError(
            f"{run}: its face set does not say which person of the data it swaps; give --model NAME={run}:GROUP"
        )
    return groups.pop()
