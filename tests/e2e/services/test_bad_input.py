"""What is asked wrongly, under every brand: a clear error with a real status, in the envelope that its clients read."""

import json
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.gateway.deployment import sse_data
from tests.e2e.gateway.provider import Line, Seen, event
from tests.e2e.services.deployments import TOGETHER, Grounds, Served
from tests.e2e.services.scripted import Scripted
from tests.e2e.services.seeds import BRANDS, Brand
from tests.e2e.services.tenants import BODY

CHAT = "/v1/chat/completions"
MEMBERS: Mapping[str, set[str]] = {"gogpu": {"code", "msg", "data"}, "ingate": {"error_code"}}
"""What stands beside `error`, by brand."""


class Customer(NamedTuple):
    """Somebody with an account of a brand."""

    served: Served
    account: str
    key: str

    @property
    def brand(self) -> Brand:
        return self.served.brand

    def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx.Response:
        """Ask with the key of the account, or another."""
        return self.served.ask(method, path, key or self.key, **more)

    def chat(self, key: str | None = None, **more: Any) -> httpx.Response:
        """Ask for a chat; `more` says what is wrong with it."""
        return self.ask("POST", CHAT, key, **({"json": BODY} | more))


@pytest.fixture(scope="module", params=BRANDS)
def customer(request: pytest.FixtureRequest, grounds: Grounds) -> Customer:
    served = grounds.served(BRANDS[request.param], TOGETHER)
    account = served.account()
    return Customer(served, account, served.key(account)["key"])


