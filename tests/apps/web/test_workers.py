"""Whatever happens to a worker ends one job and nothing else. The workers are stand-ins of a few lines."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from likeness.apps.web import security
from likeness.apps.web.settings import MIB
from likeness.apps.web.store import Job
from tests.apps.web.workbench import DONE, TOKEN, csrf, ended, hand_in, png, wait, workbench

HANG = "say(progress=0.5, message='Half of it.')\ntime.sleep(60)\n"


def test_a_job_is_done_and_its_report_bears_the_name_of_the_file(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", DONE, workers=1) as (client, services):
        job = ended(client, hand_in(client, png(), "a 'b' <c>.png")["id"])
        assert (job["state"], job["label"], job["llr"]) == ("done", "inconclusive", 0.5)
        assert services.verdict(job["id"])["name"] == "a 'b' <c>.png"
        html = client.get(f"/api/jobs/{job['id']}/report.html").text
        assert "<title>a &#x27;b&#x27; &lt;c&gt;.png</title>" in html
        assert not list(services.results.scratch.iterdir())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.kill(os.getpid(), 9)", "ended from outside"),
        ("os.abort()", "crashed (SIGABRT)"),
        ("os.kill(os.getpid(), 24)", "processor time"),
        ("sys.exit(3)", "ended without a result"),
        ("print('nonsense'); print('[1]'); print('{\"done\"')", "ended without a result"),
        ("say(error='This file is damaged.')", "This file is damaged."),
        ("say(error=task['shown_name'] + ': is damaged')", "a.png: is damaged"),
        ("os.symlink('/etc', task['folder'] + '/report-2.json')\n" + DONE, "no result"),
        ("os.mkdir(task['folder'] + '/x.json')\nsay(done=True)", "no result"),
        ("write('..evil', 'x')\nsay(done=True)", "no result"),
        ("sys.stdout.write('x' * 300000); sys.stdout.flush(); time.sleep(9)", "ended from outside"),
    ],
)
def test_a_broken_worker_fails_one_job(tmp_path: Path, code: str, words: str) -> None:
    with workbench(tmp_path / "d", code, workers=1) as (client, services):
        job = ended(client, hand_in(client, png())["id"])
        assert job["state"] == "failed"
        assert words in job["message"]
        assert not list(services.results.results.iterdir())
        second = ended(client, hand_in(client, png(1))["id"])  # the server goes on
        assert second["state"] == "failed"


def test_memory_is_watched(tmp_path: Path) -> None:
    code = "x = bytearray(200 << 20)\n" + HANG
    with workbench(tmp_path / "d", code, workers=1, job_resident_bytes=100 * MIB) as (client, _):
        job = ended(client, hand_in(client, png())["id"])
        assert job["state"] == "failed"
        assert "memory" in job["message"]


def test_cancel_takes_less_than_two_seconds_and_ends_the_process(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", HANG, workers=1) as (client, services):
        job = hand_in(client, png())["id"]
        wait(lambda: client.get(f"/api/jobs/{job}").json()["progress"] == 0.5)
        pid = services.supervisor.pids()[job]
        start = time.monotonic()
        assert client.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"
        wait(lambda: not services.supervisor.pids())
        assert time.monotonic() - start < 2.0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert client.get(f"/api/jobs/{job}").json()["message"] == "Stopped by you."


def test_a_worker_knows_no_secret_and_no_home(tmp_path: Path) -> None:
    code = (
        "with open(task['temporary'] + '/../../../seen', 'w') as f:\n"
        "    json.dump([dict(os.environ), os.getcwd(), sys.argv, limits, task], f)\n" + DONE
    )
    with workbench(tmp_path / "d", code, workers=1) as (client, services):
        assert ended(client, hand_in(client, png())["id"])["state"] == "done"
        text = (tmp_path / "d" / "seen").read_text()
        environment, folder, *_ = json.loads(text)
        for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
            assert environment[name] == str(tmp_path / "d" / "scratch")
        assert folder == str(tmp_path / "d")
        secrets = (TOKEN, csrf(services)["x-csrf-token"], security.session_value(services.settings))
        assert not any(secret in text for secret in secrets)


def test_a_waiting_job_can_be_cancelled(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", HANG, workers=1) as (client, _):
        first, second = (hand_in(client, png(n))["id"] for n in range(2))
        assert client.post(f"/api/jobs/{second}/cancel").json()["state"] == "cancelled"
        assert client.get(f"/api/jobs/{first}").json()["state"] in ("queued", "running")


def test_the_same_file_is_not_examined_twice(tmp_path: Path) -> None:
    code = "open(task['temporary'] + '/../../../runs', 'a').write('x')\ntime.sleep(0.2)\n" + DONE
    with workbench(tmp_path / "d", code, workers=2) as (client, _):
        ids = [hand_in(client, png(7), f"{n}.png")["id"] for n in range(3)]
        assert {ended(client, i)["state"] for i in ids} == {"done"}
        late = hand_in(client, png(7), "late.png")
        assert late["state"] == "done"
        assert (tmp_path / "d" / "runs").read_text() == "x"
        assert (
            client.get(f"/api/jobs/{late['id']}/report.json").json()["results"][0]["name"]
            == "late.png"
        )


def test_two_jobs_at_a_time_and_no_more(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", HANG, workers=2) as (client, services):
        for n in range(4):
            hand_in(client, png(n))
        wait(lambda: len(services.supervisor.pids()) == 2)
        states = [job["state"] for job in client.get("/api/jobs").json()["jobs"]]
        assert sorted(states) == ["queued", "queued", "running", "running"]


def test_a_closed_workbench_goes_on_where_it_was(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", HANG, workers=1) as (client, services):
        job = hand_in(client, png())["id"]
        wait(lambda: client.get(f"/api/jobs/{job}").json()["progress"] == 0.5)
        pid = services.supervisor.pids()[job]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with workbench(tmp_path / "d", DONE, workers=1) as (client, _):
        assert ended(client, job)["state"] == "done"


def test_what_ran_when_the_server_was_killed_runs_again_but_not_for_ever(tmp_path: Path) -> None:
    with workbench(tmp_path / "d") as (client, services):
        once, twice = (hand_in(client, png(n))["id"] for n in range(2))
        services.store.claim(())
        services.store.claim(())
        services.store.change(twice, attempts=2)
        (services.results.incoming / "left.partial").write_bytes(b"x")
        (services.results.uploads / ("0" * 64)).write_bytes(b"x")
        (services.results.results / ("0" * 32)).mkdir()
    with workbench(tmp_path / "d") as (client, services):
        assert client.get(f"/api/jobs/{once}").json()["state"] == "queued"
        lost = client.get(f"/api/jobs/{twice}").json()
        assert (lost["state"], "twice" in lost["message"]) == ("failed", True)
        assert not list(services.results.incoming.iterdir())
        assert not list(services.results.results.iterdir())
        assert len(list(services.results.uploads.iterdir())) == 2


def test_delete_leaves_nothing(tmp_path: Path) -> None:
    name = "a-very-particular-name.png"
    with workbench(tmp_path / "d", DONE, workers=1) as (client, services):
        first, second = (ended(client, hand_in(client, png(3), name)["id"])["id"] for _ in range(2))
        assert client.delete(f"/api/jobs/{first}").status_code == 204
        assert client.get(f"/api/jobs/{first}").status_code == 404
        assert client.get(f"/api/jobs/{second}/source").content == png(3)
        assert client.get(f"/api/jobs/{second}/report.json").status_code == 200
        assert client.delete(f"/api/jobs/{second}").status_code == 204
        for folder in (services.results.uploads, services.results.results):
            assert not list(folder.iterdir())
        for path in (tmp_path / "d").glob("jobs.sqlite*"):
            assert name.encode() not in path.read_bytes()


def test_deleting_a_running_job_stops_it(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", HANG, workers=1) as (client, services):
        job = hand_in(client, png())["id"]
        wait(lambda: services.supervisor.pids())
        assert client.delete(f"/api/jobs/{job}").status_code == 204
        wait(lambda: not services.supervisor.pids())
        assert not list(services.results.uploads.iterdir())


def test_old_jobs_are_deleted_by_policy(tmp_path: Path) -> None:
    with workbench(tmp_path / "d", DONE, workers=1, keep_days=1.0) as (client, services):
        old, new = (ended(client, hand_in(client, png(n))["id"])["id"] for n in range(2))
        with services.store._session() as session:
            job = services.store.get(old)
            assert isinstance(job, Job)
            job.updated_at -= 2 * 86400
            session.add(job)
        assert services.delete_stale() == 1
        assert client.get(f"/api/jobs/{old}").status_code == 404
        assert client.get(f"/api/jobs/{new}").status_code == 200


def test_a_real_worker_ends_with_its_server(tmp_path: Path) -> None:
    """Standard input closes when a server dies, whatever killed it."""
    from likeness.apps.web.worker_process import WorkerProcess
    from tests.apps.web.workbench import settings

    (tmp_path / "d").mkdir()
    worker = WorkerProcess(settings(tmp_path / "d"), limited=False)
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(20) in (0, 1, -signal.SIGKILL)
    worker.wait()
