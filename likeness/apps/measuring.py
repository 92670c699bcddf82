"""The command that measures detectors: parse and hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

measure_app = typer.Typer(rich_markup_mode=None)


@measure_app.command()
def bench(
    detector: Annotated[
        list[str],
        typer.Argument(
            help="Detectors, fused, or somebody else's function as module:function or file.py:function."
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="Folder: manifest.csv, real/ and fake/, FaceForensics++, Celeb-DF or DFDC."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="A folder, an .html page with its CSVs, or one .csv."),
    ] = None,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Also every step of the degradation ladder.")
    ] = False,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Also clips manipulated by every generator.")
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=RUN[:PERSON], a run for the matrix: a trained swap, or one that draws faces."
        ),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="FILE for the one detector, or DETECTOR=FILE; repeat to compare."),
    ] = None,
    role: Annotated[str, typer.Option(help="Role of the files that are measured.")] = "test",
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most this many items of a source, evenly spread.")
    ] = None,
    clip_frames: Annotated[
        int, typer.Option(min=4, max=1000, help="Neighbouring frames of a clip of the matrix.")
    ] = 64,
    gallery: Annotated[
        int, typer.Option(min=0, max=24, help="Confident mistakes per detector on the page.")
    ] = 6,
    processes: Annotated[int, typer.Option(min=1, max=64, help="That work side by side.")] = 2,
    scores: Annotated[
        Path, typer.Option(help="Folder of scores, so that nothing is measured twice.")
    ] = Path("runs/scores"),
    role_file: Annotated[
        Path,
        typer.Option(help="CSV that corrects roles of unlabelled people; used if it is there."),
    ] = Path("recipes/utkface_roles.csv"),
) -> None:
    """Measure detectors on data they never saw, with the leakage audit on top."""
    from likeness.apps.benching import BenchRequest, run_bench

    run_bench(
        BenchRequest(
            detectors=tuple(detector),
            data=data,
            out=out,
            ladder=ladder,
            matrix=matrix,
            models=tuple(model or ()),
            weights=tuple(str(w) for w in weights or ()),
            role=role,
            limit=limit,
            clip_frames=clip_frames,
            gallery=gallery,
            processes=processes,
            scores=scores,
            role_file=role_file,
        )
    )
