"""Lessons that are about the whole gateway and not about one part of it; test_money_lessons.py says where the others are."""

import json
import sqlite3
import subprocess
from decimal import Decimal

import httpx
import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import COST, PRICE, TOLLWAY, Deployment, sse_data
from tests.e2e.gateway.provider import Line, Provider, Seen, answer, event, events

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def ask(client: httpx.Client, model: str, *, stream: bool = False) -> httpx.Response:
    return client.post(CHAT, json={"model": model, "messages": HELLO, "stream": stream})


def cost(response: httpx.Response) -> Decimal:
    """Return the cost that a reply says, streamed or not."""
    data = sse_data(response.text)
    found = [text for text in data if "total_cost_usd" in text] if data else [response.text]
    return json.loads(found[-1], parse_float=Decimal)["usage"]["total_cost_usd"]


def test_lesson_10_a_gateway_that_cannot_write_its_ledger_does_not_say_that_it_serves(
    deploy: Deploy, provider: Provider
) -> None:
    tollway = deploy()
    tollway.stop()
    other = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    started = subprocess.Popen(
        [*TOLLWAY, "serve", "--config", str(tollway.config), "--json"],
        cwd=tollway.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said, complaint = started.communicate(timeout=60)
    other.execute("ROLLBACK")
    other.close()
    assert (said, started.returncode) == (b"", 1)
    assert b"locked" in complaint
    tollway.start()
    assert tollway.client().get("/readyz").status_code == 200


@pytest.mark.parametrize("usage", [None, NOTHING], ids=["absent", "zero"])
def test_lesson_12_a_usage_that_is_absent_or_zero_is_not_free_and_costs_the_same_streamed_or_whole(
    tollway: Deployment, provider: Provider, usage: dict[str, int] | None
) -> None:
    async def silent(seen: Seen, to: Line) -> None:
        if not seen.body.get("stream"):
            await to.whole(answer("silent", usage=usage))
            return
        await to.start_stream()
        for piece in events("silent", usage=usage):
            await to.piece(piece)
        await to.end_stream()

    provider.scripts["silent"] = silent
    account = tollway.account("5.00")
    client = tollway.client(tollway.key(account))
    whole, streamed = ask(client, "p/silent"), ask(client, "p/silent", stream=True)
    assert cost(whole) > 0
    # The input is estimated from the body, which is four bytes longer or shorter with the stream.
    assert abs(cost(whole) - cost(streamed)) <= Decimal("0.000002")
    assert [line["basis"] for line in tollway.requests()[:2]] == ["estimated", "estimated"]


@pytest.mark.parametrize("stream", [False, True])
def test_lesson_12_what_is_reported_costs_the_same_streamed_or_whole(tollway: Deployment, stream: bool) -> None:
    client = tollway.client(tollway.key(tollway.account("5.00")))
    assert cost(ask(client, "m", stream=stream)) == COST


MORE_TARGETS = f"""
[[models]]
id = "thrice"
targets = [
    {{ provider = "p", model = "out" }},
    {{ provider = "p", model = "of", weight = 0 }},
    {{ provider = "p", model = "order", weight = 0 }},
]
price = {PRICE}
"""


@pytest.mark.parametrize("stream", [False, True])
def test_lesson_15_and_52_three_attempts_are_one_line_that_says_so_and_one_charge(
    deploy: Deploy, provider: Provider, stream: bool
) -> None:
    async def broken(seen: Seen, to: Line) -> None:
        await to.whole(b'{"error":{"message":"no"}}', "503 Busy")

    async def torn_before_content(seen: Seen, to: Line) -> None:
        await to.start_stream() if seen.body.get("stream") else await to.head(content_length="100")
        to.cut()

    provider.scripts |= {"out": broken, "of": torn_before_content}
    tollway = deploy(more=MORE_TARGETS)
    account = tollway.account("5.00")
    response = ask(tollway.client(tollway.key(account)), "thrice", stream=stream)
    assert cost(response) == COST
    (line,) = tollway.requests()
    assert (line["id"], line["attempts"], line["model_routed"]) == (response.headers["x-request-id"], 3, "order")
    assert tollway.balance(account) == (5 - COST, 0)
    assert tollway.command("usage", "--account", account)[0]["requests"] == 1
    tollway.check()


SECOND_PROVIDER = f"""
[[providers]]
name = "q"
preset = "openai-compatible"
base_url = "http://127.0.0.1:{{port}}/v1"
[[models]]
id = "other"
targets = [{{{{ provider = "q", model = "other" }}}}]
price = {PRICE.replace("{", "{{").replace("}", "}}")}
output_tokens_max = 1000
"""


def test_lesson_47_one_balance_and_one_cap_hold_over_two_providers(deploy: Deploy, provider: Provider) -> None:
    second = Provider().start()
    try:
        tollway = deploy(more=SECOND_PROVIDER.format(port=second.port))
        account = tollway.account("5.00")
        tollway.command("cap", "set", "--account", account, "--window", "total", "--limit", str(COST * 4))
        client = tollway.client(tollway.key(account))
        statuses = [ask(client, model).status_code for model in ("m", "other", "m", "other", "m", "other")]
        assert statuses[:2] == [200, 200]
        assert statuses[-2:] == [429, 429], "whichever provider is asked"
        assert len(second.seen) >= 1
        spent = sum(Decimal(line["total_cost"]) for line in tollway.requests())
        assert COST * 2 <= spent <= COST * 4
        assert tollway.balance(account) == (5 - spent, 0)
        tollway.check()
    finally:
        second.stop()


LIBRARY = """
[[providers]]
name = "o"
preset = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:TEST_PROVIDER_KEY"
"""


def test_lesson_54_a_model_that_nobody_configured_has_its_price_from_the_library(
    deploy: Deploy, provider: Provider
) -> None:
    tollway = deploy(more=LIBRARY.format(port=provider.port))
    account = tollway.account("5.00")
    response = ask(tollway.client(tollway.key(account)), "o/gpt-4o-mini")
    # 1000 in at 0.15 and 100 out at 0.60 per million.
    assert cost(response) == Decimal("0.00021")
    assert tollway.balance(account) == (5 - Decimal("0.00021"), 0)
    assert "price_card" in tollway.requests()[0]


@pytest.mark.parametrize("stream", [False, True])
def test_lesson_66_what_failed_before_a_word_was_written_is_free_however_long_the_prompt(
    tollway: Deployment, provider: Provider, stream: bool
) -> None:
    async def wordless(seen: Seen, to: Line) -> None:
        if not seen.body.get("stream"):
            await to.head(content_type="application/json", content_length="1000")
            await to.send(b'{"usage": {"prompt_tokens": 2370000, "completion_tokens": 0}')
        else:
            await to.start_stream()
            await to.piece(event("x", {"role": "assistant", "content": ""}))
        to.cut()

    provider.scripts["wordless"] = wordless
    account = tollway.account("5.00")
    response = ask(tollway.client(tollway.key(account)), "p/wordless", stream=stream)
    assert response.status_code == 502
    line = tollway.requests()[0]
    assert (line["outcome"], line["billed_reason"]) == ("failed", "failed before the first byte: free")
    assert tollway.balance(account) == (5, 0)
