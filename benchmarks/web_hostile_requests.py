"""The 300 hostile requests of `web_hostile.py`, as the bytes that go over the line."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from web_workbench import BOUNDARY, TOKEN, chunk

PNG = b"\x89PNG\r\n\x1a\n"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
UPLOAD_MB = 4


@dataclass(frozen=True)
class Hostile:
    """One request: what it tries, in words, and its bytes."""

    kind: str
    what: str
    data: bytes


@dataclass(frozen=True)
class Known:
    """What a hostile page or program may know: the port, a job, and for some cases more than it should."""

    port: int
    job: str
    cookie: str
    csrf: str


def requests(known: Known) -> list[Hostile]:
    """All of them, always the same."""
    made = [
        *_made("traversal", traversal(known), 60),
        *_made("oversize", oversize(known), 40),
        *_made("wrong type", wrong_type(known), 50),
        *_made("bomb", bombs(known), 20),
        *_made("broken multipart", broken(known), 40),
        *_made("forged Host", hosts(known), 25),
        *_made("forged Origin", origins(known), 25),
        *_made("missing token", tokens(known), 25),
        *_made("no HTTP", nonsense(known), 15),
    ]
    assert len(made) == 300
    return made


def _made(kind: str, found: Iterator[tuple[str, bytes]], expected: int) -> list[Hostile]:
    cases = [Hostile(kind, what, data) for what, data in found]
    assert len(cases) == expected, (kind, len(cases))
    return cases


def http(known: Known, method: str, path: str, body: bytes = b"", **headers: str | None) -> bytes:
    """A request with the token; `headers` replace (None: leave out) what it would say otherwise."""
    said: dict[str, str | None] = {
        "Host": f"127.0.0.1:{known.port}",
        "Authorization": f"Bearer {TOKEN}",
        "Connection": "close",
    }
    if body:
        said["Content-Length"] = str(len(body))
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in said.items() if v is not None)]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def part(data: bytes, name: str = "file", filename: str | None = "a.png", extra: str = "") -> bytes:
    """One part of a form, without the last boundary."""
    given = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{given}\r\n{extra}\r\n'
    return head.encode("utf-8", "surrogateescape") + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def upload(known: Known, body: bytes, **headers: str | None) -> bytes:
    """A form on its way to the jobs."""
    return http(known, "POST", "/api/jobs", body, **{"Content_Type": FORM, **headers})


def traversal(known: Known) -> Iterator[tuple[str, bytes]]:
    """Ways out of the folder: in job numbers, in names of result files, in names of static files, in uploads."""
    ways = (
        "../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%5c..%5c..%5cwindows%5cwin.ini",
        "....//....//etc/passwd",
        "%252e%252e%252fetc%252fpasswd",
        "..%c0%af..%c0%afetc/passwd",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "meta.json%00.png",
        "../jobs.sqlite",
        "..%2fmeta.json",
        "~root/.ssh/id_rsa",
        "file:///etc/passwd",
        "..;/..;/etc/passwd",
        "%2e%2e%2f%2e%2e%2fuploads",
    )
    for way in ways:
        yield f"job {way}", http(known, "GET", f"/api/jobs/{way}")
        yield f"result {way}", http(known, "GET", f"/api/jobs/{known.job}/files/{way}")
        yield f"static {way}", http(known, "GET", f"/static/{way}")
    for way in (
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "0" * 16,
        "' OR 1=1 --".replace(" ", "%20"),
    ):
        yield f"delete {way}", http(known, "DELETE", f"/api/jobs/{way}")
    names = (
        "../../../tmp/evil",
        "/etc/cron.d/evil",
        "..\\..\\evil",
        "a\0.png",
        "evil.png/../../x",
        "|id",
        "$(id)",
        "CON",
    )
    for name in names:
        yield (
            f"upload called {name!r}",
            upload(known, form(part(b"#!/bin/sh\nid\n", filename=name))),
        )


def oversize(known: Known) -> Iterator[tuple[str, bytes]]:
    """Too much of anything."""
    for power in (34, 40, 50, 62, 63, 64, 80):
        yield f"says it has 2^{power} bytes", upload(known, b"", Content_Length=str(2**power))
        path = f"/api/jobs/{known.job}/cancel"
        yield f"form that says 2^{power}", http(known, "POST", path, Content_Length=str(2**power))
    large = PNG + bytes((UPLOAD_MB << 20) + 1)
    for name in ("a.png", "b.mp4", "c.wav"):
        yield f"file beyond the limit {name}", upload(known, form(part(large, filename=name)))
    lengths = hex(len(large))[2:].encode()
    chunked = lengths + b"\r\n" + large + b"\r\n0\r\n\r\n"
    for path in ("/api/jobs", f"/api/jobs/{known.job}/derive", "/api/verify-report"):
        data = http(known, "POST", path, Transfer_Encoding="chunked", Content_Type=FORM) + chunked
        yield f"chunks without end to {path}", data
    for size in (70_000, 200_000, 1_000_000):
        yield f"form of {size}", http(known, "POST", f"/api/jobs/{known.job}/cancel", b"x" * size)
        yield (
            f"json of {size}",
            http(known, "POST", f"/api/jobs/{known.job}/derive", b'"' + b"x" * size + b'"'),
        )
    yield "201 files", upload(known, form(*(part(PNG + bytes([n]) * 20) for n in range(201))))
    yield "field of 100 kB", upload(known, form(part(b"x" * 100_000, "options", None)))
    yield "100 fields", upload(known, form(*(part(b"x", f"f{n}", None) for n in range(100))))
    yield (
        "options of 10 kB",
        upload(known, form(part(b'{"a":"' + b"x" * 10_000 + b'"}', "options", None), part(PNG))),
    )
    for size in (40_000, 100_000):
        yield f"address of {size}", http(known, "GET", "/api/jobs/" + "a" * size)
        yield f"query of {size}", http(known, "GET", "/api/jobs?query=" + "a" * size)
        yield f"header of {size}", http(known, "GET", "/api/jobs", X_Long="a" * size)
        yield f"cookie of {size}", http(known, "GET", "/api/jobs", Cookie="a=" + "a" * size)
    yield (
        "5,000 headers",
        http(known, "GET", "/api/jobs", **{f"X-{n}": "a" * 20 for n in range(5000)}),
    )
    yield "name of 100 kB", upload(known, form(part(PNG, filename="a" * 100_000)))


def wrong_type(known: Known) -> Iterator[tuple[str, bytes]]:
    """What is no picture, video or recording, whatever it is called and whatever it says it is."""
    archive, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../evil.png", "x")
    with tarfile.open(fileobj=tar, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("../../evil.png"))
    contents = {
        "pdf": b"%PDF-1.7\n1 0 obj",
        "zip": archive.getvalue(),
        "tar": tar.getvalue(),
        "gzip": gzip.compress(b"x" * 1000),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(100),
        "exe": b"MZ" + bytes(100),
        "shell": b"#!/bin/sh\nrm -rf /\n",
        "python": b"import os\nos.system('id')\n",
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix",
        "html": b"<!doctype html><script>alert(1)</script>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "xml entities": b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
        "playlist": b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\nfile:///etc/passwd\n",
        "concat script": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "stream description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        "dash": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>",
        "json": b'{"schema": "likeness-report/1"}',
        "text": b"just words",
        "zeros": bytes(5000),
        "random": bytes((i * 7919 >> 3) & 255 for i in range(5000)),
        "sqlite": b"SQLite format 3\0" + bytes(100),
        "postscript": b"%!PS\n(/etc/passwd) (r) file",
        "imagemagick": b"push graphic-context\nimage over 0,0 0,0 'https://evil.example/'\n",
    }
    for what, content in contents.items():
        yield f"{what} called .png", upload(known, form(part(content)))
        said = part(content, filename="clip.mp4", extra="Content-Type: video/mp4\r\n")
        yield f"{what} called .mp4", upload(known, form(said))
    yield "nothing", upload(known, form(part(b"")))
    for kind in ("application/json", "text/plain", "application/octet-stream"):
        yield f"a body of {kind}", upload(known, PNG + bytes(100), Content_Type=kind)


def bombs(known: Known) -> Iterator[tuple[str, bytes]]:
    """Small requests that grow."""
    packed = gzip.compress(bytes(50 << 20))
    for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
        yield f"body packed with {encoding}", upload(known, packed, Content_Encoding=encoding)
    deep = b"[" * 15_000
    for what, options in {
        "deep lists": deep,
        "deep objects": b'{"a":' * 5_000,
        "long number": b'{"a": ' + b"1" * 15_000 + b"}",
        "huge exponent": b'{"a": 1e999999}',
        "same key": b"{" + b'"a":1,' * 2_000 + b'"b":1}',
        "surrogates": b'{"a": "\\ud800"}',
        "not a number": b"NaN",
        "detectors": json.dumps({"detectors": ["x"] * 500}).encode(),
    }.items():
        yield (
            f"options: {what}",
            upload(known, form(part(options, "options", None), part(PNG + bytes(50)))),
        )
        if what in ("deep lists", "deep objects", "long number"):
            path = f"/api/jobs/{known.job}/derive"
            yield (
                f"body: {what}",
                http(known, "POST", path, options, Content_Type="application/json"),
            )
    yield (
        "10,000 parts",
        upload(known, form(*(part(b"", f"f{n % 9}", None) for n in range(10_000)))),
    )
    yield "part with 3,000 headers", upload(known, form(part(PNG, extra="X: y\r\n" * 3_000)))
    yield (
        "header of a part of 1 MB",
        upload(known, form(part(PNG, extra=f"X: {'y' * (1 << 20)}\r\n"))),
    )
    yield "4 MB of boundary dashes", upload(known, b"\r\n--" * (1 << 20))
    yield "zlib stream as a file", upload(known, form(part(zlib.compress(bytes(50 << 20), 9))))


def broken(known: Known) -> Iterator[tuple[str, bytes]]:
    """Forms that are none."""
    good = form(part(PNG + bytes(200)))
    for cut in (1, 2, 4, 10, 20, 40, 60, 100, 150, 200):
        yield f"{cut} bytes short", upload(known, good[:-cut] if cut > 2 else good[: -cut - 2])
    for at in (0, 1, 2, 10, 20, 30, 40, 60):
        changed = good[:at] + b"\x00" + good[at + 1 :]
        yield f"byte {at} is zero", upload(known, changed)
    kinds = (
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other",
        f"multipart/form-data; boundary={'x' * 300}", f"multipart/mixed; boundary={BOUNDARY}",
        "multipart/form-data; boundary=\"", "multipart/form-data boundary=x", ";;;", "multipart/form-data; boundary=é",
    )  # fmt: skip
    for kind in kinds:
        yield f"type {kind[:50]}", upload(known, good, Content_Type=kind)
    line = f"--{BOUNDARY}\r\n".encode()
    bodies = {
        "empty": b" ",
        "only the end": form(),
        "no disposition": form(line + b"\r\n" + PNG + b"\r\n"),
        "disposition without name": form(line + b"Content-Disposition: form-data\r\n\r\nx\r\n"),
        "attachment": form(
            line + b'Content-Disposition: attachment; name="file"; filename="a"\r\n\r\nx\r\n'
        ),
        "another field": form(part(PNG, "photo")),
        "two colons": form(line + b"::\r\n\r\nx\r\n"),
        "header without colon": form(line + b"Content-Disposition\r\n\r\nx\r\n"),
        "bare line feeds": good.replace(b"\r\n", b"\n"),
        "bare returns": good.replace(b"\r\n", b"\r"),
        "form within a form": form(part(form(part(PNG)))),
        "a field instead of a file": form(part(PNG, "file", None)),
        "percent form": b"file=%89PNG",
    }
    for what, body in bodies.items():
        yield what, upload(known, body)


def hosts(known: Known) -> Iterator[tuple[str, bytes]]:
    """Names of other sites that point here (DNS rebinding), and names that are none."""
    p = known.port
    names = (
        f"evil.example:{p}", "evil.example", f"127.0.0.1.evil.example:{p}", f"localhost.evil.example:{p}",
        f"127.0.0.1:{p}.evil.example", f"evil.example@127.0.0.1:{p}", f"127.0.0.1@evil.example:{p}", "127.0.0.1:1",
        f"127.0.0.1:{p}:{p}", f"0.0.0.0:{p}", f"192.168.1.1:{p}", f"[::2]:{p}", f"[::1:{p}", f"2130706433:{p}",
        f"0x7f000001:{p}", f"127.1:{p}", f"localhost.:{p}", f"127.0.0.1:{p}/", f"127.0.0.1:{p}#", f"127.0.0.1 :{p}",
        f"127.0.0.1:{p}, evil.example", "-", f"127.0.0.1:{p}0",
    )  # fmt: skip
    for name in names:
        yield f"Host {name}", http(known, "GET", "/api/jobs", Host=name)
    yield "no Host", http(known, "GET", "/api/jobs", Host=None)
    yield "two Hosts", http(known, "GET", "/api/jobs", **{"host": f"127.0.0.1:{p}"})


def origins(known: Known) -> Iterator[tuple[str, bytes]]:
    """Pages of other sites that let the browser of a person who is logged in do something."""
    p = known.port
    inside = {"Authorization": None, "Cookie": known.cookie, "X_CSRF_Token": known.csrf}
    names = (
        "http://evil.example", f"http://evil.example:{p}", "https://evil.example", "null", "file://",
        f"http://localhost:{p}", f"http://127.0.0.1:{p + 1}", "http://127.0.0.1", f"http://127.0.0.1:{p}.evil.example",
        f"http://127.0.0.1:{p}@evil.example", f"ftp://127.0.0.1:{p}", f"chrome-extension://127.0.0.1:{p}", "x", "http://",
        f"http://127.0.0.1:{p} http://evil.example",
    )  # fmt: skip
    for name in names:
        yield f"Origin {name}", upload(known, form(part(PNG + bytes(99))), Origin=name, **inside)
    for site in ("cross-site", "same-site"):
        for method, path in (
            ("DELETE", f"/api/jobs/{known.job}"),
            ("POST", f"/api/jobs/{known.job}/cancel"),
            ("POST", f"/api/jobs/{known.job}/delete"),
            ("POST", f"/api/jobs/{known.job}/derive"),
            ("POST", "/api/verify-report"),
        ):
            yield (
                f"{site} {method} {path[-7:]}",
                http(known, method, path, Sec_Fetch_Site=site, **inside),
            )


def tokens(known: Known) -> Iterator[tuple[str, bytes]]:
    """Without the session, with a wrong one, and with a session but without the token of our forms."""
    job = known.job
    for path in ("/", "/history", f"/jobs/{job}", "/api/jobs", f"/api/jobs/{job}/source", f"/api/jobs/{job}/report.html", "/api/docs", "/api/openapi.json"):  # fmt: skip
        yield f"no token {path}", http(known, "GET", path, Authorization=None)
    yield "no token, upload", upload(known, form(part(PNG + bytes(9))), Authorization=None)
    yield "no token, delete", http(known, "DELETE", f"/api/jobs/{job}", Authorization=None)
    for wrong in (
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        "Bearer",
        f"Basic {TOKEN}",
        "Bearer \xff\xfe",
    ):
        yield f"token {wrong!r}", http(known, "GET", "/api/jobs", Authorization=wrong)
    name = known.cookie.partition("=")[0]
    for value in ("", "0" * 64, TOKEN):
        yield (
            f"cookie {value}",
            http(known, "GET", "/api/jobs", Authorization=None, Cookie=f"{name}={value}"),
        )
    yield "wrong key at the door", http(known, "GET", "/enter?token=wrong", Authorization=None)
    inside = {"Authorization": None, "Cookie": known.cookie}
    yield "no CSRF token, upload", upload(known, form(part(PNG + bytes(9))), **inside)
    late = form(part(PNG + bytes(9)), part(known.csrf.encode(), "csrf", None))
    yield "CSRF token behind the file", upload(known, late, **inside)
    yield (
        "wrong CSRF token",
        upload(known, form(part(b"0" * 64, "csrf", None), part(PNG)), **inside),
    )
    yield "no CSRF token, delete", http(known, "DELETE", f"/api/jobs/{job}", **inside)
    yield "no CSRF token, form", http(known, "POST", f"/api/jobs/{job}/delete", b"csrf=", Content_Type="application/x-www-form-urlencoded", **inside)  # fmt: skip
    yield "CSRF token as text", http(known, "POST", f"/api/jobs/{job}/delete", known.csrf.encode(), Content_Type="text/plain", **inside)  # fmt: skip


def nonsense(known: Known) -> Iterator[tuple[str, bytes]]:
    """What is no request, or two in one."""
    host = f"Host: 127.0.0.1:{known.port}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n".encode()
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        yield method, http(known, method, "/api/jobs")
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n"
    yield "no version", b"GET /\r\n\r\n"
    yield "version 9", b"GET / HTTP/9.9\r\n" + host + b"\r\n"
    yield "zeros", bytes(2000) + b"\r\n\r\n"
    yield (
        "length twice",
        b"POST /api/jobs HTTP/1.1\r\n"
        + host
        + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    )
    yield (
        "negative length",
        b"POST /api/jobs HTTP/1.1\r\n" + host + b"Content-Length: -5\r\n\r\nhello",
    )
    yield (
        "length and chunks",
        b"POST /api/jobs HTTP/1.1\r\n"
        + host
        + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    )
    yield (
        "broken chunk",
        b"POST /api/jobs HTTP/1.1\r\n"
        + host
        + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    )
    yield "space before colon", b"GET / HTTP/1.1\r\nHost : evil.example\r\n" + host + b"\r\n"
    yield "folded header", b"GET / HTTP/1.1\r\n folded: x\r\n" + host + b"\r\n"


def media_bombs() -> dict[str, bytes]:
    """Files that are taken, being of a known kind, and that no worker may choke on."""
    ihdr = (50_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    end = chunk(b"IEND", b"")
    sof = b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x11\x00\x02\x11\x01\x03\x11\x01"
    text = zlib.compress(bytes(64 << 20), 9)
    small = (64).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return {
        "png of 2.5 billion pixels": PNG + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(bytes(100))) + end,
        "png with 64 MB of packed text": PNG + chunk(b"IHDR", small) + chunk(b"zTXt", b"a\0\0" + text) + end,
        "png with more data than it says": PNG + chunk(b"IHDR", small) + chunk(b"IDAT", text) + end,
        "jpeg of 4.3 billion pixels": b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0" + sof + bytes(64),
        "gif of 4.3 billion pixels": b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x08\0;",
        "tiff with a loop": b"II*\0\x08\0\0\0\1\0\0\1\4\0\1\0\0\0\xff\xff\xff\x7f\x08\0\0\0",
        "webp without a picture": b"RIFF\xff\xff\xff\x7fWEBPVP8X\n\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(64),
        "mp4 that is a box in a box": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\x40\0moov" * 2000,
        "mp4 of 2^63 bytes": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\1mdat\x7f" + b"\xff" * 7 + bytes(100),
        "matroska without an end": b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(4000),
        "avi of nothing": b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\x7fhdrl" + bytes(500),
        "wav of 4 GB": b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\xff\xff\xff\xff\xff\x7f\0\0\0\0\1\0\x01\0data\xff\xff\xff\xff",
    }  # fmt: skip
