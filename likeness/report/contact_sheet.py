"""A contact sheet: small pictures of a face set in groups, with what was counted, as one self-contained HTML file.

Pictures arrive as JPEG bytes that `media.encode_original` made of input frames; the room encodes none itself.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from likeness.report.wording import plain


@dataclass(frozen=True)
class SheetFace:
    """One picture.

    Attributes:
        jpeg: its bytes.
        name: what to call the face on the command line.
        caption: one short line of facts.
        origin: file and time, shown where the pointer rests and to those who do not see.
    """

    jpeg: bytes
    name: str
    caption: str
    origin: str


@dataclass(frozen=True)
class SheetGroup:
    """Faces under one heading.

    Attributes:
        title: the heading.
        note: one sentence below it.
        faces: those that are shown.
        total: how many there are; more than are shown is said.
    """

    title: str
    note: str
    faces: Sequence[SheetFace]
    total: int


@dataclass(frozen=True)
class SheetTable:
    """A table of counts: a heading, the column names, the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


_CSS = """
:root{color-scheme:light dark;--line:#8885;--soft:#8882}
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:80rem;padding:0 1rem}
h1{font-size:1.4rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:1.6rem 0 .2rem}
p{margin:.2rem 0 .6rem}ul{margin:.3rem 0 .8rem;padding-left:1.2rem}
table{border-collapse:collapse;margin:.4rem 0 1rem}td,th{border:1px solid var(--line);padding:.2rem .6rem;text-align:left}
td+td{text-align:right;font-variant-numeric:tabular-nums}
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:.5rem;padding:0;list-style:none}
.faces li{background:var(--soft);border-radius:4px;padding:4px}
.faces img{width:96px;height:96px;object-fit:contain;display:block;margin:auto}
.faces span{display:block;font-size:.68rem;line-height:1.25;overflow-wrap:anywhere}
.name{opacity:.7}.warn{border-left:4px solid #c60;padding-left:.6rem}
"""


def render_contact_sheet(
    title: str,
    lines: Sequence[str],
    warnings: Sequence[str],
    tables: Sequence[SheetTable],
    groups: Sequence[SheetGroup],
) -> str:
    """The sheet as one HTML document without script or outside request; all text is escaped.

    Args:
        title: of the page.
        lines: what the set is, one sentence each.
        warnings: what the reader should act on.
        tables: counts.
        groups: pictures.
    """
    import jinja2
    from markupsafe import Markup

    digest = base64.b64encode(hashlib.sha256(_CSS.encode("utf-8")).digest()).decode("ascii")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters["data"] = lambda jpeg: Markup(base64.b64encode(jpeg).decode("ascii"))
    return environment.from_string(_TEMPLATE).render(
        css=Markup(_CSS),
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'",
        title=title,
        lines=lines,
        warnings=warnings,
        tables=tables,
        groups=groups,
    )


_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ css }}</style></head><body>
<h1>{{ title }}</h1>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% for line in warnings %}<p class="warn">{{ line }}</p>{% endfor %}
{% for table in tables %}
<h2>{{ table.title }}</h2>
<table><thead><tr>{% for c in table.columns %}<th scope="col">{{ c }}</th>{% endfor %}</tr></thead><tbody>
{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% endfor %}
{% for group in groups %}
<h2>{{ group.title }} ({{ group.total }})</h2>
<p>{{ group.note }}{% if group.faces|length < group.total %} Shown: {{ group.faces|length }}, evenly spread.{% endif %}</p>
<ul class="faces">
{% for face in group.faces %}
<li title="{{ face.origin }}"><img alt="face of {{ face.origin }}" src="data:image/jpeg;base64,{{ face.jpeg|data }}"><span>{{ face.caption }}</span><span class="name">{{ face.name }}</span></li>
{% endfor %}</ul>
{% endfor %}
</body></html>
"""
