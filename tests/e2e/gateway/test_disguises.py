"""A request that pretends to be something else gets no further than what it is."""

import json

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tests.e2e.gateway.test_http import BODY

PICTURE = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}}
SHOWN = json.dumps({"model": "m", "messages": [{"role": "user", "content": [PICTURE]}]})


@pytest.fixture(scope="module")
def key(tollway: Deployment) -> str:
    """A key with money."""
    return tollway.key(tollway.account())


@pytest.mark.parametrize("space", ["", " ", "\n\t" * 300])
def test_json_that_calls_itself_a_form_takes_no_provider_into_a_private_network(
    tollway: Deployment, provider: Provider, key: str, space: str
) -> None:
    seen = len(provider.seen)
    headers = {"content-type": "multipart/form-data; boundary=b"}

    answer = tollway.client(key).post("/v1/chat/completions", content=space + SHOWN, headers=headers)

    assert answer.status_code == 400
    assert "169.254.169.254" in answer.json()["error"]["message"]
    assert len(provider.seen) == seen


def test_what_a_chat_is_called_does_not_reach_the_provider(tollway: Deployment, provider: Provider, key: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}

    assert tollway.client(key).post("/v1/chat/completions", content=b" " + BODY, headers=headers).status_code == 200
    assert provider.seen[-1].headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["Model", "MODEL"])
def test_a_key_for_one_model_gets_no_other_by_another_spelling(
    tollway: Deployment, provider: Provider, name: str
) -> None:
    limited = tollway.key(tollway.account(), "--models", "m")
    seen = len(provider.seen)

    answer = tollway.client(limited).post("/v1/chat/completions", json=json.loads(BODY) | {name: "dearer"})

    assert answer.status_code == 400
    assert len(provider.seen) == seen


def test_one_body_at_another_provider_is_another_request(tollway: Deployment, key: str) -> None:
    client = tollway.client(key)
    once = {"idempotency-key": "two-providers"}

    first = client.post("/v1/chat/completions", content=BODY, headers=once)
    other = client.post("/v1/chat/completions", content=BODY, headers=once | {"x-tollway-provider": "p"})
    again = client.post("/v1/chat/completions", content=BODY, headers=once)

    assert first.status_code == 200
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency_conflict"
    assert again.content == first.content
