"""Amazon's event streams (`application/vnd.amazon.eventstream`): bytes to messages and back. Knows no dialect and no JSON.

A message is a prelude (its length, the length of its headers, the CRC-32 of both), headers, a payload, and the CRC-32
of all before: docs.aws.amazon.com, "Event stream encoding".
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID
from zlib import crc32

from msgspec import Struct

from tollway.errors import FailureKind, UpstreamFailure

MESSAGE_BYTES_MAX = 24 * 1024 * 1024
"""Longest message; Amazon's own reader takes as much. A provider that announces more must not fill the memory."""

HEADERS_BYTES_MAX = 131_072
"""Longest headers of one message, by the same reader."""

REMEMBERED_HEADERS_BYTES_MAX = 256
"""Headers repeat from message to message: those up to this length are read once."""

PRELUDE_BYTES = 12
CRC_BYTES = 4
OVERHEAD_BYTES = PRELUDE_BYTES + CRC_BYTES

HeaderValue = bool | int | str | bytes | UUID

_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_LONG = struct.Struct(">q")
_NUMBERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: _LONG, 8: _LONG}
"""The last is a time, in milliseconds."""
_TRUTHS = {0: True, 1: False}
_BYTES, _STRING, _UUID = 6, 7, 9
_UUID_BYTES = 16


class Message(Struct, frozen=True, gc=False):
    """One message."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


class _CorruptError(Exception):
    """What came is no message; the words are for the failure."""


class AwsEventReader:
    """Cuts a stream into messages. Any split of the same bytes gives the same messages and the same failure."""

    __slots__ = ("_pending", "failure")

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._pending = bytearray()
        self.failure: UpstreamFailure | None = None
        """What is wrong with the bytes; no message comes after it."""

    @property
    def pending_bytes(self) -> int:
        """How much was read of a message that is not whole yet: at the end of a stream, whether it was cut off."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that the data completes."""
        if self.failure is not None:
            return []
        pending = self._pending
        if pending:
            pending += data
        buffer: bytes | bytearray = pending or data  # nearly every read begins where a message does
        messages, at, size = list[Message](), 0, len(buffer)
        try:
            while size - at >= PRELUDE_BYTES:
                end = at + _message_bytes(buffer, at)
                if end > size:
                    break
                messages.append(_message(buffer, at, end))
                at = end
        except _CorruptError as error:
            self.failure = UpstreamFailure(FailureKind.JUNK, f"the provider's event stream is corrupt: {error}")
            pending.clear()
            return messages
        if pending:
            del pending[:at]
        elif at < size:
            pending += data[at:]
        return messages


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a message whose headers are all strings, as those of Amazon's services are."""
    block = b"".join(
        bytes((len(name.encode()),))
        + name.encode()
        + bytes((_STRING,))
        + _LENGTH.pack(len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )
    lengths = _LENGTHS.pack(OVERHEAD_BYTES + len(block) + len(payload), len(block))
    message = b"".join((lengths, _CRC.pack(crc32(lengths)), block, payload))
    return message + _CRC.pack(crc32(message))


def _message_bytes(buffer: bytes | bytearray, at: int) -> int:
    """Return how long the message is whose prelude stands here."""
    total, headers, checksum = _PRELUDE.unpack_from(buffer, at)
    if crc32(buffer[at : at + 8]) != checksum:
        raise _CorruptError("a prelude does not fit its checksum")
    if total > MESSAGE_BYTES_MAX:
        raise _CorruptError(f"a message is longer than {MESSAGE_BYTES_MAX} bytes")
    if headers > HEADERS_BYTES_MAX:
        raise _CorruptError(f"headers are longer than {HEADERS_BYTES_MAX} bytes")
    if total < OVERHEAD_BYTES + headers:
        raise _CorruptError("a message is shorter than its parts")
    return total


def _message(buffer: bytes | bytearray, at: int, end: int) -> Message:
    checksum = end - CRC_BYTES
    if crc32(buffer[at:checksum]) != _CRC.unpack_from(buffer, checksum)[0]:
        raise _CorruptError("a message does not fit its checksum")
    payload = at + PRELUDE_BYTES + _LENGTHS.unpack_from(buffer, at)[1]
    block = bytes(buffer[at + PRELUDE_BYTES : payload])
    read = _remembered_headers if len(block) <= REMEMBERED_HEADERS_BYTES_MAX else _headers
    return Message(read(block), bytes(buffer[payload:checksum]))


def _headers(block: bytes) -> Mapping[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            name, at = _piece(block, at + 1, block[at])
            kind, at = block[at], at + 1
            headers[name.decode()], at = _value(block, at, kind)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise _CorruptError("headers cannot be read") from None
    return headers


_remembered_headers = lru_cache(maxsize=64)(_headers)


def _value(block: bytes, at: int, kind: int) -> tuple[HeaderValue, int]:
    if kind in _TRUTHS:
        return _TRUTHS[kind], at
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        return number.unpack_from(block, at)[0], at + number.size
    if kind == _UUID:
        value, at = _piece(block, at, _UUID_BYTES)
        return UUID(bytes=value), at
    if kind not in {_BYTES, _STRING}:
        raise _CorruptError("a header has an unknown type")
    value, at = _piece(block, at + _LENGTH.size, _LENGTH.unpack_from(block, at)[0])
    return value.decode() if kind == _STRING else value, at


def _piece(block: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(block):
        raise _CorruptError("headers cannot be read")
    return block[at : at + size], at + size
