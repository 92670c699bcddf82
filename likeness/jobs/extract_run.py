"""One run of `extract` over a set: what it held, what was added, and the set that comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.coverage import Coverage, coverage
from likeness.data.curation import Curated, curate
from likeness.data.curation_identity import SAME_PERSON, nearest, tracks_of_person
from likeness.data.curation_measures import Descriptors, descriptors
from likeness.data.face_sets import (
    MINIMUM_FACES,
    Manifest,
    is_face_set,
    read_manifest,
    too_few,
    write_manifest,
)
from likeness.data.face_shards import read_shard, write_shard
from likeness.data.identity_embedding import DlibEmbedder
from likeness.errors import ConsentError, DataError, LikenessError, UsageError
from likeness.jobs.consenting import known_people
from likeness.jobs.extract_cutting import Cutting
from likeness.jobs.extract_faces import FaceCutter, Looked, own_tracks
from likeness.jobs.extract_options import Extraction, ExtractOptions, Permit
from likeness.jobs.extract_sheet import write_sheet
from likeness.types import FactValue, FloatArray, Progress

SHEET = "contact_sheet.html"
SAVE_EVERY = 3000
"""Faces after which a long run writes the set as it is so far."""


class Run:
    """One run over a set: what it held, and what was added."""

    def __init__(self, out: Path, permit: Permit, options: ExtractOptions) -> None:
        self.out, self.permit, self.options = out, permit, options
        self.consent_id = permit.keys.consent_id(permit.record.consent)
        self.before = read_manifest(out) if is_face_set(out) else None
        if self.before is not None:
            _check_same(self.before, self.consent_id, options.cutting, out)
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out}: expected a new folder or a face set, got something else")
        self.rows: list[dict[str, FactValue]] = [dict(r) for r in self._stored("rows", ())]
        self.sources: dict[str, Any] = dict(self._about("sources"))
        self.by_hand = {**self._about("by_hand"), **options.by_hand}
        self.failed: dict[str, LikenessError] = {}
        self.skipped: list[str] = []
        self.nearest = float("inf")
        self.unsaved = 0  # faces that a kill would lose

    def add(self, files: Sequence[Path], progress: Progress | None) -> None:
        """Examine new files and cut out the person's faces."""
        fresh = self._fresh(files)
        if not fresh:
            return
        cutter = FaceCutter(self.options.cutting, DlibEmbedder(), self.options.threads)
        known = self._known(cutter)
        # Who has most faces is known when all files have been seen; a known person is looked for file by file.
        batches: Iterable[list[Path]] = [fresh] if known is None else [[f] for f in fresh]
        for done, batch in enumerate(batches):
            looked = self._look(batch, cutter, progress)
            chosen = self._chosen(looked, known)
            for number, (seen, own) in enumerate(zip(looked, chosen, strict=True)):
                self._cut(cutter, seen, own)
                if progress is not None and known is None:
                    progress("cutting out faces", number + 1, len(looked))
            if progress is not None and known is not None:
                progress("files", done + 1, len(fresh))
        self._require_faces(known)

    def finish(self, progress: Progress | None) -> Extraction:
        """Put the set in force and describe it."""
        if not self._own():
            reasons = "; ".join(f"{name}: {error}" for name, error in self.failed.items())
            raise DataError(
                f"{self.out}: no face of the person in these files"
                + (f" ({reasons})" if reasons else "")
            )
        curated = self._put_in_force(progress)
        found = coverage(curated.rows)
        warnings = tuple(_warnings(curated.rows, self.options.cutting, found))
        extraction = Extraction(
            self.out, curated, found, warnings, self.failed, tuple(self.skipped)
        )
        write_sheet(self.out / SHEET, self.out, extraction, self.options)
        return extraction

    def _put_in_force(self, progress: Progress | None = None) -> Curated:
        """Decide about all faces that there are so far, and write the set."""
        self.rows.sort(key=_place)
        compared = self._descriptors(progress)
        curated = curate(self.rows, compared, self.options.curation, self.by_hand)
        rows = [{**row, "consent_id": self.consent_id} for row in curated.rows]
        about = {
            "size_px": self.options.cutting.size_px,
            "margin": self.options.cutting.margin,
            "consent_id": self.consent_id,
            "purpose": self.permit.purpose,
            "sources": self.sources,
            "by_hand": self.by_hand,
            "curation": vars(self.options.curation),
            "dropped": dict(curated.dropped),
        }
        write_manifest(self.out, rows, about, self.permit.record.consent)
        self.unsaved = 0
        return curated

    def _own(self) -> list[dict[str, FactValue]]:
        """The rows that have pixels."""
        return [r for r in self.rows if r.get("shard")]

    def _fresh(self, files: Sequence[Path]) -> list[Path]:
        """Files that the set does not hold yet in this fineness, or only more coarsely; the hash decides, not the name."""
        from likeness.media.source import open_source

        chosen: dict[str, Path] = {}
        for path in sorted(files, key=lambda p: (p.name, str(p))):
            try:
                opened = open_source(path, self.options.cutting.limits, None)
                digest = opened.sha256
                opened.close()
            except LikenessError as error:
                self.failed[str(path)] = error
                continue
            held = self.sources.get(digest, {})
            finer = held and self.options.cutting.every % _whole(held.get("every")) == 0
            if digest in chosen or finer:
                self.skipped.append(str(path))
            else:
                chosen[digest] = path
        return list(chosen.values())

    def _look(
        self, batch: Sequence[Path], cutter: FaceCutter, progress: Progress | None
    ) -> list[Looked]:
        looked = []
        for number, path in enumerate(batch):
            try:
                looked.append(cutter.look(path, progress))
            except LikenessError as error:
                self.failed[str(path)] = error
            if progress is not None and len(batch) > 1:
                progress("files", number + 1, len(batch))
        return looked

    def _known(self, cutter: FaceCutter) -> FloatArray | None:
        """Embeddings that say who it is: of the record's references, and the mean of the set; None where there are none."""
        record = self.permit.record
        people = known_people([record], cutter.embed, cutter.models)
        known = [row for person in people for row in person.embeddings]
        stored = self._stored_embeddings()
        if len(stored):
            known.append(stored.mean(axis=0))
        return np.stack(known).astype(np.float32) if known else None

    def _chosen(self, looked: Sequence[Looked], known: FloatArray | None) -> list[list[int]]:
        """Per file the tracks of the person."""
        places = [(n, t) for n, seen in enumerate(looked) for t in range(len(seen.sighted))]
        tracks = [looked[n].sighted[t] for n, t in places]
        named = known is None or self.permit.record.consent.references
        mine = tracks_of_person(tracks, known, self.options.person if named else None)
        if known is not None:
            self.nearest = min([self.nearest, *(nearest(t, known) for t in tracks)])
        chosen: list[list[int]] = [[] for _ in looked]
        for index in mine:
            chosen[places[index][0]].append(places[index][1])
        return [own_tracks(seen, own) for seen, own in zip(looked, chosen, strict=True)]

    def _cut(self, cutter: FaceCutter, seen: Looked, own: Sequence[int]) -> None:
        """Cut out one file's faces; an earlier, coarser look at the same file is replaced."""
        added: list[dict[str, FactValue]] = []
        try:
            for shard, rows in cutter.cut(seen, own):
                if len(shard):
                    name = write_shard(self.out, shard)
                    rows = [{**r, "shard": name, "shard_row": i} for i, r in enumerate(rows)]
                added += rows
        except LikenessError as error:
            if error.exit_code == 4:  # a full disk ends the run
                raise
            self.failed[str(seen.path)] = error
            return
        self.rows = [r for r in self.rows if r["sha256"] != seen.sha256] + added
        self.sources[seen.sha256] = {
            "name": seen.path.name,
            "every": self.options.cutting.every,
            "frames": seen.frames,
            "faces": seen.faces,
            "faces_of_person": sum(bool(r.get("shard")) for r in added),
        }
        self.unsaved += seen.faces
        if self.unsaved >= SAVE_EVERY and self._own():
            self._put_in_force()

    def _require_faces(self, known: FloatArray | None) -> None:
        if self._own():
            return
        if known is not None and self.rows:
            raise ConsentError(
                f"{self.permit.record.name}: references: nobody in these files matches the record's person "
                f"(nearest distance {self.nearest:.2f}, a match is below {SAME_PERSON:.2f}); use the record of "
                f"the person who is shown, or add a reference that shows the face from the front"
            )

    def _descriptors(self, progress: Progress | None) -> Descriptors:
        """What the faces are compared by, for every row with pixels."""
        own = self._own()
        size = self.options.cutting.size_px
        names = sorted({str(r["shard"]) for r in own})
        parts: list[Descriptors] = []
        first: dict[str, int] = {}
        for number, name in enumerate(names):
            shard = read_shard(self.out, name, size)
            first[name] = sum(len(p) for p in parts)
            parts.append(descriptors(shard.images, shard.landmarks_px))
            if progress is not None:
                progress("comparing faces", number + 1, len(names))
        self._add_similarity(own)
        order = [first[str(r["shard"])] + _whole(r["shard_row"]) for r in own]
        return Descriptors(
            np.concatenate([p.shapes for p in parts])[order],
            np.concatenate([p.looks for p in parts])[order],
            np.concatenate([p.colours for p in parts])[order],
        )

    def _add_similarity(self, own: Sequence[dict[str, FactValue]]) -> None:
        """1 minus the distance of each face's embedding to the set's mean; 1 = at the middle of the set."""
        embeddings = self._stored_embeddings()
        if len(embeddings) != len(own):
            return
        distance = np.linalg.norm(embeddings - embeddings.mean(axis=0), axis=1)
        for row, value in zip(own, distance, strict=True):
            row["similarity"] = 1.0 - float(value)

    def _stored_embeddings(self) -> FloatArray:
        """(N, D) float32 of the faces of the rows that have pixels, in their order."""
        own = self._own()
        if not own:
            return np.zeros((0, 0), np.float32)
        size = self.options.cutting.size_px
        parts = {
            name: read_shard(self.out, name, size).embeddings
            for name in sorted({str(r["shard"]) for r in own})
        }
        return np.stack([parts[str(r["shard"])][_whole(r["shard_row"])] for r in own])

    def _stored(self, name: str, default: Any) -> Any:
        return default if self.before is None else getattr(self.before, name)

    def _about(self, name: str) -> Mapping[str, Any]:
        found = {} if self.before is None else self.before.about.get(name, {})
        if not isinstance(found, dict):
            raise DataError(f"{self.out}/set.json: {name} must be a table")
        return found


