"""Tables of `cues.py`: figures per cue and kind of fake, and what the decision says of every source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from likeness.jobs.clip_material import REAL
from likeness.scoring import Interval, auc, clopper_pearson, paired_bootstrap
from likeness.scoring.summary import report_metrics

FUSED, ALONE = "fused", "residual_statistics alone"
RESAMPLES = 1000


def cue_rows(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """AUC, Cllr and coverage of each cue on each kind of fake at each step."""
    cues = list(dict.fromkeys(name for row in rows for name in row["scores"]))
    for what, kind, step in dict.fromkeys(
        (r["set"], r["kind"], r["step"]) for r in rows if r["label"]
    ):
        here = [r for r in rows if r["set"] == what and r["step"] == step]
        fakes = [r for r in here if r["kind"] == kind]
        sources = {r["source"] for r in fakes}
        both = [r for r in here if r["label"] == 0 and r["source"] in sources] + fakes
        for cue in cues:
            known = [r for r in both if r["scores"].get(cue) is not None]
            row = {"set": what, "kind": kind, "step": step, "cue": cue}
            row["coverage"] = round(len(known) / len(both), 4)
            yield row | figures(known, cue)


def figures(known: Sequence[dict[str, Any]], cue: str) -> dict[str, Any]:
    labels = [r["label"] for r in known]
    if len(set(labels)) < 2:
        return {}
    values: dict[str, Any] = {"n_real": labels.count(0), "n_fake": labels.count(1)}
    values["people"] = len({r["person"] for r in known})
    calibrated = all(r["llrs"].get(cue) is not None for r in known)
    for kind, table in (("score", "scores"), ("llr", "llrs")):
        if kind == "llr" and not calibrated:
            continue
        numbers = [r[table][cue] for r in known]
        report = report_metrics(
            numbers, labels, [r["person"] for r in known], kind=kind, n=RESAMPLES
        )
        over = "people"
        if report.listed is not None:
            report = report_metrics(
                numbers, labels, [r["path"] for r in known], kind=kind, n=RESAMPLES
            )
            over = "clips" if report.listed is None else ""
        flat = report.to_row()
        names = (
            ("auc", "auc_low", "auc_high")
            if kind == "score"
            else ("cllr", "cllr_low", "cllr_high", "min_cllr")
        )
        values |= {n: None if flat.get(n) is None else round(float(flat[n]), 4) for n in names}
        values["interval_over"] = over
    return values


def alarm_rows(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Labels of the decision and the highest llr: on real clips of every source, and on every kind of fake beside them."""
    for what, source, kind, step in dict.fromkeys(
        (r["set"], r["source"], r["kind"], r["step"]) for r in rows
    ):
        here = [
            r
            for r in rows
            if (r["set"], r["source"], r["kind"], r["step"]) == (what, source, kind, step)
        ]
        row: dict[str, Any] = {
            "set": f"{what}: decision on {source}",
            "kind": kind,
            "step": step,
            "cue": FUSED,
        }
        row |= {"n": len(here), "people": len({r["person"] for r in here})}
        for label in ("manipulation_likely", "inconclusive"):
            count = sum(r["verdict"] == label for r in here)
            low, high = clopper_pearson(count, len(here))
            row |= {label: count, f"{label}_low": round(low, 4), f"{label}_high": round(high, 4)}
        for name in (FUSED, ALONE):
            llrs = [r["llrs"][name] for r in here if r["llrs"][name] is not None]
            row[f"highest llr, {name}"] = round(max(llrs), 4) if llrs else None
        for name in dict.fromkeys(n for r in here for n in r["llrs"]):
            llrs = [r["llrs"][name] for r in here if r["llrs"].get(name) is not None]
            if kind == REAL and llrs and name not in (FUSED, ALONE):
                row[f"share above 0, {name}"] = round(float(np.mean(np.array(llrs) > 0)), 4)
        yield row


def compared_rows(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """AUC of the fusion against `residual_statistics` alone on the same clips, with an interval of the difference."""
    clips = [
        r for r in rows if r["set"] != "stills" and None not in (r["llrs"][FUSED], r["llrs"][ALONE])
    ]
    for what, kind, step in dict.fromkeys(
        (r["set"], r["kind"], r["step"]) for r in clips if r["label"]
    ):
        here = [r for r in clips if (r["set"], r["kind"], r["step"]) == (what, kind, step)]
        sources = {r["source"] for r in here}
        here += [
            r
            for r in clips
            if (r["set"], r["step"], r["label"]) == (what, step, 0) and r["source"] in sources
        ]
        labels = [r["label"] for r in here]
        if len(set(labels)) < 2:
            continue
        pair = [r["llrs"][FUSED] for r in here], [r["llrs"][ALONE] for r in here]
        found = paired_bootstrap(auc, pair, labels, [r["path"] for r in here], n=RESAMPLES)
        row = {"set": f"{what}: fused against alone", "kind": kind, "step": step, "cue": FUSED}
        row |= {"auc": round(found.first, 4), "auc_alone": round(found.second, 4)}
        row |= {"n_real": labels.count(0), "n_fake": labels.count(1)}
        row["difference"] = round(found.difference, 4)
        if isinstance(found.interval, Interval):
            row |= {"difference_low": round(found.interval.low, 4), "interval_over": "clips"}
            row["difference_high"] = round(found.interval.high, 4)
        yield row
