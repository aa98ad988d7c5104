"""Each deadline fires when it should, says which it was, and does not fire when the silence is our own."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from tests.e2e.upstream.calling import GET, OK, client, origin, post, until
from tests.e2e.upstream.scripted_server import Peer, serve
from tollway.catalog.records import Timeouts
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.limits import Limits

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"


def patient(*, connect_s: float = 5, first_byte_s: float = 5, idle_s: float = 5, total_s: float = 5) -> Timeouts:
    return Timeouts(connect_s=connect_s, first_byte_s=first_byte_s, idle_s=idle_s, total_s=total_s)


async def timed_out(wire: bytes, timeouts: Timeouts, *, kind: FailureKind = FailureKind.TIMEOUT) -> str:
    """Have the server send this and then nothing; return how the client says it gave up, and check that it left."""
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        await peer.gone()
        left.set()

    async with serve(script) as server, client() as lent:
        with pytest.raises(UpstreamFailure) as caught:
            await (await lent.send(origin(server.port), GET, timeouts=timeouts)).read()
        assert caught.value.kind is kind
        async with asyncio.timeout(5):
            await left.wait()
        return str(caught.value)


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_no_first_byte(wire: bytes) -> None:
    assert await timed_out(wire, patient(first_byte_s=0.04)) == "no first byte within 0.04 s"


@pytest.mark.parametrize("wire", [b"HTTP/1.1 2", HEAD, HEAD + b"some"])
async def test_silence_after_the_answer_has_begun(wire: bytes) -> None:
    assert await timed_out(wire, patient(idle_s=0.04)) == "nothing more came within 0.04 s"


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 2", HEAD + b"some"])
async def test_the_whole_takes_too_long(wire: bytes) -> None:
    assert await timed_out(wire, patient(total_s=0.04)) == "no end of the answer within 0.04 s"


async def test_a_slow_but_steady_answer_is_ended_by_the_total_alone() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD)
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.01)

    async with serve(script) as server, client() as lent:
        timeouts = patient(first_byte_s=0.05, idle_s=0.05, total_s=0.2)
        started = asyncio.get_running_loop().time()
        answer = await lent.send(origin(server.port), GET, timeouts=timeouts)
        with pytest.raises(UpstreamFailure) as caught:
            await answer.read()
        assert str(caught.value) == "no end of the answer within 0.2 s"
        assert asyncio.get_running_loop().time() - started > 0.18


async def test_a_wait_for_the_first_byte_may_be_longer_than_the_silence_allowed_later() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.1)
        await peer.send(OK)
        await peer.gone()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=patient(idle_s=0.02, first_byte_s=2))
        assert await answer.read() == b"ok"


async def test_a_reused_connection_keeps_the_deadlines_of_its_present_request() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.gone()

    async with serve(script) as server, client() as lent:
        await (await lent.send(origin(server.port), GET, timeouts=patient())).read()
        started = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(server.port), GET, timeouts=patient(first_byte_s=0.04))
        # The deadline of the request before it was five seconds.
        assert asyncio.get_running_loop().time() - started < 2
        assert str(caught.value) == "no first byte within 0.04 s"
        # Whoever times out had its chance: it is not the race with a server that closes.
        assert server.connections == 1


async def test_an_unused_connection_outlives_the_deadlines_of_its_last_request() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(OK)

    async with serve(script) as server, client() as lent:
        tight = patient(first_byte_s=0.03, idle_s=0.03, total_s=0.03)
        await (await lent.send(origin(server.port), GET, timeouts=tight)).read()
        await asyncio.sleep(0.08)
        answer = await lent.send(origin(server.port), GET, timeouts=tight)
        assert (answer.reused, await answer.read()) == (True, b"ok")


async def test_our_own_slowness_is_not_the_providers_silence() -> None:
    size = 20_000_000

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
        await peer.gone()

    limits = Limits(buffer_bytes_max=1000)
    async with serve(script) as server, client(limits) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=patient(idle_s=0.05))
        await until(lambda: answer.buffered > limits.buffer_bytes_max)
        await asyncio.sleep(0.15)
        got = 0
        while piece := await answer.next():
            got += len(piece)
        assert got == size


async def test_the_total_applies_to_a_consumer_that_does_not_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"x" * 500_000)
        await peer.gone()

    async with serve(script) as server, client(Limits(buffer_bytes_max=1000)) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=patient(total_s=0.05))
        await until(lambda: lent.connections(origin(server.port)) == (0, 0))
        assert await answer.next() != b""
        with pytest.raises(UpstreamFailure) as caught:
            await answer.next()
        assert caught.value.kind is FailureKind.TIMEOUT


async def test_a_server_that_does_not_take_the_request() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await asyncio.Event().wait()

    async with serve(script) as server, client() as lent:
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(server.port), post(b"x" * 50_000_000), timeouts=patient(idle_s=0.1))
        assert caught.value.kind is FailureKind.TIMEOUT
        assert str(caught.value) == "the request was not taken within 0.1 s"


@pytest.mark.parametrize("total_s", [5, 0.05])
async def test_a_host_that_does_not_answer_the_handshake(total_s: float) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # The queue of a server that never accepts: once full, further handshakes are not answered.
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        async with client() as lent:
            at = origin(listener.getsockname()[1])
            connect_s = 0.05 if total_s == 5 else 5
            with pytest.raises(UpstreamFailure) as caught:
                await lent.send(at, GET, timeouts=patient(connect_s=connect_s, total_s=total_s))
            assert caught.value.kind is FailureKind.CONNECT
            assert lent.connections(at) == (0, 0)
