"""The reader of Amazon's event streams: what is one message, what is in it, and what is none."""

import struct
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws_library import botocore
from tollway.errors import FailureKind
from tollway.framing import aws_events
from tollway.framing.aws_events import AwsEventReader, Message, encode

HEADERS = st.dictionaries(st.text(min_size=1, max_size=40), st.text(max_size=40), max_size=5)
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=5)


def framed(block: bytes, payload: bytes = b"") -> bytes:
    """A message whose headers are given as bytes."""
    lengths = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = lengths + struct.pack(">I", crc32(lengths)) + block + payload
    return message + struct.pack(">I", crc32(message))


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes((len(name),)) + name + bytes((kind,)) + value


def test_a_message_is_headers_and_a_payload() -> None:
    reader = AwsEventReader()
    assert reader.feed(encode({":event-type": "messageStart"}, b"{}")) == [
        Message({":event-type": "messageStart"}, b"{}")
    ]
    assert reader.pending_bytes == 0
    assert reader.failure is None


@given(MESSAGES, st.lists(st.integers(min_value=1, max_value=50), max_size=20))
def test_any_split_of_the_bytes_gives_the_same_messages(
    messages: list[tuple[dict[str, str], bytes]], sizes: list[int]
) -> None:
    data = b"".join(encode(headers, payload) for headers, payload in messages)
    reader, read, at = AwsEventReader(), list[Message](), 0
    for size in sizes:
        read += reader.feed(data[at : at + size])
        at += size
    read += reader.feed(data[at:])
    assert read == [Message(headers, payload) for headers, payload in messages]
    assert reader.pending_bytes == 0
    assert reader.failure is None


def test_a_message_is_read_from_many_pieces_and_the_next_one_behind_it() -> None:
    data = encode({"a": "b"}, b"12345") + encode({}, b"6")
    reader = AwsEventReader()
    read = [message for at in range(0, len(data), 7) for message in reader.feed(data[at : at + 7])]
    assert read == [Message({"a": "b"}, b"12345"), Message({}, b"6")]
    assert reader.pending_bytes == 0


@given(MESSAGES)
def test_amazons_own_reader_reads_what_we_write(messages: list[tuple[dict[str, str], bytes]]) -> None:
    buffer = botocore("eventstream").EventStreamBuffer()
    buffer.add_data(b"".join(encode(headers, payload) for headers, payload in messages))
    assert [(message.headers, message.payload) for message in buffer] == messages


@pytest.mark.parametrize(
    ("kind", "value", "meaning"),
    [
        (0, b"", True),
        (1, b"", False),
        (2, b"\xff", -1),
        (3, b"\x01\x00", 256),
        (4, b"\x00\x01\x00\x00", 65_536),
        (5, b"\x00\x00\x00\x01\x00\x00\x00\x00", 1 << 32),
        (6, b"\x00\x02\xff\x00", b"\xff\x00"),
        (7, b"\x00\x02\xc3\xa9", "é"),
        (8, b"\x00\x00\x00\x00\x00\x00\x03\xe8", 1_000),
        (9, bytes(range(16)), UUID(bytes=bytes(range(16)))),
    ],
)
def test_every_type_of_header_is_read(kind: int, value: bytes, meaning: object) -> None:
    data = framed(header(b"a", kind, value) + header(b"b", 7, b"\x00\x01x"))
    assert AwsEventReader().feed(data) == [Message({"a": meaning, "b": "x"}, b"")]  # type: ignore[dict-item]
    buffer = botocore("eventstream").EventStreamBuffer()
    buffer.add_data(data)
    theirs = next(buffer).headers["a"]
    assert theirs == (meaning.bytes if isinstance(meaning, UUID) else meaning)


def test_long_headers_are_read_as_well() -> None:
    headers = {f"name-{number}": "x" * 50 for number in range(20)}
    assert AwsEventReader().feed(encode(headers, b"1")) == [Message(headers, b"1")]


@pytest.mark.parametrize(
    "block",
    [
        b"\x05ab",  # a name longer than the headers
        b"\x01a",  # no type
        header(b"a", 10, b""),
        header(b"a", 7, b"\x00"),  # half a length
        header(b"a", 7, b"\x00\x05ab"),  # a value longer than the headers
        header(b"a", 5, b"\x00"),
        header(b"a", 9, b"\x00"),
        header(b"a", 7, b"\x00\x01\xff"),  # not UTF-8
        header(b"\xff", 0, b""),
    ],
)
def test_headers_that_cannot_be_read_are_junk(block: bytes) -> None:
    reader = AwsEventReader()
    assert reader.feed(encode({}, b"1") + framed(block)) == [Message({}, b"1")]
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.JUNK


def test_no_changed_byte_is_taken_for_the_message() -> None:
    whole = encode({":event-type": "contentBlockDelta"}, b'{"delta":{"text":"a"}}')
    for place in range(len(whole)):
        for other in range(1, 256):
            changed = bytearray(whole)
            changed[place] ^= other
            reader = AwsEventReader()
            assert reader.feed(encode({}, b"1") + bytes(changed) + whole) == [Message({}, b"1")]
            assert reader.failure is not None
            assert reader.feed(whole) == []
            assert reader.pending_bytes == 0


@pytest.mark.parametrize(
    ("total", "headers"),
    [(aws_events.MESSAGE_BYTES_MAX + 1, 0), (200_000, aws_events.HEADERS_BYTES_MAX + 1), (15, 0), (40, 25)],
)
def test_lengths_that_cannot_be_are_refused_before_anything_is_kept(total: int, headers: int) -> None:
    lengths = struct.pack(">II", total, headers)
    reader = AwsEventReader()
    assert reader.feed(lengths + struct.pack(">I", crc32(lengths))) == []
    assert reader.failure is not None


def test_a_stream_that_was_cut_off_leaves_bytes_behind() -> None:
    reader = AwsEventReader()
    assert reader.feed(encode({"a": "b"}, b"1")[:-1]) == []
    assert reader.pending_bytes > 0
    assert reader.failure is None
