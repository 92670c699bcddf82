"""Quality covariates: how a face was seen, standardised with the mean and scale of the calibration set.

A value that is missing counts as the mean of the calibration set, one beyond the range that the calibration saw as the
end of that range: nothing is extrapolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.types import DoubleArray, FaceTrack

__all__ = ["COVARIATES", "covariates_of"]

# name -> +1 where high values are bad for evidence, -1 where low ones are
COVARIATES: dict[str, int] = {
    "log_eye_distance": -1,
    "sharpness": -1,
    "jpeg_quality": -1,
    "abs_yaw": +1,
    "log_tracks": +1,
}
Covariates = Mapping[str, npt.ArrayLike]


def seen_median(track: FaceTrack, values: npt.ArrayLike) -> float:
    """Median of (T,) values over the frames in which the face was really seen; NaN if there is none."""
    kept = np.asarray(values, dtype=np.float64)[~track.bridged]
    kept = kept[np.isfinite(kept)]
    return float(np.median(kept)) if len(kept) else float("nan")


def covariates_of(track: FaceTrack, n_tracks: int) -> dict[str, float]:
    """The quality covariates of one face.

    Args:
        track: the face.
        n_tracks: faces in the clip, >= 1.

    Returns:
        A value for each name of `COVARIATES`: natural log of the pixels between the eyes, sharpness as measured (log10),
        JPEG-equivalent quality 1-100, absolute yaw in degrees, natural log of the number of tracks; medians over time,
        NaN where nothing was measured.
    """
    eyes = seen_median(track, track.quality.eye_distance_px)
    return {
        "log_eye_distance": float(np.log(eyes)) if eyes > 0 else float("nan"),
        "sharpness": seen_median(track, track.quality.sharpness),
        "jpeg_quality": seen_median(track, track.quality.jpeg_quality),
        "abs_yaw": seen_median(track, np.abs(track.pose_deg[:, 0])),
        "log_tracks": float(np.log(max(n_tracks, 1))),
    }


def stack(names: tuple[str, ...], values: Covariates, count: int) -> DoubleArray:
    """(N, C) float64 in the order of `names`; raises `DataError` if one is missing or has another length."""
    columns = []
    for name in names:
        if name not in values:
            raise DataError(
                f"covariates: expected {', '.join(names)}, got {', '.join(values) or 'none'}; "
                f"{name} is missing (give NaN where it was not measured)"
            )
        column = np.asarray(values[name], dtype=np.float64)
        if column.shape != (count,):
            raise DataError(f"covariate {name}: expected shape ({count},), got {column.shape}")
        columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0))


@dataclass(frozen=True)
class Standardiser:
    """Maps covariates to mean 0 and scale 1 of the calibration set, kept inside the range seen there.

    Attributes:
        names: the covariates, in the order of the columns.
        means: mean of each.
        scales: standard deviation of each; 1 where it did not vary.
        lows: smallest standardised value seen.
        highs: largest.
    """

    names: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()

    @classmethod
    def fit(cls, values: Covariates, count: int) -> Standardiser:
        """Learn mean, scale and range; raises `DataError` if a covariate was never measured."""
        names = tuple(values)
        table = stack(names, values, count)
        measured = np.isfinite(table)
        if not measured.any(axis=0).all():
            lacking = ", ".join(np.array(names)[~measured.any(axis=0)])
            raise DataError(f"covariates: {lacking} has no finite value in the calibration set")
        table = np.where(measured, table, np.nan)
        means, deviations = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
        scales = np.where(deviations > 1e-12, deviations, 1.0)
        scaled = (table - means) / scales
        return cls(
            names,
            tuple(means.tolist()),
            tuple(scales.tolist()),
            tuple(np.nanmin(scaled, axis=0).tolist()) if names else (),
            tuple(np.nanmax(scaled, axis=0).tolist()) if names else (),
        )

    def transform(self, values: Covariates | None, count: int) -> DoubleArray:
        """(N, C) float64 standardised; all at the mean where `values` is None."""
        if values is None or not self.names:
            return np.zeros((count, len(self.names)))
        table = (stack(self.names, values, count) - np.array(self.means)) / np.array(self.scales)
        table = np.where(np.isfinite(table), table, 0.0)
        clipped: DoubleArray = np.clip(table, np.array(self.lows), np.array(self.highs))
        return clipped

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "names": list(self.names),
            "means": list(self.means),
            "scales": list(self.scales),
            "lows": list(self.lows),
            "highs": list(self.highs),
        }