def told(customer: Customer, reply: httpx.Response, status: int, code: str) -> str:
    """Assert that a reply is an error in the brand's envelope; return its message."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    error = body["error"]
    assert error["code"] == code, error
    assert len(error["message"]) > 20
    assert error["type"]
    brand = customer.brand
    assert set(body) - {"error"} == MEMBERS.get(brand.name, set())
    assert body.get("msg", error["message"]) == error["message"]
    assert body.get("error_code", code) == code
    ids = {reply.headers["x-request-id"], reply.headers[f"{brand.header_prefix}-request-id"]}
    assert len(ids) == 1
    return error["message"]


NAMES = ("user-id", "session-id", "tag")


@pytest.mark.parametrize("name", NAMES)
def test_a_header_that_is_no_word_is_named(customer: Customer, provider: Scripted, name: str) -> None:
    arrived = len(provider.seen)
    for prefix in (customer.brand.header_prefix, "x-tollway", "x-ingate", "x-aig"):
        header = f"{prefix}-{name}"
        for value in ("x" * 257, "", "\xff\xfe"):
            reply = customer.chat(headers={header: value.encode("latin-1")})
            assert header in told(customer, reply, 400, "invalid_request")
            assert reply.json()["error"]["param"] == header
    assert len(provider.seen) == arrived


def test_a_header_that_stands_twice_with_two_values_is_named(customer: Customer) -> None:
    prefix = customer.brand.header_prefix
    body = json.dumps(BODY).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: {customer.served.host}\r\nAuthorization: Bearer {customer.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        f"{prefix}-user-id: one\r\n{prefix}-user-id: two\r\n\r\n"
    )
    reply = sent(customer.served, head.encode() + body)
    assert f"{prefix}-user-id" in told(customer, reply, 400, "invalid_request")


def test_a_control_character_in_a_header_is_no_http(customer: Customer) -> None:
    for value in (b"a\x00b", b"a\x01b", b"a\x7fb"):
        head = b"GET /v1/models HTTP/1.1\r\nHost: %b\r\nx-tollway-tag: %b\r\n\r\n"
        reply = sent(customer.served, head % (customer.served.host.encode(), value))
        assert "control characters" in told(customer, reply, 400, "invalid_request")


def test_what_is_no_http_where_anthropics_clients_ask_is_told_in_their_words(customer: Customer) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: %b\r\nx-tollway-tag: a\x01b\r\n\r\n" % customer.served.host.encode()
    reply = sent(customer.served, head)
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")
    assert reply.json()["type"] == "error"


def test_what_says_no_host_is_answered_all_the_same(customer: Customer) -> None:
    for request in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nx: \x00\r\n\r\n"):
        reply = sent(customer.served, request)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_request")


def sent(served: Served, request: bytes) -> httpx.Response:
    """Send the bytes of a request, which a client library would not send; return the reply."""
    host, _, port = served.direct.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(request)
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)  # pyright: ignore[reportArgumentType]


def test_an_unknown_provider_is_answered_with_one_that_exists(customer: Customer) -> None:
    for prefix in (customer.brand.header_prefix, "x-ingate"):
        reply = customer.chat(headers={f"{prefix}-provider": "opnai"})
        assert "openai" in told(customer, reply, 404, "not_found")


def test_a_management_key_asks_no_models_and_says_what_it_is(customer: Customer) -> None:
    made = customer.served.operator.call(
        "POST", "/management-keys", account=customer.account, name="m", access="read_write"
    )
    for reply in (customer.chat(made["key"]), customer.ask("GET", "/v1/models", made["key"])):
        assert "management key" in told(customer, reply, 401, "invalid_api_key")


def test_an_api_key_manages_no_keys_and_says_what_it_is(customer: Customer) -> None:
    reply = customer.ask("GET", "/api/v1/keys")
    assert "API key" in told(customer, reply, 401, "invalid_api_key")


def test_a_sub_accounts_key_does_not_reach_its_parents_resources(customer: Customer) -> None:
    child = customer.ask("POST", "/v1/sub-accounts", json={"name": "child"}).json()
    for path in ("/v1/sub-accounts", f"/v1/sub-accounts/{child['id']}", "/v1/balance", "/api/v1/logs"):
        told(customer, customer.ask("GET", path, child["key"]), 403, "not_permitted")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/sub-accounts", {"name": "a", "spend_cap_cents": -1}),
        ("/v1/sub-accounts", {"name": "a", "rate_limit_rpm": -1}),
        ("/v1/budgets", {"tag": "a", "monthly_cap_cents": -0.01}),
        ("/api/v1/budgets", {"hard_limit_usd": -1}),
        ("/api/v1/budgets", {"hard_limit_usd": 1, "soft_limit_usd": -1}),
    ],
)
def test_a_cap_below_zero_is_none(customer: Customer, path: str, body: Mapping[str, Any]) -> None:
    told(customer, customer.ask("POST", path, json=body), 400, "invalid_request")


def test_models_of_which_one_is_unknown_are_refused_with_its_name(customer: Customer) -> None:
    reply = customer.chat(json=BODY | {"model": ["gpt-4o", "gpt-nobody"]})
    assert "gpt-nobody" in told(customer, reply, 404, "model_not_found")


async def cut_short(seen: Seen, to: Line) -> None:
    """Begin a stream, and break it after a word."""
    await to.start_stream()
    await to.piece(event(seen.body["model"], {"role": "assistant", "content": "Four"}))
    to.cut()


def test_an_error_inside_a_stream_stands_in_the_same_envelope(customer: Customer, provider: Scripted) -> None:
    provider.scripts["gpt-4o"] = cut_short
    reply = customer.chat(json=BODY | {"model": "gpt-4o", "stream": True})
    del provider.scripts["gpt-4o"]
    assert reply.status_code == 200
    body = json.loads(sse_data(reply.text)[-1])
    assert body["error"]["code"] == "upstream_error"
    beside = MEMBERS.get(customer.brand.name, set())
    assert set(body) - {"error", "usage"} == beside
    assert body.get("msg", body["error"]["message"]) == body["error"]["message"]
    assert body.get("error_code", "upstream_error") == "upstream_error"


def test_what_a_later_version_has_is_said_to_be_missing(customer: Customer) -> None:
    for path in ("/v1/evals", "/v1/jobs/1", "/api/v1/prompts"):
        told(customer, customer.ask("GET", path), 501, "not_supported")
