"""The bounds of the upstream client, each with its reason; values only, nothing here acts on them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the client takes from a provider and keeps for it; bytes end in `_bytes`, seconds in `_s`."""

    head_bytes_max: int = 64 * 1024
    """Status line and headers, 1xx answers before them included, and trailers: providers send 1 to 4 KiB."""
    headers_max: int = 200
    """Header lines of one answer: CDNs add about thirty."""
    interim_max: int = 8
    """1xx answers before the answer: one or two occur, an endless row of them would defeat the first-byte timeout."""
    body_bytes_max: int = 64 * 1024 * 1024
    """A body read whole into memory: the largest known are images and embeddings in base64, about 30 MiB."""
    buffer_bytes_max: int = 256 * 1024
    """Body bytes that wait for a slow consumer before the socket is left unread; one more read may come on top.

    There is no low mark: a consumer always takes everything that waits, so reading resumes at empty.
    """
    write_slice_bytes: int = 256 * 1024
    """How much of a long request the transport is given at once: over TLS it makes an encrypted copy of it."""
    idle_connection_s: float = 60.0
    """How long an unused connection is kept: a handshake costs 50 to 300 ms, most servers close after 5 to 75 s."""
    proof_s: float = 600.0
    """How long after a provider proved its name new connections resume that, in place of proving it again.

    Long enough that a burst shakes hands once, and short beside the hours in which a certificate is withdrawn.
    """
    idle_per_origin_max: int = 1024
    """Unused connections kept for one origin: a burst should not make the next burst shake hands again."""
    connections_per_origin_max: int = 10_000
    """Open connections to one origin: below what one local address has ports for; admission bounds load long before."""
    stale_s: float = 5.0
    """How soon a reused connection must die for its request to be sent again.

    A server that closed it before it saw the request shows that within a round trip; one that dies later had the
    request and may have done the work, so trying again is no longer this client's decision.
    """
