"""Nobody spends more than they have, and nothing stays held."""

import asyncio
from decimal import Decimal

import httpx
import pytest

from tests.e2e.gateway.conftest import Deploy, on_both_stores
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, answer, event, events, well

pytestmark = on_both_stores

CHAT = "/v1/chat/completions"


def worst_case(tollway: Deployment, body: dict[str, object]) -> Decimal:
    """Return what a request may cost at most, as a refusal for lack of money tells."""
    key = tollway.key(tollway.account(None))
    return Decimal(tollway.client(key).post(CHAT, json=body).json()["error"]["metadata"]["estimated_cost_usd"])


@pytest.mark.parametrize("streamed", [False, True])
def test_64_parallel_requests_against_money_for_10_get_exactly_10_answers(
    tollway: Deployment, provider: Provider, streamed: bool
) -> None:
    body = {"model": "p/gate", "messages": [{"role": "user", "content": "Hello"}], "stream": streamed}
    cost = worst_case(tollway, body)
    account = tollway.account(str(cost * 10))
    key = tollway.key(account)
    opened = asyncio.Event()

    async def gate(seen: Seen, to: Line) -> None:
        await opened.wait()
        await well(seen, to)

    provider.scripts["gate"] = gate
    reached = len(provider.seen)

    async def run() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {key}"}
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=tollway.url, headers=headers, timeout=60, limits=limits) as client:
            tasks = [asyncio.create_task(client.post(CHAT, json=body)) for _ in range(64)]
            refused = 0
            while refused < 54:  # the ten wait at the gate; everyone else must have been refused by then
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=30)
                refused = sum(task.done() for task in tasks)
                assert refused <= 54
                await asyncio.sleep(0)
            provider.call(opened.set)
            return list(await asyncio.gather(*tasks))

    replies = asyncio.run(run())
    statuses = [reply.status_code for reply in replies]
    assert statuses.count(200) == 10
    assert statuses.count(429) == 54
    assert len(provider.seen) - reached == 10
    balance, held = tollway.balance(account)
    assert balance == cost * 10 - 10 * Decimal("0.0012")
    assert balance >= 0
    assert held == 0
    tollway.check()


def test_money_is_held_while_a_request_runs_and_given_back_after_it(tollway: Deployment, provider: Provider) -> None:
    body = {"model": "p/wait", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    cost = worst_case(tollway, body)
    account = tollway.account("5.00")
    client = tollway.client(tollway.key(account))
    opened = asyncio.Event()

    async def wait(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("x", {"role": "assistant", "content": "a"}))
        await opened.wait()
        for piece in events("x"):
            await to.piece(piece)
        await to.end_stream()

    provider.scripts["wait"] = wait
    with client.stream("POST", CHAT, json=body) as response:
        pieces = response.iter_raw()
        next(pieces)
        assert tollway.balance(account) == (Decimal(5), cost)
        shown = tollway.command("requests", "show", response.headers["x-request-id"])
        assert shown["outcome"] == "running"
        provider.call(opened.set)
        for _ in pieces:
            pass
    assert tollway.balance(account) == (Decimal("4.9988"), 0)


def test_the_platform_fee_stands_beside_the_base_and_both_are_charged(deploy: Deploy) -> None:
    tollway = deploy(more='[billing]\nplatform_fee = "10%"\n')
    account = tollway.account("1.00")
    response = tollway.client(tollway.key(account)).post(
        CHAT, json={"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    )
    usage = response.json()["usage"]
    assert (usage["base_cost_usd"], usage["platform_fee_usd"], usage["total_cost_usd"]) == (0.0012, 0.00012, 0.00132)
    assert tollway.balance(account) == (1 - Decimal("0.00132"), 0)
    tollway.check()


def test_credit_given_by_command_can_be_spent_at_once(tollway: Deployment) -> None:
    account = tollway.account(None)
    client = tollway.client(tollway.key(account))
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    assert client.post(CHAT, json=body).status_code == 429
    tollway.command("credit", account, "2", "--reason", "test")
    assert client.post(CHAT, json=body).status_code == 200


def test_two_workers_spend_one_balance_and_not_one_nano_more(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(server="workers = 2")
    body = {"model": "p/frugal", "messages": [{"role": "user", "content": "Hello"}]}
    cost = worst_case(tollway, body)

    async def frugal(seen: Seen, to: Line) -> None:
        # Ten tokens, which the lowest limit allows.
        await to.whole(answer("frugal", usage={"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}))

    provider.scripts["frugal"] = frugal
    account = tollway.account(str(cost * 5))
    key = tollway.key(account)

    async def run() -> list[int]:
        headers = {"authorization": f"Bearer {key}", "connection": "close"}
        async with httpx.AsyncClient(base_url=tollway.url, headers=headers, timeout=60) as client:
            replies = await asyncio.gather(*(client.post(CHAT, json=body) for _ in range(200)))
            return [reply.status_code for reply in replies]

    statuses = asyncio.run(run())
    balance, held = tollway.balance(account)
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 5
    assert balance == cost * 5 - statuses.count(200) * Decimal("0.00003")
    assert balance >= 0
    assert held == 0
    tollway.check()
