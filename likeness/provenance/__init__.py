"""The way out for generated media: consent records, content credentials, watermark, and the writers that insist on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.provenance.consent import ConsentRecord as ConsentRecord
    from likeness.provenance.consent import Permission as Permission
    from likeness.provenance.consent import read_consent as read_consent
    from likeness.provenance.consent import require_consent as require_consent
    from likeness.provenance.consent import sign_record as sign_record
    from likeness.provenance.consent import sign_synthetic as sign_synthetic
    from likeness.provenance.consent import write_consent as write_consent
    from likeness.provenance.hard_binding import HardBinding as HardBinding
    from likeness.provenance.hard_binding import check_hard_binding as check_hard_binding
    from likeness.provenance.keys import KeyStore as KeyStore
    from likeness.provenance.keys import open_or_create as open_or_create
    from likeness.provenance.making import Ingredient as Ingredient
    from likeness.provenance.making import Making as Making
    from likeness.provenance.metadata import MetadataFinding as MetadataFinding
    from likeness.provenance.metadata import read_metadata as read_metadata
    from likeness.provenance.reading import Credentials as Credentials
    from likeness.provenance.reading import read_credentials as read_credentials
    from likeness.provenance.watermark import WatermarkFinding as WatermarkFinding
    from likeness.provenance.watermark import find_watermark as find_watermark
    from likeness.provenance.writing import GeneratedSound as GeneratedSound
    from likeness.provenance.writing import Written as Written
    from likeness.provenance.writing import write_marked as write_marked
    from likeness.provenance.writing import write_marked_sound as write_marked_sound
    from likeness.provenance.writing_frames import GeneratedFrame as GeneratedFrame
    from likeness.provenance.writing_previews import encode_marked as encode_marked
    from likeness.provenance.writing_target import Target as Target
    from likeness.provenance.writing_target import WriteOptions as WriteOptions
    from likeness.provenance.writing_target import check_target as check_target

__all__ = [
    "ConsentRecord",
    "Credentials",
    "GeneratedFrame",
    "GeneratedSound",
    "HardBinding",
    "Ingredient",
    "KeyStore",
    "Making",
    "MetadataFinding",
    "Permission",
    "Target",
    "WatermarkFinding",
    "WriteOptions",
    "Written",
    "check_hard_binding",
    "check_target",
    "encode_marked",
    "find_watermark",
    "open_or_create",
    "read_consent",
    "read_credentials",
    "read_metadata",
    "require_consent",
    "sign_record",
    "sign_synthetic",
    "write_consent",
    "write_marked",
    "write_marked_sound",
]


def __getattr__(name: str) -> Any:
    # One import statement for each module: nothing heavy is loaded before it is used.
    if name in (
        "ConsentRecord",
        "Permission",
        "read_consent",
        "require_consent",
        "sign_record",
        "sign_synthetic",
        "write_consent",
    ):
        from likeness.provenance import consent

        return getattr(consent, name)
    if name in ("HardBinding", "check_hard_binding"):
        from likeness.provenance import hard_binding

        return getattr(hard_binding, name)
    if name in ("KeyStore", "open_or_create"):
        from likeness.provenance import keys

        return getattr(keys, name)
    if name in ("Ingredient", "Making"):
        from likeness.provenance import making

        return getattr(making, name)
    if name in ("MetadataFinding", "read_metadata"):
        from likeness.provenance import metadata

        return getattr(metadata, name)
    if name in ("Credentials", "read_credentials"):
        from likeness.provenance import reading

        return getattr(reading, name)
    if name in ("WatermarkFinding", "find_watermark"):
        from likeness.provenance import watermark

        return getattr(watermark, name)
    if name in ("GeneratedSound", "Written", "write_marked", "write_marked_sound"):
        from likeness.provenance import writing

        return getattr(writing, name)
    if name == "GeneratedFrame":
        from likeness.provenance import writing_frames

        return getattr(writing_frames, name)
    if name == "encode_marked":
        from likeness.provenance import writing_previews

        return getattr(writing_previews, name)
    if name in ("Target", "WriteOptions", "check_target"):
        from likeness.provenance import writing_target

        return getattr(writing_target, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
