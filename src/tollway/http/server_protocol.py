"""uvicorn's HTTP/1.1 protocol, with a way past ASGI: the data plane is called with a whole request and writes its reply itself.

ASGI passes every request through a scope, two events and two writes; a hello through it costs 22 µs of CPU, most of
them system calls (docs/decisions/0005). What FastAPI answers still goes through it.
"""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Coroutine, Iterable
from typing import Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tollway.http.client_address import ClientAddresses
from tollway.http.head import HEAD_END, Head, KnownHead, known_head
from tollway.http.inbound import LINGER_S, Inbound

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

IDLE_S = 75.0
"""nginx's default for kept connections, and longer than the 60 s after which common SDK pools drop theirs."""


HEAD_BYTES_MAX = 64 * 1024
"""What may come without a request's head, or its body, getting on: the parser keeps a header until its last byte."""


class Plane(Protocol):
    """What answers requests."""

    def begin(self, inbound: Inbound) -> bool:
        """Decide by a request's head alone; return whether its body is wanted."""
        ...

    def begin_again(self, inbound: Inbound, body_bytes: int) -> bool:
        """Begin a request whose head was let through before; False when it must be judged anew."""
        ...

    def refuse_too_large(self, inbound: Inbound) -> None:
        """Note that a body turned out to be over the limit."""
        ...

    def serve(self, inbound: Inbound) -> Coroutine[Any, Any, None]:
        """Answer a request that is complete, or refused."""
        ...

    def bad_request(self, words: str, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the whole answer to what is not HTTP; `url` and `headers` are what was read of it."""
        ...


class ServerProtocol(HttpToolsProtocol):
    """One client connection. Requests on it are answered one after the other, in their order."""

    plane: Plane
    """Set by the server on a subclass of its own."""
    asgi_below: tuple[bytes, ...]
    """Requests whose paths begin so are ASGI's."""
    addresses: ClientAddresses

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin a connection."""
        super().connection_made(transport)
        self._arriving: Inbound | None = None
        self._body: bytes | bytearray = b""
        self._answering: Any = None
        self._continue_due = False
        self._ended = False
        self._barren_bytes = 0
        self._between = True
        """The parser has read a whole request, and no byte of another."""
        self._fresh = b""
        """What is being parsed, as long as no head in it has ended."""
        self._known: KnownHead | None = None
        self._missing_bytes = 0
        """Of the body that belongs to a known head."""
        self._steps = 0
        self._mark = (-1, 0)
        self._check = self.loop.call_later(IDLE_S, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection, and tell the request that is being answered on it."""
        self._check.cancel()
        self._arriving = None
        self.pipeline.clear()
        answering = self._answering
        if isinstance(answering, Inbound):
            if not answering.response_complete:
                answering.lost()
            answering = None
            # Each keeps the other: 24 objects a connection that only a collection of garbage would free.
            self._answering = None
        # uvicorn tells the cycle, which must be the one of its own that is being answered, and not what came after it.
        self.cycle = answering  # type: ignore[assignment]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; after what is not HTTP, and behind the last request to be answered, nothing is read."""
        while data and not self._ended:
            if self._missing_bytes:
                data = self._collect(data)
            elif self._between and self._known is not None and (rest := self._take_known(data)) is not None:
                data = rest
            else:
                self._parse(data)
                return

    def _take_known(self, data: bytes) -> bytes | None:
        """Begin a request whose head is known; return what came behind it, or None when it must be parsed."""
        known = self._known
        assert known is not None, "see the caller"
        found = known.body_of(data)
        if found is None:
            return None
        start, length = found
        inbound = Inbound(connection=self, head=known.head, keep_alive=True, version="1.1")
        if not self.plane.begin_again(inbound, length):
            self._known = None
            return None
        self._barren_bytes = 0
        self._steps += 1
        self.cycle = inbound  # type: ignore[assignment]
        end = start + length
        if end <= len(data):
            inbound.body = data[start:end]
            inbound.more_body = False
            self._ready(inbound)
            return data[end:]
        self._arriving = inbound
        self._body = data[start:]
        self._missing_bytes = end - len(data)
        return b""

    def _collect(self, data: bytes) -> bytes:
        """Take more of the body that belongs to a known head; return what came behind it."""
        arriving = self._arriving
        assert arriving is not None, "a body is missing"
        piece = data[: self._missing_bytes]
        self._missing_bytes -= len(piece)
        self._take_piece(piece)
        if not self._missing_bytes:
            self._whole(arriving)
        return data[len(piece) :]

    def _parse(self, data: bytes) -> None:
        self._barren_bytes += len(data)
        self._fresh = data if self._between else b""
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._end("Invalid HTTP request received.", linger_s=0.0)
            return
        finally:
            self._fresh = b""
        if self._barren_bytes > HEAD_BYTES_MAX:
            self._end(f"The headers of a request are larger than {HEAD_BYTES_MAX} bytes.", linger_s=LINGER_S)

    def _feed(self, data: bytes) -> None:
        """Parse, and stay with this protocol when a client offers another: its request is then an ordinary one.

        The parser takes what follows such a head for the other protocol's, so the head is parsed again without the offer.
        """
        while True:
            parser = self.parser
            try:
                parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                method = parser.get_method()
                if method == b"CONNECT":
                    raise httptools.HttpParserError("this is not a proxy") from None
                lines = [b"%b %b HTTP/%b" % (method, self.url, parser.get_http_version().encode("ascii"))]
                lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
                data = b"\r\n".join([*lines, b"", data[upgrade.args[0] :]])
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    def resume_writing(self) -> None:
        """Go on writing: the client reads."""
        self._steps += 1
        super().resume_writing()

    def shutdown(self) -> None:
        """Close the connection, or let it end with the request that is being answered."""
        if self._busy():
            self._answering.keep_alive = False
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a head. What ASGI wants of it is made where it is ASGI's."""
        self._between = False
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Begin a request: refuse it by its head, or collect its body."""
        parser = self.parser
        fresh, self._fresh = self._fresh, b""
        if parser.should_upgrade():
            return
        self._barren_bytes = 0
        self._steps += 1
        self._arriving = None
        self._continue_due = False
        if self._answering is not None and not self._answering.keep_alive:
            # The answer before this request is the connection's last.
            self._ended = True
            return
        if self.url.startswith(self.asgi_below):
            self._begin_asgi()
            return
        inbound = Inbound(
            connection=self,
            head=Head(method=parser.get_method(), url=self.url, headers=self.headers),
            keep_alive=parser.should_keep_alive(),
            version=parser.get_http_version(),
        )
        if fresh and not self.expect_100_continue:
            # Without the body: that is kept once, and this for as long as the request lasts where nobody asks for it.
            inbound.raw = fresh[: fresh.find(HEAD_END) + len(HEAD_END)]
        self.cycle = inbound  # type: ignore[assignment]
        self._body = b""
        if self.plane.begin(inbound):
            self._arriving = inbound
            if self.expect_100_continue:
                if self._busy():
                    self._continue_due = True
                else:
                    self.transport.write(CONTINUE)
        else:
            self._ready(inbound)

    def _begin_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers += headers
        self.expect_100_continue = expects
        address = self.client_address(headers)
        self.scope["client"] = (address, 0) if address else None
        super().on_headers_complete()

    def client_address(self, headers: list[tuple[bytes, bytes]]) -> str:
        """Return the IP address that a request with these headers comes from; empty where there is none."""
        return self.addresses.find(self.client[0] if self.client else "", headers)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; one that nobody wants is thrown away as it comes."""
        self._barren_bytes = 0
        arriving = self._arriving
        if arriving is not None:
            if len(self._body) + len(body) > arriving.head.body_bytes_max:
                self.plane.refuse_too_large(arriving)
                self._arriving = None
                self._body = b""
                self._ready(arriving)
            else:
                self._take_piece(body)
        elif not self._ended and not isinstance(self.cycle, Inbound):
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request's body, and have it answered."""
        self._between = True
        if self._ended or self.parser.should_upgrade():
            return
        self._barren_bytes = 0
        arriving = self._arriving
        if arriving is not None:
            self._whole(arriving)
        elif isinstance(self.cycle, Inbound):
            self.cycle.end_body()
        else:
            super().on_message_complete()

    def _take_piece(self, piece: bytes) -> None:
        if not self._body:
            self._body = piece
            return
        # Joined as they come: a client that sends tiny chunks must not cost an object for each.
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += piece

    def _whole(self, arriving: Inbound) -> None:
        """Have a request answered whose body is complete."""
        self._arriving = None
        arriving.body = bytes(self._body)
        arriving.more_body = False
        self._body = b""
        self._ready(arriving)

    def on_let_through(self, inbound: Inbound) -> None:
        """Know the head of a request again, which was accepted."""
        if inbound.raw and inbound.keep_alive:
            self._known = known_head(inbound.raw, inbound.head)
        inbound.raw = b""

    def on_served(self, inbound: Inbound) -> None:
        """Forget who answered a request."""
        if inbound.task is not None:
            self.tasks.discard(inbound.task)
            inbound.task = None

    def on_response_complete(self) -> None:
        """Go on to the next request that waits on this connection, if any."""
        self.server_state.total_requests += 1
        self._steps += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._continue_due and self._arriving is not None:
            self._continue_due = False
            self.transport.write(CONTINUE)

    def _ready(self, inbound: Inbound) -> None:
        if self._busy():
            self.flow.pause_reading()
            self.pipeline.appendleft((inbound, self.plane.serve))  # type: ignore[arg-type]
        else:
            self._start_asgi_task(inbound, self.plane.serve)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401 uvicorn's or ours
        self._answering = cycle
        if isinstance(cycle, Inbound):
            # Without the callback that uvicorn takes each task off its list with: that is a turn of the loop.
            cycle.task = self.loop.create_task(self.plane.serve(cycle))
            self.tasks.add(cycle.task)
        else:
            super()._start_asgi_task(cycle, app)

    def _busy(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _check_idle(self) -> None:
        """Close a connection on which nothing is answered and nothing has moved since the last check.

        One that is answered, but whose client has not read a byte since then, is broken: it would keep its hold and its
        memory for as long as it likes. One lazy timer for idle connections, endless heads, stalled bodies and stalled
        readers alike: a timer for each request costs 2 µs.
        """
        unsent = self._unsent_bytes()
        mark = (self._steps, unsent)
        if mark == self._mark and unsent:
            self.transport.abort()
        elif mark == self._mark and not self._busy():
            self.transport.close()
        else:
            self._mark = mark
            self._check = self.loop.call_later(IDLE_S, self._check_idle)

    def _unsent_bytes(self) -> int:
        """Return what the client has not taken, the operating system's queue included: that one moves in small steps."""
        waiting = self.transport.get_write_buffer_size()
        if waiting:
            queued = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            waiting += struct.unpack("i", queued)[0]
        return waiting

    def _end(self, words: str, *, linger_s: float) -> None:
        """Answer what cannot be read on, with a request id like everything else, and nothing behind it.

        What is being answered is answered first, and is then the last: the client could not tell two answers apart.
        """
        self._ended = True
        self._arriving = None
        self._body = b""
        answering = self._answering
        if self._busy() and (isinstance(answering, Inbound) or answering.response_started or not answering.more_body):
            answering.keep_alive = False
            return
        # Before the first line there are no headers yet: uvicorn makes the list with it.
        self.transport.write(self.plane.bad_request(words, self.url, self.headers or ()))
        self.loop.call_later(linger_s, self.transport.close)
