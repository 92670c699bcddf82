"""Pseudo-fakes made as tensors against those of the engine on the CPU: speed, and whether anything tells them apart.

    python benchmarks/tensor_engine.py --data DATA --faces 300
    python benchmarks/tensor_engine.py --data DATA --device cuda --only speed

Every face of role `train` gives one fake of each kind from each engine, with the same donor. A classifier of simple statistics, out of
fold and with whole faces held out, is asked which engine made a fake: an AUC whose interval holds .5 means that it cannot tell. The
shipped networks score the fakes of both against the same unchanged faces; the interval of the difference is over faces. Speed is
processor time on one thread (wall time on another device), median over rounds that alternate.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.stats import ks_2samp

from likeness import weights
from likeness.apps.benching import write_rows
from likeness.data.audit import leakage_audit
from likeness.data.degradations import random_degradation
from likeness.data.known_faces import known_faces, load_images
from likeness.data.manifest import read_items, select_items
from likeness.data.mixture import KINDS, PseudoFakeConfig
from likeness.data.nuisance import CROP_FEATURES, crop_features
from likeness.data.pairs import look_alikes
from likeness.data.pseudo_fakes import make_pseudo_fake
from likeness.detectors._boundary_crop import crop_of
from likeness.detectors._face_network import FaceNetwork
from likeness.detectors._self_blended_crop import crops_of
from likeness.detectors.boundary import GRAPH, Network
from likeness.detectors.self_blended import MAPS, WEIGHTS, Config
from likeness.scoring.metrics import auc
from likeness.training.tensor_blends import tensor_pairs
from likeness.training.tensor_degradations import draw_degradations
from likeness.training.tensor_faces import TensorFaces
from likeness.types import FloatArray, ImageArray

HERE = Path(__file__).parent
ENGINES = ("cpu", "tensor")
BATCH = 20
STATISTICS = (
    "mean_change",
    "change_inside",
    "mask_area",
    "mask_core",
    "boundary",
    "colour_gap",
    "light_gap",
    "log_sharpness_fake_over_real",
    "log_sharpness_inside_over_outside",
    "residual_fake_over_real",
    "detail_correlation",
    "log_sharpness_real_over_original",
    "real_change",
)
Row = dict[str, object]


@dataclass(frozen=True, eq=False)
class Faces:
    """F real faces with a donor each."""

    images: ImageArray
    landmarks: FloatArray
    donors: np.ndarray
    tensors: TensorFaces


@dataclass(frozen=True, eq=False)
class Made:
    """F pairs of one engine: (F, S, S, 3) uint8 each and (F, S, S) float32 masks."""

    real: ImageArray
    fake: ImageArray
    mask: FloatArray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/faces"))
    parser.add_argument("--source", default="utkface")
    parser.add_argument("--faces", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--only", choices=("speed", "equality", "networks"), default=None)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "tensor_engine.csv")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    faces = load(arguments)
    rows: list[Row] = []

    def keep(more: list[Row]) -> None:
        rows.extend(more)
        for row in more:
            print("  ".join(f"{k}={v}" for k, v in row.items() if v != ""), flush=True)
        write_rows(arguments.out, rows)

    if arguments.only in (None, "speed"):
        keep(speed(faces, arguments.rounds, arguments.device))
    if arguments.only in (None, "equality"):
        keep(degraded(faces, arguments.seed))
    for kind in KINDS if arguments.only != "speed" else ():
        both = made(faces, kind, arguments.seed)
        if arguments.only in (None, "equality"):
            keep(equality(faces, kind, both))
        if arguments.only in (None, "networks"):
            keep(networks(faces, kind, both))


def load(arguments: argparse.Namespace) -> Faces:
    """Pictures of one size, evenly spread over the source, with the most similarly shaped of a hundred others as donor."""
    items = select_items(read_items(arguments.data), source=arguments.source, role="train", label=0)
    items = items[:: max(1, len(items) // arguments.faces)][: arguments.faces]
    known = known_faces(arguments.data, items, arguments.cache)
    images = np.stack([load_images(arguments.data, face)[0] for face in known])
    landmarks = np.stack([face.track.landmarks_px[0] for face in known])
    place = {face.item.path: i for i, face in enumerate(known)}
    donors = np.array([place[face.item.path] for face in look_alikes(known, 0)])
    sources = [face.item.source for face in known]
    tensors = TensorFaces.of(images, landmarks, sources, arguments.device)
    return Faces(images, landmarks, donors, tensors)


def made(faces: Faces, kind: str, seed: int) -> dict[str, Made]:
    """A fake of every face by each engine."""
    return {"cpu": by_cpu(faces, kind, seed), "tensor": by_tensors(faces, kind, seed)}


def by_cpu(faces: Faces, kind: str, seed: int) -> Made:
    config, out = PseudoFakeConfig().only(kind), []
    for i, image in enumerate(faces.images):
        donor = faces.images[faces.donors[i]], faces.landmarks[faces.donors[i]]
        rng = np.random.default_rng([seed, i])
        fake = make_pseudo_fake(image, faces.landmarks[i], rng, config, donor)
        out.append((fake.real, fake.image, fake.mask))
    return Made(*(np.stack(part) for part in zip(*out, strict=True)))


def by_tensors(faces: Faces, kind: str, seed: int) -> Made:
    config, out = PseudoFakeConfig().only(kind), []
    for number, rows in enumerate(torch.arange(len(faces.images)).split(BATCH)):
        donors = faces.tensors, torch.from_numpy(faces.donors)[rows]
        pairs = tensor_pairs(faces.tensors, rows, 1000 * seed + number, config, donors)
        pictures = [p.permute(0, 2, 3, 1).cpu().numpy() for p in (pairs.real, pairs.fake)]
        out.append((*pictures, pairs.mask.cpu().numpy()))
    return Made(*(np.concatenate(part) for part in zip(*out, strict=True)))


def equality(faces: Faces, kind: str, both: dict[str, Made]) -> list[Row]:
    """Can a fake's engine be told, and how do the statistics differ?"""
    tables = {
        engine: np.array([statistics(faces.images[i], made, i) for i in range(len(faces.images))])
        for engine, made in both.items()
    }
    return compared(kind, tables, STATISTICS)


