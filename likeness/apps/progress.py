"""Progress bars with rate and time left, on the error stream so that results can be piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from likeness.types import Progress

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> Console:
    """The terminal that results go to."""
    from rich.console import Console

    return Console()


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A progress callback that draws one bar per activity while the block runs."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total, rate="")  # type: ignore[assignment]
            speed = bars.tasks[tasks[what]].speed
            bars.update(
                tasks[what],  # type: ignore[arg-type]
                completed=done,
                total=total,
                rate=f"{speed:.1f}/s" if speed else "",
                visible=total is None or done < total,
            )

        yield progress
