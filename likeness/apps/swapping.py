"""`likeness swap`: one face in the place of another, marked and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from likeness.apps.config_folder import keys_folder
from likeness.apps.progress import console, shown_progress
from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.faces.merge_options import MergeConfig
    from likeness.jobs.swap import Swap, SwapOptions, SwapPermit
    from likeness.types import Purpose


@dataclass(frozen=True)
class SwapRequest:
    """The command line of `swap`."""

    target: Path
    out: Path
    model: Path | None = None
    source: tuple[Path, ...] = ()
    minutes: float | None = None
    generator: str = ""
    option: tuple[str, ...] = ()
    consent: tuple[Path, ...] = ()
    purpose: str | None = None
    person: int | None = None
    frames: str = ""
    merge: tuple[str, ...] = ()
    touch_up: tuple[str, ...] = ()
    seed: int = 0
    detectors: bool = True
    restore: bool = False


def run_swap(request: SwapRequest) -> int:
    """Swap, and show what came out."""
    from dataclasses import replace

    from likeness.jobs.swap import swap

    permit = _permit(request)
    options = _options(request)
    with shown_progress() as progress:
        if request.minutes is not None:
            from likeness.jobs.swap_place import check_before_training
            from likeness.jobs.swap_training import LIGHT, PairPlan, train_people

            check_before_training(request.target, request.out, permit, options)
            run = train_people(
                PairPlan(
                    request.source,
                    (request.target,),
                    request.out.with_name(f"{request.out.name}.run"),
                    request.minutes,
                    request.generator or LIGHT,
                ),
                permit,
                progress,
            )
            options = replace(options, sources=(), model=run, generator="")
        done = swap(request.target, request.out, permit, options, progress)
    for line in summary_lines(done):
        console().print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def summary_lines(done: Swap) -> list[str]:
    """What a person wants to know first."""
    f = done.figures
    lines = [f"Swapped {f.swapped} of {f.frames} frames: {done.written.path}"]
    lines += [
        f"  not swapped: {count}, {reason} (first: {f.first_not_swapped.get(reason)})"
        for reason, count in f.not_swapped.items()
    ]
    if f.distance_to_source is not None and f.distance_to_target is not None:
        lines.append(
            f"identity: distance {f.distance_to_source:.2f} to the source, {f.distance_to_target:.2f} to the target; "
            f"{f.nearer_to_source or 0.0:.0%} nearer to the source"
        )
    if f.pose_error_deg is not None:
        lines.append("pose error: " + " / ".join(f"{v:.1f}" for v in f.pose_error_deg) + " degrees")
    if f.flicker_ratio is not None:
        lines.append(f"flicker: {f.flicker_ratio:.2f} times the footage")
    if f.seam_delta_e is not None:
        lines.append(f"seam: colour step {f.seam_delta_e:.1f} delta E")
    lines.append(
        f"our detectors, without the marks: {f.label_after.replace('_', ' ') or 'not asked'}"
    )
    lines.append(f"Report: {done.html}")
    return lines


def _permit(request: SwapRequest) -> SwapPermit:
    from likeness.jobs.swap import SwapPermit
    from likeness.jobs.swap_model import run_consents
    from likeness.provenance.consent import read_consent
    from likeness.provenance.keys import open_or_create

    keys = open_or_create(keys_folder())
    records = tuple(read_consent(path, keys.maker_public_key()) for path in request.consent)
    purposes = {r.consent.purpose for r in records}
    if request.model is not None:
        purposes |= {c.purpose for c in run_consents(request.model)}
    if request.purpose is None and len(purposes) > 1:
        raise UsageError(
            f"the records allow different purposes ({', '.join(sorted(purposes))}); say which with --purpose"
        )
    purpose = request.purpose or next(iter(purposes), "research")
    return SwapPermit(records, cast("Purpose", purpose), date.today(), keys)


def _options(request: SwapRequest) -> SwapOptions:
    from likeness.jobs.swap import SwapOptions, merge_config

    merge = merge_config(request.merge)
    first, last = _range(request.frames, "--frames") if request.frames else (0, None)
    if request.minutes is not None and not request.source:
        raise UsageError("--minutes trains a model: give the person's clips with --source")
    return SwapOptions(
        generator=request.generator,
        options=_pairs(request.option),
        model=request.model,
        sources=request.source,
        person=request.person,
        first=first,
        last=last,
        merge=merge,
        touch_ups=tuple(_touch_up(text, merge) for text in request.touch_up),
        restore=1.0 if request.restore else 0.0,
        seed=request.seed,
        detectors=request.detectors,
    )


def _pairs(texts: Sequence[str]) -> dict[str, Any]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option: expected KEY=VALUE, got {text!r}")
        pairs[key] = value
    return pairs


def _range(text: str, option: str) -> tuple[int, int | None]:
    """First frame and the one after the last; both may be left out."""
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return int(first or 0), int(last) if last else None
    except ValueError:
        raise UsageError(f"{option}: expected A:B, such as 100:250, got {text!r}") from None


def _touch_up(text: str, merge: MergeConfig) -> tuple[int, int, MergeConfig]:
    """A:B,KEY=VALUE,... over the settings of the whole."""
    from likeness.jobs.swap import merge_config

    span, *changes = text.split(",")
    first, last = _range(span, "--touch-up")
    if last is None or not changes:
        raise UsageError(f"--touch-up: expected A:B,KEY=VALUE, got {text!r}")
    return first, last, merge_config(changes, merge)
