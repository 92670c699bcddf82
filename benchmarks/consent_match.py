"""How well a face in footage is told from another's by the references of a consent record; chooses the threshold.

    python benchmarks/consent_match.py --data FOLDER [--faces 300]

Probes are face tracks as `jobs.consenting` compares them. Same person: mead and grid_s1 against one picture out of
another clip (mead: the neutral one), the portraits against the first frame of the same clip, whose first stretch is then
left out. Different people: every track against one picture of everybody else and of utkface, one file per identity
cluster, and the utkface pictures with one another. The threshold is the largest step of 0.01 at which at most one in a
thousand comparisons of different *calibration* people matches, for tracks and for pictures; test people are only reported.
All footage of a person is from one session. Same-session matching is easier than matching an old photograph.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.identity_embedding import DlibEmbedder
from likeness.data.manifest import Item, read_items, select_items
from likeness.faces import FaceModels, find_faces, track_faces
from likeness.jobs.consenting import MATCH_DISTANCE, track_distance, track_embeddings
from likeness.scoring import clopper_pearson
from likeness.types import FloatArray, Progress

HERE = Path(__file__).parent
FALSE_MATCH = 1e-3
FRAMES, CLIPS, RESAMPLES = 18, 12, 1000
CHOSEN, REPORTED = "calibrate", "test"


@dataclass(frozen=True)
class Probe:
    """A track: its rows, its person's picture, and whether that comes from the same clip."""

    item: Item
    rows: FloatArray
    first: FloatArray
    same_clip: bool


@dataclass(frozen=True)
class Picture:
    """A still of somebody: gender and race as utkface labels them, empty for others."""

    person: str
    role: str
    row: FloatArray
    labels: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=300, help="utkface people of each role")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "consent_match.csv")
    options = parser.parse_args()
    with shown_progress() as progress:
        probes = embed_tracks(options.data, progress)
        pictures = embed_pictures(options.data, options.faces, progress)
    chosen = choose(probes, pictures)
    rows = [{"figure": "chosen threshold", "role": CHOSEN, "value": chosen}]
    for role in (CHOSEN, REPORTED):
        rows += same_person(probes, role, chosen)
        rows += different_people(probes, pictures, role, chosen)
    write_rows(options.out, rows)
    for row in rows:
        interval = f"{row['low']:.4f}-{row['high']:.4f}" if "low" in row else ""
        note = row.get("note", "")
        print(f"{row['role']:10}{row['figure']:52}{row['value']:8.4f}  {interval:16}{note}")
    if abs(chosen - MATCH_DISTANCE) > 1e-9:
        print(f"\nthe package uses {MATCH_DISTANCE}: set MATCH_DISTANCE in jobs/consenting.py")


