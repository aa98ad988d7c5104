"""Counting tokens for a model whose provider cannot: an estimate that says so, free, and nobody is asked."""

import json
from decimal import Decimal

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider

MESSAGES = {"model": "m", "messages": [{"role": "user", "content": "How many tokens are these words, about?"}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "How many tokens are these words, about?"}]}]}


def test_messages_are_counted_by_estimate_and_free(tollway: Deployment, provider: Provider) -> None:
    account = tollway.account()
    client = tollway.client(tollway.key(account))
    seen = len(provider.seen)
    body = json.dumps(MESSAGES).encode()
    response = client.post("/v1/messages/count_tokens", content=body)
    assert response.status_code == 200, response.text
    assert response.json() == {"input_tokens": -(-len(body) // 4)}
    assert response.headers["x-tollway-warning"] == "estimated: input_tokens"
    assert response.headers["content-type"] == "application/json"
    assert len(provider.seen) == seen
    assert tollway.balance(account) == (Decimal("5.00"), Decimal(0))
    line = tollway.requests()[0]
    assert (line["outcome"], line["status"], Decimal(line["total_cost"])) == ("completed", 200, 0)
    tollway.check()


def test_contents_are_counted_in_their_own_form(tollway: Deployment, provider: Provider) -> None:
    client = tollway.client(tollway.key(tollway.account()))
    seen = len(provider.seen)
    body = json.dumps(CONTENTS).encode()
    response = client.post("/v1beta/models/m:countTokens", content=body)
    assert response.status_code == 200, response.text
    assert response.json() == {"totalTokens": -(-len(body) // 4)}
    assert response.headers["x-tollway-warning"] == "estimated: input_tokens"
    assert len(provider.seen) == seen


def test_admission_comes_before_the_estimate(tollway: Deployment) -> None:
    assert tollway.client().post("/v1/messages/count_tokens", json=MESSAGES).status_code == 401
    account = tollway.account()
    client = tollway.client(tollway.key(account))
    unknown = client.post("/v1/messages/count_tokens", json={**MESSAGES, "model": "nobody's"})
    assert unknown.status_code == 404
    assert client.post("/v1/messages/count_tokens", json={"model": "m"}).status_code == 400


def test_an_account_without_money_may_count(tollway: Deployment) -> None:
    client = tollway.client(tollway.key(tollway.account(credit=None)))
    assert client.post("/v1/messages/count_tokens", json=MESSAGES).status_code == 200


def test_a_client_that_wants_no_translation_is_told_that_nobody_counts(tollway: Deployment) -> None:
    client = tollway.client(tollway.key(tollway.account()))
    headers = {"x-tollway-translate": "false"}
    response = client.post("/v1/messages/count_tokens", json=MESSAGES, headers=headers)
    assert response.status_code == 501
    assert "anthropic_count_tokens" in response.json()["error"]["message"]
