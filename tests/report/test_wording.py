from __future__ import annotations

import pytest

from likeness.report import wording


@pytest.mark.parametrize(
    ("llr", "words"),
    [
        (0.0, "no support either way"),
        (-0.3, "no support either way"),
        (0.31, "weak support for manipulation"),
        (-0.31, "weak support against manipulation"),
        (1.0, "moderate support for manipulation"),
        (2.0, "moderately strong support for manipulation"),
        (3.5, "strong support for manipulation"),
        (-4.0, "very strong support against manipulation"),
        (9.0, "extremely strong support for manipulation"),
    ],
)
def test_verbal_scale(llr: float, words: str):
    assert wording.verbal_scale(llr) == words


@pytest.mark.parametrize(
    ("llr", "text"),
    [
        (0.0, "1"),
        (-0.0, "1"),
        (0.001, "1"),
        (-0.001, "1"),
        (0.5, "3.2"),
        (-0.5, "1/3.2"),
        (0.999999, "10"),
        (1.58, "38"),
        (1.999, "100"),
        (3.12, "1,300"),
        (-6, "1/1,000,000"),
        (400, "more than 10^12"),
        (float("-inf"), "less than 1/10^12"),
    ],
)
def test_ratio_number(llr: float, text: str):
    assert wording.ratio_number(llr) == text


def test_sentences_agree_with_the_sign():
    assert "38 times as usual for manipulated files" in wording.ratio_sentence(1.58)
    assert "38 times as usual for untouched files" in wording.ratio_sentence(-1.58)
    assert "about as usual" in wording.ratio_sentence(0.1)


def test_no_label_is_ever_called_real():
    for text in (*wording.LABEL_WORDS.values(), *wording.MEANS.values()):
        assert "real" not in text.lower() and "authentic" not in text.lower()
    assert "does not mean that the file is real" in wording.MEANS_NOT["no_manipulation_found"]


def test_numbers_and_times():
    assert wording.signed(-0.001) == "0.00"
    assert wording.signed(-1.5) == "−1.50"
    assert [wording.clock(t) for t in (4.2, 59.94, 59.96, 64.25, 600)] == [
        "4.20 s",
        "59.94 s",
        "1:00.0",
        "1:04.2",
        "10:00.0",
    ]
    assert wording.fact_text(float("nan")) == wording.fact_text(None) == "not known"
    assert wording.fact_text(True) == "yes"
    assert wording.fact_text(1_250_000) == "1,250,000"
    assert wording.fact_name("bitrate_bps") == "Bitrate (bit/s)"


def test_plain_shows_what_hides():
    assert wording.plain("a\x00b\u202ec\udcffd\ne") == "a\\u0000b\\u202ec\\udcffd\\u000ae"
    assert wording.plain("ملف نهایی‌ها é 日本") == "ملف نهایی‌ها é 日本"
