"""The pages that list models: for whom, of what, in which form."""

import json
from typing import Any

import pytest

from tests.unit.http.test_listings import entry
from tollway.access.principal import Principal
from tollway.errors import Refusal
from tollway.http.model_pages import ANTHROPIC_HEADER, GOOGLE_HEADER, OLLAMA_VERSION, ModelPages, model_routes
from tollway.http.routes import Call, Gate

ANYBODY = Principal(key_id=1, account_id=1)
NARROW = Principal(key_id=1, account_id=1, models=("acme/*",))


class Models:
    """Three models, and a guess."""

    def entries(self) -> list[dict[str, object]]:
        """Return them."""
        return [entry("acme/m"), entry("plain", modality="image", owned_by="acme"), entry("acme/n:free")]

    def entry(self, model_asked: str) -> dict[str, object] | None:
        """Return one of them."""
        return next((found for found in self.entries() if found["id"] == model_asked), None)

    def schema(self, model_asked: str) -> dict[str, object] | None:
        """Say how one of them is called."""
        return {"model": model_asked}

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Guess."""
        return ("plain",)


PAGES = ModelPages(Models())
ROUTES = model_routes(Models())


def call(path: str, *headers: bytes, who: Principal | None = ANYBODY, body: bytes = b"", query: str = "") -> Call:
    """Return a request for a page."""
    return Call(path=path, principal=who, headers=[(name, b"x") for name in headers], body=body, query=query)


async def shown(path: str, route: str | None = None, *headers: bytes, **more: Any) -> Any:
    """Return what the page at a path says."""
    page = ROUTES[route or path].page
    assert page is not None
    answer = await page(call(path, *headers, **more))
    assert answer.status == 200
    return json.loads(answer.body)


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/anthropic/v1/models"])
async def test_one_path_lists_in_the_form_of_who_asks(path: str) -> None:
    plain = await shown(path)
    assert plain["object"] == "list"
    assert [model["id"] for model in plain["data"]] == ["acme/m", "plain", "acme/n:free"]
    assert (await shown(path, None, ANTHROPIC_HEADER))["first_id"] == "acme/m"
    assert (await shown(path, None, GOOGLE_HEADER))["models"][1]["name"] == "models/plain"


async def test_other_paths_have_one_form_each() -> None:
    assert (await shown("/v1beta/models"))["models"][0]["name"] == "models/acme/m"
    assert (await shown("/api/tags"))["models"][0]["model"] == "acme/m"
    assert await shown("/api/version", who=None) == {"version": OLLAMA_VERSION}


async def test_a_key_sees_what_it_may_use() -> None:
    assert [model["id"] for model in (await shown("/v1/models", who=NARROW))["data"]] == ["acme/m", "acme/n:free"]
    with pytest.raises(Refusal) as refused:
        await shown("/v1/models/plain", "/v1/models/", who=NARROW)
    assert refused.value.facts.status == 404


@pytest.mark.parametrize("model", ["acme/m", "plain", "acme/n:free"])
async def test_one_model_is_shown_in_the_same_forms(model: str) -> None:
    assert (await shown(f"/v1/models/{model}", "/v1/models/"))["id"] == model
    assert (await shown(f"/v1/models/{model}", "/v1/models/", ANTHROPIC_HEADER))["display_name"] == model
    assert (await shown(f"/v1/models/{model}", "/v1/models/", GOOGLE_HEADER))["name"] == f"models/{model}"
    assert (await shown(f"/v1beta/models/{model}", "/v1beta/models/"))["name"] == f"models/{model}"


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("modality=image", ["plain"]),
        ("modality=text", ["acme/m", "acme/n:free"]),
        ("modality=video", []),
        ("provider=acme", ["acme/m", "plain", "acme/n:free"]),
        ("provider=p", ["acme/m", "acme/n:free"]),
        ("provider=p&modality=text&other=1", ["acme/m", "acme/n:free"]),
        ("provider=nobody", []),
        ("modality=", ["acme/m", "plain", "acme/n:free"]),
    ],
)
async def test_a_list_may_be_of_one_modality_or_one_provider(query: str, listed: list[str]) -> None:
    assert [model["id"] for model in (await shown("/v1/models", query=query))["data"]] == listed


async def test_a_modality_that_is_none_is_refused() -> None:
    with pytest.raises(Refusal, match="embedding") as refused:
        await shown("/v1/models", query="modality=nonsense")
    assert refused.value.param == "modality"


async def test_how_a_model_is_called_stands_on_its_page_and_alone() -> None:
    assert (await shown("/v1/models/acme/m", "/v1/models/"))["schema"] == {"model": "acme/m"}
    assert await shown("/v1/models/acme/m/schema", "/v1/models/") == {"model": "acme/m"}
    for path, who in (("/v1/models/nope/schema", ANYBODY), ("/v1/models/plain/schema", NARROW)):
        with pytest.raises(Refusal) as refused:
            await shown(path, "/v1/models/", who=who)
        assert refused.value.facts.status == 404


async def test_a_model_that_does_not_exist_is_not_found_and_another_is_named() -> None:
    for path, route in (("/v1/models/nope", "/v1/models/"), ("/v1beta/models/nope", "/v1beta/models/")):
        with pytest.raises(Refusal, match="plain") as refused:
            await shown(path, route)
        assert refused.value.facts.status == 404


@pytest.mark.parametrize("body", [b'{"model":"plain"}', b'{"name":"plain"}', b'{"model":"plain","verbose":true}'])
async def test_ollamas_model_is_asked_for_by_either_word(body: bytes) -> None:
    assert (await shown("/api/show", body=body))["capabilities"] == ["completion"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"model":5}', b'{"model":"\xff"}', b'{"x":' + b"[" * 4000, b'{"x":' + b'{"a":' * 800]
)
async def test_what_is_no_question_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        await shown("/api/show", body=body)
    assert (refused.value.code, refused.value.param) == ("invalid_request", "model")


async def test_a_question_without_a_model_finds_none() -> None:
    with pytest.raises(Refusal) as refused:
        await shown("/api/show", body=b"{}")
    assert refused.value.facts.status == 404


def test_only_the_version_is_told_to_everybody() -> None:
    assert [path for path, route in ROUTES.items() if route.gate is Gate.OPEN] == ["/api/version"]
    assert all(route.gate in (Gate.OPEN, Gate.KEY) for route in ROUTES.values())
    assert all(route.body_bytes_max > 0 for route in ROUTES.values() if route.method == b"POST")
