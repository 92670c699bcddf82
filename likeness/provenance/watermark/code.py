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
GENERATORS: Final = (0o11145, 0o12477, 0o15573, 0o16727)
"""Constraint length 13, free distance 33: table of Larsen, IEEE Trans. Inf. Theory 19 (1973) 371."""
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
    values = np.asarray(soft, np.float32).reshape(MESSAGE_BITS, len(GENERATORS))
    table = _outputs().reshape(-1, len(GENERATORS)).astype(np.float32)
    gains = (values @ table.T).reshape(MESSAGE_BITS, _STATES, 2)
    message = _survivor(gains)
    payload = _number(message[:PAYLOAD_BITS])
    return payload if _crc(payload) == _number(message[PAYLOAD_BITS:]) else None


def _survivor(gains: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Message bits of the path with the largest summed gain, once around the ring with a lead on either side.

    Args:
        gains: (places, states, 2) of leaving a state with a bit.
    """
    places, half = len(gains), _STATES // 2
    steps = places + 2 * _WRAP
    metric = np.zeros(_STATES, np.float32)
    from_upper = np.empty((steps, _STATES), bool)
    for step in range(steps):
        # State 2 s + bit (modulo all) is reached from s and from s + half: in order, these are the two halves of the gains.
        gain = gains[(step - _WRAP) % places]
        lower = np.repeat(metric[:half], 2) + gain[:half].ravel()
        upper = np.repeat(metric[half:], 2) + gain[half:].ravel()
        np.greater(upper, lower, out=from_upper[step])
        metric = np.maximum(lower, upper, out=lower)
    state = int(metric.argmax())
    bits = np.empty(steps, np.uint8)
    for step in range(steps - 1, -1, -1):
        bits[step] = state & 1
        state = (state >> 1) + half * int(from_upper[step, state])
    return bits[_WRAP : _WRAP + places]


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
