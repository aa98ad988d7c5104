"""Providers that take their clients' own keys: the gateway's key in a header of its own, and none of ours ever sent elsewhere."""

import json
from collections.abc import Iterator

import anthropic
import httpx
import openai
import pytest

from tests.e2e.gateway.household import CHAT, OPERATORS_KEY, PRICE, Anything, Household, asking, settings_for
from tests.e2e.gateway.provider import Line, Seen
from tollway.access.key_view import ManagementAccess

THEIRS = "sk-clients-canary-0123456789"
MESSAGES = "/v1/messages"


def passing(port: int) -> str:
    return f"""
        [[providers]]
        name = "bearers"
        preset = "openai-compatible"
        base_url = "http://127.0.0.1:{port}/v1"
        auth = "passthrough"
        calls = [{{ method = "GET", path = "/v1/files", price = "0.001" }}]
        [[providers]]
        name = "headers"
        preset = "anthropic-compatible"
        base_url = "http://127.0.0.1:{port}"
        auth = "passthrough"
        [[models]]
        id = "b"
        targets = [{{ provider = "bearers", model = "b" }}]
        {PRICE}
        [[models]]
        id = "h"
        targets = [{{ provider = "headers", model = "h" }}]
        {PRICE}
        [[models]]
        id = "either"
        targets = [{{ provider = "bearers", model = "b" }}, {{ provider = "p", model = "m", weight = 0 }}]
        {PRICE}
        """


@pytest.fixture(scope="module")
def provider() -> Iterator[Anything]:
    provider = Anything()
    yield provider.start()
    provider.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, provider: Anything) -> Iterator[Household]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPERATORS_KEY", OPERATORS_KEY)
        settings = settings_for(provider.port, server='account_addresses = "any"', more=passing(provider.port))
        house = Household(tmp_path_factory.mktemp("passing"), settings)
        yield house
        house.stop()


@pytest.fixture(scope="module")
def account(house: Household) -> int:
    return house.account()


@pytest.fixture(scope="module")
def key(house: Household, account: int) -> str:
    return house.key(account)


def last(provider: Anything) -> Seen:
    return provider.seen[-1]


def refused(reply: httpx.Response, provider: Anything, asked: int) -> str:
    """Assert that a request was refused with 401 before any provider heard of it; return why."""
    assert reply.status_code == 401, reply.text
    assert len(provider.seen) == asked
    error = reply.json()["error"]
    assert error["code"] == "invalid_api_key"
    return str(error["message"])


@pytest.mark.parametrize("header", ["x-ingate-key", "x-tollway-key", "x-aig-key", "x-gonkagate-key", "x-gogpu-key"])
def test_the_clients_own_key_goes_to_the_provider_and_the_gateways_stays(
    house: Household, provider: Anything, key: str, header: str
) -> None:
    reply = house.client(THEIRS).post(CHAT, json=asking("b"), headers={header: key})
    assert reply.status_code == 200, reply.text
    seen = last(provider)
    assert seen.headers["authorization"] == f"Bearer {THEIRS}"
    assert key not in repr(seen)
    assert house.line(reply).base_nanos > 0


def test_the_key_goes_into_the_header_that_the_provider_has(house: Household, provider: Anything, key: str) -> None:
    reply = house.client(THEIRS).post(MESSAGES, json=asking("h"), headers={"x-tollway-key": key})
    assert reply.status_code == 200, reply.text
    seen = last(provider)
    assert seen.headers["x-api-key"] == THEIRS
    assert "authorization" not in seen.headers
    plain = house.client().post(CHAT, json=asking("b"), headers={"x-tollway-key": key, "api-key": THEIRS})
    assert plain.status_code == 200
    assert last(provider).headers["authorization"] == f"Bearer {THEIRS}"
    assert "api-key" not in last(provider).headers


def test_the_official_clients_pass_their_key_through(house: Household, provider: Anything, key: str) -> None:
    headers = {"X-Ingate-Key": key}
    chat = openai.OpenAI(api_key=THEIRS, base_url=f"{house.deployment.url}/v1", default_headers=headers)
    assert chat.chat.completions.create(model="b", messages=[{"role": "user", "content": "hi"}]).choices
    assert last(provider).headers["authorization"] == f"Bearer {THEIRS}"
    chat.close()
    claude = anthropic.Anthropic(api_key=THEIRS, base_url=house.deployment.url, default_headers=headers)
    assert claude.messages.create(model="h", max_tokens=9, messages=[{"role": "user", "content": "hi"}]).content
    assert last(provider).headers["x-api-key"] == THEIRS
    claude.close()


