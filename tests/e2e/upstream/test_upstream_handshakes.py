"""New TLS connections to an origin resume what was proven to them, and believe nobody else for it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.e2e.upstream.calling import GET, TIMEOUTS, origin
from tests.e2e.upstream.scripted_server import Peer, Script, serve
from tollway.catalog.records import Origin, Scheme
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.client import UpstreamClient
from tollway.upstream.guard import Guard
from tollway.upstream.handshakes import Handshakes
from tollway.upstream.limits import Limits
from tollway.upstream.tls import client_context

CA = trustme.CA()
LAST = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
PROOF_S = 100.0


def server_context(name: str = "127.0.0.1", *, ca: trustme.CA = CA) -> ssl.SSLContext:
    """Return the context of a server on loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    return context


def trusting(folder: Path, ca: trustme.CA = CA) -> ssl.SSLContext:
    """Return the context of a client that trusts this authority."""
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return client_context(ca_file=folder / "ca.pem")


def https(port: int, host: str = "127.0.0.1") -> Origin:
    return origin(port, scheme=Scheme.HTTPS, host=host)


def noting(resumed: list[bool]) -> Script:
    """Answer once a connection, and note whether its handshake was a resumed one."""

    async def script(peer: Peer) -> None:
        resumed.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.request()
        await peer.send(LAST)

    return script


@pytest.fixture
async def lent(tmp_path: Path) -> AsyncIterator[UpstreamClient]:
    """A client that trusts the authority."""
    client = UpstreamClient(limits=Limits(), tls=trusting(tmp_path))
    yield client
    await client.close()


async def ask(lent: UpstreamClient, port: int, *, times: int = 1) -> None:
    for _ in range(times):
        answer = await lent.send(https(port), GET, timeouts=TIMEOUTS)
        assert await answer.read() == b"ok"


async def distrust(lent: UpstreamClient, port: int) -> None:
    """Ask a server whose certificate cannot be trusted."""
    with pytest.raises(UpstreamFailure) as caught:
        await ask(lent, port)
    assert str(caught.value) == "the provider's TLS certificate is not trusted"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_new_connection_resumes_what_the_first_one_proved(
    lent: UpstreamClient, version: ssl.TLSVersion
) -> None:
    tls, resumed = server_context(), []
    tls.maximum_version = version
    async with serve(noting(resumed), tls=tls) as server:
        await ask(lent, server.port, times=4)
    assert resumed == [False, True, True, True]


async def test_many_connections_at_once_resume_the_same_proof(lent: UpstreamClient) -> None:
    resumed: list[bool] = []
    async with serve(noting(resumed), tls=server_context()) as server:
        await asyncio.gather(*(ask(lent, server.port) for _ in range(5)))
        assert resumed == [False] * 5
        await asyncio.gather(*(ask(lent, server.port) for _ in range(5)))
    assert resumed == [False] * 5 + [True] * 5


async def test_a_connection_that_is_still_open_has_proven_it_too(lent: UpstreamClient) -> None:
    resumed: list[bool] = []
    both = asyncio.Barrier(2)

    async def script(peer: Peer) -> None:
        resumed.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
        await both.wait()
        await peer.send(b"k")

    async with serve(script, tls=server_context()) as server:
        first, second = [await lent.send(https(server.port), GET, timeouts=TIMEOUTS) for _ in range(2)]
        assert (await first.read(), await second.read()) == (b"ok", b"ok")
    assert resumed == [False, True]


async def test_what_one_origin_proved_is_not_offered_to_another(lent: UpstreamClient) -> None:
    tls, resumed = server_context(), []
    # One context: the second server would take what the first one gave.
    async with serve(noting(resumed), tls=tls) as one, serve(noting(resumed), tls=tls) as other:
        for port in (one.port, other.port, one.port, other.port):
            await ask(lent, port)
    assert resumed == [False, False, True, True]


async def test_a_client_with_other_authorities_does_not_believe_what_was_proven_to_the_first(
    lent: UpstreamClient, tmp_path: Path
) -> None:
    resumed: list[bool] = []
    async with serve(noting(resumed), tls=server_context()) as server:
        other = UpstreamClient(limits=Limits(), tls=trusting(tmp_path, trustme.CA()))
        await ask(lent, server.port)
        await distrust(other, server.port)
        await ask(lent, server.port)
        await other.close()
    assert resumed == [False, True]


async def test_whoever_cannot_resume_has_to_prove_the_name_anew(lent: UpstreamClient) -> None:
    resumed: list[bool] = []
    async with serve(noting(resumed), tls=server_context()) as server:
        await ask(lent, server.port)
    async with serve(noting(resumed), tls=server_context(), port=server.port):
        await ask(lent, server.port)
    async with serve(noting(resumed), tls=server_context(ca=trustme.CA()), port=server.port):
        await distrust(lent, server.port)
    assert resumed == [False, False]


