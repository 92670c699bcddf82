"""What the reader of marks finds in files that carry credentials, a watermark, metadata, all of them or none."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from likeness import media, registry, testing
from likeness.detectors import _marks_claims as words
from likeness.detectors.marks import Config, build, frames_to_read
from likeness.errors import ConfigError, MediaError
from likeness.media.writing import encode_picture
from likeness.provenance import Ingredient, KeyStore, Making
from likeness.provenance.credentials import sign, sign_sidecar
from likeness.provenance.credentials_report import Action, ReadIngredient
from likeness.provenance.metadata import MetadataFinding
from likeness.provenance.reading import Credentials
from likeness.provenance.watermark import Embedder
from likeness.types import Claim, Consent, Evidence

JOB = 0xFEDC_BA98_7654_3210
CONSENT = Consent(
    "an astronaut", "public_domain", "research", date(2030, 1, 1), "0" * 64, True, True
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore.create(tmp_path_factory.mktemp("likeness") / "keys")


@pytest.fixture(scope="module")
def watermarked() -> np.ndarray:
    return Embedder((512, 512), JOB).embed(testing.portrait())


def making(job: int = JOB) -> Making:
    return Making(
        "stand-in",
        "compositeWithTrainedAlgorithmicMedia",
        (CONSENT,),
        "research",
        date(2026, 11, 22),
        job,
        ingredients=(Ingredient("footage.png", "ab" * 32, "image/png"),),
    )


def signed(data: bytes, media_type: str, keys: KeyStore, job: int = JOB) -> bytes:
    out = io.BytesIO()
    sign(io.BytesIO(data), out, media_type, making(job), keys)
    return out.getvalue()


def found(data: bytes | Path, keys: KeyStore | None = None) -> Evidence:
    detector = build(Config(keys="" if keys is None else str(keys.folder)))
    clip = media.open_clip(data)
    try:
        return detector.analyse(clip, ())
    finally:
        clip.frames.close()


def by_source(claims: Sequence[Claim]) -> dict[str, Claim]:
    return {c.source: c for c in claims}


def test_a_fully_marked_picture_decides_where_its_signer_is_trusted(keys, watermarked):
    evidence = found(signed(encode_picture(watermarked, "PNG"), "image/png", keys), keys)
    claims = by_source(evidence.claims)
    assert evidence.status == "scored" and evidence.score == 3.0
    assert evidence.llr is None and evidence.tracks == ()
    own = claims["credentials"]
    assert own.decides and own.says == "generated"
    assert own.details["integrity"] == "the file is as it was when it was signed"
    assert own.details["trust"] == "the signer is on your trust list"
    assert own.details["job"] == claims["watermark"].details["payload"] == "fedcba9876543210"
    assert claims["watermark"].details["same job as the credentials"] is True
    assert claims["watermark"].details["log10 false positive"] < -6
    assert not claims["watermark"].decides and claims["watermark"].says == "generated"
    assert "an astronaut" not in str(evidence)  # nobody's name leaves


@pytest.mark.parametrize("trusting", ["another", "nobody"])
def test_without_trust_the_same_file_only_claims(keys, watermarked, trusting, tmp_path):
    reader = KeyStore.create(tmp_path / "other") if trusting == "another" else None
    evidence = found(signed(encode_picture(watermarked, "PNG"), "image/png", keys), reader)
    own = by_source(evidence.claims)["credentials"]
    assert not own.decides and own.says == "generated" and evidence.score == 2.0
    assert own.details["integrity"] == "the file is as it was when it was signed"
    expected = "anyone can make" if reader else "nobody is on your trust list"
    assert expected in str(own.details["trust"])


def test_a_file_changed_after_signing_decides_nothing(keys, watermarked):
    data = bytearray(signed(encode_picture(watermarked, "JPEG"), "image/jpeg", keys))
    data[-5000] ^= 1
    own = by_source(found(bytes(data), keys).claims)["credentials"]
    assert not own.decides and own.says == "generated"
    assert "was changed after it was signed" in own.text
    assert "does not fit" in str(own.details["integrity"])


def test_credentials_and_watermark_of_different_jobs_are_told_apart(keys, watermarked):
    data = signed(encode_picture(watermarked, "PNG"), "image/png", keys, job=7)
    mark = by_source(found(data, keys).claims)["watermark"]
    assert mark.details["same job as the credentials"] is False
    assert mark.text.endswith("The credentials name another job.")


def test_a_lone_watermark_is_a_claim_on_disk_and_in_memory(watermarked, keys):
    for clip in (
        media.open_clip(encode_picture(watermarked, "JPEG")),
        media.clip_from_frames([watermarked]),
    ):
        evidence = build(Config(keys=str(keys.folder))).analyse(clip, ())
        (mark,) = evidence.claims
        assert mark.source == "watermark" and not mark.decides and evidence.score == 2.0


def test_an_ordinary_picture_says_nothing_either_way():
    for clip in (
        media.open_clip(encode_picture(testing.portrait(), "PNG")),
        media.clip_from_frames([testing.portrait()]),
    ):
        evidence = build(Config()).analyse(clip, ())
        assert evidence.status == "not_applicable" and evidence.claims == ()
        assert evidence.note.startswith("no marks were found; that says nothing either way")


def test_small_pictures_and_sound_are_read_without_looking_for_a_watermark(keys):
    small = encode_picture(np.full((64, 80, 3), 90, np.uint8), "PNG")
    assert "too small" in found(small).note
    sound = io.BytesIO()
    media_wav(sound)
    assert "watermarks in sound are not looked for" in found(sound.getvalue()).note
    marked = signed(sound.getvalue(), "audio/wav", keys)
    evidence = found(marked, keys)
    assert by_source(evidence.claims)["credentials"].decides and evidence.score == 3.0


def media_wav(file: io.BytesIO) -> None:
    from likeness.media.writing import write_wav

    tone = 0.2 * np.sin(np.arange(16000) / 8.0)
    write_wav(file, tone.astype(np.float32), 16000)


def test_traces_of_a_generator_in_metadata_are_a_claim():
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info, out = PngInfo(), io.BytesIO()
    info.add_text("parameters", "a portrait\nSteps: 20, Sampler: Euler, Seed: 1")
    Image.fromarray(testing.portrait()).save(out, "PNG", pnginfo=info)
    (claim,) = found(out.getvalue()).claims
    assert claim.source == "metadata" and claim.says == "generated" and not claim.decides
    assert any("Steps: 20" in str(v) for v in claim.details.values())


def test_a_key_store_is_opened_only_for_files_with_credentials(tmp_path, keys, watermarked):
    broken = tmp_path / "keys"
    broken.mkdir(mode=0o700)
    (broken / "store.json").write_text("{}")
    plain = encode_picture(testing.portrait(), "PNG")
    detector = build(Config(keys=str(broken)))
    assert "key store" not in detector.analyse(media.open_clip(plain), ()).note
    marked = signed(encode_picture(watermarked, "PNG"), "image/png", keys)
    evidence = detector.analyse(media.open_clip(marked), ())
    assert "nobody is trusted, because the key store cannot be used" in evidence.note
    assert not by_source(evidence.claims)["credentials"].decides


def test_nothing_is_made_in_an_empty_key_folder(tmp_path, keys, watermarked):
    marked = signed(encode_picture(watermarked, "PNG"), "image/png", keys)
    evidence = build(Config(keys=str(tmp_path / "none"))).analyse(media.open_clip(marked), ())
    assert not by_source(evidence.claims)["credentials"].decides
    assert not (tmp_path / "none").exists()


def test_what_one_reader_cannot_read_keeps_no_other_from_speaking(monkeypatch, watermarked):
    from likeness.provenance import metadata

    def fails(file):
        raise MediaError("torn \x1b out")

    monkeypatch.setattr(metadata, "read_metadata", fails)
    evidence = found(encode_picture(watermarked, "PNG"))
    assert [c.source for c in evidence.claims] == ["watermark"]
    assert "metadata could not be read (torn" in evidence.note


def test_the_watermark_of_a_clip_is_read_from_frames_that_are_decoded_already(watermarked):
    clip, tracks = testing.portrait_clip(frames=6)
    assert set(frames_to_read(clip, tracks, 32)) == set(tracks[0].frame_indices)
    assert len(frames_to_read(clip, tracks, 2)) == 2
    long = media.clip_from_frames([np.zeros((8, 8, 3), np.uint8)] * 100)
    assert len(frames_to_read(long, (), 32)) == 32
    marked = media.clip_from_frames([watermarked] * 4)
    (claim,) = build(Config()).analyse(marked, ()).claims
    assert claim.details["frames combined"] == 4 and "video" in claim.text


def credentials(**given) -> Credentials:
    return Credentials(**{"present": True, "intact": True, "trusted": True, "signer": "S"} | given)


def said(**given) -> Claim:
    return words.credentials_claims(credentials(**given), True)[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"digital_sources": ("trainedAlgorithmicMedia",)}, "generated"),
        ({"digital_sources": ("compositeWithTrainedAlgorithmicMedia",)}, "generated"),
        ({"digital_sources": ("algorithmicMedia",)}, "generated"),
        ({"digital_sources": ("compositeSynthetic",)}, "generated"),
        # what was generated stays generated after a person's edits, in whatever order they stand
        ({"digital_sources": ("trainedAlgorithmicMedia", "humanEdits")}, "generated"),
        (
            {"digital_sources": ("digitalCapture", "compositeWithTrainedAlgorithmicMedia")},
            "generated",
        ),
        ({"digital_sources": ("virtualRecording",)}, "edited"),
        ({"digital_sources": ("humanEdits",)}, "edited"),
        ({"digital_sources": ("digitalCapture",), "actions": (Action("c2pa.edited"),)}, "edited"),
        ({"digital_sources": ("digitalCapture",)}, "captured"),
        # what every camera's application does to every picture is no edit
        (
            {
                "digital_sources": ("digitalCapture",),
                "actions": (
                    Action("c2pa.created"),
                    Action("c2pa.color_adjustments"),
                    Action("c2pa.cropped"),
                ),
            },
            "captured",
        ),
        ({"actions": (Action("c2pa.opened"), Action("c2pa.resized"))}, "unstated"),
        ({"digital_sources": ("somethingNew",)}, "unstated"),
        ({}, "unstated"),
    ],
)
def test_what_credentials_say(given, says):
    assert said(**given).says == says


@pytest.mark.parametrize("intact", [True, False, None])
@pytest.mark.parametrize("trusted", [True, False, None])
def test_credentials_decide_only_where_hash_and_signer_hold(intact, trusted):
    claim = said(intact=intact, trusted=trusted, digital_sources=("trainedAlgorithmicMedia",))
    assert claim.decides == (intact is True and trusted is True)


def test_broken_credentials_of_a_camera_tell_of_a_change():
    claim = said(intact=False, digital_sources=("digitalCapture",))
    assert claim.says == "edited" and not claim.decides
    assert "They said that a camera recorded them" in claim.text


def test_a_generated_ingredient_is_a_claim_that_nobody_vouches_for():
    part = ReadIngredient(
        "art.png", "image/png", "parentOf", issuer="X", digital_sources=("trainedAlgorithmicMedia",)
    )
    given = credentials(ingredients=(part,), digital_sources=("humanEdits",))
    own, ingredient = words.credentials_claims(given, True)
    assert own.says == "edited"
    assert (
        ingredient.says == "generated" and not ingredient.decides and "art.png" in ingredient.text
    )
    prompt = ReadIngredient("p", "", "inputTo", digital_sources=("trainedAlgorithmicMedia",))
    assert len(words.credentials_claims(credentials(ingredients=(prompt,)), True)) == 1


def test_metadata_lines_become_one_claim_per_content():
    lines = [
        MetadataFinding("EXIF", "Make", "ACME", "captured"),
        MetadataFinding("EXIF", "Software", "GIMP 2.10", "edited", "GIMP"),
        MetadataFinding("PNG text", "parameters", "Steps: 20", "generated", "Stable Diffusion"),
        MetadataFinding("PNG text", "prompt", "{}", "generated", "ComfyUI"),
        MetadataFinding("container", "encoder", "Lavf"),
    ]
    claims = words.metadata_claims(lines)
    assert [c.says for c in claims] == ["generated", "edited", "captured"]
    assert (
        claims[0].text
        == "The metadata name a program that generates media: Stable Diffusion, ComfyUI."
    )
    assert claims[2].text == "The metadata name a camera."
    assert not any(c.decides for c in claims)
    many = [MetadataFinding("XMP", f"k{i}", "x" * 500, "generated") for i in range(40)]
    (claim,) = words.metadata_claims(many)
    assert len(claim.details) <= words.MOST_LISTED + 1
    assert max(len(str(v)) for v in claim.details.values()) <= words.MOST_CHARACTERS


def test_ranks_order_claims():
    claims = [
        said(digital_sources=(s,)) for s in ("trainedAlgorithmicMedia", "humanEdits", "print")
    ]
    assert [words.rank(c) for c in claims] == [3.0, 1.0, 0.0]
    assert words.rank(said(trusted=False, digital_sources=("algorithmicMedia",))) == 2.0


def test_options_are_checked():
    with pytest.raises(ConfigError, match="frames"):
        build(Config(frames=0))
    with pytest.raises(ConfigError, match="no option"):
        registry.build("detectors", "marks", {"key": "x"})


def test_listing_says_that_marks_can_be_stripped_and_forged():
    info = registry.part("detectors", "marks").info
    failures = " ".join(info["known_failures"])
    assert "stripped" in failures and "forged" in failures
    assert "C2PA" in info["paper"] and "Cox" in info["paper"]


def test_real_pictures_carry_no_mark(data_dir: Path):
    detector = build(Config())
    for source in ("celebahq1024", "ffhq256"):
        for path in sorted((data_dir / "faces/real" / source).glob("*.jpg"))[:1]:
            assert detector.analyse(media.open_clip(path), ()).claims == ()


def test_credentials_beside_a_file_are_read(tmp_path: Path, keys: KeyStore) -> None:
    plain = encode_picture(testing.portrait(), "PNG")
    file = tmp_path / "picture.png"
    file.write_bytes(plain)
    assert not found(file, keys).claims
    beside = sign_sidecar(io.BytesIO(plain), "image/png", making(JOB), keys)
    (tmp_path / "picture.png.c2pa").write_bytes(beside)
    (claim,) = found(file, keys).claims
    assert claim.decides and claim.says == "generated"
    file.write_bytes(encode_picture(testing.portrait()[::-1].copy(), "PNG"))
    assert not any(claim.decides for claim in found(file, keys).claims)  # of another file
