"""Who is measured: a name, where it takes each kind of request, and the process to weigh. Knows no load."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from books import Books
from failure import BenchError
from payloads import PATH, Ask, request_body, request_headers
from servers import Server

DIRECT = "direct"
NGINX = "nginx"
TOLLWAY = "Tollway"
HELLO = "hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One column of the table."""

    name: str
    ports: Mapping[Ask, int]
    """Where it takes each kind of request it can take."""
    key: str
    server: Server | None
    """None for the upstream itself, asked without a gateway."""
    books: Books | None = None
    """What its answers are compared with."""


def check_answer(peer: Peer, ask: Ask) -> None:
    """Ask once; raise BenchError unless the answer is whole and, from a peer with books, says its exact cost."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.ports[ask], timeout=30)
    connection.request("POST", PATH, body=request_body(ask), headers=request_headers(peer.key))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise BenchError(
            f"{peer.name} answered {ask.model} with {response.status}: {body[:300].decode(errors='replace')}"
        )
    if ask.stream and not body.rstrip().endswith(b"data: [DONE]"):
        raise BenchError(f"{peer.name} did not end its stream of {ask.model}: {body[-300:].decode(errors='replace')}")
    if peer.books is not None:
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
