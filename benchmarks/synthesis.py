"""How good the generators of whole faces are, how fast they draw, and what their discriminators know.

    python benchmarks/synthesis.py --data FOLDER --run light_gan=RUN --run dcgan=RUN

Distances are to held-out people (role `select`), beside the same distances between two halves of these: SWD and diversity
depend on the number of pictures, which is the same everywhere. `--at SECONDS` takes the row of each run's metrics.csv that
is nearest to that training time, so that two runs can be compared at equal time. A discriminator is asked about faces of
its own generator, of the other one, and about StyleGAN1 against FFHQ (role `train`; it learnt from most of these FFHQ
faces, which should make it easy).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness import registry
from likeness.apps.benching import write_rows
from likeness.data.aligned_faces import AlignedFaces, FaceCut, FaceStores, aligned_faces
from likeness.data.known_faces import known_faces, load_images
from likeness.data.manifest import read_items, select_items
from likeness.detectors.gan_discriminator import CUT_PX, Discriminator
from likeness.faces import align
from likeness.networks.random_features import RandomFeatures, random_features
from likeness.scoring.metrics import auc
from likeness.scoring.synthesis import diversity, kernel_distance, memorisation, sliced_wasserstein
from likeness.training.run_folder import read_about, read_metrics
from likeness.types import ImageArray

COUNT, SETS = 256, 5
"""Pictures of a set, and sets of other latents: the distances of two sets of one generator differ by several units."""
FIRST_SEED = 100_000
HERE = Path(__file__).parent
ROLES = HERE.parent / "recipes" / "utkface_roles.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", action="append", default=[], metavar="GENERATOR=RUN")
    parser.add_argument("--at", type=float, default=0.0, help="also figures at this training time")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement of speed")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "synthesis.csv")
    arguments = parser.parse_args()
    runs = {name: Path(run) for name, _, run in (text.partition("=") for text in arguments.run)}
    rows = measured(arguments, runs)
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def measured(arguments: argparse.Namespace, runs: Mapping[str, Path]) -> list[dict[str, Any]]:
    """All rows."""
    select = _faces(arguments.data, "select")
    learned = _faces(arguments.data, "train")
    network = RandomFeatures()
    made = {name: registry.build("generators", name, {"model": str(r)}) for name, r in runs.items()}
    drawn = {name: m.draw(_latents(m)) for name, m in made.items()}
    rows: list[dict[str, Any]] = []
    for size in sorted({m.size_px for m in made.values()}):
        images = select.shrunk(size)
        real, other = images[0 : 2 * COUNT : 2], images[1 : 2 * COUNT : 2]
        train = learned.shrunk(size)
        both = np.concatenate([train, np.ascontiguousarray(train[:, :, ::-1])])
        of_real, of_train = (random_features(i, network) for i in (real, both))
        for name, faces in {"real": other, **drawn}.items():
            if faces.shape[1] == size:
                sets = [faces[i : i + COUNT] for i in range(0, len(faces), COUNT)]
                seen = [(s, random_features(s, network)) for s in sets]
                figures = [_quality(s, real, f, of_real, of_train) for s, f in seen]
                row = {"what": "quality", "generator": name, "size_px": size, "sets": len(sets)}
                rows.append(row | _over_sets(figures))
    rows += [_at(name, run, arguments.at) for name, run in runs.items() if arguments.at]
    rows += [_speed(name, run, t, arguments.seconds) for name, run in runs.items() for t in (1, 2)]
    return rows + _discriminators(arguments.data, runs, drawn, select)


def _faces(data: Path, role: str) -> AlignedFaces:
    cut = FaceCut(role_file=str(ROLES))
    return aligned_faces(data, [role], cut, FaceStores())


def _latents(made: Any) -> Any:
    return np.stack([made.latent_of(FIRST_SEED + i) for i in range(COUNT * SETS)])


def _quality(
    faces: ImageArray, real: ImageArray, found: Any, of_real: Any, of_train: Any
) -> dict[str, Any]:
    wasserstein, distance = sliced_wasserstein(faces, real), kernel_distance(found, of_real)
    varied, copied = diversity(found, of_real), memorisation(found, of_train, of_real)
    return {
        "swd": round(wasserstein.mean, 2),
        **{f"swd_level_{i}": round(d, 2) for i, (_, d) in enumerate(wasserstein.levels)},
        "kernel_distance": round(distance.value, 4),
        "kernel_low": round(distance.interval.low, 4),
        "kernel_high": round(distance.interval.high, 4),
        "diversity": round(varied.ratio, 3),
        "diversity_nearest": round(varied.nearest_ratio, 3),
        "copied": round(copied.copied, 4),
        "memorisation_auc": round(copied.auc, 3),
        "memorised": copied.memorised,
    }


def _over_sets(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Means; of the two distances their smallest and largest as well."""
    row = {key: round(float(np.mean([f[key] for f in figures])), 4) for key in figures[0]}
    for key in ("swd", "kernel_distance"):
        values = [f[key] for f in figures]
        row |= {f"{key}_least": min(values), f"{key}_most": max(values)}
    return row


