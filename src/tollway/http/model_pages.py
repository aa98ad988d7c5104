"""The pages that list models, in the form of each dialect. Knows no store: it asks what it is given."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qs

import msgspec

from tollway.access.decide import may_use
from tollway.access.principal import Principal
from tollway.catalog.capabilities import MODALITIES
from tollway.errors import Refusal
from tollway.http.listings import (
    anthropic_model,
    anthropic_models,
    gemini_model,
    gemini_models,
    ollama_model,
    ollama_models,
)
from tollway.http.routes import Call, Gate, Page, Route
from tollway.routing.plan import refuse_unknown

encode = msgspec.json.encode

OLLAMA_VERSION = "0.13.0"
"""The version of Ollama whose form is spoken: its clients ask, and some refuse to work with an older one."""

ANTHROPIC_HEADER, GOOGLE_HEADER = b"anthropic-version", b"x-goog-api-key"
"""What their clients send with every request: only these tell them apart from others at the same path."""

SCHEMA_BEHIND = "/schema"
"""Behind a model's id: only how it is called. No model has an id that ends so."""

WORD = "models"
"""What a key that is kept to certain routes calls these."""

SHOW_BODY_BYTES_MAX = 4096
"""Of `POST /api/show`: it names one model."""


class ModelList(Protocol):
    """What the model pages ask of the catalog; entries are what GET /v1/models shows, without internal facts."""

    def entries(self) -> list[dict[str, object]]:
        """Return every configured model."""
        ...

    def entry(self, model_asked: str) -> dict[str, object] | None:
        """Return one model by its exact id, wildcards included."""
        ...

    def schema(self, model_asked: str) -> dict[str, object] | None:
        """Return how one model is called."""
        ...

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return the ids closest to one that does not exist."""
        ...


class _Show(msgspec.Struct):
    model: str = ""
    name: str = ""
    """Its older word for it."""


_SHOW = msgspec.json.Decoder(_Show)


class ModelPages:
    """What may be asked for, by whom. Every page here is behind the gate KEY, so that there is somebody who asks."""

    def __init__(self, models: ModelList) -> None:
        """Take the models."""
        self._models = models

    async def list_plain(self, call: Call) -> Page:
        """List them as OpenAI does, or as Anthropic or Google does for a client of its own: all ask at one path."""
        shown = _chosen(self._usable(call), call.query)
        if _has(call, ANTHROPIC_HEADER):
            return Page(200, encode(anthropic_models(shown)))
        if _has(call, GOOGLE_HEADER):
            return Page(200, encode(gemini_models(shown)))
        return Page(200, encode({"object": "list", "data": shown}))

    async def show_plain(self, call: Call) -> Page:
        """Show one in the same forms, or how it is called. The path is decoded: an id's slash may have come encoded or not."""
        model_asked = call.path.split("/models/", 1)[1]
        if model_asked.endswith(SCHEMA_BEHIND):
            return Page(200, encode(self._schema(call, model_asked.removesuffix(SCHEMA_BEHIND))))
        entry = self._find(call, model_asked)
        if _has(call, ANTHROPIC_HEADER):
            return Page(200, encode(anthropic_model(entry)))
        if _has(call, GOOGLE_HEADER):
            return Page(200, encode(gemini_model(entry)))
        return Page(200, encode({**entry, "schema": self._schema(call, model_asked)}))

    async def list_gemini(self, call: Call) -> Page:
        """List them as Google does."""
        return Page(200, encode(gemini_models(self._usable(call))))

    async def show_gemini(self, call: Call) -> Page:
        """Show one as Google does."""
        return Page(200, encode(gemini_model(self._find(call, call.path.split("/models/", 1)[1]))))

    async def list_ollama(self, call: Call) -> Page:
        """List them as Ollama does."""
        return Page(200, encode(ollama_models(self._usable(call))))

    async def show_ollama(self, call: Call) -> Page:
        """Show one as Ollama does."""
        try:
            asked = _SHOW.decode(call.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Refusal("invalid_request", "the body must be a JSON object with `model`", param="model") from None
        return Page(200, encode(ollama_model(self._find(call, asked.model or asked.name))))

    def _usable(self, call: Call) -> list[dict[str, object]]:
        principal = _asking(call)
        return [entry for entry in self._models.entries() if may_use(principal, str(entry["id"]))]

    def _find(self, call: Call, model_asked: str) -> dict[str, object]:
        entry = self._models.entry(model_asked)
        if entry is None or not may_use(_asking(call), model_asked):
            raise refuse_unknown(model_asked, self._models.suggest(model_asked))
        return entry

    def _schema(self, call: Call, model_asked: str) -> dict[str, object] | None:
        self._find(call, model_asked)
        return self._models.schema(model_asked)


async def show_version(_: Call) -> Page:
    """Say which Ollama this is like."""
    return Page(200, encode({"version": OLLAMA_VERSION}))


def model_routes(models: ModelList) -> dict[str, Route]:
    """Return the routes that list models."""
    pages = ModelPages(models)
    routes: dict[str, Route] = {}
    for path in ("/v1/models", "/models", "/anthropic/v1/models"):
        routes[path] = _page(pages.list_plain)
        routes[f"{path}/"] = _page(pages.show_plain)
    return routes | {
        **dict.fromkeys(("/v1beta/models", "/v1alpha/models"), _page(pages.list_gemini)),
        **dict.fromkeys(("/v1beta/models/", "/v1alpha/models/"), _page(pages.show_gemini)),
        "/api/tags": _page(pages.list_ollama),
        "/api/version": Route(method=b"GET", gate=Gate.OPEN, page=show_version),
        "/api/show": Route(
            method=b"POST", gate=Gate.KEY, page=pages.show_ollama, body_bytes_max=SHOW_BODY_BYTES_MAX, word=WORD
        ),
    }


def _page(answer: Callable[[Call], Awaitable[Page]]) -> Route:
    return Route(method=b"GET", gate=Gate.KEY, page=answer, word=WORD)


def _chosen(entries: list[dict[str, object]], query: str) -> list[dict[str, object]]:
    """Return the models that a query asks for: of one modality, of one provider; raises Refusal for no modality."""
    if not query:
        return entries
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    modality, provider = asked.get("modality"), asked.get("provider")
    if modality not in {None, *MODALITIES}:
        raise Refusal(
            "invalid_request", f"There is no modality {modality!r:.99}: {', '.join(MODALITIES)}.", param="modality"
        )
    return [
        entry
        for entry in entries
        if modality in {None, entry["modality"]}
        and (provider in {None, entry["owned_by"]} or str(entry["id"]).startswith(f"{provider}/"))
    ]


def _asking(call: Call) -> Principal:
    assert call.principal is not None, "the gate is KEY"
    return call.principal


def _has(call: Call, header: bytes) -> bool:
    return any(name == header for name, _ in call.headers)
