"""Filters: each drops what it is for and nothing else, whatever the order of the faces."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.data.curation import (
    REASONS,
    CurationConfig,
    curate,
    failed_filters,
    near_duplicates,
    sorted_rows,
)
from likeness.data.curation_measures import Descriptors
from likeness.errors import ConfigError, UsageError

GOOD = {
    "reason": "",
    "shard": "x",
    "faces_in_frame": 1,
    "native_px": 150.0,
    "yaw_deg": 0.0,
    "pitch_deg": 0.0,
    "visible": 0.98,
    "sharpness": 2.2,
    "contrast": 110.0,
    "burnt": 0.0,
    "black": 0.0,
    "unevenness": 0.02,
    "skin_a": 15.0,
    "skin_b": 20.0,
}


def faces(count: int = 12, seed: int = 0) -> tuple[list[dict[str, object]], Descriptors]:
    rng = np.random.default_rng(seed)
    rows = [{**GOOD, "face_id": f"f{i:02d}"} for i in range(count)]
    compared = Descriptors(
        rng.normal(50, 10, (count, 140)).astype(np.float32),
        rng.normal(0, 1, (count, 400)).astype(np.float32),
        rng.normal(0, 1, (count, 468, 3)).astype(np.float32),
    )
    return rows, compared


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"native_px": 50.0}, "small"),
        ({"yaw_deg": -70.0}, "profile"),
        ({"pitch_deg": 50.0}, "profile"),
        ({"visible": 0.7}, "cut_off_or_covered"),
        ({"sharpness": 0.8}, "blurred"),
        ({"sharpness": 1.7}, "blurred"),  # below the median of its set, above the fixed threshold
        ({"contrast": 25.0}, "badly_lit"),
        ({"burnt": 0.4}, "badly_lit"),
        ({"black": 0.5}, "badly_lit"),
        ({"unevenness": 0.6}, "badly_lit"),
        ({"skin_b": 45.0}, "tinted"),
    ],
)
def test_each_filter_drops_its_face_alone(change: dict[str, float], reason: str) -> None:
    rows, compared = faces()
    rows[3] |= change
    done = curate(rows, compared)
    assert [r["reason"] for r in done.rows if not r["kept"]] == [reason]
    assert done.rows[3]["kept"] is False
    assert done.kept == 11
    assert done.dropped[reason] == done.only[reason] == 1
    assert sum(done.dropped.values()) == 1


def test_something_in_front_of_the_face_is_seen_by_its_colour() -> None:
    rows, compared = faces(40)
    compared.colours[7, :60] += 40.0
    done = curate(rows, compared)
    assert [r["face_id"] for r in done.rows if not r["kept"]] == ["f07"]
    assert done.rows[7]["reason"] == "cut_off_or_covered"
    assert done.rows[7]["unlike"] == pytest.approx(60 / 468, abs=0.01)


def test_several_reasons_are_all_told_and_counted_apart() -> None:
    rows, compared = faces()
    rows[0] |= {"native_px": 10.0, "yaw_deg": 80.0}
    done = curate(rows, compared)
    assert done.rows[0]["reason"] == "small+profile"
    assert done.dropped["small"] == done.dropped["profile"] == 1
    assert done.only["small"] == done.only["profile"] == 0


def test_frames_with_several_people_go_only_when_asked() -> None:
    rows, compared = faces()
    rows[0]["faces_in_frame"] = 2
    assert curate(rows, compared).kept == 12
    done = curate(rows, compared, CurationConfig(drop_shared_frames=True))
    assert done.rows[0]["reason"] == "shared_frame"


def test_of_near_duplicates_the_sharpest_stays_in_any_order() -> None:
    rows, compared = faces(9)
    for copy in (1, 2):
        compared.shapes[copy] = compared.shapes[0] + 0.05
        compared.looks[copy] = compared.looks[0] + 0.01
    rows[2]["sharpness"] = 2.4
    kept = {r["face_id"] for r in curate(rows, compared).rows if r["kept"]}
    assert kept == {"f02", *(f"f{i:02d}" for i in range(3, 9))}
    order = np.random.default_rng(1).permutation(9)
    mixed = Descriptors(compared.shapes[order], compared.looks[order], compared.colours[order])
    again = curate([rows[i] for i in order], mixed)
    assert {r["face_id"] for r in again.rows if r["kept"]} == kept


def test_the_same_shape_under_other_light_is_no_duplicate() -> None:
    rows, compared = faces(2)
    compared.shapes[1] = compared.shapes[0]
    assert curate(rows, compared).kept == 2
    compared.looks[1] = compared.looks[0]
    assert curate(rows, compared).kept == 1


def test_the_distance_of_shapes_is_a_displacement_in_percent() -> None:
    _, compared = faces(2)
    compared.looks[1] = compared.looks[0]
    for shift, duplicates in ((0.44, [1]), (0.46, [])):
        angle = np.linspace(0, 6, 70, dtype=np.float32)
        moved = np.stack([np.cos(angle), np.sin(angle)], axis=1).ravel() * np.float32(shift)
        compared.shapes[1] = compared.shapes[0] + moved
        config = CurationConfig(duplicate_shape=0.45)
        assert near_duplicates(compared.shapes, compared.looks, [0, 1], config) == duplicates


def test_what_is_decided_by_hand_stands() -> None:
    rows, compared = faces()
    rows[1]["native_px"] = 5.0
    compared.shapes[4], compared.looks[4] = compared.shapes[3], compared.looks[3]
    done = curate(rows, compared, by_hand={"f00": False, "f01": True, "f03": True, "f04": True})
    assert done.rows[0]["reason"] == "by_hand"
    assert all(done.rows[i]["kept"] for i in (1, 3, 4))


def test_other_people_stay_dropped_and_do_not_move_the_medians() -> None:
    rows, compared = faces()
    rows.append({"face_id": "z", "reason": "other_person", "shard": "", "skin_a": 99.0})
    rows.append({"face_id": "y", "reason": "face_in_crop", "shard": ""})
    done = curate(rows, compared, by_hand={"z": True})
    assert [r["reason"] for r in done.rows if not r["kept"]] == ["other_person", "face_in_crop"]
    assert done.rows[0]["tint"] == 0.0


def test_curating_again_gives_the_same() -> None:
    rows, compared = faces()
    rows[2]["native_px"] = 3.0
    once = curate(rows, compared)
    assert curate(once.rows, compared).rows == once.rows
    assert curate(once.rows, compared, CurationConfig(min_native_px=1)).kept == 12


def test_values_that_were_not_measured_fail_nothing() -> None:
    bare = [{"face_id": "a", "shard": "x"}]
    assert not any(flags.any() for flags in failed_filters(bare, CurationConfig()).values())


def test_every_reason_of_a_filter_is_named() -> None:
    assert set(failed_filters([], CurationConfig())) <= set(REASONS)


def test_sorting_puts_missing_values_last() -> None:
    rows = [{"face_id": "a", "yaw_deg": 3.0}, {"face_id": "b"}, {"face_id": "c", "yaw_deg": -9.0}]
    assert [r["face_id"] for r in sorted_rows(rows, "yaw")] == ["c", "a", "b"]
    with pytest.raises(UsageError, match="sharpness"):
        sorted_rows(rows, "beauty")


def test_impossible_thresholds_are_refused() -> None:
    with pytest.raises(ConfigError):
        CurationConfig(max_tint=-1.0)
    with pytest.raises(UsageError):
        curate(faces(3)[0], faces(2)[1])
