"""What goes in and out of the programming interface, as its description shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class JobShown(BaseModel):
    """A job as the interface shows it."""

    id: str
    kind: str
    state: str = Field(description="queued, running, done, failed or cancelled")
    progress: float = Field(description="0 to 1")
    message: str = Field(description="What it does now, or why it failed.")
    file_name: str
    sha256: str
    size_bytes: int
    media_type: str
    options: dict[str, Any]
    label: str = Field(description="Label of the verdict; empty before there is one.")
    llr: float | None = Field(description="log10 likelihood ratio of the file, if there is one.")
    summary: str
    attempts: int
    created: str
    updated: str


class JobsShown(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobShown]
    total: int
    page: int
    pages: int


class Refusal(BaseModel):
    """What every refused request gets."""

    error: str = Field(description="One plain sentence.")


class CheckShown(BaseModel):
    """What a report's signature says."""

    state: str = Field(description="untouched, altered, unknown_key or unsigned")
    signer: str
    signed: str | None = Field(description="When, by the signer's clock.")
    sentence: str


class Derived(BaseModel):
    """Another job over the same file."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=40)
    options: dict[str, Any] = Field(default_factory=dict)
