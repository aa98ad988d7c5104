"""The short way of a chunk gives what the parser gives, however the bytes are cut, and leaves the parser in its place."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tollway.catalog.records import Timeouts
from tollway.upstream import connection as connection_module
from tollway.upstream.answer import Answer
from tollway.upstream.chunks import CONTENT_BYTES_MAX, only_content
from tollway.upstream.connection import Connection
from tollway.upstream.limits import Limits

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
CONTENTS = st.binary(min_size=1, max_size=40) | st.integers(1, 5000).map(lambda size: b"x" * size)
LINES = ("%x", "%X", "0%x", "%x;name=value", "%x ;a", "+%x", "0x%x", "%x_0", " %x")


class Parsed:
    """What the parser tells of an answer's body, or that it is none."""

    def __init__(self, *reads: bytes) -> None:
        self.body = b""
        self.complete = self.broken = False
        parser = httptools.HttpResponseParser(self)
        try:
            for read in (HEAD, *reads):
                parser.feed_data(read)
        except httptools.HttpParserError:
            self.broken = True

    def on_body(self, body: bytes) -> None:
        """Take a piece."""
        self.body += body

    def on_message_complete(self) -> None:
        """Take the end."""
        self.complete = True


def chunk(content: bytes, line: str = "%x") -> bytes:
    return line.encode() % len(content) + b"\r\n" + content + b"\r\n"


@given(CONTENTS)
@example(b"x" * CONTENT_BYTES_MAX)
@example(b"x" * (CONTENT_BYTES_MAX + 1))
def test_a_plain_chunk_is_its_content(content: bytes) -> None:
    assert only_content(chunk(content)) == (content if len(content) <= CONTENT_BYTES_MAX else None)


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, 4095, 4096, 4097])
def test_every_length_of_line_is_looked_at_up_to_the_longest_content(size: int) -> None:
    content = b"y" * size
    assert only_content(chunk(content)) == (content if size <= CONTENT_BYTES_MAX else None)


@given(CONTENTS, st.sampled_from(LINES), st.binary(max_size=3), st.binary(max_size=3))
@example(b"x", "%x", b"", b"")
@example(b"", "%x", b"", b"")
def test_whatever_is_taken_for_one_chunk_is_one_to_the_parser_too(
    content: bytes, line: str, before: bytes, behind: bytes
) -> None:
    data = before + chunk(content, line) + behind
    taken = only_content(data)
    if taken is not None:
        parsed = Parsed(data, END)
        assert (parsed.body, parsed.complete, parsed.broken) == (taken, True, False)


@given(st.binary(max_size=12))
def test_no_bytes_are_taken_for_a_chunk_that_the_parser_refuses(data: bytes) -> None:
    taken = only_content(data)
    if taken is not None:
        assert Parsed(data, END).body == taken


class Wire(asyncio.Transport):
    """The provider's socket: takes the request, and whether it is to be read."""

    def __init__(self, system: socket.socket) -> None:
        super().__init__()
        self._system = system
        self.reading = True

    def write(self, data: Any) -> None:
        """Take the request."""

    def is_closing(self) -> bool:
        """Stay open."""
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take them."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the socket, on which nothing is sent."""
        return self._system if name == "socket" else default

    def pause_reading(self) -> None:
        """Wait."""
        self.reading = False

    def resume_reading(self) -> None:
        """Go on."""
        self.reading = True

    def abort(self) -> None:
        """Close."""


class Nobody:
    """Keeps no connection."""

    def made(self, connection: Connection) -> None:
        """Let it be."""

    put = forget = lost = made


async def opened(system: socket.socket) -> tuple[Connection, Answer]:
    """Return a connection that has sent a request, and the answer."""
    loop = asyncio.get_running_loop()
    connection = Connection(Nobody(), Limits(), loop)
    connection.connection_made(Wire(system))
    return connection, connection.begin(b"GET / HTTP/1.1\r\n\r\n", Timeouts(), loop.time() + 60)


async def poured(reads: list[bytes], enough: Iterator[bool]) -> tuple[bytes, bool, bool]:
    """Return what comes of an answer read so, whether it ended, and whether it broke; the sink now and then has enough."""
    with socket.socket() as system:
        return await pouring(await opened(system), reads, enough)


async def pouring(
    exchange: tuple[Connection, Answer], reads: list[bytes], enough: Iterator[bool]
) -> tuple[bytes, bool, bool]:
    """Return what comes of an answer read so, whether it ended, and whether it broke; the sink now and then has enough."""
    connection, answer = exchange
    connection.data_received(HEAD)
    got: list[bytes] = []

    def sink(data: bytes) -> bool:
        got.append(data)
        return not next(enough, False)

    async def consume() -> bool:
        while not await answer.pour(sink):
            pass
        return True

    task = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    for read in reads:
        if next(enough, False):
            await asyncio.sleep(0)
        if answer.failure is not None or answer.complete:
            break
        connection.data_received(read)
    for _ in range(4):
        await asyncio.sleep(0)
    complete, broken = answer.complete, answer.failure is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    connection.connection_lost(None)
    return b"".join(got), complete, broken


CHUNKS = st.lists(st.tuples(CONTENTS, st.sampled_from(("%x",) * 6 + LINES)), max_size=12)


@given(CHUNKS, st.lists(st.integers(0, 20_000), max_size=10), st.lists(st.booleans(), max_size=30), st.booleans())
def test_a_body_is_what_the_parser_makes_of_it_however_it_is_cut_and_whenever_the_sink_has_enough(
    chunks: list[tuple[bytes, str]], places: list[int], enough: list[bool], whole: bool
) -> None:
    pieces = [chunk(*each) for each in chunks]
    stream = b"".join(pieces) + (END if whole else b"")
    ends = {sum(map(len, pieces[:count])) for count in range(len(pieces) + 1)}
    # Cut between chunks everywhere but near some places: that is where the short way begins and ends.
    cuts = sorted({0, len(stream)} | {end for end in ends if end % 3} | {min(place, len(stream)) for place in places})
    reads = [stream[start:end] for start, end in pairwise(cuts) if start < end]
    parsed = Parsed(*reads)
    got, complete, broken = asyncio.run(poured(reads, iter(enough)))
    assert (complete, broken) == (parsed.complete and not parsed.broken, parsed.broken)
    assert got == parsed.body


async def test_a_plain_chunk_passes_the_parser_by_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def watched(data: bytes) -> bytes | None:
        asked.append(data)
        return only_content(data)

    monkeypatch.setattr(connection_module, "only_content", watched)
    one, half, rest, two = chunk(b"one"), b"3\r\ntw", b"o\r\n", chunk(b"two")
    got, *_ = await poured([one, two, half, rest, one, two + one, two], iter(()))
    assert got == b"onetwotwoonetwoonetwo"
    assert asked == [two, half, one, two + one, two]