def degraded(faces: Faces, seed: int) -> list[Row]:
    """The same of pictures after random degradation."""
    tables: dict[str, list[FloatArray]] = {engine: [] for engine in ENGINES}
    generator = torch.Generator().manual_seed(seed)
    for i, image in enumerate(faces.images):
        rough = random_degradation(np.random.default_rng([seed, i]))(image)
        tensor = torch.from_numpy(image).permute(2, 0, 1)[None, None]
        drawn = draw_degradations(generator, 1)(tensor)[0, 0].permute(1, 2, 0).numpy()
        for engine, picture in zip(ENGINES, (rough, np.ascontiguousarray(drawn)), strict=True):
            change = np.abs(picture.astype(np.float32) - image).mean()
            chroma = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 1:]
            fine = np.log10(cv2.Laplacian(chroma, cv2.CV_32F).var() + 0.1)
            tables[engine].append(np.array([change, fine, *crop_features(picture)[2:]]))
    names = ("mean_change", "log_chroma_sharpness", *CROP_FEATURES[2:])
    return compared("degradation", {k: np.array(v) for k, v in tables.items()}, names)


def compared(kind: str, tables: dict[str, np.ndarray], names: tuple[str, ...]) -> list[Row]:
    count = len(tables["cpu"])
    together = np.concatenate([tables[engine] for engine in ENGINES])
    labels, groups = np.repeat([0, 1], count), np.tile(np.arange(count), 2)
    found = leakage_audit(together, labels, groups, names)
    rows = [row("equality", kind, "auc of telling the engines apart", "", "", found.auc)]
    rows[0] |= {"low": rounded(found.low), "high": rounded(found.high)}
    for k, name in enumerate(names):
        of_cpu, of_tensor = (tables[engine][:, k] for engine in ENGINES)
        distance = ks_2samp(of_cpu, of_tensor)
        rows.append(
            row("statistic", kind, name, spread(of_cpu), spread(of_tensor), distance.statistic)
        )
        rows[-1]["p"] = rounded(distance.pvalue)
    return rows


