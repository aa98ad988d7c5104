"""Long requests and long answers: neither side is sent faster than it reads, and nothing is lost."""

import asyncio

import pytest

from tests.e2e.upstream.calling import GET, OK, TIMEOUTS, client, origin, post, until
from tests.e2e.upstream.scripted_server import Peer, serve
from tollway.catalog.records import Timeouts
from tollway.upstream.limits import Limits


async def test_an_early_refusal_is_readable_while_the_request_is_still_being_sent() -> None:
    refused = b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large"
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(refused)
        # It does not read on: the request cannot be sent to its end.
        await left.wait()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), post(b"x" * 32_000_000), timeouts=TIMEOUTS)
        assert (answer.status, await answer.read()) == (413, b"too large")
        # What is half sent cannot be followed by another request.
        await until(lambda: lent.connections(origin(server.port)) == (0, 0))
        left.set()


async def test_a_refused_request_is_not_sent_to_its_end() -> None:
    body = b"x" * 32_000_000
    refused = asyncio.Event()
    taken = 0

    async def script(peer: Peer) -> None:
        nonlocal taken
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\n")
        await refused.wait()
        while True:
            try:
                async with asyncio.timeout(0.1):
                    taken += len(await peer.reader.read(1 << 20))
            except TimeoutError:
                break
        await peer.send(b"too large")
        await peer.gone()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), post(body), timeouts=TIMEOUTS)
        refused.set()
        assert (answer.status, await answer.read()) == (413, b"too large")
        assert taken < len(body)
        await until(lambda: lent.connections(origin(server.port)) == (0, 0))


async def test_a_long_request_is_sent_at_the_pace_of_a_slow_reader() -> None:
    body = bytes(range(256)) * 40_000
    read: list[bytes] = []
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        read.append(await peer.head())
        await go.wait()
        read.append(await peer.reader.readexactly(len(body)))
        await peer.send(OK)
        # The whole request was taken, so the connection is good for another.
        assert await peer.request() == GET
        await peer.send(OK)

    async with serve(script) as server, client() as lent:
        task = asyncio.create_task(lent.send(origin(server.port), post(body), timeouts=TIMEOUTS))
        await until(lambda: len(read) == 1)
        go.set()
        assert await (await task).read() == b"ok"
        assert read[1] == body
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert (answer.reused, await answer.read()) == (True, b"ok")


async def test_a_fast_server_waits_for_a_slow_consumer_and_nothing_is_lost() -> None:
    limits = Limits(buffer_bytes_max=64 * 1024)
    read_bytes = 256 * 1024
    size = 48 * 1024 * 1024
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        block = bytes(range(256)) * 256
        while sent < size:
            await peer.send(block)
            sent += len(block)
        assert await peer.request() == GET
        await peer.send(OK)

    async with serve(script) as server, client(limits) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        await until(lambda: answer.buffered > limits.buffer_bytes_max)
        # The server is stopped by a full socket: what it has sent does not grow any more, and is not all.
        before = -1
        while before < sent:
            before = sent
            await asyncio.sleep(0.02)
        assert sent < size
        assert answer.buffered <= limits.buffer_bytes_max + read_bytes
        got = 0
        while piece := await answer.next():
            assert piece[0] == got % 256
            assert len(piece) <= limits.buffer_bytes_max + read_bytes
            got += len(piece)
        assert got == size
        again = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert (again.reused, await again.read()) == (True, b"ok")


async def test_reading_whole_is_not_held_back_by_the_bound_of_the_buffer() -> None:
    body = bytes(range(256)) * 40_000

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await peer.gone()

    async with serve(script) as server, client(Limits(buffer_bytes_max=1000)) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        await until(lambda: answer.buffered > 1000)
        assert await answer.read() == body
        await until(lambda: lent.connections(origin(server.port)) == (1, 1))


@pytest.mark.parametrize("late", [False, True])
async def test_a_large_answer_in_tiny_chunks_arrives_and_waits_as_one_piece(late: bool) -> None:
    wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        await peer.gone()

    async with serve(script) as server, client(Limits(buffer_bytes_max=1000)) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=Timeouts())
        if late:
            await until(lambda: answer.buffered > 1000)
            assert len(answer.pieces) == 1
        assert await answer.read() == b"x" * 200_000
