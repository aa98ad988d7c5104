"""Requests that want more than a key in a header: who signs them, and with what. Knows no dialect and no connection."""

from typing import Protocol


class Signer(Protocol):
    """Makes the headers that one request is let in with."""

    async def headers(self, *, method: str, host: str, path: str, body: bytes) -> list[tuple[str, str]]:
        """Return the headers to add, names in lower case; the path is as it stands on the wire, quoted, with its query.

        Raises UpstreamFailure in words that hold no secret.
        """
        ...
