"""Fill the tables of `docs/cues.md` from the CSV files in `benchmarks/results/`.

python benchmarks/cues_page.py
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "cues.md"
Row = dict[str, str]
NOT_YET = "Not measured yet."


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, (file, table) in TABLES.items():
        rows = read(HERE / "results" / file)
        body = table(rows) if rows else NOT_YET
        block = f"<!-- table: {name} -->\n{body}\n<!-- end -->"
        text = re.sub(
            rf"<!-- table: {name} -->\n.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S
        )
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE}: {', '.join(TABLES)}")


def read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def alone(rows: Sequence[Row]) -> str:
    """A table per set, kind and step: one line per cue."""
    measured = [r for r in rows if r.get("coverage")]
    parts = []
    for what, kind, step in dict.fromkeys((r["set"], r["kind"], r["step"]) for r in measured):
        here = [r for r in measured if (r["set"], r["kind"], r["step"]) == (what, kind, step)]
        here.sort(key=lambda r: -float(r["auc"] or 0))
        lines = [
            [
                r["cue"],
                interval(r, "auc"),
                interval(r, "cllr"),
                r["min_cllr"],
                percent(r["coverage"]),
                counts(r),
            ]
            for r in here
        ]
        heads = ["cue", "AUC", "Cllr", "min", "coverage", "real + fake, people"]
        parts.append(f"**{what}: {kind}, {step}**\n\n{markdown(heads, lines)}")
    return "\n\n".join(parts)


def decision(rows: Sequence[Row]) -> str:
    """One line per source, kind and step."""
    lines = [
        [
            r["set"].partition(": decision on ")[2] + " " + r["set"].partition(":")[0],
            r["kind"],
            r["step"],
            f"{r['n']} of {r['people']}",
            share(r, "manipulation_likely"),
            share(r, "inconclusive"),
            r["highest llr, fused"],
        ]
        for r in rows
        if ": decision on " in r["set"]
    ]
    heads = [
        "source",
        "kind",
        "step",
        "items of people",
        "manipulation likely",
        "inconclusive",
        "highest llr",
    ]
    return markdown(heads, lines)


def fused(rows: Sequence[Row]) -> str:
    """One line per kind and step: the fusion, one detector alone, and what lies between them."""
    lines = [
        [
            r["set"].partition(":")[0],
            r["kind"],
            r["step"],
            r["auc"],
            r["auc_alone"],
            interval(r, "difference"),
            f"{r['n_real']} + {r['n_fake']}",
        ]
        for r in rows
        if r["set"].endswith("fused against alone")
    ]
    return markdown(["set", "kind", "step", "fused", "alone", "difference", "real + fake"], lines)


def left_out(rows: Sequence[Row]) -> str:
    names = ("auc", "cllr", "clips_auc", "clips_cllr", "landmark_swap_auc", "clips_highest_real")
    lines = [[r["left_out"], *(r.get(n, "") for n in names)] for r in rows]
    heads = [
        "left out",
        "AUC",
        "Cllr",
        "AUC clips",
        "Cllr clips",
        "AUC landmark swaps",
        "highest real",
    ]
    return markdown(heads, lines)


def speed(rows: Sequence[Row]) -> str:
    lines = [
        [
            r["stage"],
            r["processor_s"],
            r["ms_per_frame"],
            percent(r["share"]),
            r["wall_s"],
            r["real_time_factor"],
        ]
        for r in rows
    ]
    heads = ["stage", "processor s", "ms per frame", "share", "wall s", "real-time factor"]
    return markdown(heads, lines)


def parts(rows: Sequence[Row]) -> str:
    """What the parts that enter no score can tell."""
    lines = [
        [
            r["part"],
            r["real"],
            r["fake"],
            f"{r['n_real']} + {r['n_fake']}",
            percent(r["coverage"]),
            f"{float(r['auc']):.3f}" if r["auc"] else "-",
            interval_of_share(r),
            percent(r["found"]),
        ]
        for r in rows
    ]
    heads = ["part", "real", "fake", "real + fake", "coverage", "AUC", "alarms", "found"]
    return markdown(heads, lines)


def interval_of_share(row: Row) -> str:
    if not row["alarms"]:
        return ""
    low, high = (percent(row[f"alarms_{end}"]) for end in ("low", "high"))
    return f"{percent(row['alarms'])} ({low}-{high})"


TABLES: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "alone": ("cues.csv", alone),
    "fused": ("cues.csv", fused),
    "decision": ("cues.csv", decision),
    "left_out": ("cues_left_out.csv", left_out),
    "parts": ("cue_parts.csv", parts),
    "speed": ("cue_speed.csv", speed),
}


def interval(row: Row, name: str) -> str:
    value, low, high = (row.get(f"{name}{end}", "") for end in ("", "_low", "_high"))
    if not value:
        return "-"
    mark = "*" if row.get("interval_over") == "clips" else ""
    return f"{float(value):.3f}" + (f" ({float(low):.2f}-{float(high):.2f}{mark})" if low else "")


def share(row: Row, name: str) -> str:
    count, low, high = row[name], float(row[f"{name}_low"]), float(row[f"{name}_high"])
    return f"{count} ({low:.0%}-{high:.0%})"


def counts(row: Row) -> str:
    return f"{row['n_real']} + {row['n_fake']}, {row['people']}" if row.get("n_real") else "-"


def percent(text: str) -> str:
    return f"{float(text):.0%}" if text else ""


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(c) for c in row) + " |" for row in rows)


if __name__ == "__main__":
    main()
