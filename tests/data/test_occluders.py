from __future__ import annotations

import numpy as np

from likeness.data.occluders import pass_in_front
from likeness.faces import hull_mask, regions

Face = tuple[np.ndarray, np.ndarray]


def crossing(
    face: Face, seed: int, bleed: float = 0.0
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    image, landmarks = face
    points = np.repeat(landmarks[None], 15, axis=0)
    return pass_in_front([image] * 15, points, np.random.default_rng(seed), bleed)


def test_the_object_comes_covers_the_face_and_goes(face: Face) -> None:
    oval = hull_mask(face[1][list(regions.FACE_OVAL)], (220, 220))
    for seed in range(6):
        images, masks = crossing(face, seed)
        covered = [float((mask * oval).sum() / oval.sum()) for mask in masks]
        assert covered[0] == covered[-1] == 0.0 and covered[7] > 0.05
        for image, mask in zip(images, masks, strict=True):
            assert np.array_equal(image[mask == 0], face[0][mask == 0])
            assert image.dtype == np.uint8 and mask.min() >= 0.0 and mask.max() <= 1.0


def test_a_bleeding_face_shows_through_only_within_its_outline(face: Face) -> None:
    oval = hull_mask(face[1][list(regions.FACE_OVAL)], (220, 220))
    whole, masks = crossing(face, 3)
    bled, again = crossing(face, 3, bleed=0.6)
    assert all(np.array_equal(a, b) for a, b in zip(masks, again, strict=True))
    gaps = [np.abs(np.asarray(i[7], int) - face[0]).sum(axis=2) for i in (whole, bled)]
    inside, outside = (masks[7] > 0.9) & (oval > 0.9), (masks[7] > 0.9) & (oval == 0.0)
    core = inside & (gaps[0] > 30)
    assert abs(float((gaps[1][core] / gaps[0][core]).mean()) - 0.4) < 0.12
    far = outside & (np.abs(gaps[0] - gaps[1]) == 0)
    assert far.sum() > 0.5 * outside.sum()


def test_a_seed_fixes_everything(face: Face) -> None:
    assert np.array_equal(crossing(face, 5)[0][7], crossing(face, 5)[0][7])
    assert not np.array_equal(crossing(face, 5)[0][7], crossing(face, 6)[0][7])
