"""Paths that belong to no dialect, on a running gateway: passed on byte for byte, at a price by the call."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.databases import locked
from tests.e2e.gateway.household import METHOD, OPERATORS_KEY, Anything, Household, settings_for
from tests.e2e.gateway.provider import Line, Seen
from tollway.access.principal import BillingMode
from tollway.access.terms import PackageUnit
from tollway.billing.key_terms import KeyTerms
from tollway.billing.products import ProductTerms
from tollway.ledger.lines import Outcome
from tollway.money import NANOS_PER_UNIT, parse_amount

THINGS = "/v1/things"
CALL = NANOS_PER_UNIT // 100
OWN = """
[own_providers]
calls = [
  { method = "POST", path = "/v1/own*", price = "0.02" },
  { preset = "anthropic-compatible", method = "GET", path = "/v1/own", price = "0" },
]
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Anything]:
    provider = Anything()
    yield provider.start()
    provider.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, provider: Anything) -> Iterator[Household]:
    calls = ", ".join(
        f'{{ method = "{method}", path = "/v1/things*", price = "0.01" }}'
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    )
    settings = settings_for(
        provider.port, server='account_addresses = "any"', billing='platform_fee = "10%"', more=OWN
    ).replace('calls = [{ method = "GET", path = "/v1/things/*", price = "0.01" }]', f"calls = [{calls}]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPERATORS_KEY", OPERATORS_KEY)
        house = Household(tmp_path_factory.mktemp("proxied"), settings)
        yield house
        house.stop()


@pytest.fixture(scope="module")
def key(house: Household) -> str:
    return house.key(house.account())


@pytest.fixture
def client(house: Household, key: str) -> httpx.Client:
    return house.client(key, x_tollway_provider="p")


