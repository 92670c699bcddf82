"""The quality report of a swap as one self-contained HTML file: figures with their meaning, and a strip of moments.

Pictures come as bytes: originals from `media.encode_original`, generated ones from `provenance.encode_marked`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import likeness
from likeness.report import wording
from likeness.report.items import Picture
from likeness.report.schema import iso_time
from likeness.report.swap_figures import SWAP_SCHEMA, SwapFigures

_FOLDER = Path(__file__).parent / "templates"
_TYPES = {"image/jpeg", "image/png", "image/webp"}


@dataclass(frozen=True)
class StripMoment:
    """One moment of the strip.

    Attributes:
        time_s: when it is.
        before: the target's face as it was filmed.
        after: the same place after the swap, marked.
    """

    time_s: float
    before: Picture
    after: Picture


@dataclass(frozen=True)
class SwapStory:
    """What a report tells besides the figures.

    Attributes:
        target, out: names of the input and of the result.
        sources: what the identity came from: file names or the trained model's.
        purpose: what it was made for.
        label: words that every frame carries visibly; empty if none.
        notes: sentences for the reader, such as what could not be checked.
    """

    target: str
    out: str
    sources: tuple[str, ...]
    purpose: str
    label: str = ""
    notes: tuple[str, ...] = ()


def render_swap_html(
    figures: SwapFigures,
    story: SwapStory,
    strip: Sequence[StripMoment],
    source: Picture | None,
    created: str,
) -> str:
    """The report as one HTML document; `write_html` puts it on disk.

    Args:
        figures: see `SwapFigures`.
        story: see `SwapStory`.
        strip: moments side by side, in time order; may be empty.
        source: the source's face; None for a trained model.
        created: ISO 8601 time, shown as it is.

    Raises:
        UsageError: `created` is no ISO time.
    """
    css = "".join((_FOLDER / name).read_text("utf-8") for name in ("report.css", "swap.css"))
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: wording.plain(value) if type(value) is str else value,
    )
    page = {
        "css": Markup(css),
        "policy": f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
        "created": iso_time(created).replace("T", " "),
        "version": likeness.__version__,
        "schema": SWAP_SCHEMA,
        "story": story,
        "f": figures,
        "rows": figure_rows(figures),
        "strip": [
            {"time": f"{m.time_s:.2f} s", "before": _href(m.before), "after": _href(m.after)}
            for m in strip
        ],
        "source": None if source is None else _href(source),
        "skipped": [
            (reason, count, figures.first_not_swapped.get(reason))
            for reason, count in sorted(figures.not_swapped.items(), key=lambda item: -item[1])
        ],
        "detectors": [detector_row(d) for d in figures.detectors],
    }
    return env.get_template("swap.html.j2").render(page)


def _href(picture: Picture) -> str:
    kind = picture.media_type if picture.media_type in _TYPES else "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(picture.data).decode('ascii')}"


def figure_rows(f: SwapFigures) -> list[tuple[str, str, str]]:
    """Name, value and meaning of every figure; what was not measured says so."""
    pose = f.pose_error_deg
    return [
        (
            "Identity, like the source",
            _pair(f.identity_to_source, f.distance_to_source),
            "cosine similarity of identity embeddings, and their distance (the same person is usually below 0.6)",
        ),
        (
            "Identity, like the target before",
            _pair(f.identity_to_target, f.distance_to_target),
            "the same against the person who was filmed",
        ),
        (
            "Nearer to the source",
            _number(f.nearer_to_source, "{:.0%}"),
            "share of the sampled faces that are nearer to the source than to the target",
        ),
        (
            "Pose error",
            "not measured" if pose is None else " / ".join(f"{v:.1f}°" for v in pose),
            "yaw, pitch and roll of the face after against before, mean",
        ),
        (
            "Expression error",
            _number(f.expression_error, "{:.3f}"),
            "lids, brows and lips after against before, as a share of the eye distance; 0.01 is the mesh's own unrest",
        ),
        (
            "Flicker",
            _number(f.flicker_ratio, "{:.2f} times the footage"),
            f"unrest from frame to frame: face {_number(f.flicker_face, '{:.2f}')}, before "
            f"{_number(f.flicker_target, '{:.2f}')}, background {_number(f.flicker_background, '{:.2f}')} grey levels",
        ),
        (
            "Seam, colour step",
            _number(f.seam_delta_e, "{:.1f} ΔE"),
            "across the rim, beyond what was there before; about 2 can be seen side by side",
        ),
        (
            "Seam, edge",
            _number(f.seam_contrast, "{:.2f}"),
            "slope of the brightness at the rim over before; 1 = no edge was added",
        ),
        (
            "Sharpness",
            _number(f.sharpness_ratio, "{:.2f}"),
            "face after over before; below 1 = softer than the footage",
        ),
    ]


def _number(value: float | None, form: str) -> str:
    return "not measured" if value is None else form.format(value)


def _pair(similarity: float | None, distance: float | None) -> str:
    if similarity is None or distance is None:
        return "not measured"
    return f"{similarity:.3f} (distance {distance:.2f})"


def detector_row(reading: Any) -> dict[str, str]:
    """A `DetectorReading` in words: name, before, after and note."""

    def shown(status: str, score: float | None, llr: float | None) -> str:
        if status != "scored" or score is None:
            return {"not_applicable": "does not apply", "failed": "broke down"}.get(status, status)
        return f"{score:+.2f}" + (f" (llr {llr:+.2f})" if llr is not None else "")

    return {
        "name": reading.detector,
        "before": shown(reading.status_before, reading.score_before, reading.llr_before),
        "after": shown(reading.status_after, reading.score_after, reading.llr_after),
        "note": reading.note,
    }
