"""A training run as `swap` sees it: which generator, whose consent, and who the two people are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.face_sets import is_face_set, read_face_set
from likeness.errors import UsageError, WeightsError
from likeness.jobs.consenting import KnownPerson
from likeness.provenance.consent_form import consent_from_dict
from likeness.types import Consent, FloatArray

_MOST_BYTES = 64 << 20
_REFERENCES = 24  # faces of a set that stand for its person


@dataclass(frozen=True, eq=False)
class TrainedPair:
    """What a run says of itself.

    Attributes:
        generator: name of the part.
        consents: the records that it was trained under.
        people: the two of them as far as their face sets are still there.
        weights: tag of the trained weights.
        source_mean: (D,) float32 mean identity embedding of the source; None where its set is gone.
    """

    generator: str
    consents: tuple[Consent, ...]
    people: tuple[KnownPerson, ...] = ()
    source_mean: FloatArray | None = None
    weights: str = ""


def read_trained_pair(model: Path, generator: str = "") -> TrainedPair:
    """Read the facts of a run folder; of a single graph nothing is known but what the caller says.

    Raises:
        WeightsError: no such model, or a damaged run.
        UsageError: a graph without its run, and no generator named; or another generator than the run's.
    """
    if model.is_file():
        if not generator:
            raise UsageError(f"{model.name}: a single graph; say which generator with --generator")
        return TrainedPair(generator, ())
    facts = _facts(model)
    settings = facts.get("settings", {})
    name = str(facts.get("generator") or settings.get("generator") or "")
    if not name:
        raise WeightsError(f"{model}/run.json: names no generator")
    if generator and generator != name:
        raise UsageError(f"{model}: was trained for {name}, asked for is {generator}")
    people, means = [], {}
    for role in ("source", "target"):
        folder = _set_folder(facts, role)
        if folder is None or not is_face_set(folder):
            continue
        rows = read_face_set(folder).embeddings
        if rows is not None and len(rows):
            means[role] = np.asarray(rows.mean(axis=0), np.float32)
            spread = np.linspace(0, len(rows) - 1, min(_REFERENCES, len(rows))).astype(int)
            people.append(KnownPerson(f"the {role}'s face set", rows[spread]))
    consents = facts.get("consents", ())
    if not isinstance(consents, list):
        raise WeightsError(f"{model}/run.json: consents must be a list of records")
    return TrainedPair(
        name,
        tuple(consent_from_dict(c, f"{model.name}/run.json") for c in consents),
        tuple(people),
        means.get("source"),
        str(facts.get("weights", "")),
    )


def _facts(model: Path) -> Mapping[str, Any]:
    path = model / "run.json"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WeightsError(f"{path}: larger than {_MOST_BYTES} bytes")
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{model}: expected the folder of a training run ({error}); make one with `likeness train`"
        ) from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path}: expected the facts of a training run")
    return facts


def _set_folder(facts: Mapping[str, Any], role: str) -> Path | None:
    about = facts.get("face_sets", {})
    entry = about.get(role) if isinstance(about, dict) else None
    folder = entry.get("folder") if isinstance(entry, dict) else entry
    return Path(folder) if isinstance(folder, str) and folder else None
