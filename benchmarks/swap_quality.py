"""How good swaps are on clips that nothing was trained on, against the controls in the same run.

    python benchmarks/swap_quality.py --data DATA --model RUN --pair A [--show FOLDER]

Pair A: source mead W009, target W011; pair B: source grid_s1, target mead M030. The target clips are the two emotions that
`swap_training.py` holds out; a run that learned from them is refused. The same clips go through the trained generator, through
`landmark_swap`, through the trained one's network as it was before its first step, and through nothing. Per frame sample:
is the face nearer to the source's mean embedding than to the target's, and is it a match of the source at the distance at
which consent is checked? Of that distance the false-match rate is measured in the same run, on pictures of other people of
role `calibrate`. `--show` writes marked pictures: before, then one for each method, at twice their size.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from likeness import media
from likeness.apps.benching import write_rows
from likeness.data.identity_embedding import DlibEmbedder
from likeness.data.manifest import read_items, select_items
from likeness.faces import FaceModels, find_faces, track_faces
from likeness.faces.finding import MIN_PRESENCE, mesh_on, mesh_square
from likeness.faces.merge_options import MergeConfig
from likeness.faces.smoothing import smooth_track
from likeness.jobs.consenting import MATCH_DISTANCE
from likeness.jobs.swap_cast import build_generator
from likeness.jobs.swap_frames import FramesPlan, Replacement, swapped_frames
from likeness.jobs.swap_people import Person
from likeness.jobs.swap_quality import QualityWatch, Sample
from likeness.jobs.swap_source import best_source, crop_size
from likeness.provenance import KeyStore, Making, encode_marked
from likeness.scoring import clopper_pearson
from likeness.training.run_folder import read_about
from likeness.types import Clip, Consent, FaceTrack, FloatArray, Generator

HERE = Path(__file__).parent
PAIRS = {"A": ("mead/W009", "mead/W011"), "B": ("grid_s1/", "mead/M030")}
HELD_EMOTIONS, HELD_SENTENCES = ("happy", "sad"), 10
SPOILT = ("srab1s", "pbio7a")
SOURCE_CLIPS, SOURCE_FRAMES, SHOWN = 4, 8, 3


@dataclass(frozen=True, eq=False)
class Source:
    """Who gives the face: the person in some clips, and the mean of their embeddings."""

    people: tuple[tuple[Clip, Person], ...]
    mean: FloatArray


@dataclass(frozen=True)
class Kit:
    """What is built once."""

    models: FaceModels
    embed: DlibEmbedder
    source: Source
    threshold: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="run folder of the pair")
    parser.add_argument("--pair", choices=sorted(PAIRS), default="A")
    parser.add_argument("--frames", type=int, help="at most so many frames of a clip")
    parser.add_argument("--people", type=int, default=100, help="others for the false-match rate")
    parser.add_argument("--threshold", type=float, default=MATCH_DISTANCE)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--show", type=Path, help="write marked pictures into this folder")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "swap_quality.csv")
    arguments = parser.parse_args()
    models, embed = FaceModels(arguments.threads), DlibEmbedder()
    source_name, target_name = PAIRS[arguments.pair]
    learned, _ = clips_of(arguments.data, source_name)
    _, held = clips_of(arguments.data, target_name)
    refuse_learned(arguments.model, held)
    kit = Kit(models, embed, source_of(learned, models, embed), arguments.threshold)
    rows = [false_matches(arguments.data, arguments.people, kit)]
    with tempfile.TemporaryDirectory() as folder:
        untrained = Path(folder) / "untrained"
        export_untrained(arguments.model, untrained)
        for path in held:
            rows += [
                {"pair": arguments.pair, "run": arguments.model.name, "clip": path.name} | row
                for row in of_clip(path, untrained, arguments, kit)
            ]
    rows += means(rows)
    names = dict.fromkeys(key for row in rows[::-1] for key in row)
    write_rows(arguments.out, [{n: row.get(n, "") for n in names} for row in rows])
    for row in rows:
        print("  ".join(f"{k}={v}" for k, v in row.items()))


def clips_of(data: Path, who: str) -> tuple[list[Path], list[Path]]:
    """A person's clips to learn from, and those that are held out."""
    folder, _, prefix = who.partition("/")
    files = sorted(p for p in (data / "video/real" / folder).iterdir() if p.name.startswith(prefix))
    files = [f for f in files if f.stem not in SPOILT]
    if folder == "grid_s1":
        return files[:-HELD_SENTENCES], files[-HELD_SENTENCES:]
    held = [f for f in files if any(e in f.name for e in HELD_EMOTIONS)]
    return [f for f in files if f not in held], held


def refuse_learned(model: Path, held: Sequence[Path]) -> None:
    """Stop if the run does not say that it left these clips out."""
    training = read_about(model).get("settings", {}).get("training", {})
    missing = {p.name for p in held} - set(training.get("held_out_files", ()))
    if missing:
        raise SystemExit(f"{model} does not hold out {', '.join(sorted(missing))}")


