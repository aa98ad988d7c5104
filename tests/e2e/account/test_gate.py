"""What stands before the accounts' API: keys, brands, request ids, bodies."""

import pytest

from tests.e2e.account.conftest import BRANDS, Gateway, Owner, error_of
from tollway.http.account.needs import LATER_BELOW
from tollway.http.later import LATER


def test_prices_are_open_to_everybody_and_those_of_an_account_to_its_keys(gateway: Gateway, owner: Owner) -> None:
    listed = gateway.ask("GET", "/api/v1/public/pricing").json()
    assert listed["success"] is True
    (model,) = [model for model in listed["data"]["models"] if model["id"] == "m"]
    assert model["usdPer1MTokens"] == {"network": 2, "platformFee": 0, "total": 2}
    assert model["inputPer1MTokens"]["total"] == 1
    assert owner.told("GET", "/api/v1/pricing")["data"]["models"] == listed["data"]["models"]
    refused = gateway.ask("GET", "/api/v1/pricing")
    error = error_of(refused)
    assert (refused.status_code, refused.json()["success"], error["statusCode"]) == (401, False, 401)
    assert error["requestId"] == refused.headers["x-request-id"]
    assert error["timestamp"].endswith("Z")


@pytest.mark.parametrize("path", [*LATER_BELOW, *LATER, "/v1/jobs/job_1", "/v1/files/f/content", "/api/v1/prompts/a/b"])
def test_what_comes_later_says_so_to_whoever_has_a_key(gateway: Gateway, owner: Owner, path: str) -> None:
    stranger = gateway.ask("POST", path, content=b"x" * 100_000)
    assert (stranger.status_code, error_of(stranger)["code"]) == (401, "invalid_api_key")
    for method in ("GET", "POST", "DELETE"):
        reply = owner.ask(method, path)
        assert (reply.status_code, error_of(reply)["type"]) == (501, "not_supported"), method


@pytest.mark.parametrize("brand", BRANDS)
def test_an_error_is_told_as_the_brand_tells_it(gateway: Gateway, brand: str) -> None:
    reply = gateway.ask("GET", "/api/v1/usage/summary", host=BRANDS[brand])
    prefix = gateway.brands.other(brand).header_prefix
    assert reply.headers[f"{prefix}-request-id"] == reply.headers["x-request-id"]
    members = gateway.brands.other(brand).error_members
    assert reply.json().keys() == {"error", *members}
    assert error_of(reply)["code"] == "invalid_api_key"
