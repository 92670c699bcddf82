"""What the tests of credentials share: a making, drawn media of every kind that carries a manifest, other people's keys."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
from media.drawn_media import encode_picture, encode_sound, encode_video, numbered, picture

from likeness.provenance import certificates, credentials
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Ingredient, Making
from likeness.types import Consent

DAY = date(2026, 11, 22)
JOB = 0x0123456789ABCDEF
SUBJECT = "Zoë Quatermain"


def consent(subject: str = SUBJECT) -> Consent:
    return Consent(subject, "own_likeness", "research", date(2027, 12, 31), "0" * 64, True, True)


def making(**changed: object) -> Making:
    facts: dict[str, object] = {
        "generator": "autoencoder",
        "digital_source": "compositeWithTrainedAlgorithmicMedia",
        "consents": (consent(),),
        "purpose": "research",
        "today": DAY,
        "job_id": JOB,
        "weights": "ae-1",
        "ingredients": (
            Ingredient("footage.mp4", "ab" * 32, "video/mp4"),
            Ingredient("face.png", "cd" * 32, "image/png", "source"),
        ),
        "settings": {"seed": 3, "blend": 0.5},
    }
    return Making(**(facts | changed))  # type: ignore[arg-type]


@cache
def drawn(media_type: str) -> bytes:
    image = picture(0, (96, 64))
    formats = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
    formats |= {"image/tiff": "TIFF", "image/gif": "GIF", "image/avif": "AVIF"}
    if media_type in formats:
        return encode_picture(image, formats[media_type])
    if media_type == "audio/wav":
        return encode_sound(np.sin(np.arange(4001) / 9))
    containers = {"video/mp4": "mp4", "video/quicktime": "mov", "video/x-matroska": "matroska"}
    if media_type in containers:
        return encode_video(numbered(6), containers[media_type], sound=media_type == "video/mp4")
    if media_type == "video/x-msvideo":
        return encode_video(numbered(6), "avi", "mpeg4")
    formats = {"audio/mp4": ("ipod", "aac"), "audio/mpeg": ("mp3", "mp3")}
    return _sound(*(formats | {"audio/flac": ("flac", "flac")})[media_type])


def _sound(container: str, codec: str) -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        track = file.add_stream(codec, rate=44100)
        tone = (np.sin(np.arange(11520) / 20) * 20000).astype(np.int16)
        for start in range(0, len(tone), 1152):
            block = av.AudioFrame.from_ndarray(
                tone[None, start : start + 1152], format="s16", layout="mono"
            )
            block.sample_rate, block.pts = 44100, start
            file.mux(track.encode(block))
        file.mux(track.encode(None))
    return out.getvalue()


def signed(media_type: str, keys: KeyStore, told: Making | None = None) -> bytes:
    out = io.BytesIO()
    credentials.sign(io.BytesIO(drawn(media_type)), out, media_type, told or making(), keys)
    return out.getvalue()


def outside_chain(key: object, days: float = 90, name: str = "Harbour News") -> tuple[bytes, bytes]:
    """Certificates of somebody else: the leaf for `key`, and the root that issued it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(text: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(oid, text)
                for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
            ]
        )

    now = datetime.now(UTC)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = named(f"{name} Root")

    def built(subject: x509.Name, public: object, ca: bool) -> bytes:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name)
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca, 0 if ca else None), True)
        usage = dict.fromkeys(
            [
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ],
            False,
        )
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), True
        )
        if not ca:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False
            )
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
        return certificates.to_pem(builder.sign(root_key, hashes.SHA256()))

    return built(named(name), key.public_key(), False), built(
        root_name, root_key.public_key(), True
    )  # type: ignore[attr-defined]