def last(provider: Anything) -> Seen:
    return provider.seen[-1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_call_passes_with_its_method_path_query_and_body_and_is_charged_once(
    house: Household, provider: Anything, client: httpx.Client, method: str
) -> None:
    body = b"" if method in ("GET", "DELETE") else b'{"odd":  "spacing"}\n'
    reply = client.request(method, f"{THINGS}/a%20b?x=1&y=%2F", content=body)
    assert reply.status_code == 200, reply.text
    seen = last(provider)
    assert (seen.headers[METHOD], seen.path, seen.raw) == (method, f"{THINGS}/a%20b?x=1&y=%2F", body)
    assert reply.json()["method"] == method
    assert reply.headers["x-tollway-total-cost-usd"] == "0.011"
    line = house.line(reply)
    assert (line.outcome, line.lane, line.provider) == (Outcome.COMPLETED, "verbatim", "p")
    assert (line.model_asked, line.model_routed) == (f"{method} {THINGS}/a b", f"{method} /v1/things*")
    assert (line.base_nanos, line.fee_nanos, line.hold_nanos) == (CALL, CALL // 10, CALL // 10 * 11)


def test_headers_pass_but_for_ours_credentials_and_those_of_one_connection(
    provider: Anything, house: Household, key: str
) -> None:
    headers = {
        "content-type": "application/x-thing; v=1",
        "accept": "application/thing",
        "x-custom": "kept",
        "idempotency-key": "kept-too",
        "user-agent": "thing/1",
        "connection": "keep-alive, x-hop",
        "x-hop": "gone",
        "cookie": "gone",
        "x-forwarded-for": "203.0.113.9",
        "x-tollway-user-id": "ann",
        "x-ingate-session-id": "s",
        "x-tollway-provider": "p",
        "accept-encoding": "gzip",
    }
    assert house.client(key).post(THINGS, content=b"x", headers=headers).status_code == 200
    seen = last(provider).headers
    assert seen["content-type"] == "application/x-thing; v=1"
    assert (seen["accept"], seen["x-custom"], seen["user-agent"]) == ("application/thing", "kept", "thing/1")
    assert seen["idempotency-key"] == "kept-too"
    assert seen["authorization"] == f"Bearer {OPERATORS_KEY}"
    assert seen["accept-encoding"] == "identity"
    gone = {"x-hop", "cookie", "x-forwarded-for", "x-tollway-user-id", "x-ingate-session-id", "x-tollway-provider"}
    assert not gone & seen.keys()
    assert key not in repr(seen)


@pytest.mark.parametrize(("status", "told"), [("201 Created", 201), ("299 Odd", 200)])
def test_an_answer_comes_back_as_it_is(provider: Anything, client: httpx.Client, status: str, told: int) -> None:
    async def answer(seen: Seen, to: Line) -> None:
        await to.head(status, content_type="image/x-thing", content_length="4", x_internal="secret")
        await to.send(b"\x00\xff\x01\xfe")

    provider.paths[f"{THINGS}/whole"] = answer
    reply = client.post(f"{THINGS}/whole")
    assert (reply.status_code, reply.content) == (told, b"\x00\xff\x01\xfe")
    assert reply.headers["content-type"] == "image/x-thing"
    assert reply.headers["x-tollway-request-id"] == reply.headers["x-request-id"]
    assert "x-internal" not in reply.headers


def test_a_streamed_answer_streams_and_is_charged_once(
    house: Household, provider: Anything, client: httpx.Client
) -> None:
    pieces = [b"data: 1\n\n", b"data: 2\n\n", b": end\n\n"]

    async def stream(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for piece in pieces:
            await to.piece(piece)
        await to.end_stream()

    provider.paths[f"{THINGS}/stream"] = stream
    with client.stream("POST", f"{THINGS}/stream") as reply:
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.headers["x-tollway-total-cost-usd"] == "0.011"
        assert b"".join(reply.iter_raw()) == b"".join(pieces)
    assert house.line(reply).base_nanos == CALL


def test_an_answer_without_a_body_is_one(provider: Anything, client: httpx.Client) -> None:
    async def nothing(seen: Seen, to: Line) -> None:
        await to.head("204 No Content")

    provider.paths[f"{THINGS}/gone"] = nothing
    reply = client.delete(f"{THINGS}/gone")
    assert (reply.status_code, reply.content) == (204, b"")


@pytest.mark.parametrize(("status", "told"), [("404 Not Found", 404), ("503 Busy", 503), ("599 Odd", 502)])
def test_an_error_is_free_and_in_the_providers_own_words_without_its_key(
    house: Household, provider: Anything, client: httpx.Client, status: str, told: int
) -> None:
    async def fail(seen: Seen, to: Line) -> None:
        body = json.dumps({"detail": f"no, {seen.headers['authorization']}"}).encode()
        await to.whole(body, status, retry_after="7")

    provider.paths[f"{THINGS}/fails"] = fail
    reply = client.post(f"{THINGS}/fails")
    assert reply.status_code == told
    assert reply.json()["detail"].startswith("no, Bearer [secret]")
    assert OPERATORS_KEY not in reply.text
    assert reply.headers["retry-after"] == "7"
    line = house.line(reply)
    assert (line.outcome, line.base_nanos) == (Outcome.FAILED, 0)
    assert "x-tollway-total-cost-usd" not in reply.headers


def test_lesson_ssrf_a_redirect_is_told_and_not_followed(provider: Anything, client: httpx.Client) -> None:
    async def lead_away(seen: Seen, to: Line) -> None:
        await to.head("307 Temporary Redirect", location="http://169.254.169.254/", content_length="0")

    provider.paths[f"{THINGS}/away"] = lead_away
    asked = len(provider.seen)
    reply = client.post(f"{THINGS}/away")
    assert (reply.status_code, "location" in reply.headers) == (307, False)
    assert len(provider.seen) == asked + 1


def test_a_provider_that_breaks_before_its_answer_costs_nothing_and_within_it_does(
    house: Household, provider: Anything, client: httpx.Client
) -> None:
    async def silent(seen: Seen, to: Line) -> None:
        to.cut()

    async def midway(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(b"half")
        to.cut()

    provider.paths[f"{THINGS}/silent"] = silent
    provider.paths[f"{THINGS}/midway"] = midway
    broken = client.post(f"{THINGS}/silent")
    assert (broken.status_code, broken.json()["error"]["code"]) == (502, "upstream_error")
    assert house.line(broken).base_nanos == 0
    with client.stream("POST", f"{THINGS}/midway") as reply, pytest.raises(httpx.RemoteProtocolError):
        list(reply.iter_raw())
    line = house.line(reply)
    assert (line.outcome, line.base_nanos) == (Outcome.UPSTREAM_BROKE, CALL)


def test_a_client_that_leaves_a_stream_has_bought_the_call(
    house: Household, provider: Anything, client: httpx.Client
) -> None:
    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        while True:
            await to.piece(b"x" * 65536)

    provider.paths[f"{THINGS}/endless"] = endless
    with client.stream("GET", f"{THINGS}/endless") as reply:
        next(reply.iter_raw())
    assert _ends(house, "/endless") == [(Outcome.CLIENT_GONE, CALL)]


def test_a_client_that_leaves_before_the_answer_begins_has_bought_the_call_and_nothing_more_is_read(
    house: Household, provider: Anything, key: str
) -> None:
    asked, left, cut = threading.Event(), asyncio.Event(), threading.Event()

    async def thoughtful(seen: Seen, to: Line) -> None:
        asked.set()
        await left.wait()
        try:
            await to.start_stream()
            while True:
                await to.piece(b"x" * 65536)
        except ConnectionError:
            cut.set()

    provider.paths[f"{THINGS}/thoughtful"] = thoughtful
    host, _, port = house.deployment.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = f"GET {THINGS}/thoughtful HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\nx-tollway-provider: p\r\n\r\n"
        client.sendall(head.encode())
        assert asked.wait(20)
    provider.call(left.set)
    assert cut.wait(20)
    assert _ends(house, "/thoughtful") == [(Outcome.CLIENT_GONE, CALL)]


def test_a_stream_that_has_begun_leaves_a_line_whatever_ends_the_process(
    house: Household, provider: Anything, client: httpx.Client
) -> None:
    async def begins(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(b"data: 1\n\n")
        await asyncio.Event().wait()

    provider.paths[f"{THINGS}/begun"] = begins
    # So that the price is written and money is borrowed: the line is then all that is left to write.
    assert client.get(f"{THINGS}/1").status_code == 200
    with locked(house.deployment.store), client.stream("GET", f"{THINGS}/begun") as reply:
        assert next(reply.iter_raw()) == b"data: 1\n\n"
        house.deployment.kill()
    house.deployment.start()
    assert _ends(house, "/begun") == [(Outcome.INTERRUPTED, 0)]


def _ends(house: Household, path: str) -> list[tuple[Outcome, int]]:
    """Return how the calls of a path ended, once one has."""
    for _ in range(200):
        with house.desk() as desk:
            lines = [line for line in desk.statements.requests() if line.model_asked.endswith(path)]
        if lines:
            return [(line.outcome, line.base_nanos) for line in lines]
    raise AssertionError(path)


def test_a_call_without_a_price_is_refused_with_what_to_configure(
    house: Household, provider: Anything, client: httpx.Client
) -> None:
    asked = len(provider.seen)
    reply = client.get("/v1/others")
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "model_not_allowed")
    said = reply.json()["error"]["message"]
    assert '[[providers]] calls = [{ method = "GET", path = "/v1/others"' in said
    assert len(provider.seen) == asked


def test_a_path_of_nobodys_is_not_there(house: Household, provider: Anything, key: str) -> None:
    asked = len(provider.seen)
    for client, headers in (
        (house.client(), {}),
        (house.client("tw-unknown"), {}),
        (house.client(key), {}),
        (house.client(key), {"x-ingate-provider": "nobody"}),
    ):
        reply = client.get(f"{THINGS}/1", headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    stranger = house.client("tw-unknown").get(f"{THINGS}/1", headers={"x-tollway-provider": "p"})
    assert stranger.status_code == 401
    assert len(provider.seen) == asked


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/API/v1/nothing",
        "/%61pi/v1/keys",
        "/admin/v1/x",
        "/admin",
        "/v1/chat/completions/",
        "/V1/Chat/Completions",
        "/v1/%63hat/completions",
        "/v1/things/../chat/completions",
        "/v1/things/%2e%2e/chat/completions",
        "/v1/things/%252e%252e/chat/completions",
        "/v1/things//x",
        "/v1/things/%2fx",
        "/v1/things/..",
        "/v1/things/%5c..%5cx",
        "/v1/things/%00",
        "/v1/things/1?a=\xe4",
    ],
)
def test_no_path_leads_past_what_is_ours_or_somewhere_else(
    house: Household, provider: Anything, key: str, path: str
) -> None:
    asked = len(provider.seen)
    host = house.deployment.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection._encode_request = lambda request: request.encode("latin-1")  # type: ignore[attr-defined]
    connection._validate_path = lambda url: None  # type: ignore[attr-defined]
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.putheader("authorization", f"Bearer {key}")
    connection.putheader("x-tollway-provider", "p")
    connection.endheaders()
    assert connection.getresponse().status in (400, 401, 404)
    connection.close()
    assert len(provider.seen) == asked


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_not_passed_on(provider: Anything, client: httpx.Client, method: str) -> None:
    asked = len(provider.seen)
    assert client.request(method, f"{THINGS}/1").status_code in (400, 404)
    assert len(provider.seen) == asked


def test_what_a_key_may_not_is_refused_before_anything_is_sent(house: Household, provider: Anything) -> None:
    account = house.account()
    empty = house.account("0.01")
    with house.desk() as desk:
        product = desk.products.create("P", ProductTerms(unit=PackageUnit.TOKENS, amount=10**9, price_nanos=0))
        package = desk.packages.buy(account, product.id).package
    asked = len(provider.seen)
    of_tokens = KeyTerms(billing=BillingMode.PACKAGE, package_id=package.id)
    for key, status, code in (
        (house.key(account, KeyTerms(routes=("chat",))), 403, "route_not_allowed"),
        (house.key(account, KeyTerms(models=("m",))), 403, "model_not_allowed"),
        (house.key(account, of_tokens), 403, "model_not_allowed"),
        (house.key(account, KeyTerms(daily_cap_nanos=parse_amount("0.001"))), 429, "cap_reached"),
        (house.key(empty), 429, "insufficient_quota"),
    ):
        reply = house.client(key, x_tollway_provider="p").get(f"{THINGS}/1")
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.text
    assert len(provider.seen) == asked
    for terms in (KeyTerms(routes=("proxy",)), KeyTerms(models=("p/*",))):
        assert house.client(house.key(account, terms), x_tollway_provider="p").get(f"{THINGS}/1").status_code == 200


def test_an_account_reaches_any_path_of_its_default_provider(house: Household, provider: Anything) -> None:
    account = house.account()
    house.bring(account, "mine", provider, "sk-own-canary-0123456789", is_default=True)
    client = house.client(house.key(account))
    reply = client.post("/v1/elsewhere", content=b"x")
    assert reply.status_code == 403
    assert "[own_providers] calls" in reply.json()["error"]["message"]
    reply = client.post("/v1/own/thing", content=b"x")
    assert reply.status_code == 200, reply.text
    seen = last(provider)
    assert (seen.path, seen.headers["authorization"]) == ("/v1/own/thing", "Bearer sk-own-canary-0123456789")
    assert house.line(reply).base_nanos == 2 * CALL
    # The price of a GET is for providers of another preset.
    assert client.get("/v1/own").status_code == 403
    assert client.get("/v1/models").status_code == 200
    assert last(provider) is seen


def test_the_ledger_proves_what_calls_cost(house: Household) -> None:
    house.check()
    assert "sk-own-canary" not in house.told()
