"""Faces that generators draw whole, or draw anew, against real ones on the same path: cells of the benchmark's matrix.

A real face is cut as the generators' training faces are, brought to the size that the generator draws, enlarged to one size
and coded; a drawn face is enlarged and coded alike, at the same quality. What is left between them is what the generator did.
Nothing is written: these pictures vanish with the process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media, registry
from likeness.data.known_faces import KnownFace, load_images, main_face
from likeness.data.pairs import item_seed
from likeness.errors import LikenessError
from likeness.faces import FaceModels, track_faces
from likeness.faces.geometry import align_matrix, warp
from likeness.jobs.bench_matrix import Cell
from likeness.jobs.measuring import CLEAN, TEST_SEED, Scored, usable_score
from likeness.jobs.score_store import work_key
from likeness.jobs.scored_items import Work
from likeness.jobs.synthesise_options import enlarged, shipped_synthesisers
from likeness.scoring import covariates_of
from likeness.types import Detector, FaceCrop, GenerateRequest, ImageArray

MATERIAL = "drawn-faces-1"
"""Goes up when faces are made or looked at in another way, so that kept scores are not mistaken for new ones."""
SHOWN_PX, CUT_PX, WORN_PX = 256, 192, 96
"""Side of what detectors see; of a real face as it is cut; of the face that is restored."""
RESTORE = "restore"
FIRST_SEED = 1_000_000
"""Of the drawn faces: far from those that people look at."""
_AT_ONCE = 8


@dataclass(frozen=True)
class FaceGenerator:
    """A generator of the matrix; can be sent to another process.

    Attributes:
        name: in the tables.
        part: name of the generator.
        options: its configuration.
        mark: of its weights, so that kept scores are not mistaken for those of others.
    """

    name: str
    part: str
    options: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""


def face_generators(runs: Mapping[str, tuple[str, Path]] | None = None) -> list[FaceGenerator]:
    """Everything that draws faces: what is installed with weights, and runs.

    Args:
        runs: name for the tables -> (name of the part, run folder); one of the same name stands in for what is installed.

    Raises:
        WeightsError: a run holds no model. Shipped ones that cannot be opened are left out.
    """
    found = []
    for name in (*shipped_synthesisers(), RESTORE):
        try:
            found.append(_with_mark(name, name, {}))
        except LikenessError:
            continue
    own = [_with_mark(n, part, {"model": str(run)}) for n, (part, run) in (runs or {}).items()]
    return [*(g for g in found if g.name not in (runs or {})), *own]


def face_works(
    folder: Path, known: Sequence[KnownFace], generators: Sequence[FaceGenerator]
) -> list[Work]:
    """Pieces of work that score real faces and as many drawn ones for each generator.

    Args:
        folder: the data folder.
        known: stills of real people; the first of them gets the first seed.
        generators: see `face_generators`.
    """
    works = []
    for generator in generators:
        for first in range(0, len(known), _AT_ONCE):
            some = tuple(known[first : first + _AT_ONCE])
            content = hashlib.sha256("".join(k.item.sha256 for k in some).encode()).hexdigest()
            settings = [MATERIAL, generator.name, generator.mark, first, SHOWN_PX, CUT_PX, WORN_PX]
            settings += [k.item.path for k in some]
            key = work_key("drawn faces", content, settings)
            works.append(Work(key, partial(score_faces, folder, some, (generator, first))))
    return works


def score_faces(
    folder: Path,
    known: Sequence[KnownFace],
    drawn: tuple[FaceGenerator, int],
    detectors: Mapping[str, Detector],
) -> list[Scored]:
    """Real faces and drawn ones, one each, through all detectors; one in which no face is found is left out."""
    generator, first = drawn
    models, rows = FaceModels(1), []
    for number, face in enumerate(known):
        quality = int(np.random.default_rng(item_seed(face, TEST_SEED)).integers(60, 96))
        for label, image in enumerate(face_pair(folder, face, generator, first + number)):
            shown = media.jpeg_round_trip(enlarged(image, SHOWN_PX), quality)
            clip = media.clip_from_frames([shown])
            track = main_face(track_faces(clip, [0], models=models))
            if track is None:
                continue
            scores = {n: usable_score(d.analyse(clip, (track,))) for n, d in detectors.items()}
            # A drawn person is a group of its own; a restored one is still the same person.
            same = not label or generator.part == RESTORE
            group = face.item.group if same else f"{generator.name} {first + number}"
            kind = generator.name if label else f"{generator.name}_real"
            covariates = covariates_of(track, 1)
            rows.append(Scored(label, group, CLEAN, face.item.path, scores, covariates, kind=kind))
    return rows


def face_cells(scored: Sequence[Scored]) -> list[Cell]:
    """A cell for each generator."""
    names = dict.fromkeys(s.kind for s in scored if s.label)
    return [
        Cell(f"{n} (faces)", CLEAN, tuple(s for s in scored if s.kind in (n, f"{n}_real")))
        for n in names
    ]


def real_face(folder: Path, face: KnownFace, size_px: int) -> ImageArray:
    """A real face cut as the generators' training faces are, (size_px, size_px, 3) uint8."""
    points = face.track.landmarks_px[0].astype(np.float64)
    cut = warp(load_images(folder, face)[0], align_matrix(points, CUT_PX, 0.0), CUT_PX)
    return enlarged(cut, size_px)


def face_pair(
    folder: Path, face: KnownFace, generator: FaceGenerator, number: int
) -> Iterator[ImageArray]:
    """The real face and the drawn one, of one size."""
    made = _opened(generator.part, tuple(sorted(generator.options.items())))
    if generator.part != RESTORE:
        yield real_face(folder, face, made.size_px)
        yield made.draw(made.latent_of(FIRST_SEED + number)[None])[0]
        return
    real = real_face(folder, face, CUT_PX)
    yield real
    yield _restored(made, enlarged(enlarged(real, WORN_PX), CUT_PX))


def _restored(restorer: Any, worn: ImageArray) -> ImageArray:
    """The face of a worn picture restored; the restorer sees it by its landmarks. Nothing found: the worn picture."""
    track = main_face(track_faces(media.clip_from_frames([worn]), [0], models=FaceModels(1)))
    if track is None:
        return worn
    points = np.ascontiguousarray(track.landmarks_px[0], np.float32)
    mask = np.ones(worn.shape[:2], np.float32)
    crop = FaceCrop(worn, mask, np.eye(2, 3), landmarks_px=points)
    image: ImageArray = restorer.generate(GenerateRequest(target=crop)).image
    return image


def _with_mark(name: str, part: str, options: dict[str, str]) -> FaceGenerator:
    """The generator, marked by what it draws for two seeds, or by its tag."""
    made = _opened(part, tuple(sorted(options.items())))
    told = str(made.tag).encode()
    if part != RESTORE:
        told += made.draw(np.stack([made.latent_of(seed) for seed in (0, 1)])).tobytes()
    return FaceGenerator(name, part, options, hashlib.sha256(told).hexdigest()[:16])


@cache
def _opened(part: str, options: tuple[tuple[str, str], ...]) -> Any:
    """A generator, opened once in each process."""
    return registry.build("generators", part, dict(options))