async def test_after_a_connection_failed_that_resumed_nothing_is_resumed_for_a_time(lent: UpstreamClient) -> None:
    resumed: list[bool] = []
    tls = server_context()
    async with serve(noting(resumed), tls=tls) as server:
        await ask(lent, server.port)

    async def no_tls(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serve(no_tls, port=server.port):
        with pytest.raises(UpstreamFailure) as caught:
            await ask(lent, server.port)
        assert caught.value.kind is FailureKind.CONNECT
    async with serve(noting(resumed), tls=tls, port=server.port):
        await ask(lent, server.port, times=3)
    assert resumed == [False, False, False, False]


async def test_a_server_that_could_not_be_reached_for_a_moment_is_resumed_with_again(lent: UpstreamClient) -> None:
    resumed: list[bool] = []
    tls = server_context()
    async with serve(noting(resumed), tls=tls) as server:
        await ask(lent, server.port, times=2)
    with pytest.raises(UpstreamFailure) as caught:
        await ask(lent, server.port)
    assert str(caught.value) == "the connection was refused"
    async with serve(noting(resumed), tls=tls, port=server.port):
        await ask(lent, server.port)
    assert resumed == [False, True, True]


SILENT, REFUSES = "127.0.0.3", "127.0.0.77"


class Astray:
    """A connection that asks at an address where nobody finishes a handshake, beside others that go where they should."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = "127.0.0.1"
        self.port = port
        self.shaking = asyncio.Event()
        self.broken = asyncio.Event()
        self.lent = UpstreamClient(limits=Limits(), tls=trusting(folder), guard=Guard(lookup=self._lookup))

    async def _lookup(self, host: str, port: int) -> Sequence[str]:
        return (self.address,)

    async def ask(self, address: str = "127.0.0.1") -> None:
        self.address = address
        answer = await self.lent.send(https(self.port, "localhost"), GET, timeouts=TIMEOUTS)
        assert await answer.read() == b"ok"

    async def _hold_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        self.shaking.set()
        await self.broken.wait()
        writer.close()

    @asynccontextmanager
    async def astray(self) -> AsyncIterator[asyncio.Task[None]]:
        """Begin a handshake that is not finished, and fails when it is broken."""
        async with await asyncio.start_server(self._hold_on, SILENT, self.port):
            lost = asyncio.create_task(self.ask(SILENT))
            await self.shaking.wait()
            yield lost
            self.broken.set()
            with pytest.raises(UpstreamFailure):
                await lost


async def test_what_is_refused_while_another_shakes_hands_is_not_taken_for_its_failure(tmp_path: Path) -> None:
    resumed: list[bool] = []
    async with serve(noting(resumed), tls=server_context("localhost")) as server:
        some = Astray(tmp_path, server.port)
        await some.ask()
        async with some.astray():
            with pytest.raises(UpstreamFailure) as caught:
                await some.ask(REFUSES)
            assert str(caught.value) == "the connection was refused"
            await some.ask()
        await some.lent.close()
    assert resumed == [False, True]


async def test_a_handshake_that_fails_is_found_to_resume_in_vain_though_another_was_made_since(tmp_path: Path) -> None:
    resumed: list[bool] = []
    async with serve(noting(resumed), tls=server_context("localhost")) as server:
        some = Astray(tmp_path, server.port)
        await some.ask()
        async with some.astray():
            await some.ask()
        await some.ask()
        await some.lent.close()
    assert resumed == [False, True, False]


class Clock:
    """What the handshakes below take for the time."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def shake(handshakes: Handshakes, server: ssl.SSLContext) -> bool:
    """Make a whole handshake in memory, with the ticket behind it, and say whether it was a resumed one."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = handshakes.next().wrap_bio(back, there, server_hostname="127.0.0.1")
    theirs = server.wrap_bio(there, back, server_side=True)
    for end in (ours, theirs, ours, theirs):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    theirs.write(b"x")
    assert ours.read(1) == b"x"
    return bool(ours.session_reused)


def test_a_proof_is_not_handed_on_from_one_resumed_handshake_to_the_next(tmp_path: Path) -> None:
    clock, server = Clock(), server_context()
    handshakes = Handshakes(trusting(tmp_path), now=clock, proof_s=PROOF_S)
    assert not shake(handshakes, server)
    clock.now = PROOF_S - 1
    assert shake(handshakes, server)
    clock.now = PROOF_S
    assert not shake(handshakes, server)
    clock.now = PROOF_S * 2 - 1
    assert shake(handshakes, server)


def test_after_a_failure_what_begins_when_a_proof_would_have_ended_is_resumed_again(tmp_path: Path) -> None:
    clock, server = Clock(), server_context()
    handshakes = Handshakes(trusting(tmp_path), now=clock, proof_s=PROOF_S)
    handshakes.next().failed()
    assert not shake(handshakes, server)
    assert shake(handshakes, server)
    begun = handshakes.next()
    begun.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="127.0.0.1")
    begun.failed()
    assert [shake(handshakes, server) for _ in range(3)] == [False] * 3
    clock.now = PROOF_S
    assert [shake(handshakes, server) for _ in range(3)] == [False, True, True]


def test_a_handshake_that_is_not_finished_has_proven_nothing(tmp_path: Path) -> None:
    server = server_context()
    handshakes = Handshakes(trusting(tmp_path), now=Clock(), proof_s=PROOF_S)
    begun = handshakes.next().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        begun.do_handshake()
    assert not shake(handshakes, server)
    assert shake(handshakes, server)
