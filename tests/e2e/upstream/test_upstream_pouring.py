"""An answer poured into a sink is the answer that `next` gives, and a sink that has enough gets no more."""

import asyncio

import pytest

from tests.e2e.upstream.calling import GET, TIMEOUTS, client, origin, until
from tests.e2e.upstream.scripted_server import Peer, serve
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.limits import Limits

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PIECES = [b"one", b"two, two", b"three" * 100]
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("together", [False, True])
async def test_everything_is_poured_in_order_until_the_clean_end(together: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if together:
            await peer.send(HEAD + b"".join(map(chunk, PIECES)) + END)
        else:
            await peer.drip(HEAD + b"".join(map(chunk, PIECES)) + END)

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        poured: list[bytes] = []

        def sink(data: bytes) -> bool:
            poured.append(data)
            return True

        assert await answer.pour(sink) is True
        assert b"".join(poured) == b"".join(PIECES)
        assert await answer.pour(sink) is True
        await until(lambda: lent.connections(origin(server.port))[0] <= 1)


async def test_a_sink_that_has_enough_gets_the_rest_with_the_next_call() -> None:
    gate = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(PIECES[0]))
        await gate.wait()
        await peer.send(chunk(PIECES[1]) + chunk(PIECES[2]) + END)

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        poured: list[bytes] = []

        def one(data: bytes) -> bool:
            poured.append(data)
            return False

        assert await answer.pour(one) is False
        assert poured == [PIECES[0]]
        gate.set()
        while await answer.pour(one) is False:
            pass
        assert b"".join(poured) == b"".join(PIECES)


async def test_a_break_is_raised_after_what_came_before_it_was_poured() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(PIECES[0]))
        await peer.send(chunk(PIECES[1])[:5])

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        poured: list[bytes] = []

        def sink(data: bytes) -> bool:
            poured.append(data)
            return True

        with pytest.raises(UpstreamFailure) as caught:
            await answer.pour(sink)
        assert caught.value.kind is FailureKind.BROKE
        assert b"".join(poured) == PIECES[0] + PIECES[1][:2]


async def test_while_the_sink_has_enough_the_provider_is_held_up() -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(HEAD)
        for _ in range(400):
            await peer.send(chunk(b"x" * 100_000))
            sent += 1
        await peer.send(END)

    async with serve(script) as server, client(Limits(buffer_bytes_max=100_000)) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        total = 0

        def count(data: bytes) -> bool:
            nonlocal total
            total += len(data)
            return total > 1_000_000

        assert await answer.pour(count) is False
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.05)
        assert sent < 400
        while await answer.pour(count) is False:
            pass
        assert total == 40_000_000


async def test_a_task_that_is_cancelled_while_it_pours_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(PIECES[0]))
        await peer.gone()
        gone.set()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        first = asyncio.Event()

        def sink(_: bytes) -> bool:
            first.set()
            return True

        task = asyncio.create_task(answer.pour(sink))
        await first.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            await gone.wait()
