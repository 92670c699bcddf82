"""Which faces of a person are worth training on: filters with stated thresholds, and a count for each.

The rows of a manifest go in, the same rows with `kept` and `reason` come out. Nothing is decoded: all that a filter needs
was measured when the face was cut out, so that other thresholds are a matter of seconds. Every threshold is the default
of a field of `CurationConfig`; docs/extract.md says on which measured distributions they were set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.data.curation_measures import Descriptors, unlike_share
from likeness.errors import ConfigError, UsageError
from likeness.types import FactValue, FloatArray

REASONS: Mapping[str, str] = {
    "other_person": "another person than the set's",
    "shared_frame": "the frame shows several people",
    "face_in_crop": "another face reaches into the crop",
    "small": "fewer native pixels than the minimum",
    "profile": "turned too far away",
    "cut_off_or_covered": "partly outside the frame, or covered",
    "blurred": "not sharp",
    "badly_lit": "too dark, burnt out, flat, or lit from one side only",
    "tinted": "another skin colour than the rest of the set",
    "near_duplicate": "almost the same as a sharper face of the set",
    "by_hand": "taken out by hand",
}
"""Why a face is dropped, in the order in which the reasons are written; several are joined with +."""

SORT_KEYS: Mapping[str, str] = {
    "sharpness": "sharpness",
    "yaw": "yaw_deg",
    "pitch": "pitch_deg",
    "brightness": "brightness",
    "mouth": "mouth_opening",
    "time": "time_s",
    "similarity": "similarity",
    "native": "native_px",
}
"""What faces can be sorted by, and the column that holds it."""


@dataclass(frozen=True)
class CurationConfig:
    """Thresholds of the filters.

    Attributes:
        min_native_px: longer side of the face (the mesh's upright box, forehead included) in pixels of the frame.
        max_yaw_deg: turn to either side beyond which a face counts as a profile.
        max_pitch_deg: the same for up and down.
        min_visible: share of the face inside the frame and not covered by something of another colour.
        max_unlike: share of the mesh points that have another colour than in the rest of the set.
        min_sharpness: log10 variance of the Laplacian at 128 px.
        max_less_sharp: how far below the set's median the sharpness may lie, same unit.
        min_contrast: 5th to 95th percentile of luma over the face, 8-bit steps.
        max_burnt: share of the skin at luma 250 and above.
        max_black: share of the skin at luma 12 and below.
        max_unevenness: difference of the two halves' luma over their sum.
        max_tint: distance of the skin's CIELAB a, b from the set's median.
        duplicate_shape: mean displacement of a landmark in percent of the crop, below which two faces are alike ...
        duplicate_look: ... if their crops in grey at 20 px also differ by less than this (0 = equal, 1.4 = unrelated).
        drop_shared_frames: drop every face of a frame that shows several people.
    """

    min_native_px: float = 64.0
    max_yaw_deg: float = 60.0
    max_pitch_deg: float = 40.0
    min_visible: float = 0.9
    max_unlike: float = 0.035
    min_sharpness: float = 1.0
    max_less_sharp: float = 0.4
    min_contrast: float = 40.0
    max_burnt: float = 0.15
    max_black: float = 0.3
    max_unevenness: float = 0.3
    max_tint: float = 10.0
    duplicate_shape: float = 0.45
    duplicate_look: float = 0.12
    drop_shared_frames: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value) or value < 0:
                raise ConfigError(f"curation: {name} must be a number from 0, got {value}")


@dataclass(frozen=True, eq=False)
class Curated:
    """What the filters did.

    Attributes:
        rows: the rows with `kept`, `reason`, `tint` and `unlike` filled in.
        dropped: per reason how many faces it applied to; a face may have several.
        only: per reason how many faces it alone dropped.
    """

    rows: tuple[dict[str, FactValue], ...]
    dropped: Mapping[str, int]
    only: Mapping[str, int]

    @property
    def kept(self) -> int:
        """How many faces are kept."""
        return sum(bool(r["kept"]) for r in self.rows)


def curate(
    rows: Sequence[Mapping[str, FactValue]],
    compared: Descriptors,
    config: CurationConfig | None = None,
    by_hand: Mapping[str, bool] | None = None,
) -> Curated:
    """Decide about every face.

    The result depends on the faces alone, not on the order in which they come or in which files were added.

    Args:
        rows: rows of a manifest; those without a shard are other people's and stay dropped.
        compared: what faces are compared by, of the rows that have a shard, in their order.
        config: thresholds.
        by_hand: face_id -> True (keep whatever the filters say, near-duplicates included) or False (drop).
    """
    config, by_hand = config or CurationConfig(), by_hand or {}
    decided = [dict(row) for row in rows]
    own = [i for i, row in enumerate(decided) if row.get("shard")]
    if len(own) != len(compared):
        raise UsageError(f"curate: {len(own)} rows with pixels, descriptors of {len(compared)}")
    _add_tint([decided[i] for i in own])
    for i, share in zip(own, unlike_share(compared.colours), strict=True):
        decided[i]["unlike"] = float(share)
    hits: list[set[str]] = [
        {"other_person"} if not r.get("shard") and not r.get("reason") else _standing(r)
        for r in decided
    ]
    failed = failed_filters([decided[i] for i in own], config)
    for place, i in enumerate(own):
        hits[i] |= {name for name, flags in failed.items() if flags[place]}
        verdict = by_hand.get(str(decided[i]["face_id"]))
        if verdict is not None:
            hits[i] = set() if verdict else {"by_hand"}
    clean = [p for p, i in enumerate(own) if not hits[i]]
    forced = {p for p in clean if by_hand.get(str(decided[own[p]]["face_id"])) is True}
    order = sorted(clean, key=lambda p: _best_first(decided[own[p]], p in forced))
    for p in near_duplicates(compared.shapes, compared.looks, order, config):
        if p not in forced:
            hits[own[p]].add("near_duplicate")
    for row, hit in zip(decided, hits, strict=True):
        row["kept"] = not hit
        row["reason"] = "+".join(name for name in REASONS if name in hit)
    return Curated(
        tuple(decided),
        {name: sum(name in hit for hit in hits) for name in REASONS},
        {name: sum(hit == {name} for hit in hits) for name in REASONS},
    )


def failed_filters(
    rows: Sequence[Mapping[str, FactValue]], config: CurationConfig
) -> dict[str, npt.NDArray[np.bool_]]:
    """Per filter (N,) whether each of N rows fails it; a value that was not measured fails nothing."""

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.array([_number(row.get(name)) for row in rows], np.float64)

    sharp = column("sharpness")
    middle = float(np.nanmedian(sharp)) if np.isfinite(sharp).any() else 0.0
    yaw, pitch = np.abs(column("yaw_deg")), np.abs(column("pitch_deg"))
    covered = column("visible") < config.min_visible
    lit = column("contrast") < config.min_contrast
    lit |= column("burnt") > config.max_burnt
    lit |= column("black") > config.max_black
    lit |= column("unevenness") > config.max_unevenness
    shared = (column("faces_in_frame") > 1) & config.drop_shared_frames
    return {
        "shared_frame": shared,
        "small": column("native_px") < config.min_native_px,
        "profile": (yaw > config.max_yaw_deg) | (pitch > config.max_pitch_deg),
        "cut_off_or_covered": covered | (column("unlike") > config.max_unlike),
        "blurred": (sharp < config.min_sharpness) | (sharp < middle - config.max_less_sharp),
        "badly_lit": lit,
        "tinted": column("tint") > config.max_tint,
    }


def near_duplicates(
    shapes: FloatArray, looks: FloatArray, order: Sequence[int], config: CurationConfig
) -> list[int]:
    """Those of `order` that lie too near to one before them that is itself no duplicate."""
    most = config.duplicate_shape**2 / 2.0 * shapes.shape[1]  # of the squared distance
    look = config.duplicate_look**2 * looks.shape[1]
    kept = np.zeros(len(order), np.int64)
    count, duplicates = 0, []
    kept_shapes = np.zeros((len(order), shapes.shape[1]), np.float32)
    for i in order:
        squared = ((kept_shapes[:count] - shapes[i]) ** 2).sum(axis=1)
        near = kept[:count][squared < most]
        if len(near) and (((looks[near] - looks[i]) ** 2).sum(axis=1) < look).any():
            duplicates.append(i)
            continue
        kept[count], kept_shapes[count] = i, shapes[i]
        count += 1
    return duplicates


def sorted_rows(rows: Sequence[Mapping[str, FactValue]], key: str) -> list[Mapping[str, FactValue]]:
    """The rows by a key of `SORT_KEYS`, ascending; rows without that value come last.

    Raises:
        UsageError: no such key.
    """
    if key not in SORT_KEYS:
        raise UsageError(f"sort key: expected one of {', '.join(SORT_KEYS)}, got {key!r}")
    column = SORT_KEYS[key]
    place = ("file", "frame_index", "track") if key == "time" else ()

    def rank(row: Mapping[str, FactValue]) -> tuple[Any, ...]:
        value = _number(row.get(column))
        before = (str(row.get(place[0])),) if place else ()
        return (np.isnan(value), *before, value, str(row.get("face_id")))

    return sorted(rows, key=rank)


def _standing(row: Mapping[str, FactValue]) -> set[str]:
    """Reasons that rest on pixels that were not kept, and therefore stand."""
    return set(str(row.get("reason") or "").split("+")) & {"other_person", "face_in_crop"}


def _add_tint(rows: Sequence[dict[str, FactValue]]) -> None:
    """Distance of each face's skin colour from the median of the set; grey pictures are far from any skin."""
    colours = np.array([[_number(r.get("skin_a")), _number(r.get("skin_b"))] for r in rows])
    if not len(colours) or not np.isfinite(colours).any():
        return
    middle = np.nanmedian(colours, axis=0)
    for row, value in zip(rows, np.linalg.norm(colours - middle, axis=1), strict=True):
        row["tint"] = float(value)


def _best_first(row: Mapping[str, FactValue], forced: bool) -> tuple[Any, ...]:
    return (not forced, -round(_number(row.get("sharpness")), 3), str(row["face_id"]))


def _number(value: FactValue) -> float:
    """A number of a row, also where a further column was read back as text; NaN where there is none."""
    try:
        return float(value) if value not in (None, "") else float("nan")
    except ValueError:
        return float("nan")
