"""Fill the tables of `docs/ladder.md` from the CSV files of one run of the benchmark.

    likeness bench ... --ladder -o benchmarks/results/ladder.html
    python benchmarks/ladder_page.py

`--run` names another run by the common beginning of its files (`FOLDER/bench` for a run with `-o FOLDER`).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cues_page import NOT_YET, Row, interval, markdown, percent, read

from likeness.data.degradations import LADDER
from likeness.jobs.bench_parts import LEAST_GAIN

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "ladder.md"
STEPS = [step.name for step in LADDER]
CLEAN = "clean"
LEAST_ITEMS = 8
"""Of each class; below, a figure stands in the CSV only."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=HERE / "results" / "ladder")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    text = arguments.page.read_text(encoding="utf-8")
    for name, (file, table) in TABLES.items():
        rows = read(arguments.run.with_name(f"{arguments.run.name}_{file}.csv"))
        body = (table(rows) if rows else "") or NOT_YET
        block = f"<!-- table: {name} -->\n{body}\n<!-- end -->"
        text = re.sub(
            rf"<!-- table: {name} -->\n.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S
        )
    arguments.page.write_text(text, encoding="utf-8")
    print(f"{arguments.page}: {', '.join(TABLES)}")


def left(rows: Sequence[Row]) -> str:
    """What is left of AUC - 0.5 on average: a line per test set, a column per detector; all sets last."""
    detectors = list(dict.fromkeys(r["detector"] for r in rows))
    found = {(r["test_set"], r["detector"]): r for r in rows}
    sets = list(dict.fromkeys(r["test_set"] for r in rows))
    sets.sort(key=lambda s: s == "all sets")
    lines = [[s, *(_left(found.get((s, d))) for d in detectors)] for s in sets]
    return markdown(["test set", *detectors], [line for line in lines if set(line[1:]) != {"-"}])


def _left(row: Row | None) -> str:
    if row is None or min(int(row["n_real"]), int(row["n_fake"])) < LEAST_ITEMS:
        return "-"
    kept = f"**{float(row['share_left']):.2f}**" if row["share_left"] else "nothing to keep"
    return f"{float(row['clean_auc']):.2f} → {float(row['mean_auc']):.2f}, {kept}"


def steps(rows: Sequence[Row]) -> str:
    """Per test set: AUC of every detector at every step, with what is left; then Cllr, coverage and TPR where there are any."""
    items = [r for r in rows if r.get("of_frames") != "True"]
    parts = []
    for name in dict.fromkeys(r["test_set"] for r in items):
        own = [r for r in items if r["test_set"] == name and _enough(r)]
        if not own:
            continue
        parts.append(f"### {name}\n\n{_about(own)}\n\n{_aucs(own)}")
        for column, words, form in MEASURES:
            table = _of_steps(own, column, form)
            if table:
                parts.append(f"{words}:\n\n{table}")
    return "\n\n".join(parts)


MEASURES: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("llr_cllr", "Cllr (1 = says nothing)", lambda v: f"{float(v):.2f}"),
    ("llr_coverage_at_risk_10pct", "Coverage at 10 % risk", percent),
    ("tpr_at_fpr_1pct", "TPR at FPR 1 %", percent),
)


def _enough(row: Row) -> bool:
    return bool(row["auc"]) and min(int(row["n_real"]), int(row["n_fake"])) >= LEAST_ITEMS


def _about(rows: Sequence[Row]) -> str:
    first = max(rows, key=lambda r: int(r["n_real"]))
    items = f"{first['n_real']} + {first['n_fake']} items, {first['n_real_groups']} people or clips"
    if not first["audit_auc"]:
        return f"{items}; leakage audit not measured (too few)."
    fails = "" if first["audit_passes"] == "True" else ": **fails**, do not read it as detection"
    return f"{items}; leakage audit {float(first['audit_auc']):.2f}{fails}."


def _aucs(rows: Sequence[Row]) -> str:
    detectors = list(dict.fromkeys(r["detector"] for r in rows))
    found = {(r["step"], r["detector"]): r for r in rows}
    lines = []
    for step in (s for s in STEPS if any(r["step"] == s for r in rows)):
        cells = [found.get((step, d)) for d in detectors]
        show = (lambda r: interval(r, "auc")) if step == CLEAN else (lambda r: _two(r["auc"]))
        lines.append([step, *("-" if c is None else show(c) for c in cells)])
    aucs = {d: {s: float(found[s, d]["auc"]) for s in STEPS if (s, d) in found} for d in detectors}
    chance = {d for d in detectors if float(found.get((CLEAN, d), {}).get("auc_low") or 1) <= 0.5}
    kept = ["-" if d in chance else share_left(aucs[d]) for d in detectors]
    lines.append(["**share left**", *kept])
    return markdown(["AUC", *detectors], lines)


