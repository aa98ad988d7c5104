"""Names below `.localhost` are this machine's, as RFC 6761 says, whatever the resolver thinks; programs here call it first."""

import socket
from typing import Any

LOOPBACK = "127.0.0.1"

resolve = socket.getaddrinfo


def resolve_localhost(host: Any, *words: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    return resolve(LOOPBACK if isinstance(name, str) and name.endswith(".localhost") else host, *words, **named)


def install() -> None:
    socket.getaddrinfo = resolve_localhost
