"""Hundreds of parallel requests against little money, with one, two and four workers: all of it is spent, and never more."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from decimal import Decimal

import httpx
import pytest

from tests.e2e.gateway.conftest import Deploy, on_both_stores
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, answer
from tests.e2e.gateway.test_fleet import workers

pytestmark = on_both_stores

CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "p/spend", "messages": [{"role": "user", "content": "x" * 400}]}).encode()
COST = Decimal(len(BODY) * 1 + 1000 * 2) / 10**6
"""What a request costs when it uses all that was held for it: a token for each byte of the body, and the output limit."""
REQUESTS = 120
CLIENTS = 48
SETTLED_WITHIN_S = 40.0


async def spend(seen: Seen, to: Line) -> None:
    """Use all the output that may be used, so that a hold is spent to its last nano-dollar."""
    output = seen.body.get("max_tokens", 1000)
    usage = {"prompt_tokens": len(BODY), "completion_tokens": output, "total_tokens": len(BODY) + output}
    await to.whole(answer("spend", usage=usage))


class Customers:
    """Clients that ask again and again until there is no money, and count what they got."""

    def __init__(self, tollway: Deployment, key: str) -> None:
        self._tollway = tollway
        self._key = key
        self.statuses: Counter[int] = Counter()
        self.paid = Decimal(0)
        self.broken = 0
        self._goals: list[tuple[int, asyncio.Event]] = []

    async def answered(self, count: int) -> None:
        """Wait until so many answers have come."""
        reached = asyncio.Event()
        self._goals.append((count, reached))
        await reached.wait()

    async def spend_all(self) -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        async with httpx.AsyncClient(base_url=self._tollway.url, headers=headers, timeout=60, limits=limits) as client:
            await asyncio.gather(*(self._until_refused(client) for _ in range(CLIENTS)))

    async def _until_refused(self, client: httpx.AsyncClient) -> None:
        for _ in range(REQUESTS):
            try:
                reply = await client.post(CHAT, content=BODY)
            except httpx.HTTPError:
                self.broken += 1
                continue
            self.statuses[reply.status_code] += 1
            if reply.status_code != 200:
                return
            self.paid += Decimal(str(reply.json()["usage"]["total_cost_usd"]))
            for count, reached in self._goals:
                if self.statuses[200] >= count:
                    reached.set()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_all_the_money_is_spent_and_never_more(deploy: Deploy, provider: Provider, count: int) -> None:
    provider.scripts["spend"] = spend
    tollway = deploy(server=f"workers = {count}")
    money = COST * REQUESTS + COST / 3
    account = tollway.account(str(money.quantize(Decimal("0.000000001"))))
    customers = Customers(tollway, tollway.key(account))
    asyncio.run(customers.spend_all())
    balance, held = tollway.balance(account)
    assert held == 0
    assert 0 <= balance < COST, "less than one request cannot be spent"
    assert customers.statuses[200] >= REQUESTS
    assert set(customers.statuses) == {200, 429}
    assert customers.paid == Decimal(tollway.command("balance", account)["balance"]) * -1 + money.quantize(
        Decimal("0.000000001")
    )
    assert sum(Decimal(line["written_off"]) for line in tollway.requests()) == 0, "nothing is overspent"
    tollway.check()


@pytest.mark.parametrize("count", [2, 4])
def test_all_the_money_is_spent_and_never_more_when_workers_are_killed(
    deploy: Deploy, provider: Provider, count: int
) -> None:
    provider.scripts["spend"] = spend
    tollway = deploy(server=f"workers = {count}")
    money = (COST * REQUESTS).quantize(Decimal("0.000000001"))
    account = tollway.account(str(money))
    customers = Customers(tollway, tollway.key(account))

    async def run() -> None:
        spending = asyncio.create_task(customers.spend_all())
        for turn in range(1, 4):
            goal = asyncio.create_task(customers.answered(turn * REQUESTS // 6))
            await asyncio.wait((goal, spending), return_when=asyncio.FIRST_COMPLETED)
            goal.cancel()
            victims = workers(tollway)
            if victims:
                os.kill(victims[turn % len(victims)], signal.SIGKILL)
        await spending

    asyncio.run(run())
    give_up_at = time.monotonic() + SETTLED_WITHIN_S
    while True:  # what the dead had borrowed comes back within seconds, and can be spent
        balance, held = tollway.balance(account)
        if balance < COST and held == 0:
            break
        assert time.monotonic() < give_up_at, f"{balance} is left, {held} is held"
        asyncio.run(customers.spend_all())
    assert balance >= 0
    assert customers.paid <= money - balance, "whatever was answered is charged"
    assert sum(Decimal(line["written_off"]) for line in tollway.requests()) == 0, "nothing is overspent"
    tollway.check()
