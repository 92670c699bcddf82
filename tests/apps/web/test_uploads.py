"""Uploads: whole or not at all, judged by content, and their names touch nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likeness.apps.web.problems import Problem
from likeness.apps.web.services import Services
from likeness.apps.web.uploads import Received, UploadLimits, clean_name, receive
from tests.apps.web.workbench import hand_in, png, workbench

TYPE = "multipart/form-data; boundary=B"


def part(data: bytes, name: str = "file", filename: str | None = "a.png") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename is not None else ""
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


def take(body: bytes, folder: Path, piece: int = 7, **limits: int) -> Received:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    most = UploadLimits(**{"file_bytes": 1 << 20, "files": 3, **limits})
    return asyncio.run(receive(stream(), TYPE, folder, most))


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_files_and_fields_arrive_to_the_bit(tmp_path: Path, piece: int) -> None:
    first, second = png(1), png(2, 40) + b"\r\n--C no boundary\r\n-\r\n--"
    body = (
        part(b"{}", "options", None) + part(first) + part(second, filename="ü.mp4") + b"--B--\r\n"
    )
    got = take(body, tmp_path, piece)
    assert got.fields == {"options": "{}"}
    assert [u.path.read_bytes() for u in got.uploads] == [first, second]
    assert [u.file_name for u in got.uploads] == ["a.png", "ü.mp4"]
    assert [u.media_type for u in got.uploads] == ["image/png", "image/png"]
    assert got.uploads[1].sha256 == hashlib.sha256(second).hexdigest()
    got.drop()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"--B", 400),
        (part(png()), 400),
        (part(png())[:-200], 400),
        (b"nonsense" * 100, 400),
        (b"--B\r\n\r\n" + png() + b"\r\n--B--\r\n", 400),
        (b"--B\r\nContent-Disposition: attachment\r\n\r\nx\r\n--B--\r\n", 400),
        (b"--B\r\nX: " + b"y" * 9000 + b"\r\n\r\nx\r\n--B--\r\n", 400),
        (b"--B\r\n" + b"X: y\r\n" * 500 + b"\r\nx\r\n--B--\r\n", 400),
        (part(b"") + b"--B--\r\n", 422),
        (part(png(), "other") + b"--B--\r\n", 422),
        (part(b"%PDF-1.7") + b"--B--\r\n", 415),
        (part(b"<svg xmlns='http://www.w3.org/2000/svg'/>") + b"--B--\r\n", 415),
        (part(b"#EXTM3U\nhttp://evil.example/a.ts", filename="a.mp4") + b"--B--\r\n", 415),
        (part(png() + bytes(1 << 20)) + b"--B--\r\n", 413),
        (part(png()) * 4 + b"--B--\r\n", 413),
        (part(b"x" * 20000, "options", None) + b"--B--\r\n", 413),
        (part(b"x", "f", None) * 9 + b"--B--\r\n", 413),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, body: bytes, status: int) -> None:
    with pytest.raises(Problem) as refused:
        take(body, tmp_path, 1000)
    assert refused.value.status == status
    assert refused.value.sentence.endswith(".")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=B"]
)
def test_other_kinds_of_body(tmp_path: Path, kind: str) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield part(png())

    with pytest.raises(Problem) as refused:
        asyncio.run(receive(stream(), kind, tmp_path, UploadLimits(1000, 1)))
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\face.png", "face.png"),
        ("a\x00b\r\nc\x1b[31m.png", "a b c [31m.png"),
        ("‮gnp.exe", "gnp.exe"),
        ("..", "unnamed file"),
        ("", "unnamed file"),
        ("/", "unnamed file"),
        ("  spaces   inside .png ", "spaces inside .png"),
        ("<script>alert(1)</script>.png", "script>.png"),
        ("x" * 300 + ".png", "x" * 104 + "…" + "x" * 11 + ".png"),
    ],
)
def test_names_are_for_showing(raw: str, shown: str) -> None:
    assert clean_name(raw) == shown


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Services]]:
    with workbench(
        tmp_path_factory.mktemp("uploads") / "d", upload_bytes=1 << 20, waiting_jobs=6
    ) as found:
        yield found


def test_a_file_lies_under_its_hash_whatever_it_is_called(
    bench: tuple[TestClient, Services],
) -> None:
    client, services = bench
    job = hand_in(client, png(5), "../../../../tmp/evil.png")
    assert job["file_name"] == "evil.png"
    assert (
        services.source_path(job["id"])
        == services.results.uploads / hashlib.sha256(png(5)).hexdigest()
    )
    assert services.source_path(job["id"]).read_bytes() == png(5)
    assert not list(services.results.incoming.iterdir())


def test_a_request_is_taken_whole_or_not_at_all(bench: tuple[TestClient, Services]) -> None:
    client, services = bench
    before = client.get("/api/jobs").json()["total"]
    answer = client.post("/api/jobs", files=[("file", png(6)), ("file", b"no picture")])
    assert answer.status_code == 415
    assert "one of the files is text" in answer.json()["error"]
    assert client.get("/api/jobs").json()["total"] == before
    assert not list(services.results.incoming.iterdir())


@pytest.mark.parametrize("options", ["[]", "{", '{"detectors": 1}', "1e999", "[" * 9000])
def test_wrong_options(bench: tuple[TestClient, Services], options: str) -> None:
    answer = bench[0].post("/api/jobs", data={"options": options}, files={"file": png()})
    assert answer.status_code == 422
    assert not list(bench[1].results.incoming.iterdir())


def test_too_large_is_said_before_it_is_read(bench: tuple[TestClient, Services]) -> None:
    client, _ = bench
    large = client.post("/api/jobs", content=b"x", headers={"content-length": str(1 << 50)})
    assert large.status_code == 413
    form = client.post("/api/jobs/0123456789abcdef/cancel", content=b"x" * 70000)
    assert form.status_code == 413
    for wrong in ("-1", "1e3", "x"):
        assert (
            client.post("/api/jobs", content=b"", headers={"content-length": wrong}).status_code
            == 400
        )


def test_an_upload_without_a_file(bench: tuple[TestClient, Services]) -> None:
    for body in (b"--B--\r\n", part(b"{}", "options", None) + b"--B--\r\n"):
        answer = bench[0].post("/api/jobs", content=body, headers={"content-type": TYPE})
        assert (answer.status_code, "no file" in answer.json()["error"]) == (422, True)


def test_a_full_queue_is_said(bench: tuple[TestClient, Services]) -> None:
    client, services = bench
    waiting = len(services.store.open_jobs())
    several = client.post("/api/jobs", files=[("file", png(200 + n)) for n in range(7)])
    assert several.status_code == 429
    assert len(services.store.open_jobs()) == waiting  # none of them, not the first few
    answers = [client.post("/api/jobs", files={"file": png(100 + n)}) for n in range(8)]
    assert answers[-1].status_code == 429
    assert not list(services.results.incoming.iterdir())
    kept = {job.sha256 for job in services.store.everything()}
    assert {path.name for path in services.results.uploads.iterdir()} == kept
