"""Power spectra of what generators draw beside those of real faces of the same size and path.

    python benchmarks/spectra.py --data DATA [--model NAME=RUN ...]

Grey pictures, each less its 3x3 median and under a Hann window; their mean power over radius, in dB, and how far the points of
a grid of 2, 4 and 8 pixels stand above the rest of their ring. Drawn faces are taken at the size that the generator draws,
real ones brought to it by area; nothing is compressed, except what the data folder holds compressed. Only files of roles
train, select and calibrate are read. Writes benchmarks/results/spectra.csv and docs/spectra.svg: curves, no picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from likeness import registry
from likeness.apps.benching import write_rows
from likeness.data.known_faces import known_faces
from likeness.data.manifest import read_items, select_items
from likeness.jobs.bench_models import drawing_run
from likeness.jobs.bench_synthesis import (
    CUT_PX,
    FIRST_SEED,
    RESTORE,
    FaceGenerator,
    face_generators,
    face_pair,
    real_face,
)
from likeness.media import open_clip

HERE = Path(__file__).parent
ROLES = ("select", "calibrate")
RESTORED = 100
GRID = (2, 4, 8)
"""Periods in pixels at which upsampling by 2, twice and three times leaves a grid."""
COLOURS = ("#1a1a1a", "#b3401f", "#2166ac", "#7b5ea7")
PANEL_WH, PAD = (300, 230), (58, 34, 14, 44)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[], help="NAME=RUN; repeat")
    parser.add_argument("--only", action="append", default=[], help="generators by name")
    parser.add_argument("--role-file", type=Path, default=HERE.parent / "recipes/utkface_roles.csv")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "spectra.csv")
    parser.add_argument("--chart", type=Path, default=HERE.parent / "docs" / "spectra.svg")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    runs = [run for text in arguments.model if (run := drawing_run(text)) is not None]
    generators = face_generators({n: (part, folder) for n, part, folder in runs})
    generators = [g for g in generators if not arguments.only or g.name in arguments.only]
    sets = gathered(arguments.data, arguments.role_file, generators, arguments.count)
    rows = []
    for panel, stacks in sets.items():
        for name, images in stacks.items():
            rows += measured(panel, name, images)
    write_rows(arguments.out, rows)
    arguments.chart.write_text(chart(rows), encoding="utf-8")
    for row in rows:
        if row["what"] == "grid":
            print("  ".join(f"{k}={v}" for k, v in row.items()))


def gathered(
    data: Path, role_file: Path, generators: Sequence[FaceGenerator], count: int
) -> dict[str, dict[str, np.ndarray]]:
    """Panel -> name -> (N, S, S, 3) pictures of one size."""
    items = select_items(
        read_items(data, role_file), source="utkface", role=list(ROLES), kind="face", label=0
    )
    known = known_faces(data, items, Path("runs/faces"))[:count]
    drawing = [g for g in generators if g.part != RESTORE]
    sizes: dict[int, list[FaceGenerator]] = {}
    for generator in drawing:
        made = registry.build("generators", generator.part, dict(generator.options))
        sizes.setdefault(made.size_px, []).append(generator)
    sets: dict[str, dict[str, np.ndarray]] = {}
    for side, own in sizes.items():
        panel = sets.setdefault(f"{side} px", {})
        panel["real"] = np.stack([real_face(data, k, side) for k in known])
        for generator in own:
            made = registry.build("generators", generator.part, dict(generator.options))
            latents = [made.latent_of(FIRST_SEED + i) for i in range(len(known))]
            panel[generator.name] = made.draw(np.stack(latents))
    for generator in (g for g in generators if g.part == RESTORE):
        pairs = [tuple(face_pair(data, k, generator, i)) for i, k in enumerate(known[:RESTORED])]
        panel = sets.setdefault(f"{CUT_PX} px", {})
        panel["real"] = np.stack([p[0] for p in pairs])
        panel[generator.name] = np.stack([p[1] for p in pairs])
    sets["256 px, JPEG q75"] = _stylegan(data)
    return sets


def _stylegan(data: Path) -> dict[str, np.ndarray]:
    """The format-matched pair of the data folder, whole pictures."""
    items = read_items(data)
    found = {}
    for source, name in (("ffhq256", "real (FFHQ)"), ("stylegan1_256", "StyleGAN1")):
        own = [i for i in select_items(items, source=source) if i.role != "test"]
        pictures = [next(iter(open_clip(i.file(data)).frames)).image for i in own]
        found[name] = np.stack([p for p in pictures if p.shape[:2] == (256, 256)])
    return found


def power(images: np.ndarray) -> np.ndarray:
    """(N, S, S) power of the windowed residuals; frequency 0 in the corner."""
    side = images.shape[1]
    window = np.hanning(side + 1)[:side]
    scale = (window**2).sum()
    out = np.empty(images.shape[:3], np.float32)
    for row, image in enumerate(images):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        residual = grey.astype(np.float32) - cv2.medianBlur(grey, 3)
        residual -= residual.mean()
        spectrum = np.fft.fft2(residual * window[:, None] * window[None])
        out[row] = np.abs(spectrum) ** 2 / scale**2
    return out


def measured(panel: str, name: str, images: np.ndarray) -> list[dict[str, Any]]:
    """Rows of one set: the mean curve with a bootstrap interval over pictures, and the grid's points."""
    found, side = power(images), images.shape[1]
    frequency = np.fft.fftfreq(side) * side
    radius = np.hypot(frequency[:, None], frequency[None])
    ring = np.rint(radius).astype(int)
    count = np.bincount(ring.ravel())
    curves = np.stack([np.bincount(ring.ravel(), p.ravel()) / count for p in found])
    rng = np.random.default_rng(0)
    draws = rng.integers(len(curves), size=(200, len(curves)))
    means = np.stack([curves[d].mean(0) for d in draws])
    low, high = np.quantile(10 * np.log10(means + 1e-9), [0.025, 0.975], axis=0)
    mean = 10 * np.log10(curves.mean(0) + 1e-9)
    about = {"panel": panel, "set": name, "n": len(images)}
    rows = [
        {
            "what": "curve",
            **about,
            "cycles_per_px": round(r / side, 4),
            "db": round(float(mean[r]), 3),
            "low": round(float(low[r]), 3),
            "high": round(float(high[r]), 3),
        }
        for r in range(1, side // 2 + 1)
    ]
    whole = found.mean(0)
    for period in (p for p in GRID if side % p == 0):
        at = side // period
        points = np.array([whole[at, 0], whole[0, at], whole[-at, 0], whole[0, -at]])
        around = np.median(whole[(ring == at)])
        rows.append(
            {
                "what": "grid",
                **about,
                "cycles_per_px": round(1 / period, 4),
                "db": round(float(10 * np.log10((points.mean() + 1e-9) / (around + 1e-9))), 2),
            }
        )
    return rows


def chart(rows: Sequence[Mapping[str, Any]]) -> str:
    """The curves as SVG, a panel for each size."""
    panels = list(dict.fromkeys(r["panel"] for r in rows))
    width = len(panels) * (PANEL_WH[0] + PAD[0] + PAD[2])
    height = PANEL_WH[1] + PAD[1] + PAD[3] + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="11" role="img"><title>Power spectra of residuals: drawn faces and real ones</title>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        own = [r for r in rows if r["panel"] == panel and r["what"] == "curve"]
        parts += _panel(panel, own, number * (PANEL_WH[0] + PAD[0] + PAD[2]) + PAD[0])
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: str, rows: Sequence[Mapping[str, Any]], left: float) -> list[str]:
    w, h = PANEL_WH
    top = PAD[1]
    values = [r["db"] for r in rows]
    low, high = 5 * np.floor(min(values) / 5), 5 * np.ceil(max(values) / 5)

    def place(frequency: float, db: float) -> str:
        return f"{left + w * frequency / 0.5:.1f},{top + h * (high - db) / (high - low):.1f}"

    parts = [f'<text x="{left}" y="{top - 12}" font-weight="bold">{panel}</text>']
    for db in np.arange(low, high + 1, 10 if high - low > 25 else 5):
        y = top + h * (high - db) / (high - low)
        parts.append(f'<path d="M{left} {y:.1f}h{w}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{db:.0f}</text>')
    for frequency in (0.0, 0.125, 0.25, 0.375, 0.5):
        x = left + w * frequency / 0.5
        parts.append(
            f'<text x="{x:.1f}" y="{top + h + 16}" text-anchor="middle">{frequency:g}</text>'
        )
    middle = left + w / 2
    parts.append(
        f'<text x="{middle}" y="{top + h + 34}" text-anchor="middle">cycles per pixel</text>'
    )
    for number, name in enumerate(dict.fromkeys(r["set"] for r in rows)):
        own = [r for r in rows if r["set"] == name]
        band = [place(r["cycles_per_px"], r["high"]) for r in own]
        band += [place(r["cycles_per_px"], r["low"]) for r in reversed(own)]
        line = " ".join(place(r["cycles_per_px"], r["db"]) for r in own)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polygon points="{" ".join(band)}" fill="{colour}" opacity=".2"/>')
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        )
        x, y = left + w - 120, top + 14 + 15 * number
        parts.append(f'<path d="M{x} {y - 4}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x + 24}" y="{y}">{name}, {own[0]["n"]}</text>')
    if left < PANEL_WH[0]:
        x, y = left - 40, top + h / 2
        parts.append(
            f'<text x="{x}" y="{y}" text-anchor="middle" transform="rotate(-90 {x} {y})">power, dB</text>'
        )
    return parts


if __name__ == "__main__":
    main()
