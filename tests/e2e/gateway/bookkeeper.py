"""An operator at the admin API of a running Tollway: quicker than a command each, where a test needs many things."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Seen, answer
from tests.waiting import until

CHAT = "/v1/chat/completions"
COST = Decimal("0.00003")
"""Of a frugal answer: ten tokens in at 1 and ten out at 2 per million."""


class Bookkeeper:
    """Makes accounts, keys, caps and packages."""

    def __init__(self, tollway: Deployment) -> None:
        self.tollway = tollway
        secret = tollway.command("admin-key", "create", "--name", "test")["key"]
        self._client = tollway.client(secret)

    def call(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """Call the API, which must do it."""
        reply = self._client.request(method, f"/admin/v1{path}", json=body or None)
        assert reply.is_success, reply.text
        return reply.json()

    def line(self, request_id: str) -> dict[str, Any]:
        """Return the line of a request when it has ended: of one that has just begun nothing may be known yet."""
        path = f"/admin/v1/requests/{request_id}"
        until(lambda: (reply := self._client.get(path)).is_success and reply.json()["outcome"] != "running")
        return self.call("GET", f"/requests/{request_id}")

    def account(self, credit: str = "5.00", **more: object) -> str:
        return str(self.call("POST", "/accounts", name="A", credit=credit, **more)["id"])

    def key(self, account: str, **more: object) -> dict[str, Any]:
        return self.call("POST", "/keys", account=account, name="k", **more)

    def cap(self, limit: Decimal | str, window: str = "day", **target: object) -> dict[str, Any]:
        return self.call("PUT", "/caps", limit=str(limit), window=window, **target)

    def uses(self, account: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/caps/status?account={account}")["data"]

    def package(self, account: str, **product: object) -> str:
        """Offer a product and buy it."""
        terms = {"name": "Pack", "amount": "1000", "price": "1.00"} | product
        offered = self.call("POST", "/products", **terms)["id"]
        return str(self.call("POST", "/packages/purchases", account=account, product=offered)["id"])

    def left(self, package: str) -> Decimal:
        return Decimal(self.call("GET", f"/packages/{package}")["left"])

    def balance(self, account: str) -> Decimal:
        return Decimal(self.call("GET", f"/accounts/{account}/balance")["balance"])


def ask(tollway: Deployment, key: str, *, model: str = "p/frugal", **headers: str) -> httpx.Response:
    """Ask for ten tokens at most."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}
    return tollway.client(key).post(
        CHAT, json=body, headers={name.replace("_", "-"): headers[name] for name in headers}
    )


async def frugal(seen: Seen, to: Line) -> None:
    """Answer with ten tokens for ten."""
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    await to.whole(answer(seen.body["model"], usage=usage))


def ask_at_once(
    tollway: Deployment, key: str, count: int, *, body: Mapping[str, object], headers: Mapping[str, str]
) -> list[httpx.Response]:
    """Ask so many times at once; return the replies."""

    async def run() -> list[httpx.Response]:
        own = {"authorization": f"Bearer {key}", **headers}
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(base_url=tollway.url, headers=own, timeout=60, limits=limits) as client:
            return list(await asyncio.gather(*(client.post(CHAT, json=body) for _ in range(count))))

    return asyncio.run(run())


def refusal(reply: httpx.Response, code: str) -> dict[str, Any]:
    """Return the error object of a refusal that only money or time can mend."""
    assert reply.status_code == 429, reply.text
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers
    error = reply.json()["error"]
    assert error["code"] == code, error
    return error
