"""What a client may do to its own connection, and to our memory: it spoils neither its other answers nor the server."""

import asyncio
import re
import socket
from pathlib import Path

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, answer, event
from tests.e2e.gateway.test_http import BODY, CHAT, connect, post, read_answer

LIVEZ = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
MEGABYTE = b"a" * 1_000_000


@pytest.fixture(scope="module")
def key(tollway: Deployment) -> str:
    """A key with money."""
    return tollway.key(tollway.account("5.00"))


def resident_mb(tollway: Deployment) -> float:
    """Return how much memory the server takes."""
    assert tollway.process is not None
    status = Path(f"/proc/{tollway.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


def send_much(sock: socket.socket, start: bytes, piece: bytes) -> None:
    """Send `start` and then thirty times `piece`, or as much of it as is taken."""
    try:
        sock.sendall(start)
        for _ in range(30):
            sock.sendall(piece)
    except ConnectionError:
        pass


def read_to_the_end(sock: socket.socket) -> bytes:
    """Read until the server closes."""
    received = b""
    while data := sock.recv(65536):
        received += data
    return received


@pytest.mark.parametrize(
    "start",
    [
        b"GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ",
        b"GET /",
        b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 30000001\r\n\r\n",
    ],
    ids=["header", "path", "body of a page"],
)
def test_a_stranger_cannot_fill_the_memory(tollway: Deployment, start: bytes) -> None:
    before = resident_mb(tollway)
    with connect(tollway) as sock:
        send_much(sock, start, MEGABYTE)
        assert tollway.client().get("/livez").status_code == 200
        assert resident_mb(tollway) - before < 10


def test_endless_headers_are_refused_by_their_size(tollway: Deployment) -> None:
    with connect(tollway) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * 70_000)
        head, _, body = read_to_the_end(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: req_" in head
    assert b"larger than 65536 bytes" in body


def test_a_body_in_tiny_chunks_costs_its_bytes_and_not_an_object_for_each_chunk(tollway: Deployment, key: str) -> None:
    before = resident_mb(tollway)
    with connect(tollway) as sock:
        send_much(sock, post(key, b"", transfer_encoding="chunked"), b"2\r\naa\r\n" * 100_000)
        assert tollway.client().get("/livez").status_code == 200
        assert resident_mb(tollway) - before < 30


def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_defect(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        sock.sendall(post(key).removesuffix(BODY[-5:]))
        sock.shutdown(socket.SHUT_WR)
        assert read_to_the_end(sock) == b""
    assert "Traceback" not in tollway.log.read_text()


def test_what_is_asked_behind_a_stream_does_not_break_into_it(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    gate = asyncio.Event()

    async def gated(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("x", {"content": "a"}))
        await gate.wait()
        await to.piece(event("x", {}, "stop") + b"data: [DONE]\n\n")
        await to.end_stream()

    provider.scripts["expected"] = gated
    body = BODY.replace(b'"m"', b'"p/expected"').replace(b"{", b'{"stream": true, ', 1)
    with connect(tollway) as sock:
        sock.sendall(post(key, body))
        received = sock.recv(65536)
        sock.sendall(post(key, expect="100-continue").removesuffix(BODY))
        # On another connection, so that what was just sent has been read by now.
        assert tollway.client().get("/livez").status_code == 200
        provider.call(gate.set)
        while not received.endswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
            data = sock.recv(65536)
            assert data, "the server closed"
            received += data
        assert received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        sock.sendall(BODY)
        assert read_answer(sock.makefile("rb"))[0] == 200  # type: ignore[arg-type]


def test_garbage_behind_a_request_does_not_take_its_answers_place(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    gate = asyncio.Event()

    async def gated(seen: Seen, to: Line) -> None:
        await gate.wait()
        await to.whole(answer("x"))

    provider.scripts["garbage"] = gated
    with connect(tollway) as sock:
        seen = len(provider.seen)
        sock.sendall(post(key, BODY.replace(b'"m"', b'"p/garbage"')))
        provider.wait_for_requests(seen + 1)
        sock.sendall(b"\x00\x01\r\n\r\n")
        assert tollway.client().get("/livez").status_code == 200
        provider.call(gate.set)
        received = read_to_the_end(sock)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.count(b"HTTP/1.1") == 1
    assert tollway.requests()[0]["outcome"] == "completed"


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_is_not_taken_up(tollway: Deployment, key: str, protocol: str) -> None:
    request = post(key, connection="Upgrade, HTTP2-Settings", upgrade=protocol)
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        sock.sendall(request + request + LIVEZ.replace(b"host: x", b"host: x\r\nconnection: upgrade\r\nupgrade: h2c"))
        assert [read_answer(file)[0] for _ in range(3)] == [200, 200, 200]  # type: ignore[arg-type]
        for byte in request:
            sock.sendall(bytes([byte]))
        assert read_answer(file)[0] == 200  # type: ignore[arg-type]
        sock.sendall(LIVEZ)
        assert read_answer(file)[0] == 200  # type: ignore[arg-type]


def test_nothing_is_served_behind_the_last_answer_of_a_connection(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    seen = len(provider.seen)
    refused = post(key, BODY, path=CHAT, content_encoding="br", connection="close")
    with connect(tollway) as sock:
        sock.sendall(refused + post(key) + post(key))
        received = read_to_the_end(sock)
    assert received.count(b"HTTP/1.1") == 1
    assert len(provider.seen) == seen


def test_a_connection_serves_the_admin_api_and_the_gateway_by_turns(tollway: Deployment, key: str) -> None:
    admin = b"GET /admin/v1/accounts HTTP/1.1\r\nhost: x\r\n\r\n"
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        sock.sendall(admin + post(key) + admin + LIVEZ + admin)
        assert [read_answer(file)[0] for _ in range(5)] == [401, 200, 401, 200, 401]  # type: ignore[arg-type]
        sock.sendall(admin + post(key).removesuffix(BODY))
        assert read_answer(file)[0] == 401  # type: ignore[arg-type]
        sock.shutdown(socket.SHUT_WR)
        assert file.read() == b""
    assert "Traceback" not in tollway.log.read_text()