def embed_tracks(data: Path, progress: Progress) -> list[Probe]:
    """Every clip of mead and the portraits, and evenly spread ones of grid_s1."""
    items = [i for i in read_items(data) if i.source in ("mead", "portraits", "grid_s1")]
    grid = [i for i in items if i.source == "grid_s1"]
    items = [i for i in items if i.source != "grid_s1"] + grid[:: max(1, len(grid) // CLIPS)]
    embed, models = DlibEmbedder(), FaceModels()
    probes = []
    for done, item in enumerate(items):
        clip = media.open_clip(item.file(data))
        indices = media.sample(clip, media.Sampling("evenly", FRAMES))
        track = max(track_faces(clip, indices, models=models), key=len)
        rows = track_embeddings(clip, [track], embed)[track.track_id]
        position = int(np.flatnonzero(~track.bridged)[0])
        frame = next(iter(clip.frames.at([int(track.frame_indices[position])])))
        first = embed(frame.image, np.ascontiguousarray(track.landmarks_px[position]))
        clip.frames.close()
        probes.append(Probe(item, rows, first, item.source == "portraits"))
        progress("clips", done + 1, len(items))
    return probes


def embed_pictures(data: Path, count: int, progress: Progress) -> list[Picture]:
    """One utkface picture of each of `count` people per role, drawn evenly; those without exactly one face are skipped."""
    items = read_items(data, role_file=HERE.parent / "recipes" / "utkface_roles.csv")
    embed, models = DlibEmbedder(), FaceModels()
    out = []
    for role in (CHOSEN, REPORTED):
        one_each = {i.group: i for i in select_items(items, source="utkface", role=role)}
        order = np.random.default_rng(0).permutation(len(one_each))
        people = [list(one_each.values())[n] for n in order]
        found = 0
        for item in people:
            if found == count:
                break
            image = next(iter(media.open_clip(item.file(data)).frames)).image
            faces = find_faces(image, models=models)
            if len(faces) == 1:
                labels = tuple(Path(item.path).name.split("_")[1:3])
                out.append(Picture(item.group, role, embed(image, faces.landmarks_px[0]), labels))
                found += 1
                progress(f"pictures, {role}", found, count)
    return out


def reference_of(probe: Probe, probes: list[Probe]) -> tuple[FloatArray, FloatArray] | None:
    """The picture of a probe's own person and the rows it is compared with; none for the picture's own clip."""
    if probe.same_clip:
        return probe.first, probe.rows[1:]
    own = [p for p in probes if p.item.group == probe.item.group]
    source = next((p for p in own if "neutral" in p.item.path), own[0])
    return None if source is probe else (source.first, probe.rows)


def same_person(probes: list[Probe], role: str, threshold: float) -> list[dict]:
    """False non-matches, by person: a person counts if any of their clips is refused."""
    by_person: dict[str, list[float]] = {}
    for probe in (p for p in probes if p.item.role == role):
        pair = reference_of(probe, probes)
        if pair is not None and len(pair[1]):
            distance = track_distance(pair[1], pair[0][None])
            by_person.setdefault(probe.item.group, []).append(distance)
    rows = []
    for person, distances in by_person.items():
        refused = int(sum(d > threshold for d in distances))
        note = f"{refused} of {len(distances)} clips refused, largest {max(distances):.3f}"
        value = refused / len(distances)
        rows.append(
            {"figure": f"false non-match of {person}", "role": role, "value": value, "note": note}
        )
    people = sum(any(d > threshold for d in distances) for distances in by_person.values())
    low, high = clopper_pearson(people, len(by_person))
    note = f"{people} of {len(by_person)} people"
    rows.append(row("people with a refused clip", role, people / len(by_person), low, high, note))
    return rows


def different_people(
    probes: list[Probe], pictures: list[Picture], role: str, threshold: float
) -> list[dict]:
    """False matches of tracks, of pictures, and of pictures with the same labels of gender and race."""
    here = [p for p in pictures if p.role == role]
    rows = []
    between = footage_distances(probes, role)
    wrong = sum(bool((d <= threshold).any()) for d in between.values())
    low, high = clopper_pearson(wrong, len(between))
    nearest = min(float(d.min()) for d in between.values())
    note = f"{wrong} of {len(between)} people, nearest {nearest:.3f}"
    rows.append(
        row("people matched by another's footage", role, wrong / len(between), low, high, note)
    )
    tracks = track_distances(probes, here, role)
    hits = {person: (d <= threshold).mean(axis=0) for person, d in tracks.items()}
    rate = np.mean(list(hits.values()), axis=0)
    note = f"{len(hits)} people's tracks x {len(here)} pictures"
    rows.append(row("false match, track and picture", role, *resampled_mean(rate), note))
    distances = picture_distances(here)
    alike = np.array([[a.labels == b.labels for b in here] for a in here])
    for name, counted in (("", np.ones_like(alike)), (", same labelled gender and race", alike)):
        counted = counted & ~np.eye(len(here), dtype=bool)
        found = resampled_pairs(distances <= threshold, counted)
        note = f"{int(counted.sum()) // 2} pairs of {len(here)} people"
        rows.append(row(f"false match, two pictures{name}", role, *found, note))
    return rows


def choose(probes: list[Probe], pictures: list[Picture]) -> float:
    """The largest threshold that keeps to `FALSE_MATCH` on calibration people."""
    here = [p for p in pictures if p.role == CHOSEN]
    tracks = track_distances(probes, here, CHOSEN)
    distances = picture_distances(here)[np.triu_indices(len(here), 1)]
    allowed = 0.0
    for step in range(20, 80):
        threshold = step / 100.0
        by_track = np.mean([(d <= threshold).mean() for d in tracks.values()])
        if by_track <= FALSE_MATCH and (distances <= threshold).mean() <= FALSE_MATCH:
            allowed = threshold
    return allowed


def track_distances(
    probes: list[Probe], pictures: list[Picture], role: str
) -> dict[str, np.ndarray]:
    """For each person of `role` (clips, pictures) distances of their tracks to other people's pictures."""
    out: dict[str, list[list[float]]] = {}
    for probe in (p for p in probes if p.item.role == role):
        line = [track_distance(probe.rows, p.row[None]) for p in pictures]
        out.setdefault(probe.item.group, []).append(line)
    return {person: np.array(lines) for person, lines in out.items()}


def footage_distances(probes: list[Probe], role: str) -> dict[str, np.ndarray]:
    """For each person of `role` the distances of their tracks to first frames of other people of that role."""
    here = [p for p in probes if p.item.role == role]
    return {
        person: np.array(
            [
                track_distance(a.rows, b.first[None])
                for a in here
                for b in here
                if a.item.group == person != b.item.group
            ]
        )
        for person in dict.fromkeys(p.item.group for p in here)
    }


def picture_distances(pictures: list[Picture]) -> np.ndarray:
    rows = np.stack([p.row for p in pictures]).astype(np.float64)
    return np.linalg.norm(rows[:, None] - rows[None], axis=-1)


def resampled_mean(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over people and its 95 % percentile interval (bootstrap over people)."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def resampled_pairs(hits: np.ndarray, counted: np.ndarray) -> tuple[float, float, float]:
    """Share of the counted pairs that hit, and its 95 % percentile interval (bootstrap over people, not pairs)."""
    rng, drawn = np.random.default_rng(0), []
    inside = (hits & counted).astype(np.float64)
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, len(hits), len(hits)), minlength=len(hits))
        drawn.append((weight @ inside @ weight) / (weight @ counted @ weight))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(inside.sum() / counted.sum()), float(low), float(high)


def row(figure: str, role: str, value: float, low: float, high: float, note: str) -> dict:
    found = {"figure": figure, "role": role, "value": value, "low": low, "high": high}
    return {
        **{k: round(v, 6) if isinstance(v, float) else v for k, v in found.items()},
        "note": note,
    }


if __name__ == "__main__":
    main()
