"""What the restorer does to worn faces of people it never saw, against leaving them alone and against classical methods.

    python benchmarks/restoration.py --data FOLDER [--faces 40] [--swap RUN] [--parts faces,people,speed,swap]

faces   UTKFace people of role `select`, their sharpest pictures, at the size that the network sees them: worn by steps of the
        degradation ladder, then left alone (of the resize steps that is bicubic interpolation), restored, restored with
        dictionaries, and repaired by the classical method of the fitting mode. PSNR and SSIM over the square of the face, and
        the distance of dlib's identity embeddings to the clean picture and to the worn one.
people  How far apart pictures of one person are: mead and portraits of role `calibrate`, everybody counting alike. Its 95th
        percentile is the limit above which `restore` refuses; see `LARGEST_SHIFT`.
speed   Milliseconds for one face on two threads, and of processor time: the machine may be busy.
swap    A held-out clip swapped by a trained run, in memory, without and with `--restore`: sharpness and flicker, with and without the
        merge's own matching of sharpness, and what our detectors say of it, which nothing was chosen by.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness import media, registry
from likeness.apps.benching import write_rows
from likeness.data.aligned_faces import FaceCut, FaceStores, aligned_faces
from likeness.data.degradations import degrade
from likeness.data.identity_embedding import DlibEmbedder
from likeness.data.known_faces import known_faces, load_images
from likeness.data.manifest import read_items, select_items
from likeness.faces import repair
from likeness.faces.geometry import hull_mask, transform, warp
from likeness.faces.regions import FACE_OVAL
from likeness.generators._restore_components_training import placement
from likeness.jobs.restore_compare import psnr_db, ssim
from likeness.jobs.restore_faces import LARGEST_SHIFT
from likeness.types import FaceCrop, FloatArray, GenerateRequest, ImageArray

HERE = Path(__file__).parent
ROLES = HERE.parent / "recipes" / "utkface_roles.csv"
SIZE_PX, FACE_PX = 192, 128
STEPS: dict[str, Callable[[ImageArray], ImageArray] | None] = {
    "clean": None,
    "resize_050": None,
    "resize_025": None,
    "blur_1": repair.deblurred,
    "blur_2": repair.deblurred,
    "blur_3": repair.deblurred,
    "noise_2": repair.denoised,
    "noise_5": repair.denoised,
    "noise_10": repair.denoised,
    "jpeg_75": repair.deblocked,
    "jpeg_50": repair.deblocked,
    "jpeg_30": repair.deblocked,
    "h264_crf23": None,
    "h264_crf40": None,
    "social_chain": None,
}
WITH_IDENTITY = ("clean", "resize_050", "resize_025", "blur_2", "noise_10", "jpeg_30", "h264_crf40")
Method = Callable[[FaceCrop], ImageArray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=40)
    parser.add_argument("--model", default="", help="run folder; default: the shipped weights")
    parser.add_argument("--swap", type=Path, help="run folder of a pair A of swap_training.py")
    parser.add_argument("--parts", default="faces,people,speed,swap")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "restoration.csv")
    arguments = parser.parse_args()
    wanted = arguments.parts.split(",")
    rows = [row for row in measured_before(arguments.out) if row["part"] not in wanted]
    for part in wanted:
        rows += {"faces": faces, "people": people, "speed": speed, "swap": swap}[part](arguments)
        write_rows(arguments.out, rows)
    for row in rows:
        print("  ".join(f"{k} {v}" for k, v in row.items() if v != ""))


def measured_before(path: Path) -> list[dict]:
    """Rows of an earlier call, so that parts can be measured one at a time."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        stamped = ("date", "commit")
        return [{k: v for k, v in row.items() if k not in stamped} for row in csv.DictReader(file)]


def restorer(arguments: argparse.Namespace, **changes):
    """The generator; two threads."""
    return registry.build(
        "generators", "restore", {"model": arguments.model, "threads": 2, **changes}
    )


