"""Posting a form: what goes on the wire, and what is no address."""

import asyncio

import pytest

from tollway.catalog.records import Origin, Reach, Scheme
from tollway.errors import UpstreamFailure
from tollway.upstream.client import UpstreamClient
from tollway.upstream.forms import _request, form_poster
from tollway.upstream.limits import Limits


@pytest.mark.parametrize(
    ("host", "port", "path", "line", "named"),
    [
        ("oauth2.example.com", 443, "/token", b"POST /token HTTP/1.1", b"oauth2.example.com"),
        ("::1", 8443, "", b"POST / HTTP/1.1", b"[::1]:8443"),
    ],
)
def test_a_form_is_posted_as_one(host: str, port: int, path: str, line: bytes, named: bytes) -> None:
    origin = Origin(scheme=Scheme.HTTPS, host=host, port=port, reach=Reach.PRIVATE)
    head, _, body = _request(origin, path, b"a=b").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0], lines[1], body) == (line, b"host: " + named, b"a=b")
    assert {b"content-length: 3", b"content-type: application/x-www-form-urlencoded"} <= {*lines}


def test_an_address_that_is_none_is_a_failure_without_its_text() -> None:
    async def post() -> None:
        await form_poster(UpstreamClient(limits=Limits()))("https://user:canary@host/token", b"")

    with pytest.raises(UpstreamFailure) as caught:
        asyncio.run(post())
    assert "token endpoint must not hold a user or password" in caught.value.message
    assert "canary" not in caught.value.message
