"""What `calibrate` reports: the fusion without each cue in turn, and the real clips that come nearest to an alarm.

All llrs here come from fits that saw nothing of the person: neither the fusion nor the calibrations of cues over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.jobs.calibrate_fit import Calibrated, fit_all, groups_of, labels_of
from likeness.jobs.cross_fitting import cross_fitted
from likeness.jobs.measuring import Scored
from likeness.scoring import auc, cllr, min_cllr
from likeness.types import DoubleArray, IndexArray

BASE = ("residual_statistics", "spectrum")
"""What the fusion was made of before there were cues."""


def held_out_llrs(
    names: Sequence[str], stills: Calibrated, scored: Sequence[Scored]
) -> DoubleArray:
    """(N,) file-level llrs, cross-fitted by identity; NaN where no detector applies."""

    def held_out(rows: IndexArray, test: IndexArray) -> DoubleArray:
        fitted = fit_all(names, stills, [scored[i] for i in rows])
        return fitted.llrs([scored[i] for i in test])

    return cross_fitted(groups_of(scored), held_out)


def leave_one_out(
    names: Sequence[str], stills: Calibrated, scored: Sequence[Scored]
) -> list[dict[str, Any]]:
    """Figures of the fusion with everything, without each detector, and of what there was before the cues."""
    cases: dict[str, list[str]] = {"(nothing)": [*names]}
    cases |= {name: [n for n in names if n != name] for name in names if name != "spectrum"}
    cases["every cue: the fusion as it was"] = [n for n in names if n in BASE]
    rows = []
    for left_out, members in cases.items():
        try:
            llrs = held_out_llrs(members, stills, scored)
        except DataError:  # nothing is left that applies
            continue
        rows.append({"left_out": left_out, **figures(llrs, scored)})
    return rows


def figures(llrs: DoubleArray, scored: Sequence[Scored]) -> dict[str, Any]:
    """Cllr and AUC over everything, over the clips, and over each kind of fake in them; llr of the highest real item."""
    row: dict[str, Any] = {}
    row |= _figures("", llrs, scored, range(len(scored)))
    clips = [i for i, s in enumerate(scored) if s.clip]
    row |= _figures("clips_", llrs, scored, clips)
    for kind in dict.fromkeys(scored[i].kind for i in clips if scored[i].label):
        kept = [i for i in clips if scored[i].kind == kind or not scored[i].label]
        row |= _figures(f"{kind}_", llrs, scored, kept)
    return row


def _figures(
    prefix: str, llrs: DoubleArray, scored: Sequence[Scored], rows: Sequence[int] | range
) -> dict[str, Any]:
    labels = labels_of([scored[i] for i in rows])
    values = llrs[list(rows)]
    known = np.isfinite(values)
    if len(set(labels[known].tolist())) < 2:
        return {}
    values, labels = values[known], labels[known]
    return {
        f"{prefix}auc": round(auc(values, labels), 4),
        f"{prefix}cllr": round(cllr(values, labels), 4),
        f"{prefix}min_cllr": round(min_cllr(values, labels), 4),
        f"{prefix}highest_real": round(float(values[labels == 0].max()), 3),
    }


def real_clip_rows(
    names: Sequence[str], stills: Calibrated, scored: Sequence[Scored]
) -> list[dict[str, Any]]:
    """One row per real clip and step: its held-out llr with all detectors and with those before the cues."""
    every = held_out_llrs(names, stills, scored)
    base = held_out_llrs([n for n in names if n in BASE], stills, scored)
    rows = []
    for place, s in enumerate(scored):
        if s.clip and s.kind == "real":
            row = {"path": s.path, "person": s.group, "step": s.step}
            rows.append(
                {**row, "llr": round(every[place], 4), "llr_without_cues": round(base[place], 4)}
            )
    return sorted(rows, key=lambda row: -float(row["llr"]))
