"""The gateway's own small answers: models, liveness, readiness, health. Knows no store: it asks what it is given."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from tollway import __version__
from tollway.access.decide import may_use
from tollway.errors import Refusal
from tollway.http.routes import Call, Gate, Page, Route
from tollway.routing.plan import refuse_unknown

encode = msgspec.json.encode


class ModelList(Protocol):
    """What the model pages ask of the catalog; entries are what GET /v1/models shows, without internal facts."""

    def entries(self) -> list[dict[str, object]]:
        """Return every configured model."""
        ...

    def entry(self, model_asked: str) -> dict[str, object] | None:
        """Return one model by its exact id, wildcards included."""
        ...

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return the ids closest to one that does not exist."""
        ...


class Health(Protocol):
    """How the deployment is."""

    async def ready(self) -> str | None:
        """Return None when a ledger row can be written now, else the reason why not."""
        ...

    def state(self) -> dict[str, object]:
        """Return what /health shows: parts and their state, no secret and no address."""
        ...


MODEL_PATHS = ("/v1/models", "/models")


def own_routes(*, models: ModelList, health: Health) -> dict[str, Route]:
    """Return the routes that reach no provider."""

    async def list_models(call: Call) -> Page:
        assert call.principal is not None, "the gate is KEY"
        principal = call.principal
        shown = [entry for entry in models.entries() if may_use(principal, str(entry["id"]))]
        return Page(200, encode({"object": "list", "data": shown}))

    async def one_model(call: Call) -> Page:
        assert call.principal is not None, "the gate is KEY"
        # The path is decoded, so an id's slash may have come encoded or not.
        model_asked = call.path.split("/models/", 1)[1]
        entry = models.entry(model_asked)
        if entry is None or not may_use(call.principal, model_asked):
            raise refuse_unknown(model_asked, models.suggest(model_asked))
        return Page(200, encode(entry))

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

    routes = {
        "/livez": _page(Gate.OPEN, livez),
        "/readyz": _page(Gate.OPEN, readyz),
        "/health": _page(Gate.OPEN, show_health),
    }
    for path in MODEL_PATHS:
        routes[path] = _page(Gate.KEY, list_models)
        routes[f"{path}/"] = _page(Gate.KEY, one_model)
    return routes


def _page(gate: Gate, answer: Callable[[Call], Awaitable[Page]]) -> Route:
    return Route(method=b"GET", gate=gate, page=answer)