def test_a_provider_with_a_key_of_its_own_never_gets_a_clients(house: Household, provider: Anything, key: str) -> None:
    reply = house.client(THEIRS).post(CHAT, json=asking("m"), headers={"x-tollway-key": key})
    assert reply.status_code == 200
    seen = last(provider)
    assert seen.headers["authorization"] == f"Bearer {OPERATORS_KEY}"
    assert THEIRS not in repr(seen)


def test_no_key_of_this_gateway_is_sent_to_a_provider(
    house: Household, provider: Anything, account: int, key: str
) -> None:
    with house.desk() as desk:
        _, managing = desk.management_keys.create(account, "m", ManagementAccess.READ_ONLY)
        _, admin = desk.admin_keys.create("a")
        gone, revoked = desk.keys.create(account, "gone")
        desk.keys.revoke(gone.id)
    asked = len(provider.seen)
    for ours in (house.key(house.account()), managing, admin, revoked):
        for model in ("b", "m"):
            reply = house.client(ours).post(CHAT, json=asking(model), headers={"x-tollway-key": key})
            assert "Two different keys of this gateway" in refused(reply, provider, asked)
    call = house.client(managing).get("/v1/files", headers={"x-tollway-key": key, "x-tollway-provider": "bearers"})
    refused(call, provider, asked)


def test_without_a_key_of_the_clients_own_the_request_is_refused_with_what_to_send(
    house: Household, provider: Anything, key: str
) -> None:
    asked = len(provider.seen)
    assert "X-Tollway-Key" in refused(house.client(key).post(CHAT, json=asking("b")), provider, asked)
    alone = house.client().post(CHAT, json=asking("b"), headers={"x-tollway-key": key})
    assert "as Authorization" in refused(alone, provider, asked)
    twice = house.client(key).post(CHAT, json=asking("b"), headers={"x-tollway-key": key})
    refused(twice, provider, asked)


def test_a_model_that_another_provider_has_too_is_asked_there(house: Household, provider: Anything, key: str) -> None:
    assert house.client(key).post(CHAT, json=asking("either")).status_code == 200
    assert last(provider).headers["authorization"] == f"Bearer {OPERATORS_KEY}"


def test_keys_that_cannot_be_told_apart_are_refused(house: Household, provider: Anything, key: str) -> None:
    asked = len(provider.seen)
    for headers in (
        {"x-tollway-key": key, "x-ingate-key": THEIRS},
        {"x-tollway-key": THEIRS},
        {"x-tollway-key": key, "authorization": f"Bearer {THEIRS}", "x-api-key": "another"},
        {"x-tollway-key": key, "x-api-key": "a b\tc"},
        {"x-tollway-key": key, "x-api-key": "k" * 9000},
    ):
        refused(house.client().post(CHAT, json=asking("b"), headers=headers), provider, asked)


def test_a_key_that_its_provider_refuses_is_the_clients_to_mend(house: Household, provider: Anything, key: str) -> None:
    async def refusing(seen: Seen, to: Line) -> None:
        message = f"Incorrect API key: {seen.headers['authorization']}"
        await to.whole(json.dumps({"error": {"message": message}}).encode(), "401 Unauthorized")

    provider.scripts["b"] = refusing
    reply = house.client(THEIRS).post(CHAT, json=asking("b"), headers={"x-tollway-key": key})
    del provider.scripts["b"]
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
    assert "the key that came with this request" in reply.json()["error"]["message"]
    assert THEIRS not in reply.text


def test_an_account_brings_a_provider_that_takes_its_clients_keys(
    house: Household, provider: Anything, account: int, key: str
) -> None:
    house.bring(account, "theirs", provider)
    headers = {"x-ingate-key": key, "x-ingate-provider": "theirs"}
    reply = house.client(THEIRS).post(CHAT, json=asking("m"), headers=headers)
    assert reply.status_code == 200, reply.text
    assert last(provider).headers["authorization"] == f"Bearer {THEIRS}"
    assert house.line(reply).provider == "@theirs"


def test_a_call_of_any_path_takes_the_clients_key_too(house: Household, provider: Anything, key: str) -> None:
    headers = {"x-tollway-key": key, "x-tollway-provider": "bearers"}
    reply = house.client(THEIRS).get("/v1/files", headers=headers)
    assert reply.status_code == 200, reply.text
    assert last(provider).headers["authorization"] == f"Bearer {THEIRS}"
    assert key not in repr(last(provider))


def test_no_clients_key_is_in_the_store_or_the_log_and_the_ledger_proves_itself(house: Household) -> None:
    assert THEIRS not in house.told()
    house.check()
