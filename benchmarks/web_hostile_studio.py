"""The hostile requests of `web_hostile.py` to the studio: everything that makes, shows or forgets faces of people."""

from __future__ import annotations

from collections.abc import Iterator

from web_hostile_requests import FORM, PNG, Hostile, Known, form, http, part

PAGES = (
    "/studio", "/studio/consent", "/studio/people/{id}", "/studio/people/{id}/faces", "/studio/people/{id}/delete",
    "/studio/people/{id}/reference/1", "/studio/people/{id}/footage/clip.mp4", "/studio/pairs/{id}", "/studio/pairs/{id}/delete",
    "/studio/pairs/{id}/training", "/studio/pairs/{id}/forget-run", "/studio/pairs/{id}/previews/step_000000060.png",
    "/studio/swaps/{id}", "/studio/swaps/{id}/delete", "/studio/swaps/{id}/result", "/studio/swaps/{id}/report.html",
    "/studio/synthetic/{id}", "/studio/synthetic/{id}/person_0007.png", "/studio/synthetic/{id}/record/7",
)  # fmt: skip
ACTIONS = (
    "/studio/people/{id}/delete", "/studio/people/{id}/extract", "/studio/people/{id}/faces", "/studio/jobs/{id}/cancel",
    "/studio/pairs/{id}/report", "/studio/pairs/{id}/delete", "/studio/pairs/{id}/train", "/studio/pairs/{id}/stop",
    "/studio/pairs/{id}/forget-run", "/studio/pairs/{id}/swap", "/studio/swaps/{id}/delete",
    "/studio/synthetic/{id}/cancel", "/studio/synthetic/{id}/delete",
)  # fmt: skip
UPLOADS = ("/studio/consent", "/studio/files")
PAIRING = "/studio/pairs"
UNKNOWN = "0" * 16
SIMPLE = "application/x-www-form-urlencoded"
NAMES = ("..%2f..%2fstudio.db", "%2e%2e", "%00", "a" * 5000, "%c0%af", "con")
FIELDS = {
    "/studio/pairs/{id}/train": b"minutes=1&generator=autoencoder_light",
    "/studio/pairs/{id}/swap": b"target=clip.mp4&generator=landmark_swap",
}


def studio_requests(known: Known) -> list[Hostile]:
    """All of them, always the same."""
    kinds = {
        "studio: missing token": no_token,
        "studio: forged Origin": origins,
        "studio: no CSRF token": no_csrf,
        "studio: traversal and strange names": names,
        "studio: wrong fields": wrong_fields,
        "studio: no consent": no_consent,
    }
    return [Hostile(kind, *case) for kind, made in kinds.items() for case in made(known)]


def post(known: Known, path: str, fields: bytes = b"", **headers: str | None) -> bytes:
    """A form of the studio, filled in."""
    return http(known, "POST", path, fields or b"x=1", **{"Content_Type": SIMPLE, **headers})


def no_token(known: Known) -> Iterator[tuple[str, bytes]]:
    """Every address without the session."""
    for path in (*PAGES, *UPLOADS[:1]):
        yield f"GET {path}", http(known, "GET", path.format(id=UNKNOWN), Authorization=None)
    for path in (*ACTIONS, *UPLOADS, PAIRING):
        yield f"POST {path}", post(known, path.format(id=UNKNOWN), Authorization=None)


def origins(known: Known) -> Iterator[tuple[str, bytes]]:
    """A page of another site that lets the browser of a person who is logged in act."""
    inside = {"Authorization": None, "Cookie": known.cookie, "X_CSRF_Token": known.csrf}
    for path in (*ACTIONS, *UPLOADS, PAIRING):
        place = path.format(id=UNKNOWN)
        yield f"{path} from elsewhere", post(known, place, Origin="http://evil.example", **inside)
        yield f"{path} across sites", post(known, place, Sec_Fetch_Site="cross-site", **inside)


