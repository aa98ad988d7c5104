"""The gateway's own small answers: liveness, readiness, health. Knows no store: it asks what it is given."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from tollway import __version__
from tollway.errors import Refusal
from tollway.http.routes import Call, Gate, Page, Route

encode = msgspec.json.encode


class Health(Protocol):
    """How the deployment is."""

    async def ready(self) -> str | None:
        """Return None when a ledger row can be written now, else the reason why not."""
        ...

    def state(self) -> dict[str, object]:
        """Return what /health shows: parts and their state, no secret and no address."""
        ...


def own_routes(health: Health) -> dict[str, Route]:
    """Return the routes that tell how the deployment is."""

    async def livez(_: Call) -> Page:
        return Page(200, encode({"status": "alive"}))

    async def readyz(_: Call) -> Page:
        reason = await health.ready()
        if reason is not None:
            raise Refusal("not_ready", f"Not ready: {reason}.", retry_after_s=1)
        return Page(200, encode({"status": "ready"}))

    async def show_health(_: Call) -> Page:
        reason = await health.ready()
        status = "ok" if reason is None else "not_ready"
        return Page(200, encode({"status": status, "reason": reason, "version": __version__, **health.state()}))

    return {
        "/livez": _page(Gate.OPEN, livez),
        "/readyz": _page(Gate.OPEN, readyz),
        "/health": _page(Gate.OPEN, show_health),
    }


def _page(gate: Gate, answer: Callable[[Call], Awaitable[Page]]) -> Route:
    return Route(method=b"GET", gate=gate, page=answer)
