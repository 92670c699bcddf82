"""The words of the reports, in one place, so that terminal and HTML say the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from likeness.scoring.wording import verbal_scale as _verbal_scale
from likeness.types import ClaimSource, FactValue, Label

LABEL_WORDS: Final[dict[Label, str]] = {
    "manipulation_likely": "Manipulation likely",
    "inconclusive": "Inconclusive",
    "no_manipulation_found": "No manipulation found",
}
# A second channel beside colour, for print and for eyes that do not tell the colours apart.
LABEL_SIGNS: Final[dict[Label, str]] = {
    "manipulation_likely": "▲",
    "inconclusive": "◆",
    "no_manipulation_found": "●",
}
# The same signs beside the colour of one cue.
TONE_SIGNS: Final = {"likely": "▲", "open": "◆", "none": "●", "plain": ""}
MEANS: Final[dict[Label, str]] = {
    "manipulation_likely": (
        "Measurements on this file are clearly more usual for manipulated faces than for "
        "untouched ones of the calibration population."
    ),
    "inconclusive": (
        "This examination does not settle the question. The reasons below say why; they are part "
        "of the result."
    ),
    "no_manipulation_found": (
        "The detectors that could run found none of the traces that they know how to look for."
    ),
}
MEANS_NOT: Final[dict[Label, str]] = {
    "manipulation_likely": (
        "It is not proof, it does not say who made the change or why, and it does not tell harmful "
        "editing from harmless editing."
    ),
    "inconclusive": ("It does not mean “half likely”; it clears nothing and accuses nobody."),
    "no_manipulation_found": (
        "It does not mean that the file is real. Methods that these detectors do not know, heavy "
        "compression and small faces leave nothing to find, and a genuine recording can still be "
        "shown in a false context."
    ),
}
MEANS_VOUCHED: Final = (
    "Content credentials that fit this file, of a signer who is trusted here, say that it was generated. "
    "That is the signer’s word; the measurements below stand apart from it."
)
MEANS_NOT_VOUCHED: Final = (
    "It says nothing about why the file was made or whether it harms anybody: whoever signs openly declares it. "
    "It is worth as much as the trust in the signer."
)
MARK_TITLES: Final[dict[ClaimSource, str]] = {
    "credentials": "Content credentials",
    "watermark": "Watermark",
    "metadata": "Metadata",
}
# Absence of a mark is "unknown", never suspicion and never innocence.
MARK_ABSENT: Final[dict[ClaimSource, str]] = {
    "credentials": (
        "None found. Where the file comes from is unknown; most sites remove credentials, and most files never had any."
    ),
    "watermark": "None of ours found. Other makers’ watermarks are not looked for, and ours can be removed.",
    "metadata": "No trace of a known generator. Metadata are lost or removed easily.",
}
QUESTION_WORDS: Final[dict[str, str]] = {
    "blended": "Blended in",
    "synthesised": "Synthesised",
    "reenacted": "Re-enacted",
}
QUESTION_HELP: Final[dict[str, str]] = {
    "blended": "Was a face or a part of it pasted into this footage?",
    "synthesised": "Was the picture made by a generator?",
    "reenacted": "Was the movement taken from someone else?",
}
STATUS_WORDS: Final[dict[str, str]] = {
    "scored": "Scored",
    "not_applicable": "Not applicable",
    "failed": "Failed",
}
_UNITS: Final = {
    "s": "s",
    "ms": "ms",
    "bps": "bit/s",
    "hz": "Hz",
    "px": "px",
    "deg": "°",
    "bytes": "bytes",
}


def verbal_scale(llr: float) -> str:
    """Strength of a log10 likelihood ratio in words, as `likeness.scoring` defines them; NaN supports nothing.

    >>> verbal_scale(1.5)
    'moderate support for manipulation'
    """
    return _verbal_scale(0.0 if llr != llr else llr)


def ratio_sentence(llr: float) -> str:
    """What a log10 likelihood ratio says, in one sentence."""
    if verbal_scale(llr) == "no support either way":
        return "These measurements are about as usual for manipulated files as for untouched ones."
    first, second = ("manipulated", "untouched") if llr > 0 else ("untouched", "manipulated")
    times = ratio_number(abs(llr))
    return f"These measurements are about {times} times as usual for {first} files as for {second} ones."


def ratio_number(llr: float) -> str:
    """The likelihood ratio itself with two digits that matter: '32', '1,300', '1/32'.

    >>> ratio_number(1.5), ratio_number(-1.5)
    ('32', '1/32')
    """
    if llr != llr:
        return "undefined"
    if abs(llr) > 12:
        return "more than 10^12" if llr > 0 else "less than 1/10^12"
    value = 10.0 ** abs(llr)
    if value >= 10:
        digits = 10 ** max(0, len(str(int(value))) - 2)
        text = f"{round(value / digits) * digits:,}"
    else:
        text = f"{value:.1f}".removesuffix(".0")
    return text if llr >= 0 or text == "1" else f"1/{text}"


def signed(value: float) -> str:
    """A number with its sign and two decimals, with a true minus; never '-0.00'."""
    text = f"{value:+.2f}"
    if value != value:
        return "undefined"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def amount(value: float) -> str:
    """A measured number with the digits that matter, and a true minus.

    >>> amount(0.31278), amount(-12.0), amount(48211.3), amount(2e-7)
    ('0.313', '−12', '48,200', '2e-07')
    """
    if value != value or value in (float("inf"), float("-inf")):
        return "undefined"
    value += 0.0  # no negative zero
    if abs(value) >= 1e7 or 0 < abs(value) < 1e-4:
        text = f"{value:.2g}"
    elif abs(value) >= 1000:
        text = f"{float(f'{value:.3g}'):,.0f}"
    else:
        text = f"{float(f'{value:.3g}'):g}"
    return text.replace("-", "−", 1) if value < 0 else text


def tone(llr: float | None) -> str:
    """What a likelihood ratio points to, as the name of a colour: likely, none, open; plain without one.

    >>> tone(1.0), tone(-1.0), tone(0.01), tone(None)
    ('likely', 'none', 'open', 'plain')
    """
    if llr is None:
        return "plain"
    if verbal_scale(llr) == "no support either way":
        return "open"
    return "likely" if llr > 0 else "none"


def unweighed(info: Mapping[str, Any]) -> str:
    """What stands in the place of a ratio for a finding that has none."""
    return "illustration only" if info.get("fitted_on") == "none" else "uncalibrated"


def face_name(track_id: int | None) -> str:
    """How a person calls a track: counted from 1; None is the whole picture."""
    return "Whole picture" if track_id is None else f"Face {track_id + 1}"


def clock(time_s: float) -> str:
    """Seconds as '4.20 s' below a minute and '1:04.2' from then on."""
    tenths = round(time_s * 10)
    if tenths < 600:
        return f"{time_s:.2f} s"
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def fact_name(key: str) -> str:
    """A fact's key for people: 'bitrate_bps' is 'Bitrate (bit/s)'.

    >>> fact_name("duration_s"), fact_name("double_compressed"), fact_name("GPS position")
    ('Duration (s)', 'Double compressed', 'GPS position')
    """
    stem, _, unit = key.rpartition("_")
    text = f"{stem} ({_UNITS[unit]})" if stem and unit in _UNITS else key
    return plain(text.replace("_", " ")[:1].upper() + text.replace("_", " ")[1:])


def fact_text(value: FactValue) -> str:
    """A container fact for people."""
    if value is None or value != value:  # NaN is the one number that differs from itself
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 100_000 else str(value)
    return plain(str(value))


def plain(text: str) -> str:
    """Text from a file, made safe to look at: control, bidirectional and surrogate characters become \\uXXXX.

    A file name may carry terminal commands or turn the reading direction so that 'gpj.exe' looks like 'exe.jpg'.
    The two joiners that Persian and Indic spelling needs stay.
    """

    if text.isascii() and text.isprintable():  # most text, and all of a picture's base64
        return text

    def hidden(c: str) -> bool:
        return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\u200c\u200d"

    return "".join(f"\\u{ord(c):04x}" if hidden(c) else c for c in text)
