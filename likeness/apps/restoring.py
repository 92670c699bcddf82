"""`likeness restore`: a worn picture cleaned up or with likely detail, marked; or every way to do it side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, cast

from likeness.apps.config_folder import keys_folder
from likeness.apps.progress import console, shown_progress
from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.jobs.swap_options import SwapPermit
    from likeness.types import Purpose


@dataclass(frozen=True)
class RestoreRequest:
    """The command line of `restore`."""

    picture: Path
    out: Path
    consent: tuple[Path, ...] = ()
    purpose: str | None = None
    mode: str = "restore"
    strength: float = 1.0
    dictionaries: bool = False
    model: Path | None = None
    compare: bool = False
    reference: Path | None = None


def run_restore(request: RestoreRequest) -> int:
    """Restore or compare, and say what came out."""
    from likeness.generators.restore import LIMITS
    from likeness.jobs.restore import RestoreOptions, restore
    from likeness.jobs.restore_faces import LARGEST_SHIFT

    if request.reference is not None and not request.compare:
        raise UsageError("--reference: is a yardstick for --compare")
    options = RestoreOptions(request.mode, request.strength, request.dictionaries, request.model)
    permit = _permit(request)
    with shown_progress() as progress:
        if request.compare:
            lines = _compared(request, permit, options)
        else:
            done = restore(request.picture, request.out, permit, options, progress)
            lines = [f"Restored ({request.mode}): {done.written.path}"]
            lines += [
                f"  face {number}: identity distance to the input {shift:.2f}, at most {LARGEST_SHIFT:.2f} is allowed"
                for number, shift in enumerate(done.shifts, start=1)
            ]
            lines.append(f"Report: {done.report}")
    for line in [*lines, f"Note: {LIMITS}."]:
        console().print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def _compared(request: RestoreRequest, permit: SwapPermit, options: object) -> list[str]:
    from likeness.jobs.restore import RestoreOptions
    from likeness.jobs.restore_compare import compare

    done = compare(
        request.picture, request.out, permit, cast(RestoreOptions, options), request.reference
    )
    lines = [f"Every mode side by side: {done.written.path} (measured against {done.yardstick})"]
    for f in done.figures:
        words = "refused: would be somebody else" if f.refused else ""
        lines.append(
            f"  {f.mode:9} PSNR {f.psnr_db:5.1f} dB  SSIM {f.ssim:.3f}  identity distance {f.shift:.2f}  {words}".rstrip()
        )
    return lines


def _permit(request: RestoreRequest) -> SwapPermit:
    from likeness.jobs.swap_options import SwapPermit
    from likeness.provenance.consent import read_consent
    from likeness.provenance.keys import open_or_create

    keys = open_or_create(keys_folder())
    records = tuple(read_consent(path, keys.maker_public_key()) for path in request.consent)
    purposes = {r.consent.purpose for r in records}
    if request.purpose is None and len(purposes) > 1:
        raise UsageError(
            f"the records allow different purposes ({', '.join(sorted(purposes))}); say which with --purpose"
        )
    purpose = request.purpose or next(iter(purposes), "research")
    return SwapPermit(records, cast("Purpose", purpose), date.today(), keys)
