"""`likeness` with a list of everything that its own process writes: used by `web_hostile.py`, not to be run by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def audit(log: str) -> None:
    """From now on append the path of whatever is opened for writing, made, renamed or removed to `log`."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    named = {
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.truncate",
    }

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, int) or not (flags & WRITING or (mode and set(mode) & set("wax+"))):
                return
            paths = [path]
        elif event in named:
            last = arguments[-1]  # the folder that names are relative to, -1 if there is none
            below = (
                Path(f"/proc/self/fd/{last}").readlink()
                if isinstance(last, int) and last >= 0
                else Path()
            )
            paths = [below / os.fsdecode(a) for a in arguments[:2] if isinstance(a, str | bytes)]
        elif event == "sqlite3.connect":
            paths = [arguments[0]]
        elif event == "subprocess.Popen":
            paths = [f"started {' '.join(map(str, arguments[1]))}"]
        else:
            return
        for path in paths:
            os.write(out, f"{event}\t{os.fsdecode(path)}\n".encode("utf-8", "replace"))

    sys.addaudithook(hook)


if __name__ == "__main__":
    audit(os.environ["LIKENESS_AUDIT"])
    from likeness.apps.cli import main

    main()
