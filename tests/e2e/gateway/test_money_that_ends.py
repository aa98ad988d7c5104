"""Money that is too little for the worst case, or that ends while an answer is written: lowered limits, holds that grow,
and streams that are cut honestly.
"""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment, sse_data
from tests.e2e.gateway.provider import Line, Provider, Seen, answer, event, events
from tests.e2e.gateway.test_cut_streams import read_with_client
from tollway.relay.admit import OUTPUT_TOKENS_MIN

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
IN, OUT = Decimal("0.000001"), Decimal("0.000002")
"""What a token costs."""

MORE_MODELS = """
[[models]]
id = "open"
targets = [{{ provider = "p", model = "open" }}]
price = {{ input = "1", output = "2" }}
[[models]]
id = "twice"
targets = [{{ provider = "p", model = "fails" }}, {{ provider = "p", model = "small" }}]
price = {{ input = "1", output = "2" }}
output_tokens_max = 1000
[[providers]]
name = "o"
preset = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:TEST_PROVIDER_KEY"
[[models]]
id = "official"
targets = [{{ provider = "o", model = "small" }}]
price = {{ input = "1", output = "2" }}
output_tokens_max = 1000
"""
"""A model of which nobody says how much it writes, one that has a fallback, and one of OpenAI."""

WORD = " word" * 80
"""A hundred tokens by the count of a stream without a usage."""

SHORT = " word" * 16
"""Twenty."""


@pytest.fixture
def tollway(deploy: Deploy, provider: Provider) -> Deployment:
    """A Tollway with a model without limits, and a provider whose answers are small."""

    async def small(seen: Seen, to: Line) -> None:
        usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
        if not seen.body.get("stream"):
            await to.whole(answer("small", usage=usage))
            return
        await to.start_stream()
        for piece in events("small", usage=usage):
            await to.piece(piece)
        await to.end_stream()

    async def fails(seen: Seen, to: Line) -> None:
        await to.whole(b'{"error":{"message":"overloaded"}}', status="503 Busy")

    provider.scripts |= {"small": small, "fails": fails}
    return deploy(more=MORE_MODELS.format(port=provider.port))


