"""Bad input, bad keys, no money: the right error, in time, and nothing reaches the provider."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider

MESSAGES = [{"role": "user", "content": "Hello"}]
ASK = {"model": "m", "messages": MESSAGES}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def key(tollway: Deployment) -> str:
    """A key with money."""
    return tollway.key(tollway.account("5.00"))


def error_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the error object of a refusal, checked."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) >= {"message", "type", "code", "param", "metadata"}
    assert error["code"] == code
    assert error["message"]
    return error


DEEP = b'{"model":"m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"junk", None),
        (b'{"model":"m"', None),
        (b"[]", None),
        (b'"text"', None),
        (b"null", None),
        (b'{"messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":7,"messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"","messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":"x"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":["x"]}', "messages"),
        (b'{"model":"m","messages":[{"role":"user"}],"max_tokens":"x"}', "max_tokens"),
        (b'{"model":"m","messages":[{"role":"user"}],"max_tokens":-5}', "max_tokens"),
        (b'{"model":"m","messages":[{"role":"user"}],"n":0}', "n"),
        (b'{"model":"m","messages":[{"role":"user"}],"n":1000000}', "n"),
        (b'{"model":"m","messages":[{"role":"user"}],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":[{"role":"user"}],"temperature":NaN}', None),
        (b'{"model":"m","messages":[{"role":"user"}],"temperature":Infinity}', None),
        (b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}', None),
        (b'{"model":"m","model":"p/x","messages":[{"role":"user"}]}', "model"),
        (b'{"model":"m","mod\\u0065l":"p/x","messages":[{"role":"user"}]}', "model"),
        (DEEP, None),
        (b"{" * 1_000_000, None),
        (b" " * 5_000_000, None),
    ],
)
def test_a_bad_body_is_a_400_that_names_the_field(
    tollway: Deployment, provider: Provider, key: str, body: bytes, param: str | None
) -> None:
    before, seen = time.monotonic(), len(provider.seen)
    error = error_of(tollway.client(key).post(CHAT, content=body), 400, "invalid_request")
    assert time.monotonic() - before < 1
    if param is not None:
        assert error["param"] == param
    assert len(provider.seen) == seen


def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(deploy: Deploy) -> None:
    tollway = deploy(server="body_bytes_max = 10000")
    key = tollway.key(tollway.account())
    error_of(tollway.client(key).post(CHAT, content=b"x" * 50_000), 413, "request_too_large")
    host, port = tollway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 9000000000\r\n\r\n"
        sock.sendall(head.encode() + b"x" * 100)
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")
    chunked = iter([b"x" * 4000] * 5)
    error_of(tollway.client(key).post(CHAT, content=chunked), 413, "request_too_large")
    assert tollway.client(key).post(CHAT, json=ASK).status_code == 200


def test_a_compressed_body_is_refused_in_words(tollway: Deployment, key: str) -> None:
    response = tollway.client(key).post(CHAT, content=b"x", headers={"content-encoding": "gzip"})
    assert "uncompressed" in str(error_of(response, 400, "invalid_request")["message"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer tw-unknown"},
        {"authorization": "Basic dXNlcg=="},
        {"authorization": "tw-unknown"},
        {"x-api-key": "tw-unknown"},
        {"x-api-key": "x" * 5000},
    ],
)
def test_no_good_key_is_a_401(tollway: Deployment, headers: dict[str, str]) -> None:
    for method, path in (("POST", CHAT), ("GET", "/v1/models")):
        error_of(tollway.client().request(method, path, headers=headers, content=b"{}"), 401, "invalid_api_key")


def test_two_different_keys_in_one_request_are_refused(tollway: Deployment, key: str) -> None:
    other = tollway.key(tollway.account())
    both = {"authorization": f"Bearer {key}", "x-api-key": other}
    error_of(tollway.client().post(CHAT, json=ASK, headers=both), 401, "invalid_api_key")
    same = {"authorization": f"Bearer {key}", "x-api-key": key}
    assert tollway.client().post(CHAT, json=ASK, headers=same).status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_revoked_key_is_refused_from_the_next_request_on_in_every_worker(deploy: Deploy, workers: str) -> None:
    tollway = deploy(server=f"workers = {workers}")
    created = tollway.command("key", "create", "--account", tollway.account(), "--name", "k")
    for _ in range(20):  # new connections, so that every worker has seen the key
        assert tollway.client(created["key"]).post(CHAT, json=ASK).status_code == 200
    tollway.command("key", "revoke", created["id"])
    for _ in range(20):
        error_of(tollway.client(created["key"]).post(CHAT, json=ASK), 401, "invalid_api_key")


def test_a_key_with_a_list_of_models_uses_only_those(tollway: Deployment) -> None:
    key = tollway.key(tollway.account(), "--models", "p/a*")
    client = tollway.client(key)
    assert client.post(CHAT, json=ASK | {"model": "p/abc"}).status_code == 200
    error_of(client.post(CHAT, json=ASK), 403, "model_not_allowed")
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == []


def test_an_unknown_model_is_a_404_with_close_names(tollway: Deployment, key: str) -> None:
    error = error_of(tollway.client(key).post(CHAT, json=ASK | {"model": "M"}), 404, "model_not_found")
    assert error["param"] == "model"
    error = error_of(tollway.client(key).post(CHAT, json=ASK | {"model": "mm"}), 404, "model_not_found")
    assert "'m'" in str(error["message"])


def test_a_model_without_a_price_is_refused_and_says_what_to_configure(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(more='[[models]]\nid = "dear"\ntargets = [{ provider = "p", model = "dear" }]')
    seen = len(provider.seen)
    key = tollway.key(tollway.account())
    error = error_of(tollway.client(key).post(CHAT, json=ASK | {"model": "dear"}), 403, "model_not_allowed")
    assert "price" in str(error["message"])
    assert "[[models]]" in str(error["message"])
    assert len(provider.seen) == seen


@pytest.mark.parametrize("credit", [None, "0.00001"])
def test_too_small_a_balance_is_a_429_that_says_how_much_is_missing(
    tollway: Deployment, provider: Provider, credit: str | None
) -> None:
    account = tollway.account(credit)
    seen = len(provider.seen)
    response = tollway.client(tollway.key(account)).post(CHAT, json=ASK)
    error = error_of(response, 429, "insufficient_quota")
    assert response.headers["x-should-retry"] == "false"
    assert "retry-after" not in response.headers
    assert float(error["metadata"]["balance_usd"]) == float(credit or 0)
    assert float(error["metadata"]["estimated_cost_usd"]) > 0.00001
    assert len(provider.seen) == seen
    assert tollway.balance(account)[1] == 0


def test_a_suspended_account_is_a_403(tollway: Deployment) -> None:
    account = tollway.account()
    key = tollway.key(account)
    assert tollway.client(key).post(CHAT, json=ASK).status_code == 200
    tollway.command("account", "suspend", account)
    error_of(tollway.client(key).post(CHAT, json=ASK), 403, "account_suspended")


def test_a_wrong_path_or_method_is_a_404_in_words(tollway: Deployment, key: str) -> None:
    client = tollway.client(key)
    error_of(client.post("/v1/nothing", json=ASK), 404, "not_found")
    assert "POST" in str(error_of(client.get(CHAT), 404, "not_found")["message"])


def test_what_is_not_http_gets_a_400_with_a_request_id(tollway: Deployment) -> None:
    host, port = tollway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        head, _, body = sock.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: req_" in head
    assert json.loads(body)["error"]["code"] == "invalid_request"
