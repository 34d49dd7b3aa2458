"""Frames to and from bytes."""

from __future__ import annotations

import random
import struct

import pytest

from advisor.frames import Decoder, FrameError, encode


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def test_there_and_back_in_pieces() -> None:
    message = {"id": 1, "result": {"a": [1, 2.5, None, "\ud800", b"x"], "n": 1 << 63}}
    data = encode(message) + encode({"cancel": 1})
    decoder = Decoder()
    got = [m for i in range(len(data)) for m in decoder.feed(data[i : i + 1])]
    assert got == [message, {"cancel": 1}]
    assert not decoder.partial


@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1])
def test_a_number_that_msgpack_cannot_hold(number: int) -> None:
    with pytest.raises(FrameError, match="more than 64 bits"):
        encode({"id": 1, "result": [number]})


@pytest.mark.parametrize("body", [b"\x81\x80\x01", b"\x81\x90\x01", b"\xc1", b"\x90", b"\x81\xa1\xff"])
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(framed(body)))


def test_random_bytes_end_in_one_kind_of_error() -> None:
    choose = random.Random(1)
    for _ in range(20_000):
        heads = (0x81, 0x82, 0x91, 0xC7, 0xD6, 0xD7, 0xFF, 0x00, 0x90, 0xA1, 0xC0, choose.randrange(256))
        body = bytes(choose.choice(heads) for _ in range(choose.randrange(1, 14)))
        try:
            messages = list(Decoder().feed(framed(body)))
        except FrameError:
            continue
        assert isinstance(messages[0], dict)