def spread(values: np.ndarray) -> str:
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{values.mean():.4g} ({low:.4g} {middle:.4g} {high:.4g})"


def statistics(original: ImageArray, made: Made, i: int) -> list[float]:
    """Simple figures of one pair in the order of `STATISTICS`."""
    real, fake = made.real[i].astype(np.float32), made.fake[i].astype(np.float32)
    mask = made.mask[i]
    inside = mask > 0.5 if (mask > 0.5).sum() >= 16 else mask >= mask.max()
    outside = mask < 0.01
    outside = outside if outside.sum() >= 64 else np.ones_like(outside)
    gap = (fake - real)[inside].mean(axis=0)
    greys = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (fake, real, original.astype(np.float32))]
    edges = [cv2.Laplacian(grey, cv2.CV_32F) for grey in greys]
    sharp = [np.log10(e[inside].var() + 0.1) for e in edges]
    fine = [grey - cv2.GaussianBlur(grey, (0, 0), 2.0) for grey in greys[:2]]
    correlation = np.corrcoef(fine[0][inside], fine[1][inside])[0, 1]
    return [
        float(np.abs(fake - real).mean()),
        float(np.abs(fake - real)[inside].mean()),
        float(mask.mean()),
        float((mask > 0.99).mean()),
        float((4 * mask * (1 - mask)).mean()),
        float(np.linalg.norm(gap)),
        float(gap.mean()),
        float(sharp[0] - sharp[1]),
        float(sharp[0] - np.log10(edges[0][outside].var() + 0.1)),
        float(np.log10((fine[0][inside].std() + 0.1) / (fine[1][inside].std() + 0.1))),
        float(np.nan_to_num(correlation, nan=1.0)),
        float(np.log10((edges[1].var() + 0.1) / (edges[2].var() + 0.1))),
        float(np.abs(real - original).mean()),
    ]


def networks(faces: Faces, kind: str, both: dict[str, Made]) -> list[Row]:
    """AUC of the shipped networks on the fakes of each engine against the same unchanged faces."""
    rows: list[Row] = []
    for name, score in scorers().items():
        plain = score(faces.images, faces.landmarks)
        fakes = {engine: score(both[engine].fake, faces.landmarks) for engine in ENGINES}
        reals = dict.fromkeys(ENGINES, plain)
        rows.append(agreement(f"auc of {name} against unchanged faces", kind, (reals, fakes)))
    return rows


def agreement(
    what: str, kind: str, scores: tuple[dict[str, FloatArray], dict[str, FloatArray]]
) -> Row:
    """Both AUCs and the 95 % interval of their difference over faces."""
    reals, fakes = scores
    count = len(fakes["cpu"])
    rng = np.random.default_rng(0)

    def areas(rows: np.ndarray) -> list[float]:
        labels = np.repeat([0, 1], len(rows))
        return [auc(np.concatenate([reals[e][rows], fakes[e][rows]]), labels) for e in ENGINES]

    drawn = np.array([areas(rng.integers(0, count, count)) for _ in range(500)])
    cpu, tensor = areas(np.arange(count))
    low, high = np.percentile(drawn[:, 1] - drawn[:, 0], (2.5, 97.5))
    intervals = [np.percentile(drawn[:, k], (2.5, 97.5)) for k in (0, 1)]
    texts = [
        f"{value:.3f} ({ends[0]:.3f}-{ends[1]:.3f})"
        for value, ends in zip((cpu, tensor), intervals, strict=True)
    ]
    out = row("network", kind, what, *texts, tensor - cpu)
    return out | {"low": rounded(low), "high": rounded(high)}