def _check_same(before: Manifest, consent_id: str, cutting: Cutting, out: Path) -> None:
    if before.about.get("consent_id") != consent_id:
        raise ConsentError(
            f"subject: {out} is the face set of another person or of another record's subject; "
            f"choose another folder"
        )
    if before.about["size_px"] != cutting.size_px or before.about["margin"] != cutting.margin:
        raise UsageError(
            f"{out}: its crops have {before.about['size_px']} px and margin {before.about['margin']}, asked for are "
            f"{cutting.size_px} and {cutting.margin}; choose another folder or the same numbers"
        )


def _warnings(
    rows: Sequence[Mapping[str, FactValue]], cutting: Cutting, found: Coverage
) -> Iterable[str]:
    kept = [r for r in rows if r["kept"]]
    native = np.array([float(r["native_px"] or 0) for r in kept])
    wanted = cutting.size_px / (1.0 + 2.0 * cutting.margin)
    if len(native) and np.median(native) < wanted:
        yield (
            f"low resolution: the faces have {np.median(native):.0f} native pixels (median), the crop shows them at "
            f"{wanted:.0f}: enlarged {wanted / np.median(native):.1f} times, the trained face will be that much softer"
        )
    if found.faces < MINIMUM_FACES:
        yield too_few(found.faces, found.missing)


def _place(row: Mapping[str, FactValue]) -> tuple[str, str, int, int]:
    return (
        str(row["file"]),
        str(row["sha256"]),
        _whole(row["frame_index"]),
        _whole(row["track"]),
    )


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise DataError(f"damaged face set: expected a whole number, got {value!r}")
    return value
