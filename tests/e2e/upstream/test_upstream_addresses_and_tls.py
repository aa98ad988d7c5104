"""Where connections go: to the address that was judged, and over TLS to nobody but the one who proves the name."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
import trustme

from tests.e2e.upstream.calling import GET, OK, TIMEOUTS, client, origin, post, until
from tests.e2e.upstream.scripted_server import Peer, serve
from tollway.catalog.records import Origin, Reach, Scheme, Timeouts
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.client import UpstreamClient
from tollway.upstream.guard import Guard
from tollway.upstream.limits import Limits
from tollway.upstream.tls import client_context

CA = trustme.CA()


async def answers(peer: Peer) -> None:
    """Answer for as long as the client asks."""
    while True:
        await peer.request()
        await peer.send(OK)


def server_context(*names: str, ca: trustme.CA = CA, not_after: dt.datetime | None = None) -> ssl.SSLContext:
    """Return the context of a server that proves these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, not_after=not_after).configure_cert(context)
    return context


def trusting(ca: trustme.CA, folder: Path, *, lookup: Sequence[str] = ("127.0.0.1",)) -> UpstreamClient:
    """Return a client that trusts this authority by a file, and resolves every name to these addresses."""
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))

    async def to_these(host: str, port: int) -> Sequence[str]:
        return lookup

    return UpstreamClient(limits=Limits(), tls=client_context(ca_file=folder / "ca.pem"), guard=Guard(lookup=to_these))


def https(port: int, host: str = "api.example") -> Origin:
    return origin(port, scheme=Scheme.HTTPS, host=host)


async def test_a_public_origin_that_leads_to_loopback_is_blocked() -> None:
    async with serve(answers) as server, client() as lent:
        for host in ("127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"):
            with pytest.raises(UpstreamFailure) as caught:
                await lent.send(origin(server.port, host=host, reach=Reach.PUBLIC), GET, timeouts=TIMEOUTS)
            assert caught.value.kind is FailureKind.BLOCKED
        assert server.connections == 0


async def test_a_connection_made_within_private_reach_is_not_lent_to_a_public_origin() -> None:
    async with serve(answers) as server, client() as lent:
        await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(origin(server.port, reach=Reach.PUBLIC), GET, timeouts=TIMEOUTS)
        assert caught.value.kind is FailureKind.BLOCKED


async def test_a_name_is_looked_up_once_and_the_judged_address_is_connected_to() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with serve(answers) as server:
        lent = UpstreamClient(limits=Limits(), guard=Guard(lookup=rebinding))
        answer = await lent.send(origin(server.port, host="no-such.invalid"), GET, timeouts=TIMEOUTS)
        assert await answer.read() == b"ok"
        assert asked == ["no-such.invalid"]
        await lent.close()


async def test_when_an_address_refuses_the_next_one_is_tried() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        # Nothing listens on the first two; one of them may have no route at all.
        return ["::1", "127.0.0.77", "127.0.0.1"]

    async with serve(answers) as server:
        lent = UpstreamClient(limits=Limits(), guard=Guard(lookup=lookup))
        answer = await lent.send(origin(server.port, host="api.example"), GET, timeouts=TIMEOUTS)
        assert await answer.read() == b"ok"
        await lent.close()


async def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with serve(answers) as server:
        silent = socket.socket()
        fillers = [socket.socket() for _ in range(4)]
        silent.bind(("127.0.0.2", server.port))
        silent.listen(0)
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        lent = UpstreamClient(limits=Limits(), guard=Guard(lookup=lookup))
        timeouts = Timeouts(connect_s=0.2, first_byte_s=5, idle_s=5, total_s=5)
        answer = await lent.send(origin(server.port, host="api.example"), GET, timeouts=timeouts)
        assert await answer.read() == b"ok"
        await lent.close()
        for sock in (silent, *fillers):
            sock.close()


async def test_a_lookup_that_hangs_is_ended_by_the_connect_timeout() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    lent = UpstreamClient(limits=Limits(), guard=Guard(lookup=lookup))
    timeouts = Timeouts(connect_s=0.03, first_byte_s=5, idle_s=5, total_s=5)
    with pytest.raises(UpstreamFailure) as caught:
        await lent.send(origin(80), GET, timeouts=timeouts)
    assert (caught.value.kind, str(caught.value)) == (FailureKind.CONNECT, "no connection within 0.03 s")


async def test_a_proven_name_is_served_and_the_connection_kept(tmp_path: Path) -> None:
    body = bytes(range(256)) * 8000

    async def echo(peer: Peer) -> None:
        while True:
            sent = (await peer.request()).partition(b"\r\n\r\n")[2]
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(sent), sent))

    lent = trusting(CA, tmp_path)
    async with serve(echo, tls=server_context("api.example")) as server:
        for sent, reused in ((b"small", False), (body, True), (b"", True)):
            answer = await lent.send(https(server.port), post(sent), timeouts=TIMEOUTS)
            assert answer.reused is reused
            assert await answer.read() == sent
        await lent.close()


