"""The bounded attacks of the benchmark: they stay within their bound, they work, and they write nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from likeness import faces, testing
from likeness.types import FaceTrack

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
torch = pytest.importorskip("torch")

import attacks  # noqa: E402
from attacks_networks import crop, load_network  # noqa: E402


@pytest.fixture(scope="module")
def face() -> attacks.Face:
    _, (track,) = testing.portrait_clip()
    image = testing.portrait()
    return attacks.Face(image, image, _first(track), "g", 7)


def _first(track: FaceTrack) -> FaceTrack:
    from likeness.data.known_faces import take_rows

    return take_rows(track, np.array([0]))


def test_the_cut_is_that_of_the_detector(face: attacks.Face) -> None:
    picture = torch.from_numpy(face.fake.astype(np.float32)).permute(2, 0, 1)[None]
    cut = crop(picture, face.track.landmarks_px[0], 160, 0.125)[0].numpy()
    ours = faces.align(face.fake, face.track.landmarks_px[0], 160, 0.125).image
    assert np.abs(cut - ours).mean() < 4.0
    shifted = np.roll(ours.astype(np.float32), 3, axis=1)
    assert np.abs(cut - shifted).mean() > 1.5 * np.abs(cut - ours).mean()


def test_descending_lowers_the_logit_within_the_bound(face: attacks.Face) -> None:
    network = load_network("boundary")
    changed = attacks.attacked(
        "pgd", lambda image: _logit(network, face, image), face, 4, (network, 0)
    )
    assert np.abs(changed.astype(int) - face.fake).max() <= 4
    assert _logit(network, face, changed) < _logit(network, face, face.fake) - 1.0


def _logit(network: object, face: attacks.Face, image: np.ndarray) -> float:
    picture = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.no_grad():
        return float(network.logit(picture, face.track.landmarks_px[0]))  # type: ignore[attr-defined]


def test_the_search_keeps_what_lowers_the_score_within_the_bound(face: attacks.Face) -> None:
    x0, y0, x1, y1 = (int(v) for v in face.track.boxes_px[0])

    def brightness(image: np.ndarray) -> float:
        return float(image[y0:y1, x0:x1].mean())

    found = attacks.attacked("search", brightness, face, 2, (None, 60))
    assert np.abs(found.astype(int) - face.fake).max() <= 2
    assert brightness(found) < brightness(face.fake) - 0.2
    assert np.array_equal(found, attacks.attacked("search", brightness, face, 2, (None, 60)))


def test_noise_is_as_large_as_it_says(face: attacks.Face) -> None:
    noisy = attacks.attacked("noise", lambda image: 0.0, face, 2, (None, 0))
    inside = (face.fake > 2) & (face.fake < 253)
    assert set(np.unique(np.abs(noisy.astype(int) - face.fake)[inside])) == {2}


def test_rescoring_is_a_mean_over_changed_copies(face: attacks.Face) -> None:
    seen: list[np.ndarray] = []

    def score(image: np.ndarray) -> float:
        seen.append(image)
        return float(len(seen))

    assert attacks.rescored(score, face.fake, 1) == np.mean(range(1, attacks.COPIES + 1))
    assert all(s.shape == face.fake.shape and not np.array_equal(s, face.fake) for s in seen)
    assert not np.array_equal(seen[0], seen[1])


def test_what_is_recovered_is_a_share_of_the_fall() -> None:
    row = {"attack": "pgd", "auc_clean": 0.9, "auc_attacked": 0.1, "auc_attacked_rescored": 0.5}
    assert attacks.recovered(row) == 0.5
    assert attacks.recovered({**row, "auc_attacked": 0.88}) is None
    assert attacks.recovered({**row, "attack": "noise"}) is None
