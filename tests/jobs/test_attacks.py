"""The bounded attacks of the benchmark: they stay within their bound, they work, and they write nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from likeness import faces, media, testing
from likeness.jobs.bench_detectors import build_measured
from likeness.jobs.bench_rows import Judge
from likeness.jobs.judge import shipped_calibration
from likeness.jobs.measuring import Scored, usable_score
from likeness.scoring import covariates_of
from likeness.types import FaceTrack

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
torch = pytest.importorskip("torch")

import attacks  # noqa: E402
import attacks_scores  # noqa: E402
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

    def scores(image: np.ndarray) -> dict[str, float | None]:
        seen.append(image)
        return {"a": float(len(seen)), "silent": None}

    found = attacks.rescored(scores, face.fake, 1)
    assert found == {"a": np.mean(range(1, attacks_scores.COPIES + 1)), "silent": 0.0}
    assert all(s.shape == face.fake.shape and not np.array_equal(s, face.fake) for s in seen)
    assert not np.array_equal(seen[0], seen[1])


def test_the_panel_fuses_what_a_picture_tells(face: attacks.Face) -> None:
    panel = attacks_scores.Panel(["fused", "boundary"])
    assert "flicker" not in panel.built  # it needs neighbours
    both = panel.of(face, ["fused", "boundary"])(face.fake)
    assert set(both) == {"fused", "boundary"} and both["fused"] == panel.one(face, "fused")(
        face.fake
    )
    clip = media.clip_from_frames([face.fake])
    wanted = {n: (n, {}) for n in ("fused", *attacks_scores.members())}
    found = {
        n: build_measured(n, {}).analyse(clip, (face.track,)) for n in attacks_scores.members()
    }
    row = Scored(
        0,
        "g",
        "clean",
        "",
        {n: usable_score(e) for n, e in found.items()},
        covariates_of(face.track, 1),
    )
    judged = Judge(wanted, shipped_calibration()).with_fused([row])[0].scores["fused"]
    assert both["fused"] == pytest.approx(judged)


def test_networks_count_by_their_weight_in_the_fusion() -> None:
    found = attacks_scores.weights_of_fusion()
    calibration = shipped_calibration()
    (blended,) = [q for q in calibration.fusion.questions if q.question == "blended"]
    place = blended.detectors.index("self_blended")
    slope = calibration.detectors["self_blended"][1].slope  # type: ignore[union-attr]
    assert found["self_blended"] == pytest.approx(blended.weights[place] * slope)
    assert all(w > 0 for w in found.values())


def test_every_watched_detector_has_its_own_fall() -> None:
    people = [attacks.Face(*([None] * 3), f"g{i}", i) for i in range(12)]  # type: ignore[arg-type]
    before = [
        [
            ({"a": 0.0, "b": None}, {"a": 0.0, "b": 0.0}),
            ({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 0.0}),
        ]
        for _ in people
    ]
    after = [[({"a": -1.0, "b": 0.0}, {"a": 0.5, "b": 0.0})] for _ in people]
    row = attacks.figures("a", people, before, after)
    assert row is not None and row["faces"] == 12
    assert (row["auc_clean"], row["auc_attacked"], row["auc_attacked_rescored"]) == (1.0, 0.0, 1.0)
    assert row["fall_of_score"] == 2.0 and row["auc_attacked_high"] == 0.0
    assert attacks.figures("b", people, before, after) is None  # it scored no real picture


def test_what_is_recovered_is_a_share_of_the_fall() -> None:
    row = {"attack": "pgd", "auc_clean": 0.9, "auc_attacked": 0.1, "auc_attacked_rescored": 0.5}
    assert attacks.recovered(row) == 0.5
    assert attacks.recovered({**row, "auc_attacked": 0.88}) is None
    assert attacks.recovered({**row, "attack": "noise"}) is None
