"""A training run as `swap` sees it: which generator, whose consent, and who the two people are.

A run folder may come from anywhere. Nothing in it lets a face through that a record would not: the records that it holds
are checked like others, and its face sets speak for a person only if that person's record names reference pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.face_sets import FaceSet, is_face_set, read_face_set
from likeness.errors import ConsentError, LikenessError, UsageError, WeightsError
from likeness.jobs.consenting import KnownPerson
from likeness.provenance.consent import ConsentRecord
from likeness.provenance.consent_form import consent_from_dict
from likeness.training.run_folder import ABOUT, GRAPH, read_about
from likeness.types import Consent, FaceCrop, FloatArray, GenerateRequest, Generator

ROLES = ("source", "target")
_REFERENCES = 24  # faces of a set that stand for its person
_TRIED_PX = 96


@dataclass(frozen=True, eq=False)
class TrainedPerson:
    """One of the two people as the run's face set shows them.

    Attributes:
        role: source or target.
        consent: the record of the run.
        embeddings: (R, D) float32 of some of the faces.
        mean: (D,) float32 of all of them.
    """

    role: str
    consent: Consent
    embeddings: FloatArray
    mean: FloatArray


@dataclass(frozen=True, eq=False)
class TrainedPair:
    """What a run says of itself.

    Attributes:
        generator: name of the part.
        consents: the records that it was trained under: the source's and the target's.
        people: the two of them as far as their face sets are still there and still theirs.
        weights: tag of the trained weights.
    """

    generator: str
    consents: tuple[Consent, ...]
    people: tuple[TrainedPerson, ...] = ()
    weights: str = ""

    @property
    def source_mean(self) -> FloatArray | None:
        """(D,) float32 mean identity embedding of the source; None where its set is gone."""
        return next((p.mean for p in self.people if p.role == "source"), None)


def run_consents(model: Path) -> tuple[Consent, ...]:
    """The records of a run folder: the source's, then the target's.

    Raises:
        UsageError: a single graph, which does not say whose face it holds.
        WeightsError: no run there, or a damaged one.
        ConsentError: it does not hold two records, or one has no valid form.
    """
    return _consents(_facts(model), model)


def read_trained_pair(model: Path, generator: str = "") -> TrainedPair:
    """Read the facts of a run folder, and its two people.

    Args:
        model: the folder; its face sets lie where run.json says, or beside it.
        generator: the one that is asked for, if one is.

    Raises:
        UsageError: a single graph, which does not say whose face it holds; or another generator than the run's.
        WeightsError: no run there, or a damaged one.
        ConsentError: it does not hold two records, or one has no valid form.
        DataError: a face set that is damaged.
    """
    facts = _facts(model)
    name = _word(facts, "generator", model)
    if not name:
        raise WeightsError(f"{model}/{ABOUT}: names no generator")
    if generator and generator != name:
        raise UsageError(f"{model}: was trained for {name}, asked for is {generator}")
    consents = _consents(facts, model)
    _require_own_graph(facts, model)
    people = []
    for role, consent in zip(ROLES, consents, strict=True):
        faces = _set_of(facts, role, consent, model)
        if faces is None or faces.embeddings is None or not len(faces):
            continue
        rows = faces.embeddings
        spread = np.linspace(0, len(rows) - 1, min(_REFERENCES, len(rows))).astype(int)
        mean = np.asarray(rows.mean(axis=0), np.float32)
        people.append(TrainedPerson(role, consent, rows[spread], mean))
    return TrainedPair(name, consents, tuple(people), _word(facts, "weights", model))


def known_with_run(
    known: Sequence[KnownPerson], records: Sequence[ConsentRecord], pair: TrainedPair
) -> tuple[KnownPerson, ...]:
    """The people of the given records and of a run, nobody twice.

    Faces of a set count like references, because `extract` compared them with the references. Where the record has none,
    they were compared with nothing: such a set covers no footage.

    Args:
        known: what `known_people` made of the records.
        records: the same records.
        pair: the run.

    Raises:
        ConsentError: nobody is known: the face sets are gone, or have nothing to stand on.
    """
    with_reference = [r for r in records if r.consent.references]
    found = list(known)
    for person in pair.people:
        if not person.consent.references:
            continue
        same = [i for i, r in enumerate(with_reference) if r.consent == person.consent]
        if same:
            old = found[same[0]]
            rows = np.concatenate([old.embeddings, person.embeddings])
            found[same[0]] = KnownPerson(old.name, rows)
        else:
            found.append(KnownPerson(f"the {person.role}'s face set", person.embeddings))
    if not found:
        raise ConsentError(
            "references: the run's face sets are gone or their records name no picture; give the records of both people "
            "with --consent, with a reference each"
        )
    return tuple(found)


def require_usable(generator: Generator, model: str) -> None:
    """Let a trained generator draw one grey crop: what its file claims to be is tried before anything is written.

    Raises:
        WeightsError: it cannot be run, or draws no numbers.
    """
    shape = (_TRIED_PX, _TRIED_PX)
    grey = FaceCrop(np.full((*shape, 3), 128, np.uint8), np.ones(shape, np.float32), np.eye(2, 3))
    try:
        with np.errstate(invalid="raise"):
            made = generator.generate(GenerateRequest(None, grey, 0))
    except LikenessError:
        raise
    except Exception as error:  # onnxruntime's own classes share no public base
        line = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{model}: the model is damaged or not what it says, it cannot be run ({line}); train it again"
        ) from error
    if not np.isfinite(made.mask).all():
        raise WeightsError(f"{model}: the model draws no numbers; train it again")


def _facts(model: Path) -> Mapping[str, Any]:
    if model.is_file():
        raise UsageError(
            f"{model.name}: expected the folder of a training run; a single graph does not say whose face it holds"
        )
    about = model / ABOUT
    if about.exists() and not about.is_file():
        raise WeightsError(f"{about}: expected a plain file")
    return read_about(model)


def _require_own_graph(facts: Mapping[str, Any], model: Path) -> None:
    """The graph is the one that was trained under the run's records, not another that was put in its place."""
    graph = model / GRAPH
    if not graph.is_file():
        raise WeightsError(
            f"{model}: holds no {GRAPH}; finish the run with `likeness train --resume`"
        )
    with graph.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if facts.get("graph_sha256") != found:
        raise WeightsError(
            f"{graph}: expected the graph that {ABOUT} names ({facts.get('graph_sha256', 'none')}), got {found}; make it "
            "again with `likeness train --resume`"
        )


