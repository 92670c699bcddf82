"""The whole way with real workers: hand in, follow, fetch, verify, delete; and the command that starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from likeness.apps.cli import app, main
from likeness.apps.web.services import Services
from likeness.errors import UsageError
from likeness.jobs.demo import portrait_path
from likeness.provenance.keys import KeyStore
from likeness.report import json_schema, report_from_dict
from likeness.types import Verdict
from tests.apps.web.workbench import ended, hand_in, settings, workbench


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return KeyStore.create(tmp_path_factory.mktemp("config") / "keys").folder


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, keys: Path
) -> Iterator[tuple[TestClient, Services, dict[str, str]]]:
    with workbench(tmp_path_factory.mktemp("flow") / "d", None, workers=1, keys=keys) as (
        client,
        services,
    ):
        jobs = {
            "portrait": hand_in(client, Path(portrait_path()).read_bytes(), "portrait.png")["id"],
            "bomb": hand_in(client, bomb(), "bomb.png")["id"],
            "cut": hand_in(client, Path(portrait_path()).read_bytes()[:5000], "cut.png")["id"],
        }
        yield client, services, jobs


def bomb() -> bytes:
    """A picture of a kilobyte that says it has 2.5 billion pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50000, 50000, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def test_a_portrait_is_examined(bench: tuple[TestClient, Services, dict[str, str]]) -> None:
    client, services, jobs = bench
    with client.stream("GET", f"/api/jobs/{jobs['portrait']}/events") as stream:
        events = [line for line in stream.iter_lines() if line]
    told = [json.loads(line[6:]) for line in events if line.startswith("data: ")]
    assert [job["progress"] for job in told] == sorted(job["progress"] for job in told)
    assert any(0 < job["progress"] < 1 for job in told)
    assert (told[-1]["state"], events.count("event: end")) == ("done", 1)
    verdict = services.verdict_object(jobs["portrait"])
    assert isinstance(verdict, Verdict)
    assert verdict.name == "portrait.png"
    assert verdict.tracks and told[-1]["label"] == verdict.label
    assert not any(e.status == "failed" for e in verdict.evidence)


def test_reports_are_signed_and_valid(
    bench: tuple[TestClient, Services, dict[str, str]],
    keys: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, _, jobs = bench
    ended(client, jobs["portrait"])
    report = client.get(f"/api/jobs/{jobs['portrait']}/report.json").content
    jsonschema.validate(json.loads(report), json_schema())
    assert report_from_dict(json.loads(report))[0].path == "portrait.png"
    html = client.get(f"/api/jobs/{jobs['portrait']}/report.html").content
    for data in (report, html):
        answer = client.post("/api/verify-report", files={"file": ("r", data)}).json()
        assert answer["state"] == "untouched"
        changed = data.replace(b"portrait.png", b"pottrait.png")
        answer = client.post("/api/verify-report", files={"file": ("r", changed)}).json()
        assert answer["state"] == "altered"
    (tmp_path / "r.html").write_bytes(html)
    for config, code in ((keys.parent, 0), (tmp_path / "nobody", 12)):
        monkeypatch.setenv("LIKENESS_CONFIG", str(config))
        assert (
            CliRunner().invoke(app, ["verify-report", str(tmp_path / "r.html")]).exit_code == code
        )
    (tmp_path / "r.html").write_bytes(html[:-30])
    done = CliRunner().invoke(app, ["verify-report", str(tmp_path / "r.html")])
    assert (done.exit_code, "altered" in done.output) == (11, True)


def test_hostile_files_fail_with_a_sentence(
    bench: tuple[TestClient, Services, dict[str, str]],
) -> None:
    client, services, jobs = bench
    for name in ("bomb", "cut"):
        job = ended(client, jobs[name])
        assert job["state"] == "failed"
        assert job["message"].startswith(f"{name}.png: ")
        assert str(services.settings.data_folder) not in job["message"]
        assert client.get(f"/api/jobs/{job['id']}/report.html").status_code == 409


def test_the_interface_describes_itself(bench: tuple[TestClient, Services, dict[str, str]]) -> None:
    client, _, _ = bench
    paths = client.get("/api/openapi.json").json()["paths"]
    for path in (
        "/api/jobs",
        "/api/jobs/{job_id}",
        "/api/jobs/{job_id}/report.json",
        "/api/verify-report",
    ):
        assert path in paths
    page = client.get("/api/docs").text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) == 4
    for address in named:
        assert address == "data:," or client.get(address).status_code == 200


