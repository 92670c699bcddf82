"""One job in a process of its own: `python -m likeness.apps.web.worker limited|watched`.

The task comes as one line of JSON on standard input, progress and outcome leave as lines of JSON on standard output. The
process reads hostile files, so it limits itself before it imports anything that parses, knows neither the session token
nor the table of jobs, and ends as soon as its server is gone: standard input then closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

OPEN_FILES = 256
FILE_BYTES = 8 << 30
"""The largest file it may write: decoded frames spill into a nameless one of 2 GiB at most."""


def main(flavour: str) -> None:
    """Read one task, do it, say what came out."""
    out = _own_output()
    tasks = sys.stdin.buffer
    limits = json.loads(tasks.readline() or b"{}")
    _limit(limits, flavour)
    if flavour == "limited":
        _leave_network()
    _end_with_parent()
    if flavour == "limited":
        from likeness.apps.web import run_detect  # noqa: F401 imported while it waits for its task
    line = tasks.readline()
    if not line:  # the server went away, or needs no more
        return
    threading.Thread(target=_watch, args=(tasks,), daemon=True).start()
    lock = threading.Lock()

    def say(**what: Any) -> None:
        with lock, contextlib.suppress(OSError, ValueError):
            out.write(json.dumps(what).encode() + b"\n")
            out.flush()

    _do(json.loads(line), say)


def _do(order: dict[str, Any], say: Any) -> None:
    from likeness.apps.web.kinds import Task, run_of
    from likeness.errors import LikenessError
    from likeness.media import Limits

    tempfile.tempdir = order["temporary"]
    task = Task(
        job_id=order["job_id"],
        kind=order["kind"],
        source=Path(order["source"]),
        folder=Path(order["folder"]),
        shown_name=order["shown_name"],
        options=order["options"],
        limits=Limits(**order["limits"]),
        keys=Path(order["keys"]) if order["keys"] else None,
        file_name=order["file_name"],
        examined=Path(order["examined"]) if order["examined"] else None,
        studio=Path(order["studio"]) if order["studio"] else None,
    )
    try:
        outcome = run_of(task.kind)(task, lambda share, text: say(progress=share, message=text))
        say(label=outcome.label, llr=outcome.llr, summary=outcome.summary, done=True)
    except LikenessError as error:
        say(error=str(error))
    except MemoryError:
        say(error="The file needs more memory than one examination may use.")
    except Exception as error:  # a bug, or a parser that broke: the server's log says which
        say(
            error="The examination broke down on this file.", log=f"{type(error).__name__}: {error}"
        )


def _own_output() -> BinaryIO:
    """The channel to the server; what libraries print goes nowhere."""
    channel = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return channel


def _limit(limits: dict[str, int], flavour: str) -> None:
    try:
        import resource
    except ImportError:  # not a Unix: the server still watches
        return
    pairs = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: FILE_BYTES,
    }
    if flavour == "limited":
        pairs[resource.RLIMIT_AS] = limits.get("address_bytes", 0)
        pairs[resource.RLIMIT_CPU] = limits.get("cpu_seconds", 0)
    for which, most in pairs.items():
        _soft, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        if most or which == resource.RLIMIT_CORE:
            resource.setrlimit(which, (most, most))


def _end_with_parent() -> None:
    """Linux ends this process with its server even if it is deep in a decoder; elsewhere `_watch` does."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL


def _leave_network() -> None:
    """Go where there is no network, not even loopback, if the system lets an ordinary user do that (Linux may).

    A user namespace of one's own is what allows it; the user stays the same in there, so that files keep their owner.
    """
    if sys.platform != "linux":
        return
    import ctypes

    user, group = os.getuid(), os.getgid()
    with contextlib.suppress(OSError, AttributeError):
        if ctypes.CDLL(None).unshare(0x10000000 | 0x40000000):  # CLONE_NEWUSER | CLONE_NEWNET
            return
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path("/proc/self", name).write_text(text, "ascii")


def _watch(tasks: BinaryIO) -> None:
    while tasks.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "limited")
