"""What a workbench is told once, when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.media import Limits

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Settings:
    """Everything that `create_app` needs to know.

    Attributes:
        data_folder: uploads, results and the job table; nothing is written anywhere else.
        token: secret of the session; whoever has it may do everything.
        host: address to listen on.
        port: port to listen on.
        allowed_hosts: further names under which the machine may be asked for (without port).
        studio: whether the create side is there.
        keys: folder of the key store that signs reports and says whom to trust; None = reports stay unsigned.
        workers: jobs that run at a time.
        upload_bytes: size of one uploaded file (1 GiB).
        upload_files: files of one request.
        waiting_jobs: jobs that may wait; more are refused, so that nobody fills the disk by accident.
        form_bytes: size of a request that brings no file (64 KiB).
        play_seconds: playing time of an upload (30 minutes); known once a worker has opened it.
        job_cpu_seconds: processor time of one job without torch (1 hour).
        job_address_bytes: address space of one job without torch (8 GiB: mapped libraries count).
        job_resident_bytes: memory that a job may really occupy before it is ended (4 GiB).
        silence_s: a request whose body says nothing for so long is given up.
        keep_days: uploads and results of jobs that ended so long ago are deleted; 0 = keep until deleted by hand.
        event_streams: browser tabs that may follow jobs at a time.
    """

    data_folder: Path
    token: str
    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: tuple[str, ...] = ()
    studio: bool = False
    keys: Path | None = None
    workers: int = 1
    upload_bytes: int = GIB
    upload_files: int = 200
    waiting_jobs: int = 1000
    form_bytes: int = 64 << 10
    play_seconds: float = 1800.0
    job_cpu_seconds: int = 3600
    job_address_bytes: int = 8 * GIB
    job_resident_bytes: int = 4 * GIB
    silence_s: float = 30.0
    keep_days: float = 0.0
    event_streams: int = 64

    def __post_init__(self) -> None:
        if len(self.token) < 16:
            raise UsageError(f"token: expected at least 16 characters, got {len(self.token)}")
        if not 0 <= self.port < 65536:
            raise UsageError(f"port: expected 0 to 65535, got {self.port}")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the workbench."""
        return is_loopback(self.host)

    @property
    def studio_folder(self) -> Path:
        """What the studio keeps."""
        return self.data_folder / "studio"

    @property
    def limits(self) -> Limits:
        """What a worker may spend on one file."""
        from likeness.media import Limits

        return Limits(file_bytes=self.upload_bytes, seconds=self.play_seconds)


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