def scorers() -> dict[str, Callable[[ImageArray, FloatArray], FloatArray]]:
    """The shipped networks as functions of pictures and landmarks."""
    blended = FaceNetwork.of("self_blended", WEIGHTS, Config(threads=1), MAPS)
    boundary = Network.load(weights.path_of("boundary", GRAPH), threads=1)

    def of_blended(images: ImageArray, landmarks: FloatArray) -> FloatArray:
        return _in_parts(images, landmarks, lambda crops: blended(crops)[1], _both_scales)

    def of_boundary(images: ImageArray, landmarks: FloatArray) -> FloatArray:
        return _in_parts(images, landmarks, lambda crops: boundary(crops)[1], _contour)

    return {"self_blended": of_blended, "boundary": of_boundary}


def _both_scales(image: ImageArray, landmarks: FloatArray) -> ImageArray:
    return np.stack([crop.image for crop in crops_of(image, landmarks)])


def _contour(image: ImageArray, landmarks: FloatArray) -> ImageArray:
    return crop_of(image, landmarks).image


def _in_parts(
    images: ImageArray,
    landmarks: FloatArray,
    network: Callable[[ImageArray], FloatArray],
    cut: Callable[[ImageArray, FloatArray], ImageArray],
) -> FloatArray:
    scores = []
    for start in range(0, len(images), BATCH):
        some = slice(start, start + BATCH)
        crops = [cut(i, p) for i, p in zip(images[some], landmarks[some], strict=True)]
        scores.append(network(np.stack(crops)))
    return np.concatenate(scores)


def speed(faces: Faces, rounds: int, device: str) -> list[Row]:
    """Pairs a second of both engines, the published mixture with donors, without and with random degradation."""
    rows, count = [], min(len(faces.images), 2 * BATCH)
    clock = time.process_time if device == "cpu" else time.perf_counter
    for rough in (False, True):
        times: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for number in range(rounds + 1):
            for engine, work in (("cpu", timed_cpu), ("tensor", timed_tensors)):
                start = (time.process_time if engine == "cpu" else clock)()
                work(faces, count, number, rough)
                end = (time.process_time if engine == "cpu" else clock)()
                if number:  # the first round warms up
                    times[engine].append(end - start)
        rates = {e: count / float(np.median(t)) for e, t in times.items()}
        what = f"pairs a second, degraded, {device}" if rough else f"pairs a second, {device}"
        ratio = rates["tensor"] / rates["cpu"]
        rows.append(row("speed", "mixture", what, *(round(rates[e], 1) for e in ENGINES), ratio))
        ends = [c / t for c, t in zip(times["cpu"], times["tensor"], strict=True)]
        rows[-1] |= {"low": rounded(min(ends)), "high": rounded(max(ends))}
    return rows


def timed_cpu(faces: Faces, count: int, number: int, rough: bool) -> None:
    for i in range(count):
        rng = np.random.default_rng([number, i])
        donor = faces.images[faces.donors[i]], faces.landmarks[faces.donors[i]]
        fake = make_pseudo_fake(faces.images[i], faces.landmarks[i], rng, None, donor)
        if rough:
            change = random_degradation(rng)
            change(fake.real), change(fake.image)


def timed_tensors(faces: Faces, count: int, number: int, rough: bool) -> None:
    on_device = faces.tensors.images.is_cuda
    for rows in torch.arange(count).split(count if on_device else BATCH):
        donors = faces.tensors, torch.from_numpy(faces.donors)[rows]
        pairs = tensor_pairs(faces.tensors, rows, number, None, donors)
        if rough:
            generator = torch.Generator().manual_seed(number)
            draw_degradations(generator, len(rows))(torch.stack([pairs.real, pairs.fake], 1))
    if on_device:
        torch.cuda.synchronize()


def row(part: str, kind: str, what: str, cpu: object, tensor: object, value: float) -> Row:
    """`value` is an AUC, a Kolmogorov-Smirnov distance, a difference of AUCs or a ratio of speeds, by part."""
    return {
        "part": part,
        "kind": kind,
        "what": what,
        "cpu_engine": cpu,
        "tensor_engine": tensor,
        "value": rounded(value),
        "low": "",
        "high": "",
        "p": "",
    }


def rounded(value: float) -> float:
    return round(float(value), 4)


if __name__ == "__main__":
    main()
