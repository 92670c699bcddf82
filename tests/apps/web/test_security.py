"""Nobody but our own pages and those who have the token; every refusal is one plain sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from likeness.apps.web import security
from likeness.apps.web.services import Services
from likeness.apps.web.settings import Settings
from tests.apps.web.workbench import TOKEN, browser, csrf, hand_in, png, settings, workbench

ORIGIN = {"origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Services]]:
    with workbench(tmp_path_factory.mktemp("security") / "d") as found:
        yield found


def test_nothing_without_the_session(bench: tuple[TestClient, Services]) -> None:
    client, _ = bench
    stranger = TestClient(client.app, base_url="http://127.0.0.1")
    for path in ("/", "/api/jobs", "/api/openapi.json", "/api/docs", "/history", "/nowhere"):
        assert stranger.get(path).status_code == 401, path
    assert stranger.post("/api/jobs", files={"file": png()}).status_code == 401
    assert stranger.get("/enter?token=wrong").status_code == 401
    assert stranger.get("/enter").status_code == 401
    for wrong in ("Bearer wrong", "Basic " + TOKEN, TOKEN, "Bearer"):
        assert stranger.get("/api/jobs", headers={"authorization": wrong}).status_code == 401
    assert client.get("/api/jobs").status_code == 200


def test_the_printed_address_lets_a_browser_in(bench: tuple[TestClient, Services]) -> None:
    client, services = bench
    stranger = TestClient(client.app, base_url="http://127.0.0.1")
    entered = stranger.get("/enter", params={"token": TOKEN}, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert stranger.get("/api/jobs").status_code == 200
    assert security.cookie_name(services.settings) in stranger.cookies


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "127.0.0.1:81",
        "127.0.0.1@evil.example",
        "127.0.0.1:80:80",
        "192.168.0.7",
        "",
        "[::1",
        "localhost.",
        "0.0.0.0",
    ],
)
def test_other_names_are_refused(bench: tuple[TestClient, Services], host: str) -> None:
    """DNS rebinding: another site's name that points here comes with its own Host header."""
    answer = bench[0].get("/api/jobs", headers={"host": host})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("This workbench is not called that")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:80"])
def test_our_own_names_are_not(bench: tuple[TestClient, Services], host: str) -> None:
    assert bench[0].get("/api/jobs", headers={"host": host}).status_code == 200


