"""The payload's error correction."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.provenance.watermark import code

PAYLOADS = (0, 2**64 - 1, 1, 0x0123456789ABCDEF, 0xAAAAAAAAAAAAAAAA)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_coded_is_decoded(payload: int) -> None:
    coded = code.encode_payload(payload)
    assert coded.shape == (code.CODED_BITS,)
    assert set(np.unique(coded)) == {-1, 1}
    assert code.decode_payload(coded.astype(float)) == payload


def test_any_sixteen_wrong_bits_are_corrected() -> None:
    """Free distance 33: sixteen wrong bits are always closer to what was sent than to any other path."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        payload = int(rng.integers(2**64, dtype=np.uint64))
        soft = code.encode_payload(payload).astype(float)
        first = rng.integers(code.CODED_BITS)
        burst = (first + rng.choice(60, 16, replace=False)) % code.CODED_BITS  # all within one path
        soft[burst] *= -1
        assert code.decode_payload(soft) == payload


def test_a_fifth_of_the_bits_wrong_is_corrected_from_soft_values() -> None:
    rng = np.random.default_rng(1)
    right = 0
    for _ in range(40):
        payload = int(rng.integers(2**64, dtype=np.uint64))
        soft = code.encode_payload(payload) + rng.normal(0, 1.2, code.CODED_BITS)  # 20 % wrong
        right += code.decode_payload(soft) == payload
    assert right >= 36


def test_payloads_lie_far_apart() -> None:
    """Also across the end, where the register bites its tail, and for neighbouring numbers."""
    rng = np.random.default_rng(2)
    base = code.encode_payload(0)
    for payload in [1 << bit for bit in range(64)]:
        assert np.sum(code.encode_payload(payload) != base) >= 33
    for _ in range(200):
        one, two = (int(p) for p in rng.integers(2**64, size=2, dtype=np.uint64))
        assert np.sum(code.encode_payload(one) != code.encode_payload(two)) > 80


def test_noise_is_refused() -> None:
    """One in 65,536 passes the CRC by chance: none of 150 should."""
    rng = np.random.default_rng(3)
    assert all(code.decode_payload(rng.normal(size=code.CODED_BITS)) is None for _ in range(150))
    assert code.decode_payload(np.zeros(code.CODED_BITS)) is None


@pytest.mark.parametrize("payload", [-1, 2**64])
def test_a_payload_out_of_range_is_refused(payload: int) -> None:
    with pytest.raises(UsageError, match=r"0 <= payload < 2\*\*64"):
        code.encode_payload(payload)