def test_workers_limit_themselves() -> None:
    code = (
        "from likeness.apps.web.worker import _limit\n"
        "_limit({'address_bytes': 1 << 30, 'cpu_seconds': 1}, 'limited')\n"
        "try:\n"
        "    bytearray(2 << 30)\n"
        "except MemoryError:\n"
        "    print('refused', flush=True)\n"
        "while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "refused\n"
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_workers_that_open_files_have_no_network() -> None:
    code = (
        "import os, socket\n"
        "from likeness.apps.web.worker import _leave_network\n"
        "address = socket.create_server(('127.0.0.1', 0)).getsockname()\n"
        "outside = os.readlink('/proc/self/ns/net'), os.getuid()\n"
        "_leave_network()\n"
        "print(os.readlink('/proc/self/ns/net') != outside[0], os.getuid() == outside[1])\n"
        "socket.create_connection(address, 5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.stdout == "False True\n" and done.returncode == 0:
        pytest.skip("this system lets an ordinary user make no namespace of their own")
    assert done.stdout == "True True\n"
    assert "Network is unreachable" in done.stderr


def test_the_command_serves_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "likeness.apps.cli", "serve", "--port", "0", "--no-open"]
    env = {
        **os.environ,
        "LIKENESS_CONFIG": str(tmp_path / "c"),
        "XDG_DATA_HOME": str(tmp_path / "x"),
    }
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert running.stdout is not None
        address = running.stdout.readline().split()[-1]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?token=[\w-]{43}", address)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address.partition("/enter")[0] + "/")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert opener.open(address).status == 200
        running.send_signal(signal.SIGINT)
        assert running.wait(20) in (0, 130, -signal.SIGINT)
        assert (tmp_path / "x" / "likeness" / "workbench" / "jobs.sqlite").is_file()
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "expected --token"),
        (["--host", "192.168.0.7", "--token", "short"], "16 characters"),
        (["--host", "no.such.host.invalid", "--token", "x" * 32], "cannot listen"),
    ],
)
def test_beyond_this_machine_a_token_is_demanded(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["likeness", "serve", "--no-open", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert words in capsys.readouterr().err


def test_one_workbench_per_data_folder(tmp_path: Path) -> None:
    first = Services(settings(tmp_path / "d"))
    with pytest.raises(UsageError, match="another workbench"):
        Services(settings(tmp_path / "d"))
    first.stop()
    Services(settings(tmp_path / "d")).stop()


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    """A workbench sweeps its folders; `--data-folder` on the wrong place must not sweep anybody's results away."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "years of work.csv").write_text("1")
    with pytest.raises(UsageError, match="other files"):
        Services(settings(tmp_path))
    assert [p.name for p in tmp_path.rglob("*")] == ["results", "years of work.csv"]


def test_without_the_extra_the_command_says_so(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('fastapi', 'sqlmodel', 'uvicorn'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "sys.argv = ['likeness', 'serve', '--no-open']\n"
        "from likeness.apps.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, "likeness[web]" in done.stderr) == (5, True)


def test_detect_signs_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "c"))
    report, run = tmp_path / "r.json", CliRunner()
    asked = ["detect", str(portrait_path()), "--detector", "marks", "--frames", "1"]
    assert run.invoke(app, [*asked, "--json", str(report), "--sign"]).exit_code == 0
    assert run.invoke(app, ["verify-report", str(report)]).exit_code == 0
    report.write_text(json.dumps(json.loads(report.read_text())))  # the same content, laid out anew
    assert run.invoke(app, ["verify-report", str(report)]).exit_code == 11
    report.write_text("{}")
    assert run.invoke(app, ["verify-report", str(report)]).exit_code == 13
    nowhere = run.invoke(app, [*asked, "--sign"])
    assert isinstance(nowhere.exception, UsageError)