def select_faces(data: Path, count: int) -> list[FaceCrop]:
    """Sharp faces of role `select`, upright as the network sees them."""
    cut = FaceCut(
        160, 0.0, ("utkface",), str(ROLES), turned_deg=(40.0, 25.0), sharpness=2.1, chroma=0.0
    )
    found = aligned_faces(data, ["select"], cut, FaceStores())
    place = placement(160, SIZE_PX)
    crops = []
    for row in np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int):
        points = transform(found.landmarks_px[row].astype(np.float64), place).astype(np.float32)
        mask = hull_mask(points[list(FACE_OVAL)], (SIZE_PX, SIZE_PX))
        image = warp(np.array(found.images[row]), place, SIZE_PX)
        crops.append(FaceCrop(image, mask, np.eye(2, 3), points))
    return crops


def faces(arguments: argparse.Namespace) -> list[dict]:
    """One row for each step and method: means over the faces."""
    crops = select_faces(arguments.data, arguments.faces)
    embed = DlibEmbedder()
    plain = restorer(arguments)
    methods: dict[str, Method] = {
        "left alone": lambda c: c.image,
        "network": lambda c: plain.generate(GenerateRequest(target=c)).image,
    }
    if plain.network.dictionaries is not None:
        more = restorer(arguments, dictionaries=True)
        methods["network and dictionaries"] = lambda c: (
            more.generate(GenerateRequest(target=c)).image
        )
    own = [embed(c.image, c.landmarks_px) for c in crops]
    rows = []
    for step, classical in STEPS.items():
        worn = [replace(c, image=degrade([c.image], step, seed)[0]) for seed, c in enumerate(crops)]
        tried = dict(methods)
        if classical is not None:
            tried[classical.__name__] = lambda c, repair_it=classical: repair_it(c.image)
        reference = [embed(c.image, c.landmarks_px) for c in worn] if step in WITH_IDENTITY else []
        for name, method in tried.items():
            made = [method(c) for c in worn]
            row = {"part": "faces", "step": step, "method": name, "faces": len(crops)}
            row |= _figures(made, crops)
            if reference:
                row |= _identity(made, crops, (own, reference), embed)
            rows.append(row)
            print(row, flush=True)
    return rows


def _figures(made: Sequence[ImageArray], crops: Sequence[FaceCrop]) -> dict:
    first = (SIZE_PX - FACE_PX) // 2
    square = (slice(first, first + FACE_PX), slice(first, first + FACE_PX))
    both = [(m[square], c.image[square]) for m, c in zip(made, crops, strict=True)]
    decibels = [min(60.0, psnr_db(a, b)) for a, b in both]
    return {
        "psnr_db": round(float(np.mean(decibels)), 2),
        "ssim": round(float(np.mean([ssim(a, b) for a, b in both])), 4),
    }


def _identity(
    made: Sequence[ImageArray],
    crops: Sequence[FaceCrop],
    known: tuple[list[FloatArray], list[FloatArray]],
    embed: DlibEmbedder,
) -> dict:
    """Distance to the clean face and to the input; how many would be refused."""
    found = [embed(m, c.landmarks_px) for m, c in zip(made, crops, strict=True)]
    to_clean, to_input = (
        np.linalg.norm(np.stack(found) - np.stack(rows), axis=1) for rows in known
    )
    return {
        "identity_to_clean": round(float(to_clean.mean()), 4),
        "identity_to_input": round(float(to_input.mean()), 4),
        "identity_to_input_most": round(float(to_input.max()), 4),
        "refused": int((to_input > LARGEST_SHIFT).sum()),
    }


def people(arguments: argparse.Namespace) -> list[dict]:
    """Percentiles of the distance between pictures of one person."""
    embed, rng = DlibEmbedder(), np.random.default_rng(0)
    items = [
        item
        for source in ("mead", "portraits")
        for item in select_items(read_items(arguments.data), source=source, role="calibrate")
    ]
    clips: dict[str, list[np.ndarray]] = {}
    for known in known_faces(arguments.data, items, Path("runs/faces")):
        seen = load_images(arguments.data, known)
        points = np.ascontiguousarray(known.track.landmarks_px)
        clips.setdefault(known.item.group, []).append(
            np.stack([embed(image, points[n]) for n, image in enumerate(seen)])
        )
    pooled: list[float] = []
    for own in clips.values():
        pairs = [(a, b) for i, a in enumerate(own) for b in own[:i]] or [(own[0], own[0])]
        apart = [np.linalg.norm(a[:, None] - b[None], axis=-1) for a, b in pairs]
        far = np.concatenate([d[d > 0].ravel() for d in apart])
        pooled += rng.choice(far, 500).tolist()
    return [
        {"part": "people", "method": f"percentile {p}", "identity_to_input": round(float(np.percentile(pooled, p)), 3),
         "faces": len(clips)}
        for p in (50, 90, 95, 99)
    ]  # fmt: skip