def writing(events_count: int, *, usage: dict[str, int] | None) -> Callable[[Seen, Line], Any]:
    """Return a script that writes so many hundreds of tokens, and reports a usage or none."""

    async def script(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for _ in range(events_count):
            await to.piece(event("open", {"content": WORD}))
        await to.piece(event("open", {}, "stop"))
        if usage is not None:
            await to.piece(event("open", None, usage=usage))
        await to.piece(b"data: [DONE]\n\n")
        await to.end_stream()

    return script


def usage_of(tokens_in: int, tokens_out: int) -> dict[str, int]:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def worst_input(body: dict[str, Any]) -> Decimal:
    """Return what the input of a body may cost at most: a token for each byte, as httpx writes it."""
    return len(httpx.Request("POST", "http://x", json=body).content) * IN


# -- limits that are lowered


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("asked", [{}, {"max_tokens": 900}, {"max_completion_tokens": 900}])
def test_a_small_balance_lowers_the_limit_and_the_reply_says_so(
    tollway: Deployment, provider: Provider, streamed: bool, asked: dict[str, int]
) -> None:
    body = {"model": "p/small", "messages": HELLO, "stream": streamed, **asked}
    account = tollway.account(str(worst_input(body) + 512 * OUT))
    reply = tollway.client(tollway.key(account)).post(CHAT, json=body)
    assert reply.status_code == 200
    for name in ("x-tollway-warning", "x-aig-warning"):
        assert reply.headers[name] == "lowered: max_tokens to 512 (balance)"
    seen = provider.seen[-1].body
    assert {name: seen[name] for name in seen if "tokens" in name} == {next(iter(asked), "max_tokens"): 512}
    (line,) = tollway.requests()
    assert Decimal(line["total_cost"]) == 10 * IN + 10 * OUT
    assert (line["outcome"], line["lane"], line["written_off"]) == ("completed", "patched", "0.00")
    tollway.check()


def test_a_lowered_limit_holds_for_every_fallback(tollway: Deployment, provider: Provider) -> None:
    body = {"model": "twice", "messages": HELLO}
    account = tollway.account(str(worst_input(body) + 300 * OUT))
    reached = len(provider.seen)
    reply = tollway.client(tollway.key(account)).post(CHAT, json=body)
    assert reply.headers["x-tollway-warning"] == "lowered: max_tokens to 300 (balance)"
    asked = [(seen.body["model"], seen.body["max_tokens"]) for seen in provider.seen[reached:]]
    assert asked in ([("fails", 300), ("small", 300)], [("small", 300)])


def test_a_limit_of_ours_has_the_name_that_the_provider_takes(tollway: Deployment, provider: Provider) -> None:
    body = {"model": "official", "messages": HELLO}
    account = tollway.account(str(worst_input(body) + 300 * OUT))
    assert tollway.client(tollway.key(account)).post(CHAT, json=body).status_code == 200
    seen = provider.seen[-1].body
    assert {name: seen[name] for name in seen if "tokens" in name} == {"max_completion_tokens": 300}


def test_a_cap_lowers_the_limit_as_a_balance_does(tollway: Deployment, provider: Provider) -> None:
    body = {"model": "p/small", "messages": HELLO}
    account = tollway.account("5.00")
    key = tollway.key(account, "--daily-cap", str(worst_input(body) + 200 * OUT))
    client = tollway.client(key)
    reply = client.post(CHAT, json=body)
    assert reply.headers["x-tollway-warning"] == "lowered: max_tokens to 200 (daily cap)"
    assert provider.seen[-1].body["max_tokens"] == 200
    again = client.post(CHAT, json=body)
    spent = 10 * IN + 10 * OUT
    assert again.headers["x-tollway-warning"] == f"lowered: max_tokens to {200 - int(spent / OUT)} (daily cap)"
    tollway.command("cap", "set", "--account", account, "--window", "month", "--limit", str(worst_input(body)))
    refused = client.post(CHAT, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "cap_reached")
    tollway.check()


def test_a_package_of_tokens_lowers_the_limit_to_the_tokens_that_are_left(
    tollway: Deployment, provider: Provider
) -> None:
    body = {"model": "p/small", "messages": HELLO}
    bytes_in = int(worst_input(body) / IN)
    account = tollway.account("5.00")
    words = ("--name", "Small", "--amount", str(2 * bytes_in + 2 * 50), "--models", "p/*=2", "--price", "1.00")
    product = tollway.command("product", "create", *words)["id"]
    package = tollway.command("package", "buy", account, product)["id"]
    key = tollway.key(account, "--billing", "package", "--package", package)
    reply = tollway.client(key).post(CHAT, json=body)
    assert reply.headers["x-tollway-warning"] == "lowered: max_tokens to 50 (package)"
    assert provider.seen[-1].body["max_tokens"] == 50
    assert Decimal(tollway.command("package", "show", package)["left"]) == 2 * bytes_in + 100 - 2 * 20
    tollway.check()


def test_a_limit_that_is_affordable_is_left_alone(tollway: Deployment, provider: Provider) -> None:
    body = {"model": "p/small", "messages": HELLO, "max_tokens": 100}
    client = tollway.client(tollway.key(tollway.account(str(worst_input(body) + 100 * OUT))))
    reply = client.post(CHAT, json=body)
    assert "x-tollway-warning" not in reply.headers
    assert provider.seen[-1].body["max_tokens"] == 100


def test_a_balance_for_fewer_tokens_than_an_answer_has_is_refused(tollway: Deployment, provider: Provider) -> None:
    body = {"model": "p/small", "messages": HELLO}
    floor = worst_input(body) + OUTPUT_TOKENS_MIN * OUT
    poor = tollway.client(tollway.key(tollway.account(str(floor - OUT))))
    reached = len(provider.seen)
    refused = poor.post(CHAT, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"
    assert len(provider.seen) == reached
    enough = tollway.client(tollway.key(tollway.account(str(floor))))
    assert enough.post(CHAT, json=body).status_code == 200
    assert provider.seen[-1].body["max_tokens"] == OUTPUT_TOKENS_MIN


# -- holds that grow


def test_lesson_70_a_long_stream_of_a_model_without_a_limit_extends_its_hold(
    tollway: Deployment, provider: Provider
) -> None:
    provider.scripts["open"] = writing(200, usage=usage_of(20, 20_000))
    account = tollway.account("1.00")
    body = {"model": "open", "messages": HELLO, "stream": True}
    reply = tollway.client(tollway.key(account)).post(CHAT, json=body)
    assert reply.text.count("word") == 200 * 80
    assert "max_tokens" not in provider.seen[-1].body, "nobody asked for a limit, and there is money for more"
    assert sse_data(reply.text)[-1] == "[DONE]"
    (line,) = tollway.requests()
    cost = 20 * IN + 20_000 * OUT
    assert (line["outcome"], Decimal(line["total_cost"])) == ("completed", cost)
    assert Decimal(line["hold"]) >= cost
    assert tollway.client().get("/health").json()["estimate_defects"] == 0, "it was covered before it was written"
    assert tollway.balance(account) == (1 - cost, 0)
    tollway.check()


def test_an_answer_in_one_piece_that_outgrew_its_hold_is_paid_as_far_as_there_is_money(
    tollway: Deployment, provider: Provider
) -> None:
    async def long(seen: Seen, to: Line) -> None:
        await to.whole(answer("open", usage=usage_of(20, 9_000)))

    provider.scripts["open"] = long
    body = {"model": "open", "messages": HELLO}
    cost = 20 * IN + 9_000 * OUT
    rich, poor = tollway.account("0.02"), tollway.account("0.01")
    for account in (rich, poor):
        reply = tollway.client(tollway.key(account)).post(CHAT, json=body)
        assert reply.json()["usage"]["base_cost_usd"] == pytest.approx(float(cost))
    assert tollway.balance(rich) == (Decimal("0.02") - cost, 0)
    assert tollway.balance(poor) == (0, 0)
    lines = {line["account"]: line for line in tollway.requests()}
    assert lines[rich]["written_off"] == "0.00"
    assert Decimal(lines[poor]["total_cost"]) == Decimal("0.01")
    tollway.check()


# -- money that ends


@pytest.mark.parametrize("generation", ["3.", "1."])
def test_lesson_72_a_stream_whose_money_ends_is_cut_and_says_so_and_overdraws_nothing(
    tollway: Deployment, provider: Provider, openai_1: Path, generation: str
) -> None:
    stopped = asyncio.Event()

    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        try:
            while True:
                await to.piece(event("open", {"content": SHORT}))
        except ConnectionError:
            stopped.set()

    provider.scripts["open"] = endless
    account = tollway.account("0.02")
    package = openai_1 if generation == "1." else None
    shown = read_with_client(f"{tollway.url}/v1", tollway.key(account), "open", package=package)
    asyncio.run_coroutine_threadsafe(asyncio.wait_for(stopped.wait(), 10), provider.loop).result(15)
    assert shown["version"].startswith(generation)
    assert shown["text"].startswith(SHORT)
    assert shown["finish_reasons"] == ["length"]
    assert shown["error"]["code"] == "insufficient_quota"
    assert "ends here" in shown["error"]["message"]
    (line,) = tollway.requests()
    assert (line["outcome"], line["status"], line["basis"]) == ("out_of_money", 200, "estimated")
    assert "money ended" in line["billed_reason"]
    assert Decimal(str(shown["usage"]["total_cost_usd"])) == Decimal(line["total_cost"])
    assert line["usage"]["output"] == len(shown["text"]) // 4, "what was delivered, and nothing else, is paid"
    assert line["written_off"] == "0.00"
    balance, held = tollway.balance(account)
    assert balance == Decimal("0.02") - Decimal(line["total_cost"])
    assert 0 <= balance < Decimal("0.0005"), "all but the slack of the input's bound was spent"
    assert held == 0
    tollway.check()


def test_lesson_72_a_provider_that_ignores_the_lowered_limit_is_stopped_soon_after_it(
    tollway: Deployment, provider: Provider
) -> None:
    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        while True:
            await to.piece(event("greedy", {"content": WORD}))

    provider.scripts["greedy"] = endless
    body = {"model": "p/greedy", "messages": HELLO, "stream": True}
    account = tollway.account(str(worst_input(body) + 500 * OUT))
    reply = tollway.client(tollway.key(account)).post(CHAT, json=body)
    assert provider.seen[-1].body["max_tokens"] == 500
    *_, last, error, done = sse_data(reply.text)
    assert json.loads(last)["choices"][0]["finish_reason"] == "length"
    assert json.loads(error)["error"]["code"] == "insufficient_quota"
    assert done == "[DONE]"
    (line,) = tollway.requests()
    assert line["outcome"] == "out_of_money"
    assert 1000 <= line["usage"]["output"] <= 1100, "twice the limit: our count may be that much above the provider's"
    assert tollway.balance(account) == (0, 0), "what exceeds the balance is written off"
    assert Decimal(line["written_off"]) > 0
    tollway.check()


def test_lesson_72_a_stream_that_reaches_a_cap_is_cut_and_names_the_cap(
    tollway: Deployment, provider: Provider
) -> None:
    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        while True:
            await to.piece(event("open", {"content": SHORT}))

    provider.scripts["open"] = endless
    account = tollway.account("5.00")
    key = tollway.key(account, "--daily-cap", "0.02")
    reply = tollway.client(key).post(CHAT, json={"model": "open", "messages": HELLO, "stream": True})
    error = json.loads(sse_data(reply.text)[-2])["error"]
    assert (error["code"], error["metadata"]["window"]) == ("cap_reached", "day")
    (line,) = tollway.requests()
    assert (line["outcome"], line["written_off"]) == ("out_of_money", "0.00")
    assert Decimal("0.0195") < Decimal(line["total_cost"]) <= Decimal("0.02")
    (cap,) = tollway.command("cap", "status", "--account", account)
    assert Decimal(cap["spent"]) == Decimal(line["total_cost"])
    tollway.check()


def test_lesson_8_two_streams_that_share_a_balance_never_spend_it_twice(
    tollway: Deployment, provider: Provider
) -> None:
    all_begun = asyncio.Barrier(4)  # or the first may have spent it all before the last asks

    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await all_begun.wait()
        while True:
            await to.piece(event("open", {"content": WORD}))

    provider.scripts["open"] = endless
    account = tollway.account("0.05")
    key = tollway.key(account)
    body = {"model": "open", "messages": HELLO, "stream": True}

    async def run() -> list[str]:
        async with httpx.AsyncClient(
            base_url=tollway.url, headers={"authorization": f"Bearer {key}"}, timeout=60
        ) as it:
            replies = await asyncio.gather(*(it.post(CHAT, json=body) for _ in range(4)))
            return [json.loads(sse_data(reply.text)[-2])["error"]["code"] for reply in replies]

    assert asyncio.run(run()) == ["insufficient_quota"] * 4
    lines = tollway.requests()
    assert [line["outcome"] for line in lines] == ["out_of_money"] * 4
    balance, held = tollway.balance(account)
    assert balance == Decimal("0.05") - sum(Decimal(line["total_cost"]) for line in lines)
    assert balance >= 0
    assert held == 0
    tollway.check()