def source_of(files: Sequence[Path], models: FaceModels, embed: DlibEmbedder) -> Source:
    """The source in a few clips, none of them held out."""
    few = [files[i] for i in np.linspace(0, len(files) - 1, SOURCE_CLIPS).astype(int)]
    people, rows = [], []
    for path in few:
        clip = media.open_clip(path)
        track = longest(clip, media.sample(clip, media.Sampling("evenly", SOURCE_FRAMES)), models)
        seen = {f.index: f.image for f in clip.frames.at(track.frame_indices.tolist())}
        own = [
            embed(seen[int(i)], track.landmarks_px[n]) for n, i in enumerate(track.frame_indices)
        ]
        people.append((clip, Person(1, track, (track,), np.stack(own), "")))
        rows += own
    return Source(tuple(people), np.mean(rows, axis=0).astype(np.float32))


def longest(clip: Clip, indices: Sequence[int], models: FaceModels) -> FaceTrack:
    return max(track_faces(clip, indices, models=models), key=len)


def false_matches(data: Path, count: int, kit: Kit) -> dict:
    """How often pictures of other people match at the threshold: the source's mean, and one another."""
    items = read_items(data, role_file=HERE.parent / "recipes" / "utkface_roles.csv")
    one_each = {i.group: i for i in select_items(items, source="utkface", role="calibrate")}
    order = np.random.default_rng(1).permutation(len(one_each))
    rows = []
    for number in order:
        if len(rows) == count:
            break
        image = next(iter(media.open_clip(list(one_each.values())[number].file(data)).frames)).image
        faces = find_faces(image, models=kit.models)
        if len(faces) == 1:
            rows.append(kit.embed(image, faces.landmarks_px[0]))
    others = np.stack(rows).astype(np.float64)
    to_source = np.linalg.norm(others - kit.source.mean, axis=1)
    between = np.linalg.norm(others[:, None] - others[None], axis=-1)[np.triu_indices(count, 1)]
    wrong = int((to_source <= kit.threshold).sum())
    low, high = clopper_pearson(wrong, count)
    return {
        "method": "other people (control)",
        "sampled": count,
        "threshold": kit.threshold,
        "match_of_source": round(wrong / count, 4),
        "match_low": round(low, 4),
        "match_high": round(high, 4),
        "match_between_others": round(float((between <= kit.threshold).mean()), 5),
    }


def export_untrained(model: Path, out: Path) -> None:
    """The run's network before its first step, as a graph that the generator reads."""
    from likeness.generators._autoencoder_run import ModelFacts, export, open_graph
    from likeness.generators._autoencoder_settings import make_network

    settings = read_about(model)["settings"]
    _, facts = open_graph(str(model), 1)
    network = make_network(settings["generator"], dict(settings["network"]), 0)
    told = {**vars(facts), "input_px": network.input_px, "output_px": network.output_px}
    out.mkdir()
    sample = np.full((1, 3, network.input_px, network.input_px), 0.5, np.float32)
    export(out, network, ModelFacts(**told), sample)


def of_clip(path: Path, untrained: Path, arguments: argparse.Namespace, kit: Kit) -> list[dict]:
    """One row for each method."""
    clip = media.open_clip(path)
    count = min(len(clip.frames), arguments.frames or len(clip.frames))
    track = smooth_track(longest(clip, range(count), kit.models))
    name = str(read_about(arguments.model)["generator"])
    options = {"threads": arguments.threads}
    crop = best_source(kit.source.people, track)
    methods = {
        name: (build_generator(name, {**options, "model": str(arguments.model)}), None),
        "landmark_swap": (build_generator("landmark_swap", {}), crop),
        f"{name}, untrained": (build_generator(name, {**options, "model": str(untrained)}), None),
    }
    rows, samples = [], {}
    for method, (generator, source) in methods.items():
        # What an untrained network draws as mask is nothing: paste all of what it draws.
        mask = "hull" if method.endswith("untrained") else "product"
        plan = FramesPlan(
            (Replacement(track, generator, source, crop_size(track, margin(generator)), margin(generator)),),
            last=count,
            merge=MergeConfig(mask=mask),  # type: ignore[arg-type]
        )  # fmt: skip
        watch = QualityWatch(clip, plan)
        for swapped in swapped_frames(clip, plan):
            if swapped.frame.index >= count:
                break
            watch.see(swapped)
        samples[method] = watch.samples
        after, before = distances(watch.samples, kit)
        rows.append({"method": method, **identity(after, kit), **measured(watch)})
    rows.append({"method": "not swapped (control)", **identity(before, kit)})
    if arguments.show:
        show(arguments.show, path.stem, samples)
    return rows


def margin(generator: Generator) -> float:
    """Of the crops that it takes."""
    return float(getattr(getattr(generator, "facts", None), "margin", 0.25))


Distances = tuple[np.ndarray, np.ndarray]


