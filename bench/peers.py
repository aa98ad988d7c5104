"""Who is measured: a name, where it takes each kind of request, and the process to weigh. Knows no load."""

import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from books import Books
from failure import BenchError
from payloads import CHAT, GEMINI, MESSAGES, OLLAMA, Ask, request_body, request_headers
from servers import Server

DIRECT = "direct"
NGINX = "nginx"
TOLLWAY = "Tollway"
HELLO = "hello"
LITELLM = "LiteLLM"
PORTKEY = "Portkey"

OURS = frozenset({DIRECT, NGINX, TOLLWAY, HELLO})
"""Whose failure is a failure of the benchmark; every other name that does not begin with ours is an outsider."""

ENDS = {CHAT: b"data: [DONE]", MESSAGES: b'"message_stop"', GEMINI: b'"finishReason":"STOP"', OLLAMA: b'"done":true'}
"""What the last line of a whole stream has, by the client's dialect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One gateway, or the upstream itself."""

    name: str
    ports: Mapping[Ask, int]
    """Where it takes each kind of request it can take."""
    key: str
    server: Server | None
    """None for the upstream itself, asked without a gateway, and for a gateway that somebody else has started."""
    books: Books | None = None
    """What its answers are compared with."""
    headers: Mapping[Ask, Mapping[str, str]] = field(default_factory=dict[Ask, Mapping[str, str]])
    """What it must be told beside the key."""
    base_path: str = ""
    """What stands before the path of every request."""
    outside_pid: int | None = None
    """The process to weigh of a gateway that somebody else has started."""
    workers: int = 1
    keys: Sequence[str] = ()
    """Keys that may ask in turn, where a measure wants many."""

    @property
    def pid(self) -> int | None:
        """The root of the process tree to weigh; None when there is none."""
        return self.server.pid if self.server else self.outside_pid

    @property
    def outsider(self) -> bool:
        """Whether it is somebody else's: what goes wrong with it is told, and fails nothing."""
        return self.name not in OURS and not self.name.startswith(TOLLWAY)

    @property
    def given(self) -> bool:
        """Whether somebody else has started it."""
        return self.outsider and self.server is None

    def scheme(self, ask: Ask) -> str:
        """Return how it is asked: gateways in plain, the upstream as they ask it."""
        return ask.scheme if self.name == DIRECT else "http"

    def path(self, ask: Ask) -> str:
        """Return the path of a request, with the query."""
        return self.base_path + ask.path

    def headers_of(self, ask: Ask) -> dict[str, str]:
        """Return the headers of a request; Host and Content-Length are added by each generator."""
        return {**request_headers(self.key), **self.headers.get(ask, {})}

    def request_bytes(self, ask: Ask) -> bytes:
        """Return a whole HTTP/1.1 request as it goes over the wire."""
        body = request_body(ask)
        headers = {"Host": "127.0.0.1", **self.headers_of(ask), "Content-Length": str(len(body))}
        lines = [f"POST {self.path(ask)} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


def check_answer(peer: Peer, ask: Ask) -> None:
    """Ask once; raise BenchError unless the answer is whole and, from a peer with books, says its exact cost."""
    where = ("127.0.0.1", peer.ports[ask])
    if peer.scheme(ask) == "https":
        careless = ssl._create_unverified_context()  # noqa: SLF001 - the certificate is our own
        connection = http.client.HTTPSConnection(*where, timeout=30, context=careless)
    else:
        connection = http.client.HTTPConnection(*where, timeout=30)
    try:
        connection.request("POST", peer.path(ask), body=request_body(ask), headers=peer.headers_of(ask))
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{peer.name} did not answer {ask.model}: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise BenchError(
            f"{peer.name} answered {ask.model} with {response.status}: {body[:300].decode(errors='replace')}"
        )
    if peer.name == DIRECT:
        return
    end = body.rstrip().rpartition(b"\n")[2].replace(b" ", b"")
    if ask.stream and ENDS[ask.client].replace(b" ", b"") not in end:
        raise BenchError(f"{peer.name} did not end its stream of {ask.model}: {body[-300:].decode(errors='replace')}")
    if peer.books is not None and ask.client == CHAT:
        check_cost(peer.name, ask, reported_usage(ask, body))


def reported_usage(ask: Ask, body: bytes) -> Mapping[str, Any]:
    """Return the usage object of an answer, the last one of a stream; raises BenchError when there is none."""
    texts = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")] if ask.stream else [body]
    for text in reversed(texts):
        usage = json.loads(text, parse_float=Decimal).get("usage")
        if usage:
            return usage
    raise BenchError(f"an answer of {ask.model} says no usage")


def check_cost(name: str, ask: Ask, usage: Mapping[str, Any]) -> None:
    """Compare the cost that stands in a reply with what it must be, to the nano-dollar."""
    stated = usage.get("total_cost_usd")
    due = Decimal(ask.cost_nanos).scaleb(-9)
    if stated is None or Decimal(stated) != due:
        raise BenchError(f"{name} says that an answer of {ask.model} costs {stated}; it must be {due}")
