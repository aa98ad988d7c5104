"""How answers arrive: whole, in pieces, cut, with lies about their length, or as something else altogether."""

import asyncio

import pytest

from tests.e2e.upstream.calling import GET, OK, TIMEOUTS, client, origin, post, until
from tests.e2e.upstream.scripted_server import Peer, serve
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.client import Answer, UpstreamClient
from tollway.upstream.limits import Limits

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n7;note=x\r\n, world\r\n0\r\nTrailer: t\r\n\r\n"
)
SIZED = b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 12\r\n\r\nhello, world"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello, world"
LONG_HEADERS = b"".join(b"h%d: %b\r\n" % (number, b"x" * 90) for number in range(40))


async def drained(answer: Answer, pieces: list[bytes]) -> bytes:
    """Return everything that `next` gives; `pieces` has it even when it fails."""
    while piece := await answer.next():
        pieces.append(piece)
    return b"".join(pieces)


async def failure_of(script_bytes: bytes, *, limits: Limits | None = None) -> UpstreamFailure:
    """Send these bytes, end the stream, and return how the client's `send` and `read` failed."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(script_bytes)

    async with serve(script) as server, client(limits) as lent:
        with pytest.raises(UpstreamFailure) as caught:
            await (await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)).read()
        assert lent.connections(origin(server.port))[1] == 0
    return caught.value


@pytest.mark.parametrize("wire", [CHUNKED, SIZED, UNTIL_CLOSE])
async def test_an_answer_is_the_same_whole_dripped_byte_by_byte_and_split_anywhere(wire: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(wire)
        elif peer.number == 1:
            await peer.drip(wire)
        else:
            at = peer.number - 1
            await peer.send(wire[:at])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await peer.send(wire[at:])

    async with serve(script) as server, client() as lent:
        for number in range(len(wire) + 1):
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            assert (answer.status, answer.reused) == (200, False)
            assert answer.delimited is (wire != UNTIL_CLOSE)
            assert [name for name, _ in answer.headers if name != name.lower() or name == b"trailer"] == []
            assert await (answer.read() if number % 2 else drained(answer, [])) == b"hello, world"
            # The next request needs a connection of its own: the script is for one answer.
            await until(lambda: lent.connections(origin(server.port)) == (0, 0))


async def test_headers_keep_their_order_and_empty_values() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 429 Slow\r\nB: 1\r\na:\r\nB: 2\r\ncontent-length: 0\r\n\r\n")

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert answer.status == 429
        assert answer.headers == [(b"b", b"1"), (b"a", b""), (b"b", b"2"), (b"content-length", b"0")]
        assert await answer.read() == b""
        assert await answer.next() == b""


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(SIZED[:-1], id="shorter than its length"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", id="no byte of the body"),
        pytest.param(CHUNKED[:-2], id="chunked, the end mark cut in its middle"),
        pytest.param(CHUNKED[: CHUNKED.index(b"0\r\nTr")], id="chunked, no end mark"),
        pytest.param(CHUNKED[: CHUNKED.index(b"llo")], id="chunked, inside a chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", id="inside the head"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n", id="only an interim answer"),
    ],
)
async def test_a_truncated_answer_is_never_a_finished_one(wire: bytes) -> None:
    assert (await failure_of(wire)).kind is FailureKind.BROKE


async def test_what_came_before_a_break_is_delivered_before_the_failure() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SIZED[:-4])

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        got: list[bytes] = []
        for _ in range(2):
            with pytest.raises(UpstreamFailure) as caught:
                await drained(answer, got)
            assert caught.value.kind is FailureKind.BROKE
        assert b"".join(got) == b"hello, w"


async def test_a_reset_is_not_the_end_of_a_body_that_only_closing_delimits() -> None:
    begun = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(UNTIL_CLOSE)
        await begun.wait()
        peer.reset()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        assert not answer.delimited
        assert await answer.next() != b""
        begun.set()
        with pytest.raises(UpstreamFailure) as caught:
            await answer.read()
        assert caught.value.kind is FailureKind.BROKE


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46" * 9, id="TLS alert"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 099 Odd\r\n\r\n", id="status below 100"),
        pytest.param(b"HTTP/1.1 200 OK\nlf: only\n\n", id="bare line feeds"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", id="both framings"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nab", id="unknown framing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", id="chunk size is no number"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nab", id="compressed"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nab", id="upgrade"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9, id="interim answers without end"),
    ],
)
async def test_what_is_not_a_proper_answer_is_junk(wire: bytes) -> None:
    assert (await failure_of(wire)).kind is FailureKind.JUNK


@pytest.mark.parametrize(
    ("wire", "limits"),
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + LONG_HEADERS + b"\r\n" + b"x" * 9, Limits(head_bytes_max=2048), id="whole head"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nh: " + b"x" * 4096, Limits(head_bytes_max=2048), id="one header without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + LONG_HEADERS + b"\r\n", Limits(headers_max=39), id="too many headers"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + LONG_HEADERS,
            Limits(head_bytes_max=2048),
            id="trailers",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;" + b"x" * 4096,
            Limits(head_bytes_max=2048),
            id="a chunk mark without end",
        ),
    ],
)
async def test_heads_trailers_and_chunk_marks_are_bounded(wire: bytes, limits: Limits) -> None:
    assert (await failure_of(wire, limits=limits)).kind is FailureKind.JUNK


async def test_a_head_within_the_bounds_may_come_with_a_body_beyond_them() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n" + b"x" * 9000)

    async with serve(script) as server, client(Limits(head_bytes_max=100, headers_max=1)) as lent:
        assert len(await drained(await lent.send(origin(server.port), GET, timeouts=TIMEOUTS), [])) == 9000


@pytest.mark.parametrize("size", [101, 1_000_000])
async def test_a_body_read_whole_is_bounded_and_a_streamed_one_is_not(size: int) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)

    async with serve(script) as server, client(Limits(body_bytes_max=100)) as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        with pytest.raises(UpstreamFailure) as caught:
            await answer.read()
        assert caught.value.kind is FailureKind.JUNK
        assert len(await drained(await lent.send(origin(server.port), GET, timeouts=TIMEOUTS), [])) == size


@pytest.mark.parametrize(
    "extra", [b"!", b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother", b"more than was announced"]
)
async def test_bytes_after_the_answer_spoil_the_connection_but_not_the_answer(extra: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + extra)
        await peer.gone()

    async with serve(script) as server, client() as lent:
        for _ in range(2):
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            assert (answer.reused, await answer.read()) == (False, b"ok")
            assert lent.connections(origin(server.port))[1] == 0
        assert server.connections == 2


async def test_interim_answers_are_skipped() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.drip(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
            await peer.send(OK)

    async with serve(script) as server, client() as lent:
        for reused in (False, True):
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            assert (answer.status, answer.reused, answer.headers) == (200, reused, [(b"content-length", b"2")])
            assert await answer.read() == b"ok"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_ends_with_its_head(status: int) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(b"HTTP/1.1 %d Nothing\r\n\r\n" % status)

    async with serve(script) as server, client() as lent:
        for reused in (False, True):
            answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
            assert (answer.status, answer.reused, await answer.read()) == (status, reused, b"")


async def test_the_length_in_an_answer_to_head_is_not_waited_for() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n")
        await peer.gone()

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", timeouts=TIMEOUTS)
        assert (answer.status, await answer.read()) == (200, b"")


async def test_pieces_come_as_they_are_sent_and_a_late_consumer_gets_them_together() -> None:
    step = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two"):
            await step.wait()
            step.clear()
            await peer.send(b"3\r\n%b\r\n" % piece)
        await step.wait()
        await peer.send(b"5\r\nthree\r\n4\r\nfour\r\n0\r\n\r\n")

    async with serve(script) as server, client() as lent:
        answer = await lent.send(origin(server.port), GET, timeouts=TIMEOUTS)
        for piece in (b"one", b"two"):
            step.set()
            assert await answer.next() == piece
        step.set()
        await until(lambda: answer.complete)
        assert await answer.next() == b"threefour"
        assert await answer.next() == b""


async def test_many_requests_at_once_each_get_their_own_answer() -> None:
    async def script(peer: Peer) -> None:
        while True:
            body = (await peer.request()).partition(b"\r\n\r\n")[2]
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async def ask(lent: UpstreamClient, port: int, number: int) -> None:
        for turn in range(5):
            body = b"%d %d" % (number, turn)
            answer = await lent.send(origin(port), post(body), timeouts=TIMEOUTS)
            assert await answer.read() == body

    async with serve(script) as server, client() as lent:
        await asyncio.gather(*(ask(lent, server.port, number) for number in range(100)))
        assert server.connections <= 100
        opened, idle = lent.connections(origin(server.port))
        assert opened == idle == server.connections
