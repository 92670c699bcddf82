"""What a line of metadata says of a file's making: programs that generate, programs that edit, cameras.

Anyone can write such a line into any file and any program can remove it: a finding is a hint, never proof.
"""

from __future__ import annotations

import re
from typing import Final

from likeness.provenance.credentials_sources import says as source_says
from likeness.provenance.credentials_sources import short_source
from likeness.types import ClaimContent

GENERATORS: Final = re.compile(
    r"\b(?:stable[ -]?diffusion|sdxl|automatic1111|comfyui|invokeai|novelai|midjourney|dall[-·. ]?e\b|openai|"
    r"chatgpt|gpt-image|adobe firefly|firefly image|made with google ai|google ai|nano banana|ideogram|"
    r"leonardo\.ai|fooocus|civitai|flux\.1|black forest labs|bing image creator|microsoft designer|meta ai|"
    r"imagined with ai|runway(?:ml)?|pika ?labs|kling ai|luma ?ai|heygen|synthesia|facefusion|deepfacelab|"
    r"deepfacelive|simswap|deep-live-cam|wav2lip|sadtalker|liveportrait|deepswap|akool|"
    r"this ?person ?does ?not ?exist|stylegan)\b",
    re.IGNORECASE,
)
"""Names that mean a generator wherever they stand."""
AMBIGUOUS: Final = re.compile(
    r"\b(?:imagen|gemini|grok|xai|draw things|kling|dream machine|sora|d-id|hedra|faceswap|roop|rope|reface|"
    r"leonardo ?ai|flux|pika|likeness)\b",
    re.IGNORECASE,
)
"""Words of everyday language too: they count only where a program names itself."""
EDITORS: Final = re.compile(
    r"\b(?:photoshop|lightroom|gimp|snapseed|affinity|pixelmator|faceapp|facetune|meitu|beautyplus|picsart|canva|"
    r"capcut|premiere|after effects|davinci|final cut|imovie|paint\.net|paintshop|krita|capture one|darktable|"
    r"luminar|topaz|remini|imagemagick)\b",
    re.IGNORECASE,
)
_PROMPT_KEYS = {
    "parameters": "Stable Diffusion web interface",
    "prompt": "ComfyUI",
    "workflow": "ComfyUI",
    "dream": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "invokeai_metadata": "InvokeAI",
    "invokeai_graph": "InvokeAI",
    "generation_data": "a text-to-image program",
    "fooocus_scheme": "Fooocus",
    "aigc": "a labelled generator",
}
_PROMPT_SIGNS = re.compile(
    r"Steps: \d+|\"class_type\"|Sampler: |CFG scale|\"cfg_scale\"|Negative prompt:|\"seed\"|"
    r"\"positive_prompt\"|ServiceProvider|\"nodes\""
)
_PROGRAM_KEYS = re.compile(
    r"software|creatortool|encoder|writing ?app|muxing ?app|tool|generator|aisystem|producer|program",
    re.IGNORECASE,
)
_SPEAKING_KEYS = re.compile(
    _PROGRAM_KEYS.pattern
    + r"|comment|description|credit|history|title|artist|author|source|creator",
    re.IGNORECASE,
)
_PROGRAMS: tuple[tuple[re.Pattern[str], ClaimContent, re.Pattern[str]], ...] = (
    (GENERATORS, "generated", _SPEAKING_KEYS),
    (AMBIGUOUS, "generated", _PROGRAM_KEYS),
    (EDITORS, "edited", _PROGRAM_KEYS),
)
_CAMERA_KEYS = {"make", "model", "camera make", "camera model"}


def judge(key: str, value: str) -> tuple[ClaimContent | None, str]:
    """What one line says, and which program it names.

    Args:
        key: its name, such as Software, parameters or DigitalSourceType.
        value: its text.

    Returns:
        generated, edited or captured, or None for a line that says neither; and the program, or "".
    """
    name = key.lower().split(":")[-1]
    if name == "digitalsourcetype":
        source = short_source(value) or value.rsplit("/", 1)[-1]
        return source_says([source]), ""
    if name == "aisystemused":
        return "generated", value
    if name in _PROMPT_KEYS and _PROMPT_SIGNS.search(value):
        return "generated", _PROMPT_KEYS[name]
    if name in _CAMERA_KEYS:
        return "captured", ""
    if _SPEAKING_KEYS.search(name):
        for pattern, content, where in _PROGRAMS:
            found = pattern.search(value) if where.search(name) else None
            if found:
                return content, found.group()
        if name in ("comment", "description", "usercomment") and re.search(
            r"Steps: \d+, |Job ID: [0-9a-f-]{30,}", value
        ):
            return "generated", "a text-to-image program"
    return None, ""