async def test_an_address_in_place_of_a_name_is_verified_too(tmp_path: Path) -> None:
    lent = trusting(CA, tmp_path)
    async with serve(answers, tls=server_context("127.0.0.1")) as server:
        answer = await lent.send(https(server.port, host="127.0.0.1"), GET, timeouts=TIMEOUTS)
        assert await answer.read() == b"ok"
        await lent.close()


@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        pytest.param(
            server_context("other.example"), "the provider's TLS certificate is for another name", id="another name"
        ),
        pytest.param(
            server_context("127.0.0.1"), "the provider's TLS certificate is for another name", id="only the address"
        ),
        pytest.param(
            server_context("api.example", ca=trustme.CA()),
            "the provider's TLS certificate is not trusted",
            id="another authority",
        ),
        pytest.param(
            server_context("api.example", not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
            "the provider's TLS certificate has expired",
            id="expired",
        ),
        pytest.param(None, "the TLS handshake failed", id="no TLS at all"),
    ],
)
async def test_whoever_does_not_prove_the_name_gets_no_request(
    tmp_path: Path, context: ssl.SSLContext | None, sentence: str
) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        if context is None:
            await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        else:
            seen.append(await peer.request())

    lent = trusting(CA, tmp_path)
    async with serve(script, tls=context) as server:
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(https(server.port), GET, timeouts=TIMEOUTS)
        assert (caught.value.kind, str(caught.value)) == (FailureKind.CONNECT, sentence)
        assert caught.value.__context__ is None
        assert lent.connections(https(server.port)) == (0, 0)
        await lent.close()
    assert seen == []


async def test_the_systems_authorities_do_not_vouch_for_ours() -> None:
    async with serve(answers, tls=server_context("localhost")) as server, client() as lent:
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(https(server.port, host="localhost"), GET, timeouts=TIMEOUTS)
        assert caught.value.kind is FailureKind.CONNECT


async def test_a_handshake_that_hangs_is_ended_by_the_connect_timeout(tmp_path: Path) -> None:
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.gone()
        left.set()

    lent = trusting(CA, tmp_path)
    async with serve(script) as server:
        timeouts = Timeouts(connect_s=0.1, first_byte_s=5, idle_s=5, total_s=5)
        with pytest.raises(UpstreamFailure) as caught:
            await lent.send(https(server.port), GET, timeouts=timeouts)
        assert caught.value.kind is FailureKind.CONNECT
        async with asyncio.timeout(5):
            await left.wait()
        await lent.close()


@pytest.mark.parametrize("ending", ["proper", "cut"])
@pytest.mark.parametrize("late", ["reading at once", "reading late"])
async def test_over_tls_only_a_proper_end_ends_a_body_that_closing_delimits(
    tmp_path: Path, ending: str, late: str
) -> None:
    size = 3_000_000
    taken = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size)
        if ending == "cut":
            # What is in the socket's buffer still arrives; what follows is the end of TCP without the end of TLS.
            await taken.wait()
            peer.cut()

    lent = trusting(CA, tmp_path)
    async with serve(script, tls=server_context("api.example")) as server:
        answer = await lent.send(https(server.port), GET, timeouts=TIMEOUTS)
        if late == "reading late":
            await until(lambda: answer.buffered > Limits().buffer_bytes_max)
        got = 0
        while got < size:
            got += len(await answer.next())
        taken.set()
        assert got == size
        if ending == "proper":
            assert await answer.next() == b""
        else:
            with pytest.raises(UpstreamFailure) as caught:
                await answer.next()
            assert caught.value.kind is FailureKind.BROKE
        assert not answer.delimited
        await lent.close()


@pytest.mark.parametrize("ending", ["proper", "cut"])
async def test_over_tls_a_body_short_of_its_length_is_broken(tmp_path: Path, ending: str) -> None:
    taken = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok")
        await taken.wait()
        if ending == "cut":
            peer.cut()

    lent = trusting(CA, tmp_path)
    async with serve(script, tls=server_context("api.example")) as server:
        answer = await lent.send(https(server.port), GET, timeouts=TIMEOUTS)
        assert await answer.next() == b"ok"
        taken.set()
        with pytest.raises(UpstreamFailure) as caught:
            await answer.next()
        assert caught.value.kind is FailureKind.BROKE
        await lent.close()


async def test_over_tls_a_fast_server_waits_for_a_slow_consumer(tmp_path: Path) -> None:
    size = 30_000_000
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.send(b"x" * 100_000)
            sent += 100_000
        await peer.gone()

    lent = trusting(CA, tmp_path)
    async with serve(script, tls=server_context("api.example")) as server:
        answer = await lent.send(https(server.port), GET, timeouts=TIMEOUTS)
        await until(lambda: answer.buffered > Limits().buffer_bytes_max)
        before = -1
        while before < sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < size
        assert answer.buffered < 1_500_000
        got = 0
        while piece := await answer.next():
            got += len(piece)
        assert got == size
        await lent.close()
