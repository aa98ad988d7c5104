"""HTTP as clients really speak it: keep-alive, pipelining, odd framing, slow and vanishing clients, a store that is locked."""

import asyncio
import json
import socket
import sqlite3
import threading
import time

import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, event

CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}).encode()


@pytest.fixture(scope="module")
def key(tollway: Deployment) -> str:
    """A key with money."""
    return tollway.key(tollway.account("5.00"))


def connect(tollway: Deployment) -> socket.socket:
    """Open a raw connection."""
    host, port = tollway.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def post(key: str, body: bytes = BODY, *, path: str = CHAT, version: str = "1.1", **headers: str) -> bytes:
    """Return the bytes of a POST."""
    lines = [f"POST {path} HTTP/{version}", "host: x", f"authorization: Bearer {key}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "transfer_encoding" not in headers:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_answer(file: socket.SocketIO) -> tuple[int, dict[str, str], bytes]:
    """Read one length-delimited answer."""
    status = int(file.readline().split()[1])
    headers: dict[str, str] = {}
    while (line := file.readline().strip()) != b"":
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, file.read(int(headers["content-length"]))


def test_requests_on_one_connection_are_answered_in_their_order(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    bodies = [BODY.replace(b'"m"', b'"p/number-%d"' % number) for number in range(5)]
    with connect(tollway) as sock:
        sock.sendall(b"".join(post(key, body) for body in bodies) + b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        file = sock.makefile("rb")
        answers = [read_answer(file) for _ in range(6)]  # type: ignore[arg-type]
    assert [status for status, _, _ in answers] == [200] * 6
    assert [json.loads(body)["model"] for _, _, body in answers[:5]] == [f"number-{number}" for number in range(5)]
    assert json.loads(answers[5][2])["status"] == "alive"


def test_a_request_may_come_byte_by_byte(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        for byte in post(key):
            sock.sendall(bytes([byte]))
        assert read_answer(sock.makefile("rb"))[0] == 200  # type: ignore[arg-type]


def test_a_chunked_request_body_is_taken_whole(tollway: Deployment, provider: Provider, key: str) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, BODY[at : at + 1]) for at in range(len(BODY))) + b"0\r\n\r\n"
    with connect(tollway) as sock:
        sock.sendall(post(key, chunks, transfer_encoding="chunked"))
        assert read_answer(sock.makefile("rb"))[0] == 200  # type: ignore[arg-type]
    assert provider.seen[-1].body["messages"] == json.loads(BODY)["messages"]


def test_a_client_that_asks_before_it_sends_is_told_to_go_on_or_not_to(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        sock.sendall(post(key, expect="100-continue").removesuffix(BODY))
        file = sock.makefile("rb")
        assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert file.readline() == b"\r\n"
        sock.sendall(BODY)
        assert read_answer(file)[0] == 200  # type: ignore[arg-type]
    with connect(tollway) as sock:
        sock.sendall(post("tw-wrong", expect="100-continue").removesuffix(BODY))
        assert read_answer(sock.makefile("rb"))[0] == 401  # type: ignore[arg-type]


def test_an_old_client_gets_a_stream_that_ends_with_the_connection(tollway: Deployment, key: str) -> None:
    body = BODY.replace(b'{"model"', b'{"stream": true, "model"')
    with connect(tollway) as sock:
        sock.sendall(post(key, body, version="1.0"))
        answer = sock.makefile("rb").read()
    head, _, stream = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert stream.startswith(b"data: {")
    assert stream.endswith(b"data: [DONE]\n\n")


def test_connection_close_is_kept(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        sock.sendall(post(key, connection="close"))
        answer = sock.makefile("rb").read()
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"}")


def test_a_query_behind_the_path_changes_nothing(tollway: Deployment, key: str) -> None:
    assert tollway.client(key).post(f"{CHAT}?api-version=2024", content=BODY).status_code == 200
    assert tollway.client(key).post("/v1/chat%2Fcompletions", content=BODY).status_code == 200


def test_the_stream_arrives_piece_by_piece_and_not_at_its_end(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    gates = [asyncio.Event() for _ in range(3)]

    async def script(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for gate in gates:
            await to.piece(event("x", {"content": "a"}))
            await gate.wait()
        await to.piece(event("x", {}, "stop") + b"data: [DONE]\n\n")
        await to.end_stream()

    provider.scripts["gated"] = script
    body = BODY.replace(b'"m"', b'"p/gated"').replace(b"{", b'{"stream": true, ', 1)
    with tollway.client(key).stream("POST", CHAT, content=body) as response:
        pieces = response.iter_raw()
        for gate in gates:
            assert b'"content":"a"' in next(pieces)
            provider.call(gate.set)
        assert b"[DONE]" in b"".join(pieces)


def test_a_client_that_does_not_read_slows_only_its_own_provider(tollway: Deployment, provider: Provider) -> None:
    key = tollway.key(tollway.account("100.00"))  # the flood is forty million letters, and its money must not end
    sent = 0

    async def flood(seen: Seen, to: Line) -> None:
        nonlocal sent
        await to.start_stream()
        for _ in range(4000):
            await to.piece(event("x", {"content": "y" * 10_000}))
            sent += 1
        await to.piece(event("x", {}, "stop") + b"data: [DONE]\n\n")
        await to.end_stream()

    provider.scripts["flood"] = flood
    body = BODY.replace(b'"m"', b'"p/flood"').replace(b"{", b'{"stream": true, ', 1)
    with connect(tollway) as sock:
        sock.sendall(post(key, body))
        assert sock.recv(1)
        last = -1
        while sent != last:  # until the provider is held up by the client that does not read
            last = sent
            time.sleep(0.3)
        assert 0 < sent < 4000
        assert tollway.client(key).post(CHAT, content=BODY).status_code == 200
        file = sock.makefile("rb")
        while b"[DONE]" not in file.readline():
            pass
    assert sent == 4000


def test_many_clients_that_vanish_leave_nothing_held(tollway: Deployment, provider: Provider) -> None:
    account = tollway.account("5.00")
    key = tollway.key(account)

    async def slow(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for _ in range(500):
            await to.piece(event("x", {"content": "z"}))
            await asyncio.sleep(0.01)

    provider.scripts["vanish"] = slow
    body = BODY.replace(b'"m"', b'"p/vanish"').replace(b"{", b'{"stream": true, ', 1)

    def leave(after_bytes: int) -> None:
        with connect(tollway) as sock:
            sock.sendall(post(key, body))
            while after_bytes > 0:
                after_bytes -= len(sock.recv(after_bytes))

    threads = [threading.Thread(target=leave, args=(number * 40,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 10
    while (held := tollway.balance(account)[1]) and time.monotonic() < deadline:
        pass
    assert held == 0
    health = tollway.client().get("/health").json()
    assert health["running_exchanges"] == 0
    tollway.check()


def test_while_the_ledger_cannot_be_written_nothing_is_served_and_then_it_goes_on(
    deploy: Deploy, provider: Provider
) -> None:
    tollway = deploy()
    account = tollway.account("5.00")
    client = tollway.client(tollway.key(account))
    assert client.post(CHAT, content=BODY).status_code == 200
    other = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    seen = len(provider.seen)
    replies: list[int] = []
    first = threading.Thread(target=lambda: replies.append(client.post(CHAT, content=BODY).status_code))
    first.start()
    deadline = time.monotonic() + 20
    while (response := client.get("/readyz")).status_code == 200 and time.monotonic() < deadline:
        pass
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not_ready"
    assert response.headers["retry-after"] == "1"
    assert client.get("/livez").status_code == 200
    assert not replies, "an answer whose charge is not on disk has not left"
    assert client.post(CHAT, content=BODY).status_code == 503
    assert len(provider.seen) <= seen + 1
    other.execute("ROLLBACK")
    other.close()
    first.join(20)
    assert replies == [200]
    while client.get("/readyz").status_code != 200 and time.monotonic() < deadline:
        pass
    assert client.post(CHAT, content=BODY).status_code == 200
    balance, held = tollway.balance(account)
    assert (str(balance), held) == ("4.9964", 0)
    tollway.check()
