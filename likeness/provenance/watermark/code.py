"""The payload's error correction: 64 bits and a CRC-16 in a tail-biting convolutional code of rate 1/4."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError

PAYLOAD_BITS: Final = 64
CRC_BITS: Final = 16
MESSAGE_BITS: Final = PAYLOAD_BITS + CRC_BITS
GENERATORS: Final = (0o463, 0o535, 0o733, 0o745)
"""Constraint length 9, free distance 24: table of Larsen, IEEE Trans. Inf. Theory 19 (1973) 371."""
CODED_BITS: Final = MESSAGE_BITS * len(GENERATORS)

_MEMORY: Final = max(GENERATORS).bit_length() - 1
_STATES: Final = 1 << _MEMORY
_WRAP: Final = 5 * (_MEMORY + 1)  # steps after which a survivor no longer depends on where it began
_CRC_POLYNOMIAL: Final = 0x1021


def encode_payload(payload: int) -> npt.NDArray[np.int8]:
    """Code a payload.

    Args:
        payload: 0 <= payload < 2**64.

    Returns:
        (320,) int8 of -1 and +1; four consecutive values belong to one message bit.

    Raises:
        UsageError: out of range.
    """
    if not 0 <= payload < 2**PAYLOAD_BITS:
        raise UsageError(f"a watermark's payload: expected 0 <= payload < 2**64, got {payload}")
    message = _bits(payload, PAYLOAD_BITS) + _bits(_crc(payload), CRC_BITS)
    state = 0
    for bit in message[-_MEMORY:]:  # tail-biting: the register begins as it will end
        state = _step(state, bit)
    outputs = _outputs()
    coded = np.empty((MESSAGE_BITS, len(GENERATORS)), np.int8)
    for place, bit in enumerate(message):
        coded[place] = outputs[state, bit]
        state = _step(state, bit)
    return coded.ravel()


def decode_payload(soft: npt.NDArray[np.floating]) -> int | None:
    """The likeliest payload, by the Viterbi algorithm on soft values, wrapped around the ring.

    Args:
        soft: (320,) float, proportional to the log likelihood ratio of +1 against -1.

    Returns:
        The payload, or None where its CRC does not fit: of random soft values one in 2**16 passes.
    """
    values = np.asarray(soft, np.float64).reshape(MESSAGE_BITS, len(GENERATORS))
    order = np.arange(-_WRAP, MESSAGE_BITS + _WRAP) % MESSAGE_BITS
    gains = (values @ _outputs().reshape(-1, len(GENERATORS)).T.astype(np.float64))[order]
    message = _survivor(gains.reshape(len(order), _STATES, 2))[_WRAP : _WRAP + MESSAGE_BITS]
    payload = _number(message[:PAYLOAD_BITS])
    return payload if _crc(payload) == _number(message[PAYLOAD_BITS:]) else None


def _survivor(gains: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Bits of the path with the largest summed gain; gains are (steps, state, bit)."""
    steps = len(gains)
    # State s is reached with its lowest bit from the two states whose lower bits are s >> 1.
    reached = np.arange(_STATES)
    bit = reached & 1
    first, second = reached >> 1, (reached >> 1) | (_STATES >> 1)
    metric = np.zeros(_STATES)
    came = np.empty((steps, _STATES), bool)
    into_first, into_second = gains[:, first, bit], gains[:, second, bit]
    for step in range(steps):
        a, b = metric[first] + into_first[step], metric[second] + into_second[step]
        np.greater(b, a, out=came[step])
        metric = np.maximum(a, b)
    state = int(metric.argmax())
    bits = np.empty(steps, np.uint8)
    for step in range(steps - 1, -1, -1):
        bits[step] = state & 1
        state = (state >> 1) | ((_STATES >> 1) if came[step, state] else 0)
    return bits


@cache
def _outputs() -> npt.NDArray[np.int8]:
    """(states, 2, 4) of -1 and +1: what a state emits for each input bit."""
    register = (np.arange(_STATES)[:, None] << 1) | np.arange(2)
    taps = register[:, :, None] & np.array(GENERATORS)
    parity = np.zeros(taps.shape, np.int8)
    for place in range(_MEMORY + 1):
        parity ^= ((taps >> place) & 1).astype(np.int8)
    return (2 * parity - 1).astype(np.int8)


def _step(state: int, bit: int) -> int:
    return ((state << 1) | bit) & (_STATES - 1)


def _crc(payload: int) -> int:
    """CRC-16-CCITT over eight bytes, starting from all ones, so that an all-zero message does not pass."""
    value = 0xFFFF
    for byte in payload.to_bytes(PAYLOAD_BITS // 8, "big"):
        value ^= byte << 8
        for _ in range(8):
            value = ((value << 1) ^ (_CRC_POLYNOMIAL if value & 0x8000 else 0)) & 0xFFFF
    return value


def _bits(number: int, count: int) -> list[int]:
    return [(number >> place) & 1 for place in range(count - 1, -1, -1)]


def _number(bits: npt.NDArray[np.uint8]) -> int:
    value = 0
    for bit in bits:
        value = value << 1 | int(bit)
    return value