def speed(arguments: argparse.Namespace) -> list[dict]:
    """Milliseconds of one face; the machine may be busy, so the least and the processor's own time are told too."""
    crop = select_faces(arguments.data, 1)[0]
    rows = []
    for dictionaries in (False, True):
        made = restorer(arguments)
        if dictionaries and made.network.dictionaries is None:
            continue
        made = restorer(arguments, dictionaries=dictionaries)
        made.generate(GenerateRequest(target=crop))
        taken = []
        spent = time.process_time()
        for _ in range(30):
            start = time.perf_counter()
            made.generate(GenerateRequest(target=crop))
            taken.append(1000 * (time.perf_counter() - start))
        spent = 1000 * (time.process_time() - spent) / 30
        rows.append(
            {
                "part": "speed",
                "method": "network and dictionaries" if dictionaries else "network",
                "median_ms": round(float(np.median(taken)), 1),
                "least_ms": round(min(taken), 1),
                "processor_ms": round(spent, 1),
            }
        )
    return rows


def swap(arguments: argparse.Namespace) -> list[dict]:
    """A held-out clip of pair A through a trained run, without and with restoration, and what the detectors say."""
    from likeness.faces import FaceModels, track_faces
    from likeness.faces.merge_options import MergeConfig
    from likeness.faces.smoothing import smooth_track
    from likeness.jobs.swap_cast import build_generator
    from likeness.jobs.swap_frames import FramesPlan, Replacement, swapped_frames
    from likeness.jobs.swap_quality import QualityWatch
    from likeness.jobs.swap_restored import Restored
    from likeness.jobs.swap_source import crop_size
    from likeness.training.run_folder import read_about

    if arguments.swap is None:
        return []
    name = str(read_about(arguments.swap)["generator"])
    inner = build_generator(name, {"model": str(arguments.swap)})
    margin = float(getattr(getattr(inner, "facts", None), "margin", 0.25))
    path = next(
        i.file(arguments.data)
        for i in select_items(read_items(arguments.data), source="mead", role="calibrate")
        if "W011" in i.path and "happy" in i.path
    )
    clip = media.open_clip(path)
    models = FaceModels(2)
    track = smooth_track(max(track_faces(clip, range(30), models=models), key=len))
    rows = []
    for merge in (MergeConfig(), MergeConfig(sharpness=0.0)):
        for method, made in (
            ("as it is", inner),
            ("restored", Restored(inner, restorer(arguments))),
        ):
            who = Replacement(track, made, None, crop_size(track, margin), margin)
            plan = FramesPlan((who,), last=30, merge=merge)
            watch = QualityWatch(clip, plan)
            for frame in swapped_frames(clip, plan):
                if frame.frame.index >= 30:
                    break
                watch.see(frame)
            figures = watch.figures(None, None, models)
            row = {
                "part": "swap",
                "step": path.name,
                "method": f"{method}, merge sharpness {merge.sharpness:g}",
                "sharpness_ratio": figures.sharpness_ratio,
                "flicker_ratio": figures.flicker_ratio,
                "seam_delta_e": figures.seam_delta_e,
            }
            if merge.sharpness:  # as it is merged by default
                told = watch.ask_detectors(clip.fps)
                readings = told.get("detectors", ())
                row |= {f"score {r.detector}": r.score_after for r in readings}  # type: ignore[attr-defined]
            rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})
    clip.frames.close()
    return rows


if __name__ == "__main__":
    main()