def no_csrf(known: Known) -> Iterator[tuple[str, bytes]]:
    """A session, but not the token of our forms."""
    inside = {"Authorization": None, "Cookie": known.cookie}
    for path in (*ACTIONS, *UPLOADS, PAIRING):
        yield path, post(known, path.format(id=UNKNOWN), **inside)


def names(known: Known) -> Iterator[tuple[str, bytes]]:
    """Names that lead elsewhere, that do not exist or that no file could have."""
    for path in (p for p in PAGES if "{id}" in p):
        for name in (UNKNOWN, *NAMES):
            yield f"{path} of {name[:20]}", http(known, "GET", path.format(id=name))
    for path in ACTIONS:
        for name in (UNKNOWN, NAMES[0], NAMES[2]):
            fields = FIELDS.get(path, b"")
            yield f"POST {path} of {name[:20]}", post(known, path.format(id=name), fields)


def wrong_fields(known: Known) -> Iterator[tuple[str, bytes]]:
    """Numbers that are none, people who do not exist, far too much of something."""
    train, swap = (path.format(id=UNKNOWN) for path in FIELDS)
    for minutes in (b"-1", b"0", b"nan", b"inf", b"1e9", b"x", b""):
        yield f"minutes {minutes!r}", post(known, train, b"generator=a&minutes=" + minutes)
    yield "a generator of a page", post(known, swap, b"target=a&generator=" + b"x" * 100)
    yield "a pair of nobody", post(known, PAIRING, b"source=" + UNKNOWN.encode() + b"&target=x")
    yield "half a pair", post(known, PAIRING, b"source=x")
    yield "10,000 faces", post(known, f"/studio/people/{UNKNOWN}/faces", b"drop=a&" * 10_000)
    for count in (b"0", b"-1", b"1000000", b"x", b""):
        yield (
            f"{count!r} people",
            post(known, "/studio/synthetic", b"seed=1&generator=light_gan&count=" + count),
        )
    yield (
        "a generator of a page",
        post(known, "/studio/synthetic", b"count=1&seed=1&generator=restore"),
    )
    yield "page -1", http(known, "GET", f"/studio/people/{UNKNOWN}/faces?page=-1")


def no_consent(known: Known) -> Iterator[tuple[str, bytes]]:
    """Pictures of a person without a record, and records that say nothing."""
    asked = {
        "nothing but a file": {},
        "no statement": {"subject": "Eve", "basis": "own_likeness", "purpose": "research", "expires": "2099-01-01"},
        "a basis that is none": {"subject": "Eve", "basis": "found_it", "purpose": "research", "expires": "2099-01-01"},
        "expired": {"subject": "Eve", "basis": "own_likeness", "purpose": "research", "expires": "2001-01-01"},
        "a purpose that is none": {"subject": "Eve", "basis": "own_likeness", "purpose": "fun", "expires": "2099-01-01"},
        "no name": {"subject": "", "basis": "own_likeness", "purpose": "research", "expires": "2099-01-01"},
    }  # fmt: skip
    for what, fields in asked.items():
        stated = {} if what == "no statement" else {"attest_age": "yes", "attest_use": "yes"}
        parts = [part(v.encode(), k, None) for k, v in {**fields, **stated}.items()]
        body = form(*parts, part(b"%PDF-1.4 consent", "file", "consent.pdf"))
        yield f"record: {what}", http(known, "POST", "/studio/consent", body, Content_Type=FORM)
    for person in ("", UNKNOWN, "../../etc"):
        body = form(part(person.encode(), "person", None), part(PNG + bytes(99)))
        yield (
            f"picture of {person!r}",
            http(known, "POST", "/studio/files", body, Content_Type=FORM),
        )
    empty = form(part(UNKNOWN.encode(), "person", None))
    yield "no picture", http(known, "POST", "/studio/files", empty, Content_Type=FORM)