def _word(facts: Mapping[str, Any], key: str, model: Path) -> str:
    value = facts.get(key, "")
    if not isinstance(value, str) or len(value) > 200:
        raise WeightsError(f"{model}/{ABOUT}: {key} must be a word")
    return value


def _consents(facts: Mapping[str, Any], model: Path) -> tuple[Consent, ...]:
    consents = facts.get("consents")
    if not isinstance(consents, list) or len(consents) != len(ROLES):
        raise ConsentError(
            f"{model}/{ABOUT}: consents: expected the records of the source and of the target; train again from face sets"
        )
    return tuple(
        consent_from_dict(c, f"{model.name}/{ABOUT}: {role}")
        for role, c in zip(ROLES, consents, strict=True)
    )


def _set_of(facts: Mapping[str, Any], role: str, consent: Consent, model: Path) -> FaceSet | None:
    """The face set that a role was trained on, if it is there and still the same person's."""
    about = facts.get("face_sets", {})
    entry = about.get(role) if isinstance(about, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("folder"), str):
        return None
    folder = entry["folder"]
    if not folder or "\x00" in folder:
        return None
    for place in (Path(folder), model.parent / Path(folder).name):
        if is_face_set(place):
            found = read_face_set(place)
            if found.consent == consent:  # another person's set may lie there by now
                return found
    return None
