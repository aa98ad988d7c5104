"""How connections are opened, used again, and closed; nothing leaks, whoever leaves first."""

import asyncio
import gc
import socket

import pytest

from tests.e2e.upstream.calling import GET, OK, TIMEOUTS, client, origin, until
from tests.e2e.upstream.scripted_server import Peer, serve
from tollway.catalog.records import Scheme
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.connection import Connection
from tollway.upstream.limits import Limits


async def answers(peer: Peer) -> None:
    """Answer for as long as the client asks."""
    while True:
        await peer.request()
        await peer.send(OK)


async def test_a_connection_serves_one_request_after_another() -> None:
    async with serve(answers) as server, client() as lent:
        for number in range(5):
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            assert answer.reused is (number > 0)
            assert await answer.read() == b"ok"
            answer.release()
            answer.release()
            assert lent.connections(origin(server.port)) == (1, 1)
        assert server.connections == 1


async def test_the_connection_that_became_free_last_is_taken_first() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % peer.number)

    async with serve(script) as server, client() as lent:
        at = origin(server.port)
        both = await asyncio.gather(*(lent.send(at, GET, timeouts=TIMEOUTS) for _ in range(2)))
        await asyncio.gather(*(answer.read() for answer in both))
        last = await (await lent.send(at, GET, timeouts=TIMEOUTS)).read()
        for _ in range(3):
            assert await (await lent.send(at, GET, timeouts=TIMEOUTS)).read() == last


@pytest.mark.parametrize("how", ["connection: close", "HTTP/1.0", "no length"])
async def test_a_connection_that_the_server_will_close_is_not_kept(how: str) -> None:
    heads = {
        "connection: close": b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "no length": b"HTTP/1.1 200 OK\r\n\r\nok",
    }

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(heads[how])

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert await answer.read() == b"ok"
        assert lent.connections(origin(server.port))[1] == 0


async def test_a_connection_closed_while_unused_leaves_the_pool() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with serve(script) as server, client() as lent:
        await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        await until(lambda: lent.connections(origin(server.port)) == (0, 0))


async def test_bytes_that_nobody_asked_for_close_an_unused_connection() -> None:
    kept = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await kept.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await peer.gone()

    async with serve(script) as server, client() as lent:
        await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        assert lent.connections(origin(server.port)) == (1, 1)
        kept.set()
        await until(lambda: lent.connections(origin(server.port)) == (0, 0))


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_reused_connection_that_dies_before_the_answer_is_replaced_in_silence(ending: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if peer.number > 0:
            await peer.send(OK)
        elif ending == "reset":
            peer.reset()

    async with serve(script) as server, client() as lent:
        for _ in range(2):
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            assert await answer.read() == b"ok"
            assert not answer.reused
        assert server.connections == 2


async def test_the_second_connection_is_not_replaced() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(OK)
            await peer.request()

    async with serve(script) as server, client() as lent:
        await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert caught.value.kind is FailureKind.BROKE
        assert server.connections == 2


@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_after_a_byte_of_the_answer_nothing_is_sent_again(beginning: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(beginning)

    async with serve(script) as server, client() as lent:
        await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert caught.value.kind is FailureKind.BROKE
        assert server.connections == 1


async def test_a_request_that_the_server_had_for_long_is_not_sent_again() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await asyncio.sleep(0.05)

    async with serve(script) as server, client(Limits(stale_s=0.01)) as lent:
        await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert caught.value.kind is FailureKind.BROKE
        assert server.connections == 1


async def test_unused_connections_expire_by_themselves() -> None:
    async with serve(answers) as server, client(Limits(idle_connection_s=0.05)) as lent:
        at = origin(server.port)
        both = await asyncio.gather(*(lent.send(at, GET, timeouts=TIMEOUTS) for _ in range(2)))
        await asyncio.gather(*(answer.read() for answer in both))
        await until(lambda: lent.connections(at) == (0, 0))


async def test_unused_connections_expire_oldest_first() -> None:
    async with serve(answers) as server, client() as lent:
        at, kept_s = origin(server.port), Limits().idle_connection_s
        both = await asyncio.gather(*(lent.send(at, GET, timeouts=TIMEOUTS) for _ in range(2)))
        await asyncio.gather(*(answer.read() for answer in both))
        await (await lent.send(at, GET, timeouts=TIMEOUTS)).read()
        assert lent.connections(at) == (2, 2)
        pool = lent._pools[at]
        older, younger = pool._idle
        assert older.heard_at <= younger.heard_at
        # Only one is due, however slow the machine: to wait for that moment would be to miss it now and then.
        older.heard_at -= kept_s
        pool._sweep()
        assert list(pool._idle) == [younger]
        await until(lambda: lent.connections(at) == (1, 1))
        assert pool._sweeper is not None
        assert pool._sweeper.when() >= younger.heard_at + kept_s - 0.01
        younger.heard_at -= kept_s
        pool._sweep()
        await until(lambda: lent.connections(at) == (0, 0))


async def test_no_more_unused_connections_are_kept_than_allowed() -> None:
    async with serve(answers) as server, client(Limits(idle_per_origin_max=2)) as lent:
        at = origin(server.port)
        many = await asyncio.gather(*(lent.send(at, GET, timeouts=TIMEOUTS) for _ in range(5)))
        await asyncio.gather(*(answer.read() for answer in many))
        await until(lambda: lent.connections(at) == (2, 2))


async def test_no_more_connections_are_opened_than_allowed() -> None:
    async with serve(answers) as server, client(Limits(connections_per_origin_max=2)) as lent:
        at = origin(server.port)
        asked = (lent.send(at, GET, timeouts=TIMEOUTS) for _ in range(3))
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, UpstreamFailure)]
        assert [failure.kind for failure in failures] == [FailureKind.CONNECT]
        assert server.connections == 2


