"""No route reaches a provider around admission, and the admin API answers admin keys only: by enumeration."""

import json

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tollway.app import routes
from tollway.catalog.catalog import Catalog, Pricing
from tollway.catalog.listing import Listing
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.rates import RateTable
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.http.replies import BrandHeads, ReplyHeads
from tollway.http.routes import ANY, Gate, Route
from tollway.settings.brand import read_brand

CATALOG = Catalog(providers={}, sketches=(), pricing=Pricing(rates=RateTable("USD", {}), library=PriceLibrary(0)))
HEADS = BrandHeads(ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error))
ROUTES: dict[str, Route] = routes(Listing(CATALOG), vitals=None, heads=HEADS)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ROUTES)
def test_each_route_has_exactly_one_way_to_answer_and_its_gate(path: str) -> None:
    route = ROUTES[path]
    asks = route.dialect is not None or route.find_dialect is not None
    assert (route.gate is Gate.ADMISSION) == asks, "a provider is reached by admission alone"
    assert route.get is None or (route.get.gate is Gate.KEY and route.get.dialect is None)
    assert (route.page is not None) == (route.gate in {Gate.OPEN, Gate.KEY})


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route.gate is not Gate.OPEN])
def test_without_a_key_each_guarded_route_is_a_401_and_the_provider_hears_nothing(
    tollway: Deployment, provider: Provider, path: str
) -> None:
    seen = len(provider.seen)
    route = ROUTES[path]
    named = f"{path}m:generateContent" if route.find_dialect is not None else path
    method = "PUT" if route.method is ANY else route.method.decode()
    response = tollway.client().request(method, named, content=json.dumps({"model": "m", "messages": [{}]}))
    assert response.status_code == 401
    assert "invalid_api_key" in response.text
    assert "error" in response.json()
    assert response.headers["x-request-id"].startswith("req_")
    assert len(provider.seen) == seen


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route.gate is Gate.OPEN])
def test_open_routes_answer_anyone_and_tell_no_secret(tollway: Deployment, path: str) -> None:
    response = tollway.client().get(path)
    assert response.status_code == 200
    assert "127.0.0.1" not in response.text
    assert "key" not in response.text


def test_a_method_that_a_path_has_not_is_named_as_it_was_asked(tollway: Deployment) -> None:
    refused = tollway.client().delete("/v1/models")
    assert refused.status_code == 404
    assert refused.json()["error"]["message"] == "This path answers GET only, not DELETE."


@pytest.mark.parametrize("path", ["/admin/v1/accounts", "/admin/v1/", "/admin/v1/nothing", "/admin/v1/../../v1/models"])
def test_without_an_admin_key_everything_below_the_admin_path_is_a_401(tollway: Deployment, path: str) -> None:
    response = tollway.client().get(path)
    assert response.status_code == 401
    assert response.headers["x-request-id"].startswith("req_")


def test_an_api_key_is_no_admin_key_and_an_admin_key_no_api_key(tollway: Deployment) -> None:
    account = tollway.account()
    api_key = tollway.key(account)
    admin_key = tollway.command("admin-key", "create", "--name", "t")["key"]
    assert tollway.client(api_key).get("/admin/v1/accounts").status_code == 401
    assert tollway.client(admin_key).get("/v1/models").status_code == 401
    shown = tollway.client(admin_key).get(f"/admin/v1/accounts/{account}/balance")
    assert shown.json() == tollway.command("balance", account)


def test_anyone_sees_the_brand_of_the_host_that_they_ask(tollway: Deployment) -> None:
    shown = tollway.client().get("/brand").json()
    assert (shown["name"], shown["preset"], shown["header_prefix"]) == ("Tollway", "tollway", "x-tollway")
    logo = tollway.client().get(shown["logo"])
    assert logo.headers["content-type"] == "image/svg+xml"
    assert logo.text == read_brand("tollway").logo