def test_beyond_loopback_addresses_and_given_names_are_ours(tmp_path: Path) -> None:
    given = settings(tmp_path / "x", host="0.0.0.0", allowed_hosts=("desk.lan",), port=8000)

    def ours(name: str, of: Settings = given) -> bool:
        return security._is_ours(name, of)

    assert ours("192.168.0.7:8000") and ours("desk.lan:8000") and ours("[fe80::1]:8000")
    assert not ours("evil.example:8000") and not ours("192.168.0.7")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost"},  # ours, but not the one that is asked
        {"origin": "http://127.0.0.1:81"},
        {"origin": "file://127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {**ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
def test_other_sites_change_nothing(
    bench: tuple[TestClient, Services], headers: dict[str, str]
) -> None:
    client, services = bench
    with browser(client) as inside:
        for ask in (
            lambda: inside.post(
                "/api/jobs", files={"file": png()}, headers={**headers, **csrf(services)}
            ),
            lambda: inside.delete(
                "/api/jobs/0123456789abcdef", headers={**headers, **csrf(services)}
            ),
        ):
            answer = ask()
            assert answer.status_code == 403
            assert (
                answer.json()["error"]
                == "The request did not come from this workbench's own pages."
            )


def test_a_browser_needs_the_token_of_our_forms(bench: tuple[TestClient, Services]) -> None:
    client, services = bench
    token = security.csrf_token(services.settings)
    with browser(client) as inside:

        def post(**how: object) -> int:
            return inside.post("/api/jobs", headers=ORIGIN, **how).status_code  # type: ignore[arg-type]

        file = ("a.png", png())
        assert post(files={"file": file}) == 403
        assert post(files={"csrf": (None, "0" * 64), "file": file}) == 403
        assert post(files={"file": file, "csrf": (None, token)}) == 403  # not the first field
        assert post(files={"csrf": (None, token), "file": file}) == 201
        wrong = inside.post("/api/jobs", files={"file": file}, headers={"x-csrf-token": token[:-1]})
        assert wrong.status_code == 403
        job = services.jobs().jobs[0].id
        assert inside.post(f"/api/jobs/{job}/cancel", data={"csrf": "x"}).status_code == 403
        assert inside.post(f"/api/jobs/{job}/cancel", data={"csrf": token}).status_code == 200
        assert inside.delete(f"/api/jobs/{job}").status_code == 403
        assert inside.delete(f"/api/jobs/{job}", headers=csrf(services)).status_code == 204


def test_tokens_are_not_the_secret_and_not_one_another(bench: tuple[TestClient, Services]) -> None:
    given = bench[1].settings
    made = {security.csrf_token(given), security.session_value(given), given.token}
    assert len(made) == 3


def test_every_answer_carries_the_headers(bench: tuple[TestClient, Services]) -> None:
    client, _ = bench
    for answer in (
        client.get("/api/jobs"),
        client.get("/nowhere"),
        client.get("/api/jobs", headers={"host": "evil.example"}),
        client.post("/api/jobs", content=b"x"),
    ):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers


def test_uploads_and_reports_cannot_act_in_our_origin(tmp_path: Path) -> None:
    from tests.apps.web.workbench import DONE, ended

    with workbench(tmp_path / "d", DONE, workers=1) as (client, _):
        job = ended(client, hand_in(client, png())["id"])["id"]
        for name in ("report.json", "report.html"):
            headers = client.get(f"/api/jobs/{job}/{name}").headers
            assert headers["content-disposition"].startswith("attachment")
            assert headers["content-security-policy"].startswith("sandbox")
        source = client.get(f"/api/jobs/{job}/source", headers={"range": "bytes=0-3"})
        assert (source.status_code, source.content) == (206, b"\x89PNG")
        assert source.headers["content-type"] == "image/png"
        assert source.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/jobs/../../etc/passwd", 404),
        ("GET", "/api/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("GET", "/api/jobs/0123456789abcdef/files/..%2fmeta.json", 404),
        ("GET", "/api/jobs/' OR 1=1 --", 404),
        ("GET", "/static/..%2fserver.py", 404),
        ("GET", "/static/../server.py", 404),
        ("GET", "/api/docs/..%2findex.html", 404),
        ("GET", "/api/jobs?page=x", 422),
        ("PUT", "/api/jobs", 405),
        ("PATCH", "/api/jobs/0123456789abcdef", 405),
        ("OPTIONS", "/api/jobs", 405),
        ("TRACE", "/", 405),
        ("POST", "/api/jobs/0123456789abcdef/derive", 422),
    ],
)
def test_wrong_addresses_get_a_sentence(
    bench: tuple[TestClient, Services], method: str, path: str, status: int
) -> None:
    answer = bench[0].request(method, path)
    assert answer.status_code == status
    assert re.fullmatch(r"[A-Z][^\n<>]{10,200}\.", answer.json()["error"])


def test_a_bug_shows_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Services, job_id: str) -> None:
        raise RuntimeError("secret /etc/passwd")

    monkeypatch.setattr(Services, "job", broken)
    with workbench(tmp_path / "d") as (client, _):
        answer = client.get("/api/jobs/0123456789abcdef")
        assert answer.status_code == 500
        assert "secret" not in answer.text and "Traceback" not in answer.text