def distances(samples: Sequence[Sample], kit: Kit) -> tuple[Distances, Distances]:
    """(to the source, to the target) of the sampled faces after the swap, and of the same faces before it."""
    rows: dict[str, list[FloatArray | None]] = {"before": [], "after": []}
    for sample in samples:
        for when, found in rows.items():
            image = getattr(sample, when)
            face = face_in(image, sample, kit)
            found.append(None if face is None else kit.embed(image, face))
    target = np.mean([r for r in rows["before"] if r is not None], axis=0)
    return tuple(
        tuple(
            np.array([np.inf if r is None else np.linalg.norm(r - mean) for r in rows[when]])
            for mean in (kit.source.mean, target)
        )
        for when in ("after", "before")
    )  # type: ignore[return-value]


def face_in(image: np.ndarray, sample: Sample, kit: Kit) -> FloatArray | None:
    points, presence = mesh_on(image, [mesh_square(sample.landmarks_px)], kit.models)
    return points[0] if float(presence[0]) >= MIN_PRESENCE else None


def identity(found: Distances, kit: Kit) -> dict:
    """Shares of all samples, those whose face is lost included; `match_of_source`: within the threshold."""
    to_source, to_target = found
    nearer, match = to_source < to_target, to_source <= kit.threshold
    return {
        "sampled": len(to_source),
        "threshold": kit.threshold,
        "nearer_to_source": round(float(nearer.mean()), 4),
        "match_of_source": round(float(match.mean()), 4),
        "nearer_and_match": round(float((nearer & match).mean()), 4),
        "match_of_target": round(float((to_target <= kit.threshold).mean()), 4),
        "distance_to_source": mean_of(to_source),
        "distance_to_target": mean_of(to_target),
    }


def mean_of(values: np.ndarray) -> float | str:
    """Of those that are numbers; nothing where there is none."""
    finite = values[np.isfinite(values)]
    return round(float(finite.mean()), 4) if len(finite) else ""


def measured(watch: QualityWatch) -> dict:
    """The rest of the quality report."""
    f = watch.figures(None, None)
    pose = f.pose_error_deg or (float("nan"),) * 3
    figures = {
        "pose_error_deg": float(np.mean(pose)),
        "yaw_error_deg": pose[0],
        "pitch_error_deg": pose[1],
        "roll_error_deg": pose[2],
        "expression_error": f.expression_error,
        "flicker_ratio": f.flicker_ratio,
        "seam_delta_e": f.seam_delta_e,
        "seam_contrast": f.seam_contrast,
        "sharpness_ratio": f.sharpness_ratio,
    }
    rounded = {
        k: "" if v is None or not np.isfinite(v) else round(v, 4) for k, v in figures.items()
    }
    return {"frames": f.frames, "swapped": f.swapped, "lost_faces": f.lost_faces, **rounded}


def means(rows: Sequence[dict]) -> list[dict]:
    """The mean over the clips, for each method."""
    clips = [r for r in rows if "clip" in r]
    out = []
    for method in dict.fromkeys(r["method"] for r in clips):
        own = [r for r in clips if r["method"] == method]
        row = {"pair": own[0]["pair"], "run": own[0]["run"], "clip": "mean of the clips"}
        for key in own[0]:
            numbers = [r[key] for r in own if isinstance(r[key], (int, float))]
            if numbers:
                row[key] = round(float(np.mean(numbers)), 4)
        out.append({**row, "method": method})
    return out


def show(folder: Path, name: str, samples: dict[str, list[Sample]]) -> None:
    """Marked pictures: the footage and each method's result side by side, the face at twice its size."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = KeyStore.create(folder / "keys") if not (folder / "keys").exists() else None
    keys = keys or KeyStore(folder / "keys")
    first = next(iter(samples.values()))
    for place in np.linspace(0, len(first) - 1, SHOWN).round().astype(int):
        points = first[place].landmarks_px[:468]
        low, high = points.min(axis=0), points.max(axis=0)
        x0, y0 = np.maximum(0, low - 0.3 * (high - low)).astype(int)
        x1, y1 = (high + 0.3 * (high - low)).astype(int)
        pictures = [first[place].before, *(s[place].after for s in samples.values())]
        row = np.hstack([p[y0:y1, x0:x1] for p in pictures])
        large = cv2.resize(row, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        # Room below for the label that data-set terms ask for.
        large = cv2.copyMakeBorder(large, 0, large.shape[1] // 10, 0, 0, cv2.BORDER_CONSTANT)
        data = encode_marked(large, bench_making(), keys)
        (folder / f"{name}_{first[place].index:04d}.png").write_bytes(data)


def bench_making() -> Making:
    """Consent as the data sets' terms give it."""
    people = tuple(
        Consent(name, "dataset_terms", "research", date(2099, 1, 1), "0" * 64, True, True)
        for name in ("source", "target")
    )
    return Making(
        "swap quality benchmark", "compositeWithTrainedAlgorithmicMedia", people, "research",
        date.today(), 1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
