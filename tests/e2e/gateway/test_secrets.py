"""A provider that repeats the key it was given: no client learns it, and no log does."""

import json

import pytest

from tests.e2e.gateway.conftest import PROVIDER_KEY
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen
from tests.e2e.gateway.test_http import BODY, CHAT

ERROR_CHARACTERS_MAX = 500
"""Where the dialect cuts what a provider says."""


@pytest.fixture(scope="module")
def key(tollway: Deployment) -> str:
    """A key with money."""
    return tollway.key(tollway.account("5.00"))


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "401 Unauthorized", "500 Oops"])
@pytest.mark.parametrize("key_characters_kept", [7, 12, len(PROVIDER_KEY), None])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_key_that_a_provider_repeats_is_struck_even_where_its_text_is_cut(
    tollway: Deployment, provider: Provider, key: str, status: str, key_characters_kept: int | None, streamed: bool
) -> None:
    before = "y" * (10 if key_characters_kept is None else ERROR_CHARACTERS_MAX - key_characters_kept - 1)
    body = json.dumps({"error": {"message": f"{before} {PROVIDER_KEY} was given", "code": PROVIDER_KEY}}).encode()

    async def telling(seen: Seen, to: Line) -> None:
        if streamed and status == "200 OK":
            await to.start_stream()
            await to.piece(b"data: %b\n\n" % body)
            await to.end_stream()
        else:
            await to.whole(body, status=status)

    provider.scripts["telling"] = telling
    client = tollway.client(key)
    request = json.loads(BODY) | {"model": "p/telling", "stream": streamed}
    response = client.post(CHAT, json=request)
    assert response.status_code >= 400
    told = response.text + tollway.log.read_text()
    assert PROVIDER_KEY[:7] not in told
