"""What stands before the accounts' API: keys, brands, request ids, bodies."""

import socket

import pytest

from tests.e2e.account.conftest import BRANDS, Gateway, Owner, error_of
from tollway.http.account.gate import BODY_BYTES_MAX
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


PATH = "/v1/budgets"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([("idempotency-key", "a"), ("idempotency-key", "b")], 400, "invalid_request"),
        ([("idempotency-key", "")], 400, "invalid_request"),
        ([("idempotency-key", "a\tb")], 400, "invalid_request"),
        ([("idempotency-key", "x" * 257)], 400, "invalid_request"),
        ([("idempotency-key", "\xff")], 400, "invalid_request"),
        ([("content-encoding", "gzip")], 400, "invalid_request"),
        ([("authorization", "Bearer other")], 401, "invalid_api_key"),
        ([("x-api-key", "other")], 401, "invalid_api_key"),
        ([("x-note", "x" * 60_000)], 200, None),
        ([("x-note", "x")] * 1000, 200, None),
    ],
)
def test_headers_that_make_no_sense_are_refused(
    owner: Owner, headers: list[tuple[str, str]], status: int, code: str | None
) -> None:
    given = [("authorization", f"Bearer {owner.key}"), *headers]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in given]
    body = {"tag": "t", "monthly_cap_cents": 0}
    reply = owner.gateway.client.post(PATH, json=body, headers=raw)
    assert reply.status_code == status, reply.text
    assert code is None or error_of(reply)["code"] == code
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("value", ["a\0b", "a\x01b", "a\rb"])
def test_a_header_with_a_control_character_is_no_http(owner: Owner, value: str) -> None:
    host, port = owner.gateway.deployment.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"GET /v1/balance HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {owner.key}\r\nx-note: {value}\r\n\r\n"
        connection.sendall(head.encode("latin-1"))
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: req_" in answer


def test_a_body_is_bounded_whatever_its_length_says(owner: Owner) -> None:
    for content in (b" " * (BODY_BYTES_MAX + 1), iter([b" " * BODY_BYTES_MAX, b" "])):
        reply = owner.ask("POST", PATH, content=content)
        assert (reply.status_code, error_of(reply)["code"]) == (413, "request_too_large")
    assert owner.ask("POST", PATH, content=b'{"tag": "t", "monthly_cap_cents": 0}').status_code == 200


def test_the_kind_of_a_body_is_not_asked(owner: Owner) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "nonsense"):
        content = b'{"tag": "t", "monthly_cap_cents": 0}'
        assert owner.ask("POST", PATH, content=content, headers={"content-type": kind}).status_code == 200, kind


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/", "/v1/usage/nothing", "/v1/balances", "/v1/keys/a/b/rotate", "/api/logs/x"]
)
def test_at_other_paths_there_is_nothing_and_only_a_key_is_told_so(owner: Owner, gateway: Gateway, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        told = owner.ask(method, path)
        assert (told.status_code, error_of(told)["code"]) == (404, "not_found"), method
        assert gateway.ask(method, path).status_code == 401
    assert owner.ask("DELETE", "/v1/balance").status_code == 404
    assert owner.ask("HEAD", "/v1/balance").status_code == 404


def test_a_slash_behind_a_path_changes_nothing(owner: Owner) -> None:
    assert owner.told("GET", "/v1/balance/") == owner.told("GET", "/v1/balance")


def test_a_key_may_stand_where_clients_of_models_put_it(owner: Owner, gateway: Gateway) -> None:
    for header in ("x-api-key", "x-goog-api-key", "api-key", "x-ingate-key", "x-tollway-key"):
        assert gateway.ask("GET", "/v1/balance", headers={header: owner.key}).status_code == 200, header
    # The gateway's own header says whose key it is; another credential is then not ours to judge.
    headers = {"x-ingate-key": owner.key, "authorization": "Bearer sk-of-a-provider"}
    assert gateway.ask("GET", "/v1/balance", headers=headers).status_code == 200
    headers = {"x-ingate-key": owner.key, "x-tollway-key": "other"}
    assert gateway.ask("GET", "/v1/balance", headers=headers).status_code == 401


def test_the_routes_are_described(owner: Owner) -> None:
    described = owner.told("GET", "/api/v1/openapi.json")["paths"]
    assert "/v1/sub-accounts/{sub_account}" in described


def test_what_comes_later_gives_way_to_a_provider_that_is_named(owner: Owner) -> None:
    for method, path in (("GET", "/v1/files"), ("POST", "/v1/batches"), ("DELETE", "/v1/files/f")):
        reply = owner.ask(method, path, headers={"x-tollway-provider": "p"}, content=b"{}")
        # It is the provider's to answer; nobody gave its calls a price, so it is not asked.
        assert reply.status_code != 501, reply.text
        assert "price" in error_of(reply)["message"]
    nobody = owner.ask("POST", "/v1/batches", headers={"x-tollway-provider": "nobody"}, content=b"{}")
    assert (nobody.status_code, error_of(nobody)["code"]) == (404, "not_found")
