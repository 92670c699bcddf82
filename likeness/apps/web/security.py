"""Who may ask: session, Host and Origin checks, forgery tokens, and the headers that every answer carries.

A page of another site can make a browser send requests to this machine, and can point its own name at 127.0.0.1 (DNS
rebinding). Hence: the Host header must be one of ours, a request that changes anything must come from our own origin and
carry a token that only our pages know, and nothing is answered without the session.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from likeness.apps.web.problems import PLAIN, Problem
from likeness.apps.web.settings import Settings

COOKIE: Final = "likeness-session-{port}"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
MOST_ADDRESS_BYTES: Final = 8 << 10
MOST_HEADER_BYTES: Final = 32 << 10
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_OPEN_PATHS: Final = ("/static/", "/enter", "/favicon.ico")
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

PAGE_POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
REPORT_POLICY: Final = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
FILE_POLICY: Final = "sandbox; default-src 'none'"
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer browsers send "Origin: null" along with our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "content-security-policy": PAGE_POLICY,
    "cache-control": "no-store",
}


def cookie_name(settings: Settings) -> str:
    """Cookies do not tell ports apart, so their name does."""
    return COOKIE.format(port=settings.port)


def session_value(settings: Settings) -> str:
    """What the cookie holds: not the token itself, which may lie in a terminal's log."""
    return _derived(settings.token, "session")


def csrf_token(settings: Settings) -> str:
    """What our own pages send along with everything that changes something."""
    return _derived(settings.token, "csrf")


def same(given: str, expected: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def check_request(request: Request, settings: Settings) -> None:
    """Everything that can be said before the body is read.

    Raises:
        Problem: 400, 401, 403 or 405.
    """
    check_size(request)
    check_host(request, settings)
    if request.method in ("TRACE", "CONNECT", "OPTIONS"):
        raise Problem(405, PLAIN[405])
    if request.method not in SAFE_METHODS:
        check_origin(request, settings)
    if not request.url.path.startswith(_OPEN_PATHS) and not (
        has_bearer(request, settings) or has_session(request, settings)
    ):
        raise Problem(401, PLAIN[401])


def check_size(request: Request) -> None:
    """Raise `Problem` on an address or headers that are longer than any of ours."""
    scope = request.scope
    if scope.get("http_version") not in ("1.0", "1.1"):
        raise Problem(400, PLAIN[400])
    if (
        len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
        > MOST_ADDRESS_BYTES
    ):
        raise Problem(414, "The address is too long.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
        raise Problem(431, "The headers of the request are too long.")


def check_host(request: Request, settings: Settings) -> None:
    """Raise `Problem` unless the one Host header names this workbench."""
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or not _is_ours(hosts[0], settings):
        raise Problem(400, "This workbench is not called that. Open the address that it printed.")


def check_origin(request: Request, settings: Settings) -> None:
    """Raise `Problem` if the browser says that another site asks; programs send neither header."""
    origins = request.headers.getlist("origin")
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not _is_ours(parts.netloc, settings):
            raise Problem(403, PLAIN[403])
        if parts.netloc.lower() != request.headers["host"].lower():
            raise Problem(403, PLAIN[403])
    if len(origins) > 1 or request.headers.get("sec-fetch-site", "none") not in (
        "same-origin",
        "none",
    ):
        raise Problem(403, PLAIN[403])


def has_bearer(request: Request, settings: Settings) -> bool:
    """Whether a program shows the token itself; browsers never send this header on their own."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and same(given.strip(), settings.token)


def has_session(request: Request, settings: Settings) -> bool:
    """Whether the browser has been let in."""
    return same(request.cookies.get(cookie_name(settings), ""), session_value(settings))


def needs_csrf(request: Request, settings: Settings) -> bool:
    """Whether the request changes something on behalf of a browser."""
    return request.method not in SAFE_METHODS and not has_bearer(request, settings)


def check_csrf(request: Request, settings: Settings, first_bytes: bytes) -> None:
    """Raise `Problem` unless header or first field of the form holds the token.

    Args:
        request: headers.
        settings: whose token.
        first_bytes: the beginning of the body.
    """
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = first_field(request.headers.get("content-type", ""), first_bytes)
    if not same(given, csrf_token(settings)):
        raise Problem(
            403, "The page is too old or not ours. Load it again and repeat what you did."
        )


def first_field(content_type: str, first_bytes: bytes) -> str:
    """The token of a form, empty if there is none: a field of its own, in multipart forms the first one."""
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(first_bytes.decode("ascii", "replace"), max_num_fields=100)
        except ValueError:
            return ""
        return fields.get(CSRF_FIELD, [""])[0]
    boundary = re.search(r'boundary="?([^";]{1,200})"?', rest)
    if kind != "multipart/form-data" or boundary is None:
        return ""
    head = re.escape(f"--{boundary.group(1)}\r\n".encode())
    shape = rb'(?i:content-disposition: form-data; name="?csrf"?)\r\n(?:[^\r\n]+\r\n)*\r\n([0-9a-f]{64})\r\n--'
    found = re.match(head + shape, first_bytes)
    return found.group(1).decode("ascii") if found else ""


def _derived(token: str, purpose: str) -> str:
    return hmac.new(token.encode(), f"likeness {purpose}".encode(), hashlib.sha256).hexdigest()


def _is_ours(netloc: str, settings: Settings) -> bool:
    """Whether `name` or `name:port` is this workbench."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?", netloc)
    if not found:
        return False
    name, port = found.group(1).lower(), int(found.group(2) or 80)
    if port != settings.port:
        return False
    if name in settings.allowed_hosts or (settings.loopback and name in _LOOPBACK_NAMES):
        return True
    if settings.loopback:
        return name.strip("[]") == settings.host
    # Beyond loopback: an address cannot be rebound, a name can.
    return name == settings.host.lower() or _is_address(name.strip("[]"))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
