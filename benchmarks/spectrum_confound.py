"""The confound behind "100 % with simple features", shown on photographs alone.

    python benchmarks/spectrum_confound.py --data ../shared/data [--source utkface ffhq256]
    python benchmarks/spectrum_confound.py --real FOLDER

Durall et al. 2019 separate CelebA photographs (178 x 218 px) from generated faces (128 x 128 px) without an error. Both
spectra are resampled to 80 bins, but the small square has 90 radii and the large rectangle 141, so the k-th bin is another
frequency in each class. Here *both* classes are photographs: they are split at random, one half is cropped (not resized) to
the geometry of the fakes and the other to that of the reals, and the published recipe follows. Then the same with one
geometry for all. Any accuracy above chance in the first part is the geometry's alone.
Needs scikit-learn. Writes benchmarks/results/spectrum_confound.csv.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likeness.data import Item, items_from_folders, read_items, select_items
from likeness.detectors._spectrum_features import grey, published_profile
from likeness.media import open_clip

FAKE_WH, REAL_WH = (128, 128), (178, 218)
BINS = 80
LIMIT = 2000  # photographs, as in the paper
SPLITS = 10
MODELS = ("svm_linear", "svm_rbf", "lr", "kmeans")
RESULTS = Path(__file__).parent / "results" / "spectrum_confound.csv"


def main() -> None:
    """Run every source, geometry and model, print the table and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with manifest.csv")
    parser.add_argument(
        "--source", nargs="+", default=["utkface", "ffhq256"], help="its photographs"
    )
    parser.add_argument("--real", type=Path, help="instead: any folder of photographs")
    args = parser.parse_args()
    if args.real:
        folder, items = items_from_folders(real=args.real)
        sources = {args.real.name: items}
    elif args.data:
        folder, items = args.data, read_items(args.data)
        sources = {s: select_items(items, source=s, label=0) for s in args.source}
    else:
        parser.error("give --data or --real")
    rows = [row for name, found in sources.items() for row in table(name, load(folder, found))]
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table(source: str, pictures: list[np.ndarray]) -> list[dict[str, str | float]]:
    """Accuracies of one source; geometries shrink together where the pictures are smaller than 178x218."""
    if len(pictures) < 20:
        raise SystemExit(
            f"{source}: expected 20 photographs of one size or more, found {len(pictures)}"
        )
    height, width = pictures[0].shape
    scale = min(1.0, width / REAL_WH[0], height / REAL_WH[1])
    fake, real = (tuple(int(n * scale) for n in wh) for wh in (FAKE_WH, REAL_WH))
    spectra = {
        wh: published_profile(np.stack([crop(p, wh) for p in pictures]), BINS)
        for wh in (fake, real)
    }
    print(
        f"\n{source}: {len(pictures)} photographs, none fake; accuracy of telling one random half from the other"
    )
    rows: list[dict[str, str | float]] = []
    for name, a, b in (("as published", fake, real), ("equal", fake, fake), ("equal", real, real)):
        for model in MODELS:
            found = measure(spectra[a], spectra[b], model)
            sizes = f"{a[0]}x{a[1]} against {b[0]}x{b[1]}"
            rows.append(
                {
                    "source": source,
                    "photographs": len(pictures),
                    "geometry": name,
                    "sizes": sizes,
                    "model": model,
                    **found,
                }
            )
            print(
                f"{name:13s} {sizes:24s} {model:11s} {found['accuracy']:.3f} +- {found['deviation']:.3f}"
            )
    return rows


def load(folder: Path, items: Sequence[Item]) -> list[np.ndarray]:
    """Grey pictures of the commonest size, at most `LIMIT`, evenly spread."""
    chosen = (
        [items[i] for i in np.unique(np.linspace(0, len(items) - 1, LIMIT).astype(int))]
        if items
        else []
    )
    pictures = [grey(next(iter(open_clip(item.file(folder)).frames)).image) for item in chosen]
    sizes = [p.shape for p in pictures]
    return [p for p in pictures if p.shape == max(set(sizes), key=sizes.count)]


def crop(picture: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """The centre of a picture, un-resized."""
    w, h = size_wh
    y, x = (picture.shape[0] - h) // 2, (picture.shape[1] - w) // 2
    return picture[y : y + h, x : x + w]


def measure(first: np.ndarray, second: np.ndarray, model: str) -> dict[str, float]:
    """Accuracy over random halves: of each picture one class's spectrum is used, never both; 80/20 splits."""
    accuracy = []
    for seed in range(SPLITS):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(first))
        labels = np.zeros(len(first), int)
        labels[order[: len(first) // 2]] = 1
        x = np.where(labels[:, None] == 1, first, second)
        held = np.zeros(len(first), bool)
        held[rng.permutation(len(first))[: len(first) // 5]] = True
        accuracy.append(_accuracy(model, (x[~held], labels[~held]), (x[held], labels[held])))
    return {
        "accuracy": round(float(np.mean(accuracy)), 4),
        "deviation": round(float(np.std(accuracy)), 4),
    }


def _accuracy(model: str, learn: tuple, check: tuple) -> float:
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if model == "kmeans":  # clusters carry no label: the better of the two namings, as published
        found = KMeans(2, n_init=10, random_state=0).fit(learn[0])
        hit = float((found.predict(check[0]) == check[1]).mean())
        return max(hit, 1 - hit)
    fitted = {
        "svm_linear": SVC(kernel="linear"),
        "svm_rbf": SVC(C=6.37, gamma=0.86),
        "lr": LogisticRegression(solver="liblinear", max_iter=1000),
    }[model].fit(*learn)
    return float((fitted.predict(check[0]) == check[1]).mean())


if __name__ == "__main__":
    main()
