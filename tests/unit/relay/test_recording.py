"""What is remembered of an answer: all of it, or nothing."""

import secrets

import pytest

from tollway.relay.recording import ANSWER_BYTES_MAX, KEPT_BYTES_MAX, Recording, unpacked

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'


@pytest.mark.parametrize("pieces", [[], [b""], [b"a"], [EVENT] * 2000, [b"\x00\xff" * 3, b"", "é".encode()]])
def test_pieces_come_back_as_the_bytes_they_were(pieces: list[bytes]) -> None:
    recording = Recording()
    for piece in pieces:
        recording.add(piece)
    packed = recording.packed()
    assert packed is not None
    assert unpacked(packed) == b"".join(pieces)


def test_a_stream_of_events_takes_a_twentieth_of_its_size() -> None:
    recording = Recording()
    for number in range(5000):
        recording.add(EVENT.replace(b"word", b"w%d" % (number * 7919 % 3000)))
    packed = recording.packed()
    assert packed is not None
    assert len(packed) * 20 < 5000 * len(EVENT)


def test_the_longest_answer_is_kept_and_one_byte_more_is_not() -> None:
    longest, longer = Recording(), Recording()
    for _ in range(4):
        longest.add(bytes(ANSWER_BYTES_MAX // 4))
        longer.add(bytes(ANSWER_BYTES_MAX // 4))
    longer.add(b"x")
    longer.add(b"and more")
    assert longest.packed() is not None
    assert longer.packed() is None


def test_what_does_not_shrink_is_kept_up_to_its_size_in_the_store() -> None:
    small, large = Recording(), Recording()
    small.add(secrets.token_bytes(KEPT_BYTES_MAX * 99 // 100))
    large.add(secrets.token_bytes(KEPT_BYTES_MAX + 1))
    assert small.packed() is not None
    assert large.packed() is None