def _at(name: str, run: Path, seconds: float) -> dict[str, Any]:
    """The figures that a run noted nearest to a training time."""
    row = min(read_metrics(run), key=lambda r: abs(float(r["seconds"]) - seconds))
    keys = ("step", "seconds", "swd", "kernel_distance", "diversity", "diversity_nearest", "copied")
    size = int(registry.build("generators", name, {"model": str(run)}).size_px)
    noted = {"what": "at equal time", "generator": name, "size_px": size}
    return noted | {key: row[key] for key in keys}


def _speed(name: str, run: Path, threads: int, seconds: float) -> dict[str, Any]:
    """Pictures per second and the seconds until the first one; only what the graph does, nothing is marked."""
    started = time.perf_counter()
    made = registry.build("generators", name, {"model": str(run), "threads": threads})
    made.draw(made.latent_of(0)[None])
    loaded = time.perf_counter() - started
    latents = np.stack([made.latent_of(i) for i in range(made.batch)])
    made.draw(latents)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        made.draw(latents)
        count += len(latents)
    rate = count / (time.perf_counter() - started)
    trained = float(read_about(run).get("figures", {}).get("seconds", float("nan")))
    return {
        "what": "speed",
        "generator": name,
        "size_px": made.size_px,
        "threads": threads,
        "pictures_per_s": round(rate, 1),
        "load_and_first_s": round(loaded, 3),
        "trained_s": round(trained, 1),
    }


def _discriminators(
    data: Path, runs: Mapping[str, Path], drawn: Mapping[str, ImageArray], select: AlignedFaces
) -> list[dict[str, Any]]:
    """AUC of each discriminator on each generator."""
    rows = []
    foreign = {source: _cut(data, source) for source in ("stylegan1_256", "ffhq256")}
    for name, run in runs.items():
        net = Discriminator.load(run / "discriminator" / "network.onnx", name)
        held = net(select.shrunk(net.size_px)[:COUNT])
        for of, faces in drawn.items():
            if faces.shape[1] == net.size_px:
                rows.append(_told(name, of, "held-out people", net(faces[:COUNT]), held))
        fakes, reals = (net(_resized(f, net.size_px)) for f in foreign.values())
        rows.append(_told(name, "stylegan1_256", "ffhq256", fakes, reals))
    return rows


def _told(name: str, of: str, against: str, fakes: Any, reals: Any) -> dict[str, Any]:
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    value = auc(np.concatenate([reals, fakes]).astype(np.float64), labels)
    return {
        "what": "discriminator as detector",
        "generator": name,
        "asked_about": of,
        "against": against,
        "pictures": len(labels),
        "auc": round(value, 3),
    }


def _cut(data: Path, source: str) -> ImageArray:
    items = select_items(read_items(data), source=source, role="train")
    known = known_faces(data, items, FaceStores().faces)
    crops = [align(load_images(data, k)[0], k.track.landmarks_px[0], CUT_PX, 0.0) for k in known]
    return np.stack([crop.image for crop in crops])


def _resized(images: ImageArray, size_px: int) -> ImageArray:
    import cv2

    area = cv2.INTER_AREA
    return np.stack([cv2.resize(i, (size_px, size_px), interpolation=area) for i in images])


if __name__ == "__main__":
    main()
