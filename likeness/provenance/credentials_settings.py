"""How the C2PA library is run: offline, without thumbnails, with bounded manifests; its errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from likeness.errors import LikenessError, MediaError

if TYPE_CHECKING:
    from c2pa import Context

MOST_MANIFEST_BYTES: Final = 16 << 20


@contextmanager
def c2pa_context(trust_anchors_pem: str = "") -> Iterator[Context]:
    """A context of the library that neither fetches a manifest nor asks whether a certificate was revoked.

    Args:
        trust_anchors_pem: certificates that are trusted; none by default.
    """
    import c2pa

    settings: dict[str, Any] = {
        "version": 1,
        "core": {
            "allowed_network_hosts": [],
            "decode_identity_assertions": False,
            "max_decompressed_manifest_size_in_mb": MOST_MANIFEST_BYTES >> 20,
        },
        "verify": {
            "verify_after_reading": True,
            "verify_after_sign": False,  # whoever signs reads the file again anyway
            "verify_trust": True,
            "ocsp_fetch": False,
            "remote_manifest_fetch": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }
    if trust_anchors_pem:
        settings["trust"] = {"trust_anchors": trust_anchors_pem}
    with c2pa.Settings.from_dict(settings) as made, c2pa.Context(settings=made) as context:
        yield context


@contextmanager
def c2pa_errors(doing: str, error_type: type[LikenessError] = MediaError) -> Iterator[None]:
    """Turn whatever the library raises into `error_type` with one line."""
    try:
        yield
    except LikenessError:
        raise
    except Exception as error:  # a parser on hostile bytes may raise anything
        raise error_type(f"{doing}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """The message of an exception in one bounded line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