def test_the_server_opens_no_media(tmp_path: Path) -> None:
    """Decoders live in workers; in a fresh interpreter, since other tests import them here."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.apps.web.workbench import *\n"
        "before = {m for m in ('cv2', 'av', 'PIL', 'torch', 'onnxruntime', 'sklearn') if m in sys.modules}\n"
        f"with workbench(Path({str(tmp_path / 'd')!r}), DONE, workers=1) as (client, services):\n"
        f"    data = bytes.fromhex({png().hex()!r})\n"
        "    job = ended(client, hand_in(client, data)['id'])['id']\n"
        "    for path in ('report.html', 'report.json', 'source'):\n"
        "        assert client.get(f'/api/jobs/{job}/{path}').status_code == 200\n"
        "    for path in ('/', '/history', '/api/docs', '/api/openapi.json'):\n"
        "        assert client.get(path).status_code == 200, path\n"
        "found = {m for m in ('cv2', 'av', 'torch', 'onnxruntime', 'sklearn') if m in sys.modules}\n"
        "assert not found - before, found\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_connections_that_say_nothing_are_closed(bench: tuple[TestClient, Services]) -> None:
    """Slow headers: a byte now and then holds no place for ever, and does not disturb those who ask."""
    import socket
    import threading

    import uvicorn

    from likeness.apps.web.connection import PatientProtocol

    class Impatient(PatientProtocol):
        idle_s = 0.3

    async def app(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, http=Impatient, ws="none", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        address = listening.getsockname()
        asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        for opening in (b"", b"GET / HTTP/1.1\r\nX: ", asked + b"GET"):
            with socket.create_connection(address, 10) as line:
                line.sendall(opening or b"\r\n")
                heard = b""
                while piece := line.recv(4096):
                    heard += piece
                assert heard.startswith(b"HTTP/1.1 204" if opening.startswith(asked) else b"")
        with socket.create_connection(address, 10) as line:
            for _ in range(4):
                line.sendall(asked)
                assert line.recv(4096).startswith(b"HTTP/1.1 204")
    finally:
        server.should_exit = True
        thread.join()


def test_a_body_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from likeness.apps.web import guard
    from likeness.apps.web.problems import Problem

    async def trickle() -> dict[str, object]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def silence() -> dict[str, object]:
        await asyncio.sleep(60)
        raise AssertionError

    for receive in (trickle, silence):
        body = guard._Body(receive, silence_s=0.1)  # type: ignore[arg-type]
        body.most = 1000
        with pytest.raises(Problem) as refused:
            asyncio.run(body.read_ahead(1000))
        assert refused.value.status == 408


def test_what_is_too_long_is_refused(bench: tuple[TestClient, Services]) -> None:
    client, _ = bench
    assert client.get("/api/jobs?query=" + "a" * 9000).status_code == 414
    assert client.get("/api/jobs", headers={"x-long": "a" * 40000}).status_code == 431


def test_the_token_of_our_forms_is_told_to_nobody_outside(
    bench: tuple[TestClient, Services],
) -> None:
    """Refusals are pages of ours: what every page carries must not stand in those that strangers see."""
    client, services = bench
    token = security.csrf_token(services.settings)
    stranger = TestClient(client.app, base_url="http://127.0.0.1")
    page = {"accept": "text/html"}
    for refused in (
        stranger.get("/", headers=page),
        stranger.get("/enter?token=x", headers=page),
        stranger.get("/", headers={**page, "host": "evil.example"}),
        stranger.post("/api/jobs", headers=page),
    ):
        assert refused.status_code in (400, 401)
        assert refused.headers["content-type"].startswith("text/html")
        assert token not in refused.text
    with browser(client) as inside:
        assert token in inside.get("/", headers=page).text


def test_only_our_own_files_are_kept_by_browsers(bench: tuple[TestClient, Services]) -> None:
    client, _ = bench
    static = next(p for p in (Path(security.__file__).parent / "static").rglob("*.css"))
    name = static.relative_to(Path(security.__file__).parent).as_posix()
    assert client.get(f"/{name}").headers["cache-control"] == "no-cache"
    assert client.get("/").headers["cache-control"] == "no-store"
