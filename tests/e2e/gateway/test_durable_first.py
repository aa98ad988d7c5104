"""What leaves waits for what a crash must not lose: a stream's first byte for its note or row, its last for its charge."""

import asyncio
import json
import socket
import threading

from tests.databases import locked
from tests.e2e.gateway.conftest import Deploy, on_both_stores
from tests.e2e.gateway.provider import Line, Provider, Seen, events
from tests.e2e.gateway.test_http import BODY, CHAT, connect, post
from tollway.store.postgres.address import is_postgres

pytestmark = on_both_stores

STREAM = json.dumps(json.loads(BODY) | {"model": "p/durable", "stream": True}).encode()
QUIET_S = 1.0
"""Three thousand times as long as a commit takes here: what has not come by then is held back."""


def nothing_comes(sock: socket.socket) -> bool:
    """Tell whether the connection stays silent for a while."""
    sock.settimeout(QUIET_S)
    try:
        return not sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(20)


def read_until(sock: socket.socket, mark: bytes) -> bytes:
    """Read until a mark has come."""
    got = b""
    while mark not in got:
        piece = sock.recv(65536)
        assert piece, got
        got += piece
    return got


def test_the_first_byte_of_a_stream_leaves_a_line_whatever_ends_the_process(deploy: Deploy, provider: Provider) -> None:
    sent = threading.Event()

    async def whole(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for piece in events("x"):
            await to.piece(piece)
        await to.end_stream()
        sent.set()

    provider.scripts["durable"] = whole
    tollway = deploy()
    key = tollway.key(tollway.account("5.00"))
    # So that the price card is written and money is borrowed: the line is then all that is left to write.
    assert tollway.client(key).post(CHAT, content=STREAM).status_code == 200
    sent.clear()
    with connect(tollway) as sock:
        with locked(tollway.store):
            sock.sendall(post(key, STREAM))
            assert sent.wait(20)
            if is_postgres(tollway.store):  # its affairs may be settled by another host, which sees rows alone
                assert nothing_comes(sock)
            else:
                read_until(sock, b'"content":"Four"')
                tollway.kill()
        if is_postgres(tollway.store):
            assert read_until(sock, b"data: [DONE]").startswith(b"HTTP/1.1 200 OK")
        else:
            tollway.start()
    outcomes = {line["outcome"] for line in tollway.requests()}
    assert outcomes == ({"completed"} if is_postgres(tollway.store) else {"completed", "interrupted"})
    tollway.check()


def test_the_end_of_a_stream_waits_for_its_charge(deploy: Deploy, provider: Provider) -> None:
    go_on, sent = asyncio.Event(), threading.Event()

    async def halves(seen: Seen, to: Line) -> None:
        await to.start_stream()
        first, *rest = events("x")[1:]
        await to.piece(first)
        await go_on.wait()
        for piece in rest:
            await to.piece(piece)
        await to.end_stream()
        sent.set()

    provider.scripts["durable"] = halves
    tollway = deploy()
    account = tollway.account("5.00")
    with connect(tollway) as sock:
        sock.sendall(post(tollway.key(account), STREAM))
        read_until(sock, b'"content":"Four"')
        with locked(tollway.store):
            provider.call(go_on.set)
            assert sent.wait(20)
            text = read_until(sock, b'"content":" ago"')
            assert b"[DONE]" not in text
            assert b'"usage"' not in text
            assert nothing_comes(sock)
        assert b'"total_cost_usd":0.0012' in read_until(sock, b"data: [DONE]")
    assert str(tollway.balance(account)[0]) == "4.9988"
    tollway.check()
