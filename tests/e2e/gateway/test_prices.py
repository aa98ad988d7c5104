"""What a charge is made of: the card in force, discount and markup, the batch share, the rate of exchange, the fee."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import USAGE, Line, Provider, Seen, answer, events

CHAT = "/v1/chat/completions"

MODELS = """
[billing]
rates = { CNY = "0.125" }
platform_fee = "10%"
[[models]]
id = "marked-up"
targets = [{ provider = "p", model = "plain" }]
price = { input = "1", output = "2", cached_input = "0.5" }
markup = "50%"
[[models]]
id = "batched"
targets = [{ provider = "p", model = "flexible" }]
price = { input = "1", output = "2", cached_input = "0.5", batch = "50%" }
[[models]]
id = "dated"
targets = [{ provider = "p", model = "plain" }]
price = [
    { input = "9", output = "9" },
    { input = "1", output = "2", from = "2025-01-01" },
    { input = "7", output = "7", from = "2100-01-01" },
]
[[models]]
id = "long"
targets = [{ provider = "p", model = "plain" }]
price = { input = "9", output = "9", tiers = [{ above = 500, input = "2", output = "4" }] }
"""
"""The provider's 1000 tokens in and 100 out cost 0.0012 at the plain price."""


@pytest.fixture
def priced(deploy: Deploy, provider: Provider) -> Deployment:
    async def flexible(seen: Seen, to: Line) -> None:
        if seen.body.get("stream"):
            await to.start_stream()
            for piece in events("flexible"):
                await to.piece(piece.replace(b'"created":1', b'"created":1,"service_tier":"flex"'))
            await to.end_stream()
        else:
            await to.whole(answer("flexible", usage=USAGE | {"cost": 0.00042})[:-1] + b', "service_tier": "flex"}')

    provider.scripts["flexible"] = flexible
    return deploy(more=MODELS)


def asked(
    tollway: Deployment, key: str, model: str, *, streamed: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the usage of a reply, and the line that stands behind it."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": streamed}
    reply = tollway.client(key).post(CHAT, json=body)
    assert reply.status_code == 200, reply.text
    line = tollway.command("requests", "show", reply.headers["x-request-id"])
    if not streamed:
        return json.loads(reply.content, parse_float=Decimal)["usage"], line
    chunks = [json.loads(data, parse_float=Decimal) for data in reply.text.split("data: ")[1:] if data[0] == "{"]
    return next(chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), line


def test_a_markup_an_accounts_discount_and_the_fee_stand_on_the_charge(priced: Deployment) -> None:
    account = priced.account()
    priced.command("account", "set", account, "--discount", "20%", "--fee", "5%")
    usage, line = asked(priced, priced.key(account), "marked-up")
    assert (Decimal(line["base_cost"]), Decimal(line["platform_fee"])) == (Decimal("0.00144"), Decimal("0.000072"))
    assert (usage["base_cost_usd"], usage["total_cost_usd"]) == (Decimal("0.00144"), Decimal("0.001512"))
    priced.check()


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_of_the_flex_tier_costs_its_share(priced: Deployment, streamed: bool) -> None:
    usage, line = asked(priced, priced.key(priced.account()), "batched", streamed=streamed)
    assert Decimal(line["base_cost"]) == usage["base_cost_usd"] == Decimal("0.0006")
    priced.check()


def test_what_the_provider_says_it_cost_stands_beside_what_we_charge(priced: Deployment) -> None:
    _, line = asked(priced, priced.key(priced.account()), "batched")
    assert Decimal(line["provider_cost"]) == Decimal("0.00042")


def test_the_card_in_force_when_the_request_began_is_charged(priced: Deployment) -> None:
    _, line = asked(priced, priced.key(priced.account()), "dated")
    assert Decimal(line["base_cost"]) == Decimal("0.0012")


def test_a_long_request_is_charged_by_its_tier(priced: Deployment) -> None:
    _, line = asked(priced, priced.key(priced.account()), "long")
    assert Decimal(line["base_cost"]) == Decimal("0.0024")
    priced.check()


def test_an_account_in_yuan_pays_dollar_prices_at_the_rate_that_stands_on_the_charge(priced: Deployment) -> None:
    account = priced.command("account", "create", "--name", "Li", "--currency", "CNY", "--credit", "10")["id"]
    usage, line = asked(priced, priced.key(account), "m")
    assert (usage["base_cost_cny"], usage["platform_fee_cny"]) == (Decimal("0.0096"), Decimal("0.00096"))
    assert Decimal(line["rate"]) == 8
    assert priced.balance(account) == (Decimal(10) - Decimal("0.01056"), 0)
    priced.check()