def share_left(aucs: dict[str, float]) -> str:
    """Mean of AUC - 0.5 over the steps, against the clean one."""
    others = [value for step, value in aucs.items() if step != CLEAN]
    gained = aucs.get(CLEAN, 0.5) - 0.5
    if not others or gained <= LEAST_GAIN:
        return "-"
    return f"**{(sum(others) / len(others) - 0.5) / gained:.2f}**"


def _of_steps(rows: Sequence[Row], column: str, form: Callable[[str], str]) -> str:
    given = [r for r in rows if r.get(column)]
    detectors = list(dict.fromkeys(r["detector"] for r in given))
    if not detectors:
        return ""
    found = {(r["step"], r["detector"]): form(r[column]) for r in given}
    used = [s for s in STEPS if any(r["step"] == s for r in given)]
    lines = [[s, *(found.get((s, d), "-") for d in detectors)] for s in used]
    return markdown(["step", *detectors], lines)


def confident(rows: Sequence[Row]) -> str:
    """Clean: how often an answer of 80 % and more is right, pictures and frames beside frames together."""
    lines = []
    for row in rows:
        prefix = "llr_" if row.get("llr_confident_share") else ""
        if row["step"] != CLEAN or not row.get(f"{prefix}confident_share"):
            continue
        right = interval(row, f"{prefix}confident_accuracy")
        level = "single frames" if row["of_frames"] == "True" else row["level"]
        lines.append(
            [
                row["test_set"],
                row["detector"],
                {"track": "frames together", "image": "single picture"}.get(level, level),
                interval(row, "auc"),
                right if right != "-" else "none is sure",
                f"{row['confident_items']} ({percent(row[f'{prefix}confident_share'])})",
                "likelihood ratio" if prefix else "its own word",
            ]
        )
    heads = ["test set", "detector", "level", "AUC", "right", "sure answers", "sure by"]
    return markdown(heads, lines) if lines else ""


def bins(rows: Sequence[Row]) -> str:
    """AUC by head pose and size of the face, a column per detector."""
    detectors = list(dict.fromkeys(r["detector"] for r in rows))
    found = {(r["test_set"], r["by"], r["bin"], r["detector"]): r for r in rows}
    lines = []
    for test_set, by, name in dict.fromkeys(key[:3] for key in found):
        cells = [found.get((test_set, by, name, d)) for d in detectors]
        most = max((c for c in cells if c is not None), key=lambda c: int(c["n_real"]))
        lines.append(
            [
                test_set,
                f"{by}: {name}",
                f"{most['n_real']} + {most['n_fake']}",
                *("-" if c is None else interval(c, "auc") for c in cells),
            ]
        )
    return markdown(["test set", "faces", "items", *detectors], lines)


def alarms(rows: Sequence[Row]) -> str:
    """Per threshold: share of people with a false alarm, a line per group, a column per detector."""
    parts = []
    for test_set, threshold in dict.fromkeys((r["test_set"], r["threshold"]) for r in rows):
        own = [r for r in rows if (r["test_set"], r["threshold"]) == (test_set, threshold)]
        large = [r for r in own if int(r["people"]) >= 5]
        if len({(r["by"], r["group"]) for r in large}) < 2:
            continue
        detectors = list(dict.fromkeys(r["detector"] for r in large))
        found = {(r["by"], r["group"], r["detector"]): r for r in large}
        lines = [
            [f"{by}: {group}", *(_alarm(found.get((by, group, d))) for d in detectors)]
            for by, group in dict.fromkeys(key[:2] for key in found)
        ]
        table = markdown(["people", *detectors], lines)
        parts.append(f"**{test_set}, threshold: {threshold}**\n\n{table}")
    return "\n\n".join(parts)


def _alarm(row: Row | None) -> str:
    if row is None:
        return "-"
    ends = f"{float(row['share_low']):.0%}-{float(row['share_high']):.0%}"
    return f"{row['alarms']} of {row['people']} ({ends})"


def controls(rows: Sequence[Row]) -> str:
    """Real against real, a column per detector; what leaves 0.5 out is bold."""
    detectors = list(dict.fromkeys(r["detector"] for r in rows))
    found = {(r["source_a"], r["source_b"], r["detector"]): r for r in rows}
    lines = []
    for one, other in dict.fromkeys(key[:2] for key in found):
        cells = [found.get((one, other, d)) for d in detectors]
        lines.append([f"{one} / {other}", *(_control(c) for c in cells)])
    return markdown(["sources", *detectors], lines)


def _control(row: Row | None) -> str:
    if row is None:
        return "-"
    text = interval(row, "auc")
    return f"**{text}**" if row["contains_half"] == "False" else text


def _two(text: str) -> str:
    return f"{float(text):.2f}"


TABLES: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "left": ("areas", left),
    "confident": ("rows", confident),
    "bins": ("bins", bins),
    "alarms": ("alarms", alarms),
    "controls": ("controls", controls),
    "steps": ("rows", steps),
}


if __name__ == "__main__":
    main()
