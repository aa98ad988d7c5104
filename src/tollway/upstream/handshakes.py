"""TLS handshakes with one origin, each of which may resume what an earlier one has proven. Knows no pool and no address.

A new connection that resumes checks no certificate, neither it nor the other end signs anything, and no chain is sent: it
took 0.8 instead of 1.3 ms of CPU over TLS 1.3 and 0.6 instead of 1.3 over TLS 1.2 (a chain of two P-256 certificates; of RSA
0.85 and 0.6 instead of 1.2 and 1.3). Nothing is asked of a connection while it serves.
"""

import ssl
from collections.abc import Callable


class Handshakes:
    """Those with one origin, and what the last of them proved.

    What is resumed is a session of this origin and this context, so that nobody is believed for what another has proven.
    Only a handshake that verified a certificate gives one: else one proof could be handed on without an end.
    """

    __slots__ = ("_begun_at", "_context", "_learns_from", "_newest", "_now", "_proof_s", "_proven_at", "_session")

    def __init__(self, context: ssl.SSLContext, *, now: Callable[[], float], proof_s: float) -> None:
        """Take the context that verifies, a clock in seconds, and for how many seconds a certificate stays proven."""
        self._context = context
        self._now = now
        self._proof_s = proof_s
        self._newest: ssl.SSLObject | None = None
        self._session: ssl.SSLSession | None = None
        # When the newest handshake began, and the one that gave the session; from when on one that begins may give another.
        self._begun_at = self._proven_at = self._learns_from = 0.0

    def next(self) -> "Handshake":
        """Return the handshake of a connection that is to be made."""
        return Handshake(self)

    def begin(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_hostname: str | None) -> ssl.SSLObject:
        """Return the client's end of one, which offers to resume what is proven."""
        self._learn()
        now = self._now()
        if self._session is not None and now >= self._proven_at + self._proof_s:
            self._session = None
        self._newest = self._context.wrap_bio(incoming, outgoing, False, server_hostname, self._session)
        self._begun_at = now
        return self._newest

    def _learn(self) -> None:
        """Keep what the newest handshake has proven; its session comes behind it, with the first bytes of an answer."""
        newest = self._newest
        if newest is None or newest.version() is None:
            return
        if newest.session_reused or self._begun_at < self._learns_from:
            self._newest = None
            return
        session = newest.session
        if session is not None and (session.has_ticket or session.id):
            self._session, self._proven_at = session, self._begun_at
            self._newest = None

    def forget(self) -> None:
        """Forget what was resumed, and resume nothing for as long as a proof holds: a server's end of it may be broken."""
        if self._session is not None:
            self._session = None
            self._learns_from = self._now() + self._proof_s


class Handshake:
    """One of them. Stands where the event loops take a TLS context: they ask nothing of it but `wrap_bio`."""

    __slots__ = ("_all", "_tls")

    def __init__(self, handshakes: Handshakes) -> None:
        """Use `Handshakes.next`."""
        self._all = handshakes
        self._tls: ssl.SSLObject | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: ARG002, FBT001, FBT002 (as the event loops call it)
        server_hostname: str | None = None,
    ) -> ssl.SSLObject:
        """Begin it, as `ssl.SSLContext.wrap_bio` does."""
        self._tls = self._all.begin(incoming, outgoing, server_hostname)
        return self._tls

    def failed(self) -> None:
        """Say that the connection did not come about: whose end of resuming is broken would else fail every other one.

        Where this handshake had not begun (refused, or an address that leads nowhere before one that is fine) what was proven
        is not to blame.
        """
        if self._tls is not None and self._tls.version() is None:
            self._all.forget()
