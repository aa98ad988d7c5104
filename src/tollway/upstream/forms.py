"""Posts a form to one address through the upstream client, for tokens and the like. Knows no signer and no provider."""

from collections.abc import Awaitable, Callable

from tollway.catalog.base_url import PORTS, BaseUrlError, parse_base_url
from tollway.catalog.records import Origin, Reach, Timeouts
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.client import UpstreamClient

TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=15.0, idle_s=15.0, total_s=20.0)
"""A request waits for this."""


def form_poster(client: UpstreamClient) -> Callable[[str, bytes], Awaitable[tuple[int, bytes]]]:
    """Return what posts a form to a URL and returns the status and body of the answer; raises UpstreamFailure."""

    async def post(url: str, form: bytes) -> tuple[int, bytes]:
        try:
            origin, path = parse_base_url(url, reach=Reach.PRIVATE)
        except BaseUrlError as error:
            raise UpstreamFailure(FailureKind.CONNECT, f"the token endpoint {error}") from None
        answer = await client.send(origin, _request(origin, path, form), timeouts=TIMEOUTS)
        try:
            return answer.status, await answer.read()
        finally:
            answer.release()

    return post


def _request(origin: Origin, path: str, form: bytes) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != PORTS[origin.scheme]:
        host = f"{host}:{origin.port}"
    lines = (
        f"POST {path or '/'} HTTP/1.1",
        f"host: {host}",
        "accept: application/json",
        "accept-encoding: identity",
        "content-type: application/x-www-form-urlencoded",
        f"content-length: {len(form)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii") + form
