"""A connection on which heads are known again serves, byte for byte, what one does that parses each of them."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any, cast

from uvicorn import Config
from uvicorn.server import ServerState

from tollway.http.client_address import ClientAddresses
from tollway.http.head import Head
from tollway.http.inbound import Inbound
from tollway.http.server_protocol import HEAD_BYTES_MAX, ServerProtocol

BODY_BYTES_MAX = 3_000
SEEDS = 300


class Wire(asyncio.Transport):
    """What the client would see, and whether it may send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closing = False
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closing:
            self.sent += data

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return 0


class Echo:
    """Answers each request with what it was, after some turns of the loop."""

    def __init__(self, *, knows: bool, turns: random.Random) -> None:
        self.knows = knows
        self.turns = turns
        self.known = 0
        self.served: list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]] = []

    def begin(self, inbound: Inbound) -> bool:
        inbound.head.body_bytes_max = 0 if inbound.head.method == b"GET" else BODY_BYTES_MAX
        return inbound.head.body_bytes_max > 0

    def begin_again(self, inbound: Inbound, body_bytes: int) -> bool:
        self.known += 1
        return body_bytes <= inbound.head.body_bytes_max

    def refuse_too_large(self, inbound: Inbound) -> None:
        inbound.problem = ValueError("too large")
        inbound.keep_alive = False

    async def serve(self, inbound: Inbound) -> None:
        head: Head = inbound.head
        # The length is its own request's: it stands beside the head.
        headers = [header for header in head.headers if header[0] != b"content-length"]
        self.served.append((head.method, head.url, headers, inbound.body))
        if self.knows and inbound.problem is None and head.method == b"POST":
            inbound.let_through()
        for _ in range(self.turns.choice((0, 0, 1, 5))):
            await asyncio.sleep(0)
        said = b"%b %b %b" % (head.method, head.url, inbound.body)
        status = b"200" if inbound.problem is None else b"413"
        await inbound.respond(b"HTTP/1.1 %b X\r\ncontent-length: %d\r\n" % (status, len(said)), said)
        inbound.served()

    def bad_request(self, words: str, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        return b"HTTP/1.1 400 X\r\n\r\n%b" % words.encode()


async def asgi_echo(_: Any, receive: Any, send: Any) -> None:
    """Answer with the body, as what FastAPI answers would be."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


CONFIG = Config(asgi_echo, ws="none", lifespan="off", log_config=None, date_header=False, server_header=False)


def connection(plane: Echo) -> tuple[ServerProtocol, Wire]:
    """Return a connection that was just made, and its wire."""
    bound = {"plane": plane, "asgi_below": (b"/asgi",), "addresses": ClientAddresses()}
    kind = cast(type[ServerProtocol], type("Bound", (ServerProtocol,), bound))
    protocol, wire = kind(CONFIG, ServerState(), {}, asyncio.get_running_loop()), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def sent(pieces: list[bytes], plane: Echo) -> tuple[bytes, bool]:
    """Return what a client gets that sends these pieces, and whether its connection is closed then."""
    protocol, wire = connection(plane)
    for piece in pieces:
        for _ in range(100):
            if not wire.paused:
                break
            await asyncio.sleep(0)
        if wire.closing:
            break
        protocol.data_received(piece)
        for _ in range(plane.turns.choice((0, 0, 1, 3))):
            await asyncio.sleep(0)
    for _ in range(60):
        await asyncio.sleep(0)
    answered, closed = bytes(wire.sent), wire.closing
    protocol.connection_lost(None)
    return answered, closed


HEAD = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nContent-Length: %d\r\nAccept: */*\r\n\r\n"
LAST = b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length:%d\r\n\r\n"
INNER = HEAD % 5 + b"inner"
KINDS = (
    *[lambda draw: (body := bodies(draw), HEAD % len(body) + body)[1]] * 8,
    *[lambda draw: (body := bodies(draw), LAST % len(body) + body)[1]] * 4,
    lambda draw: HEAD.replace(b"POST", b"post") % 3 + b"abc",
    lambda draw: HEAD.lower().replace(b"post", b"POST").replace(b"http/", b"HTTP/") % 3 + b"abc",
    lambda draw: HEAD.replace(b"%d", b"00%d") % 3 + b"abc",
    lambda draw: HEAD.replace(b"%d", b"+%d") % 3 + b"abc",
    lambda draw: HEAD.replace(b": %d", b":\t%d") % 3 + b"abc",
    lambda draw: HEAD.replace(b"%d", b"%d ") % 3 + b"abc",
    lambda draw: HEAD.replace(b"Accept: */*", b"Content-Length: 9") % 3 + b"abc",
    lambda draw: HEAD.replace(b"Accept: */*", b"Transfer-Encoding: chunked") % 3 + b"abc",
    lambda draw: HEAD.replace(b"Accept: */*", b"Connection: close") % 3 + b"abc",
    lambda draw: HEAD.replace(b"Accept: */*", b"Expect: 100-continue") % 3 + b"abc",
    lambda draw: HEAD.replace(b"Accept: */*", b"Connection: upgrade\r\nUpgrade: h2c") % 3 + b"abc",
    lambda draw: HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") % 3 + b"abc",
    lambda draw: HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
    lambda draw: HEAD.replace(b"Content-Length: %d", b"X: Content-Length: 7") + b"",
    lambda draw: b"GET /v1/y HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc",
    lambda draw: b"GET /v1/y HTTP/1.1\r\nhost: h\r\n\r\n",
    lambda draw: b"\r\n",
    lambda draw: draw.choice(
        (b"\n", b"\r\n\r\n", b"nonsense\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01")
    ),
)


def bodies(draw: random.Random) -> bytes:
    """Return a body, which may look like a request."""
    inner = INNER * draw.randrange(4)
    return draw.choice(
        (
            b"",
            b"x",
            b"9" * 9,
            b"\r\n\r\n",
            b"\r\nContent-Length: 3\r\n\r\n",
            inner,
            inner + b"z" * draw.randrange(4_000),
        )
    )


def pieces_of(stream: bytes, draw: random.Random) -> list[bytes]:
    """Return the bytes cut somewhere."""
    sizes = draw.choice(((1, 2, 3), (1, 20, 90, 300), (100, 160, 3_000), (400, 3_000)))
    pieces: list[bytes] = []
    while stream:
        size = draw.choice(sizes)
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


async def compare(seed: int) -> int:
    """Send one stream of requests to both kinds of connection; return how often a head was known."""
    draw = random.Random(seed)
    requests = [draw.choice(KINDS)(draw) for _ in range(draw.randrange(1, 12))]
    if draw.random() < 0.5:  # nothing that ends the connection soon
        requests = [draw.choice(KINDS[:12])(draw) for _ in range(draw.randrange(2, 12))]
    pieces = requests if draw.random() < 0.6 else pieces_of(b"".join(requests), draw)
    knowing, parsing = Echo(knows=True, turns=random.Random(seed)), Echo(knows=False, turns=random.Random(seed))
    assert await sent(pieces, knowing) == await sent(pieces, parsing), seed
    assert knowing.served == parsing.served, seed
    assert not parsing.known
    return knowing.known


async def test_requests_in_any_pieces_are_served_as_if_each_were_parsed() -> None:
    known = 0
    for seed in range(SEEDS):
        known += await compare(seed)
    assert known > SEEDS / 2


async def test_line_ends_behind_the_bodies_of_known_heads_do_not_add_up_to_a_head_that_is_too_large() -> None:
    post, between = HEAD % 5 + b"Hello", b"\r\n" * (HEAD_BYTES_MAX // 8)
    plane = Echo(knows=True, turns=random.Random(0))
    _, closed = await sent([post, between] * 9, plane)
    assert (len(plane.served), plane.known, closed) == (9, 8, False)


ASGIS = b"POST /asgi/x HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n"
WAITING = HEAD.replace(b"Accept: */*", b"Expect: 100-continue")


def bodies_of(answers: bytes) -> list[bytes]:
    """Return the bodies of answers, in order."""
    found: list[bytes] = []
    while answers:
        head, _, answers = answers.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 100"):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            found.append(answers[:length])
            answers = answers[length:]
    return found


async def test_answers_come_in_the_order_of_the_requests_whoever_gives_them() -> None:
    for seed in range(SEEDS):
        draw = random.Random(seed)
        requests: list[bytes] = []
        wanted: list[bytes] = []
        for number in range(draw.randrange(1, 10)):
            head, before = draw.choice(
                ((ASGIS, b""), (HEAD, b"POST /v1/x "), (HEAD, b"POST /v1/x "), (WAITING, b"POST /v1/x "))
            )
            body = b"%d " % number + b"z" * draw.randrange(2_500)
            requests.append(head % len(body) + body)
            wanted.append(before + body)
        pieces = requests if draw.random() < 0.4 else pieces_of(b"".join(requests), draw)
        answers, closed = await sent(pieces, Echo(knows=True, turns=draw))
        assert (bodies_of(answers), closed) == (wanted, False), seed


async def test_a_large_body_is_kept_once_while_its_request_is_answered() -> None:
    kept: list[bytes] = []

    class Keeping(Echo):
        async def serve(self, inbound: Inbound) -> None:
            kept.append(inbound.raw)
            await super().serve(inbound)

    await sent([HEAD % 2_000 + b"x" * 2_000], Keeping(knows=True, turns=random.Random(0)))
    assert kept == [HEAD % 2_000]


async def test_a_head_that_asks_whether_it_may_go_on_is_told_so_each_time() -> None:
    while_it_is_answered = [b""] * 30
    pieces = [WAITING % 5, b"Hello", *while_it_is_answered] * 3
    answers, _ = await sent(pieces, Echo(knows=True, turns=random.Random(0)))
    assert answers.count(b"HTTP/1.1 100 Continue") == len(bodies_of(answers)) == 3
