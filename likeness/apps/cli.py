"""The command line: parse, call one job, show.

Exit codes: 0 finished; 2 the request makes no sense; 3 bad input (the other files of a batch still get their results);
4 the result cannot be written; 5 an optional part is not installed; 6 no consent record covers it; 10 `--fail-on` was met;
`verify-report`: 11 the report was altered, 12 nobody here trusts its signer, 13 it is not signed; 1 anything else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from likeness.apps.consenting import consent_app
from likeness.apps.creating import create_app
from likeness.apps.keying import keys_app
from likeness.apps.measuring import measure_app
from likeness.apps.showing import provenance_app
from likeness.errors import LikenessError, UsageError

FAIL_ON_EXIT = 10
app = typer.Typer(
    help="Makes deepfakes in order to catch them: calibrated, explained detection of manipulated faces.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: the rich one alone costs a third of a second
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 finished, 2 usage, 3 bad input, 4 cannot write, 5 missing extra, 6 no consent, 10 --fail-on was met.",
)

app.add_typer(create_app)  # without a name: its commands stand beside the others
app.add_typer(measure_app)
app.add_typer(consent_app, name="consent")
app.add_typer(keys_app, name="keys")
app.add_typer(provenance_app, name="provenance")


@app.command()
def detect(
    files: Annotated[list[str], typer.Argument(help="Pictures, videos, recordings or folders.")],
    report: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file.")] = None,
    json: Annotated[
        str | None, typer.Option(help="Write JSON to a file, or - for the terminal.")
    ] = None,
    detector: Annotated[list[str] | None, typer.Option(help="Run only these detectors.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="DETECTOR.KEY=VALUE, such as mesonet.weights=Meso4_DF.h5."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights for the one detector that --detector names.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Frames of a clip to examine.")] = 32,
    fail_on: Annotated[
        str | None, typer.Option(help="Exit with 10 if any file has this label.")
    ] = None,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign the report files with the local key.")
    ] = False,
) -> None:
    """Examine files and say, with calibrated evidence, whether faces were manipulated."""
    from likeness.apps.detecting import DetectRequest, run_detect

    request = DetectRequest(
        files=tuple(files),
        report=report,
        json=json,
        detectors=tuple(detector or ()),
        options=tuple(option or ()),
        weights=weights,
        frames=frames,
        fail_on=fail_on,
        sign=sign,
    )
    raise typer.Exit(run_detect(request))


@app.command("verify-report")
def verify_report(
    report: Annotated[Path, typer.Argument(help="A JSON or HTML report.")],
) -> None:
    """Whether a signed report is untouched (0), altered (11), by a signer nobody here trusts (12) or unsigned (13)."""
    from likeness.apps.verifying import run_verify

    raise typer.Exit(run_verify(report))


@app.command()
def detectors(
    name: Annotated[str | None, typer.Argument(help="Show one detector in full.")] = None,
) -> None:
    """What there is, what each needs, paper, licence, known failures."""
    from likeness.apps.listing import show_part, show_parts

    show_part("detectors", name) if name else show_parts("detectors")


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe of recipes/.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with manifest.csv and splits.csv (detectors, restorer, GANs)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where the weights or the run go.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="Generators: face set that gives the identity.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="Generators: face set of the footage.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Training time, resumed parts included.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    purpose: Annotated[
        str, typer.Option(help="What for; default: what the source's consent says.")
    ] = "",
) -> None:
    """Train what a recipe describes (extra `create`): a detector, or a swap of two face sets."""
    from likeness.apps.training import TrainRequest, run_training

    run_training(TrainRequest(recipe, data, out, source, target, minutes, resume, purpose))


@app.command()
def calibrate(
    data: Annotated[Path, typer.Option(help="Folder with manifest.csv and splits.csv.")],
    out: Annotated[Path, typer.Option(help="Calibration file to write.")],
    role_file: Annotated[Path | None, typer.Option(help="CSV that corrects roles.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write the figures as CSV.")] = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder for CSVs: AUC per cue, the fusion without each, real clips."),
    ] = None,
) -> None:
    """Fit calibration and fusion of the shipped detectors on the calibration files."""
    from likeness.apps.calibrating import run_calibrate

    run_calibrate(data, out, role_file, figures, tables)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 = any free one.")] = 8000,
    studio: Annotated[bool, typer.Option("--studio", help="Also the create side.")] = False,
    token: Annotated[
        str | None, typer.Option(help="Secret of the session; needed beyond this machine.")
    ] = None,
    data_folder: Annotated[
        Path | None, typer.Option(help="Where uploads and results are kept.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another name of this machine; repeat for several.")
    ] = None,
    keep_days: Annotated[
        float, typer.Option(min=0, help="Delete what ended so long ago; 0 = never.")
    ] = 0.0,
    upload_mb: Annotated[
        float, typer.Option(min=1, help="The largest file that is taken, MB.")
    ] = 1000.0,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """The workbench: examine files in a browser, on this machine only (extra `web`)."""
    from likeness.apps.serving import ServeRequest, run_serve

    request = ServeRequest(
        host=host,
        port=port,
        studio=studio,
        token=token,
        data_folder=data_folder,
        allow_host=tuple(allow_host or ()),
        keep_days=keep_days,
        upload_mb=upload_mb,
        open=open,
    )
    run_serve(request)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("demo"),
) -> None:
    """Run the main job on bundled input: an untouched portrait and a pseudo-fake of it, side by side."""
    from likeness.apps.demonstrating import run_demo

    run_demo(out)


@app.command()
def doctor() -> None:
    """What is installed, what is missing and what it costs."""
    from likeness.apps.listing import show_doctor

    show_doctor()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        import likeness

        typer.echo(likeness.__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: errors that are raised on purpose become one line and their exit code."""
    try:
        app()
    except LikenessError as error:
        hint = " (likeness --help)" if isinstance(error, UsageError) else ""
        typer.echo(f"likeness: {error}{hint}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("likeness: stopped", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
