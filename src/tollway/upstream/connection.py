"""One HTTP/1.1 connection: writes a request, parses what comes, keeps the deadlines. Knows no origin and no retry."""

import asyncio
import math
import socket
import ssl
from typing import Protocol, cast

import httptools

from tollway.catalog.records import Timeouts
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.answer import Answer
from tollway.upstream.chunks import only_content
from tollway.upstream.limits import Limits

# Timers may fire a little early: uvloop's clock counts whole milliseconds.
_CLOCK_GRAIN_S = 0.002
# Half-open connections show within minutes: reasoning models are silent for longer than many NAT tables remember.
_KEEPALIVE_OPTIONS = tuple(
    (getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
    if hasattr(socket, name)
)
_TELLING = frozenset((b"content-length", b"transfer-encoding", b"content-encoding"))
_BODILESS = frozenset((204, 304))


def _probe_when_silent(transport: asyncio.Transport) -> None:
    """Have the system ask whether the other end is still there. Both event loops set TCP_NODELAY by themselves.

    By one socket object of our own: the transport's makes and drops another for each option, which took 10 of 93 µs of a
    new connection.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, transport.get_extra_info("socket").fileno())
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE_OPTIONS:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    finally:
        sock.detach()


class Home(Protocol):
    """Where a connection lives while no exchange uses it."""

    def made(self, connection: "Connection") -> None:
        """The connection is open."""
        ...

    def put(self, connection: "Connection") -> None:
        """The connection is free for another exchange."""
        ...

    def forget(self, connection: "Connection") -> None:
        """The connection can serve no further exchange."""
        ...

    def lost(self, connection: "Connection") -> None:
        """The connection's socket is closed."""
        ...


class _Stop(Exception):
    """Leaves the parser from a callback; the sentence says what is wrong with the answer."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; `begin` starts one, its Answer is filled as bytes come."""

    __slots__ = (
        "_answer",
        "_barren_bytes",
        "_begun",
        "_between",
        "_bodiless",
        "_buffer_bytes_max",
        "_chunk_whole",
        "_complete",
        "_headers",
        "_home",
        "_interims",
        "_limits",
        "_loop",
        "_news",
        "_parser",
        "_paused",
        "_rest",
        "_reusable",
        "_sent_at",
        "_step_s",
        "_time",
        "_timeouts",
        "_timer",
        "_timer_at",
        "_total_at",
        "_transport",
        "_used",
        "_writing_held",
        "heard_at",
    )

    heard_at: float
    """Loop time of the last bytes that came."""

    def __init__(self, home: Home, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        """Take where to go when free, the bounds, and the loop this runs on."""
        self._home = home
        self._limits = limits
        self._buffer_bytes_max = limits.buffer_bytes_max
        self._loop = loop
        self._time = loop.time
        self._parser = httptools.HttpResponseParser(self)
        self._transport = cast(asyncio.Transport, None)
        self._used = False
        self._paused = False
        self._writing_held = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._answer: Answer | None = None
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._rest: memoryview | None = None
        self._timeouts = Timeouts()
        self._step_s = self._total_at = self._sent_at = 0.0
        self._barren_bytes = self._interims = 0
        self._begun = self._bodiless = self._complete = self._news = self._reusable = False
        self._between = self._chunk_whole = False
        self.heard_at = loop.time()

    # --- the exchange ---

    def begin(self, request: bytes, timeouts: Timeouts, total_at: float) -> Answer:
        """Send the request and return its answer, to be awaited by its `waiter`; `total_at` is in loop time."""
        now = self._time()
        answer = Answer(
            self,
            reused=self._used,
            body_bytes_max=self._limits.body_bytes_max,
            waiter=self._loop.create_future(),
        )
        self._answer = answer
        self._headers = answer.headers
        self._used = True
        self._begun = self._complete = self._news = self._between = self._chunk_whole = False
        self._barren_bytes = self._interims = 0
        self._bodiless = request.startswith(b"HEAD ")
        self._timeouts = timeouts
        self._total_at = total_at
        self._sent_at = now
        if self._transport.is_closing():
            self._broke(answer)
            return answer
        self._watch(now)
        if len(request) <= self._limits.write_slice_bytes:
            self._transport.write(request)
        else:
            self._rest = memoryview(request)
            self._write_on()
        return answer

    def resume(self) -> None:
        """Read on, if reading was paused because too much waited."""
        if self._paused:
            self._paused = False
            # The silence so far was ours, not the provider's.
            self.heard_at = self._time()
            self._transport.resume_reading()

    def abandon(self) -> None:
        """Give up the exchange and close the socket."""
        self._answer = None
        self.close()

    def close(self) -> None:
        """Close the socket at once, whatever it is doing; an answer still under way fails."""
        self._home.forget(self)
        self._rest = None
        self._transport.abort()

    # --- sending ---

    def _write_on(self) -> None:
        answer = self._answer
        if answer is None or answer.status >= 400:
            # Refused before it was sent: the provider wants no more of it.
            return
        size = self._limits.write_slice_bytes
        while self._rest is not None and not self._writing_held:
            part, rest = self._rest[:size], self._rest[size:]
            self._rest = rest or None
            self._sent_at = self._time()
            self._transport.write(part)

    def pause_writing(self) -> None:
        """The provider reads slower than we write."""
        self._writing_held = True

    def resume_writing(self) -> None:
        """Everything written so far is with the operating system."""
        self._writing_held = False
        self._sent_at = self._time()
        self._write_on()

    # --- the connection's life ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected, and verified when it is TLS."""
        self._transport = cast(asyncio.Transport, transport)
        # High 1, low 0: `resume_writing` then means that the request is sent, from when the first byte is waited for.
        self._transport.set_write_buffer_limits(high=1, low=0)
        _probe_when_silent(self._transport)
        self._home.made(self)

    def eof_received(self) -> None:
        """The provider will send nothing more."""
        answer = self._answer
        if answer is not None and answer.status and not answer.delimited and self._cleanly_closed():
            self._reusable = False
            self._finish(answer)
            answer.wake()
        elif answer is not None:
            self._broke(answer)
        else:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's own signature)
        """The socket is gone: by us, by the provider, or by the network."""
        if self._answer is not None:
            self._broke(self._answer)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._home.forget(self)
        self._home.lost(self)
        # The parser holds our callbacks: without this each closed connection would wait for the cycle collector.
        del self._parser

    def _cleanly_closed(self) -> bool:
        """Say whether the end is the provider's word; over TLS anyone on the way can send the end of a TCP stream."""
        tls = self._transport.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:
            return tls.read(1) == b""
        except ssl.SSLZeroReturnError:
            return True
        except (ssl.SSLError, ValueError):
            return False

    def _broke(self, answer: Answer) -> None:
        if self._begun or self._interims:
            sentence = "the connection ended before the answer did"
        else:
            sentence = "the connection ended before an answer came"
            answer.stale = answer.reused and self._time() - self._sent_at <= self._limits.stale_s
        answer.fail(UpstreamFailure(FailureKind.BROKE, sentence))

    # --- receiving ---

    def data_received(self, data: bytes) -> None:
        """Parse what came and wake the consumer once."""
        answer = self._answer
        if answer is None:
            # Nobody asked: whatever follows on this connection cannot be told from an answer.
            self.close()
            return
        # Read before they are called, here and wherever every chunk passes: CPython 3.11 looks for a method first, in a
        # dictionary, and did so for 0.5 of 10 µs a chunk.
        time = self._time
        self.heard_at = time()
        if self._between:  # where the parser stays
            sink = answer.sink
            content = only_content(data)
            if sink is not None and content is not None:
                if not sink(content):
                    answer.stop_pouring()
                return
        self._begun = True
        self._barren_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._junk(answer, error)
                return
            # What follows a complete answer spoils the connection, not the answer.
            self._reusable = False
        # Of a next chunk's line nothing has come: its end would have been told, and its beginning has no line end.
        self._between = self._chunk_whole and data.endswith(b"\n")
        if self._complete:
            self._finish(answer)
        elif self._barren_bytes > self._limits.head_bytes_max:
            self._junk(answer, None)
            return
        elif answer.buffered > self._buffer_bytes_max and not (answer.whole or self._paused):
            self._paused = True
            self._transport.pause_reading()
            answer.compact()
        if self._news:
            self._news = False
            answer.wake()

    def _junk(self, answer: Answer, error: Exception | None) -> None:
        sentence = "the answer's headers, trailers or chunk marks are larger than allowed"
        if error is not None:
            stop = error.__context__
            sentence = str(stop) if isinstance(stop, _Stop) else "what came is not HTTP"
        answer.fail(UpstreamFailure(FailureKind.JUNK, sentence))

    def _finish(self, answer: Answer) -> None:
        self._answer = None
        answer.source = None
        answer.complete = True
        if self._paused:
            self.resume()
        if self._reusable and self._rest is None and not self._writing_held:
            self._home.put(self)
        else:
            self.close()

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """An answer begins, interim ones too."""
        if self._complete:
            raise _Stop("more than one answer came")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line, or trailer line, is complete."""
        if self._headers is not None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        answer, headers = self._answer, self._headers
        assert answer is not None
        assert headers is not None
        status = self._parser.get_status_code()
        self._check_size(headers)
        if status < 200:
            self._interim(status)
            return
        delimited = self._bodiless or status in _BODILESS
        for name, value in headers:
            if name in _TELLING:
                word = value.strip().lower()
                if name == b"content-encoding":
                    if word not in (b"identity", b""):
                        raise _Stop("the answer is compressed, though none of that was asked for")
                elif name == b"transfer-encoding" and word != b"chunked":
                    raise _Stop("the answer has an unknown transfer encoding")
                else:
                    delimited = True
        answer.delimited = delimited
        answer.status = status
        self._headers = None
        self._news = True
        if self._bodiless:
            # The parser does not know that the request was HEAD and would wait for the body that the length announces.
            self._complete = True
            self._reusable = False
            raise _Stop("the answer to HEAD has no body")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        answer = self._answer
        assert answer is not None
        answer.pieces.append(body)
        answer.buffered += len(body)
        self._barren_bytes = 0
        self._news = True

    def on_chunk_header(self) -> None:
        """The line that begins a chunk is complete."""
        self._chunk_whole = False

    def on_chunk_complete(self) -> None:
        """A chunk is complete, with the line end behind it."""
        self._chunk_whole = True

    def on_message_complete(self) -> None:
        """The answer is complete, unless it was an interim one."""
        if self._headers is None:
            self._complete = True
            self._news = True
            self._reusable = self._parser.should_keep_alive()

    def _check_size(self, headers: list[tuple[bytes, bytes]]) -> None:
        if len(headers) > self._limits.headers_max:
            raise _Stop(f"the answer has more than {self._limits.headers_max} headers")
        bound = self._limits.head_bytes_max
        # What came in one read may include the body, so only then is it worth adding up.
        if self._barren_bytes > bound and sum(len(name) + len(value) for name, value in headers) > bound:
            raise _Stop(f"the answer's headers are larger than {bound} bytes")

    def _interim(self, status: int) -> None:
        self._interims += 1
        if status < 100 or status == 101 or self._interims > self._limits.interim_max:
            raise _Stop("the provider keeps sending interim answers, or changes the protocol")
        assert self._headers is not None
        self._headers.clear()
        # The answer itself has not begun: its first byte is still waited for.
        self._begun = False

    # --- deadlines: one timer, moved only when it fires, because every sign of life puts the deadline off ---

    def _watch(self, now: float) -> None:
        timeouts = self._timeouts
        first_s, idle_s = timeouts.first_byte_s, timeouts.idle_s
        # No deadline that a later event sets can come sooner than this from now.
        self._step_s = first_s if first_s < idle_s else idle_s
        at = now + self._step_s
        if self._total_at < at:
            at = self._total_at
        if self._timer is None:
            self._arm(at)
        elif self._timer_at > at:
            self._timer.cancel()
            self._arm(at)

    def _arm(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        answer = self._answer
        if answer is None:
            return
        now = self._time()
        due, sentence = self._deadline()
        if now + _CLOCK_GRAIN_S < due:
            self._arm(min(due, max(now + self._step_s, now + _CLOCK_GRAIN_S)))
        else:
            answer.fail(UpstreamFailure(FailureKind.TIMEOUT, sentence))

    def _deadline(self) -> tuple[float, str]:
        """Return when the present wait ends, in loop time, and what is to be said then."""
        timeouts = self._timeouts
        if self._paused:
            due, sentence = math.inf, ""
        elif self._begun:
            due, sentence = self.heard_at + timeouts.idle_s, f"nothing more came within {timeouts.idle_s:g} s"
        elif self._writing_held:
            due, sentence = self._sent_at + timeouts.idle_s, f"the request was not taken within {timeouts.idle_s:g} s"
        else:
            due, sentence = self._sent_at + timeouts.first_byte_s, f"no first byte within {timeouts.first_byte_s:g} s"
        if self._total_at <= due:
            return self._total_at, f"no end of the answer within {timeouts.total_s:g} s"
        return due, sentence