@pytest.mark.parametrize("waits_for", ["head", "body", "whole body"])
async def test_a_cancelled_task_closes_the_connection(waits_for: str) -> None:
    ready, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        if waits_for != "head":
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
        ready.set()
        await peer.gone()
        left.set()

    async with serve(script) as server, client() as lent:

        async def consume() -> None:
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            await (answer.next() if waits_for == "body" else answer.read())

        task = asyncio.create_task(consume())
        await ready.wait()
        for _ in range(9):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await left.wait()
        await until(lambda: lent.connections(origin(server.port)) == (0, 0))


async def test_a_task_cancelled_while_its_answer_arrives_takes_no_other_exchange_down() -> None:
    async with serve(answers) as server, client() as lent:
        at = origin(server.port)
        await (await lent.send(at, GET, timeouts=TIMEOUTS)).read()
        for turns in range(12):
            task = asyncio.create_task(lent.send(at, GET, timeouts=TIMEOUTS))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            other = await lent.send(at, GET, timeouts=TIMEOUTS)
            assert await other.read() == b"ok"
            await asyncio.wait([task])
        opened, idle = lent.connections(at)
        assert opened == idle


async def test_a_task_cancelled_while_it_connects_leaves_no_connection() -> None:
    met, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        # It takes the TCP connection and says nothing to the handshake of TLS.
        met.set()
        await peer.gone()
        left.set()

    async with serve(script) as server, client() as lent:
        at = origin(server.port, scheme=Scheme.HTTPS)
        task = asyncio.create_task(lent.send(at, GET, timeouts=TIMEOUTS))
        await met.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await left.wait()
        assert lent.connections(at) == (0, 0)


async def test_releasing_an_unfinished_answer_closes_the_connection_and_wakes_its_reader() -> None:
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234")
        await peer.gone()
        left.set()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        reader = asyncio.create_task(answer.read())
        await asyncio.sleep(0)
        answer.release()
        answer.release()
        with pytest.raises(UpstreamFailure):
            await reader
        async with asyncio.timeout(5):
            await left.wait()


async def test_closing_the_client_ends_what_is_under_way_and_refuses_what_comes() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(OK)
        await peer.gone()

    async with serve(script) as server, client() as lent:
        at = origin(server.port)
        await (await lent.send(at, GET, timeouts=TIMEOUTS)).read()
        under_way = [asyncio.create_task(lent.send(at, GET, timeouts=TIMEOUTS)) for _ in range(2)]
        await until(lambda: server.connections == 2)
        await asyncio.sleep(0)
        await lent.close()
        assert lent.connections(at) == (0, 0)
        for task in under_way:
            with pytest.raises(UpstreamFailure):
                await task
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(at, GET, timeouts=TIMEOUTS)
        assert caught.value.kind is FailureKind.CONNECT


async def test_a_refused_connection_is_said_without_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with client() as lent:
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(port), GET, timeouts=TIMEOUTS)
    assert caught.value.kind is FailureKind.CONNECT
    assert str(caught.value) == "the connection was refused"
    # A log that writes the chain of causes would write the address.
    assert caught.value.__context__ is None


async def test_a_closed_connection_is_freed_without_the_cycle_collector() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")

    async with serve(script) as server, client() as lent:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
            await until(lambda: lent.connections(origin(server.port)) == (0, 0))
            await asyncio.sleep(0)
            assert [thing for thing in gc.get_objects() if isinstance(thing, Connection)] == []
        finally:
            gc.enable()


async def test_small_writes_are_not_held_back_and_a_silent_end_is_looked_for() -> None:
    async with serve(answers) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        await answer.read()
        connection = lent._pools[origin(server.port)].take()
        assert connection is not None
        system = connection._transport.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(system.fileno())) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        connection.close()
