"""Providers that accounts bring, on a running gateway: whose key and address is used, what is charged, what is never told."""

import json
import socket
from collections.abc import Iterator

import openai
import pytest

from tests.e2e.gateway.household import CHAT, OPERATORS_KEY, PRICE, Anything, Household, asking, settings_for
from tests.e2e.gateway.provider import Line, Seen
from tollway.billing.key_terms import KeyTerms
from tollway.billing.own_providers import ProviderChanges
from tollway.money import parse_amount
from tollway.settings import Secret

KEY_A, KEY_B = "sk-of-account-a-canary", "sk-of-account-b-canary"
MODELS = f"""
[[own_providers.models]]
id = "*"
{PRICE}
"""


@pytest.fixture(scope="module")
def first() -> Iterator[Anything]:
    provider = Anything()
    yield provider.start()
    provider.stop()


@pytest.fixture(scope="module")
def second() -> Iterator[Anything]:
    provider = Anything()
    yield provider.start()
    provider.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, first: Anything) -> Iterator[Household]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPERATORS_KEY", OPERATORS_KEY)
        settings = settings_for(
            first.port,
            server='account_addresses = "any"',
            billing='own_provider_price = "50%"',
            more=MODELS,
        )
        house = Household(tmp_path_factory.mktemp("own"), settings)
        yield house
        house.stop()


@pytest.fixture(scope="module")
def account(house: Household, second: Anything) -> int:
    """An account with providers of its own, one of which is called like the operator's."""
    account = house.account()
    house.bring(account, "mine", second, KEY_A)
    house.bring(account, "p", second, KEY_B)
    return account


@pytest.fixture(scope="module")
def key(house: Household, account: int) -> str:
    return house.key(account)


def last(provider: Anything) -> Seen:
    return provider.seen[-1]


@pytest.mark.parametrize(
    ("headers", "model"),
    [
        ({"x-tollway-provider": "mine"}, "any-model"),
        ({"x-ingate-provider": "mine"}, "mine/any-model"),
        ({}, "mine/any-model"),
    ],
)
def test_a_request_goes_to_the_accounts_provider_with_its_key_and_is_charged(
    house: Household, second: Anything, key: str, headers: dict[str, str], model: str
) -> None:
    reply = house.client(key).post(CHAT, json=asking(model), headers=headers)
    assert reply.status_code == 200, reply.text
    seen = last(second)
    assert seen.headers["authorization"] == f"Bearer {KEY_A}"
    assert seen.body["model"] == "any-model"
    assert not any(name.startswith(("x-tollway", "x-ingate")) for name in seen.headers)
    line = house.line(reply)
    assert (line.provider, line.model_routed, line.price_ppm) == ("@mine", "any-model", 500_000)
    used = line.usage
    full = ((used.input or 0) + (used.cached_input or 0)) * 1_000 + ((used.output or 0) + (used.reasoning or 0)) * 2_000
    assert line.base_nanos == -(-full // 2) > 0


def test_an_alias_takes_the_place_of_the_operators_provider_of_that_name_for_its_account_alone(
    house: Household, first: Anything, second: Anything, key: str
) -> None:
    theirs = house.client(key).post(CHAT, json=asking("x"), headers={"x-tollway-provider": "p"})
    assert theirs.status_code == 200
    assert last(second).headers["authorization"] == f"Bearer {KEY_B}"
    # What the operator configured under an id of its own stays where it was.
    assert house.client(key).post(CHAT, json=asking("m")).status_code == 200
    assert last(first).headers["authorization"] == f"Bearer {OPERATORS_KEY}"
    other = house.client(house.key(house.account()))
    assert other.post(CHAT, json=asking("m"), headers={"x-tollway-provider": "p"}).status_code == 200
    assert last(first).headers["authorization"] == f"Bearer {OPERATORS_KEY}"


def test_two_accounts_with_the_same_alias_never_share_a_key_or_an_address(
    house: Household, first: Anything, second: Anything, key: str
) -> None:
    other_account = house.account()
    house.bring(other_account, "mine", first, "sk-of-the-other-canary")
    other = house.client(house.key(other_account))
    for _ in range(3):
        counts = len(first.seen), len(second.seen)
        assert house.client(key).post(CHAT, json=asking("mine/same")).status_code == 200
        assert (len(first.seen), len(second.seen)) == (counts[0], counts[1] + 1)
        assert last(second).headers["authorization"] == f"Bearer {KEY_A}"
        assert other.post(CHAT, json=asking("mine/same")).status_code == 200
        assert (len(first.seen), len(second.seen)) == (counts[0] + 1, counts[1] + 1)
        assert last(first).headers["authorization"] == "Bearer sk-of-the-other-canary"


def test_what_leads_nowhere_else_goes_to_the_default(house: Household, second: Anything) -> None:
    account = house.account()
    house.bring(account, "standard", second, KEY_A, is_default=True)
    reply = house.client(house.key(account)).post(CHAT, json=asking("nobodys-model"))
    assert reply.status_code == 200, reply.text
    assert house.line(reply).provider == "@standard"
    assert last(second).body["model"] == "nobodys-model"


@pytest.mark.parametrize("alias", ["nobody", "mine"])
def test_an_alias_that_an_account_does_not_have_is_not_there(house: Household, first: Anything, alias: str) -> None:
    stranger = house.client(house.key(house.account()))
    seen = len(first.seen)
    reply = stranger.post(CHAT, json=asking("x"), headers={"x-tollway-provider": alias})
    assert reply.status_code == 404
    error = reply.json()["error"]
    assert (error["code"], error["message"][:37]) == ("not_found", f"There is no provider '{alias}' here."[:37])
    assert len(first.seen) == seen


def test_openais_client_reaches_an_anthropic_provider_of_the_account(
    house: Household, second: Anything, account: int, key: str
) -> None:
    house.bring(
        account,
        "claude",
        second,
        "sk-ant-canary-0123456789",
        preset="anthropic-compatible",
        base_url=f"http://127.0.0.1:{second.port}",
    )
    client = openai.OpenAI(
        api_key=key,
        base_url=f"{house.deployment.url}/v1",
        default_headers={"X-Ingate-Provider": "claude", "X-Ingate-Translate": "true"},
    )
    messages = [{"role": "user", "content": "hi"}]
    whole = client.chat.completions.create(model="claude-sonnet", messages=messages)  # type: ignore[arg-type]
    assert whole.choices[0].message.content
    seen = last(second)
    assert seen.path == "/v1/messages"
    assert seen.headers["x-api-key"] == "sk-ant-canary-0123456789"
    assert "authorization" not in seen.headers
    assert seen.body["max_tokens"] > 0
    stream = client.chat.completions.create(model="claude-sonnet", messages=messages, stream=True)  # type: ignore[call-overload]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == whole.choices[0].message.content
    client.close()


def test_changes_hold_from_the_next_request_on(house: Household, second: Anything) -> None:
    account = house.account()
    brought = house.bring(account, "changing", second, KEY_A)
    client = house.client(house.key(account))
    assert client.post(CHAT, json=asking("changing/x")).status_code == 200
    with house.desk() as desk:
        desk.own_providers.update(brought.id, ProviderChanges(key=Secret("sk-rotated-canary")))
    assert client.post(CHAT, json=asking("changing/x")).status_code == 200
    assert last(second).headers["authorization"] == "Bearer sk-rotated-canary"
    with house.desk() as desk:
        desk.own_providers.update(brought.id, ProviderChanges(enabled=False))
    asked = len(second.seen)
    refused = client.post(CHAT, json=asking("x"), headers={"x-tollway-provider": "changing"})
    assert refused.status_code == 404
    with house.desk() as desk:
        desk.own_providers.remove(brought.id)
    assert client.post(CHAT, json=asking("changing/x")).status_code == 404
    assert len(second.seen) == asked


def test_a_key_that_its_provider_refuses_is_the_accounts_to_mend(house: Household, second: Anything, key: str) -> None:
    async def refusing(seen: Seen, to: Line) -> None:
        message = f"Incorrect API key: {seen.headers['authorization']}"
        await to.whole(json.dumps({"error": {"message": message}}).encode(), "401 Unauthorized")

    second.scripts["refusing"] = refusing
    reply = house.client(key).post(CHAT, json=asking("mine/refusing"))
    assert reply.status_code == 502
    assert "the key that this account brought" in reply.json()["error"]["message"]
    assert KEY_A not in reply.text


def test_lesson_ssrf_a_redirect_is_not_followed(house: Household, first: Anything, second: Anything, key: str) -> None:
    async def leading_away(seen: Seen, to: Line) -> None:
        await to.head("302 Found", location=f"http://127.0.0.1:{first.port}{CHAT}", content_length="0")

    second.scripts["leading"] = leading_away
    asked = len(first.seen)
    reply = house.client(key).post(CHAT, json=asking("mine/leading"))
    assert reply.status_code == 502
    assert len(first.seen) == asked


def test_a_cap_of_the_key_holds_for_the_accounts_own_provider(house: Household, second: Anything, account: int) -> None:
    key = house.key(account, KeyTerms(daily_cap_nanos=parse_amount("0.00001")))
    asked = len(second.seen)
    reply = house.client(key).post(CHAT, json=asking("mine/x"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "cap_reached")
    assert len(second.seen) == asked


def test_a_key_that_is_kept_to_models_is_kept_to_them_at_own_providers_too(house: Household, account: int) -> None:
    key = house.key(account, KeyTerms(models=("mine/a", "m")))
    client = house.client(key)
    assert client.post(CHAT, json=asking("mine/a")).status_code == 200
    refused = client.post(CHAT, json=asking("mine/b"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")


def test_no_key_of_a_provider_is_in_the_store_the_log_or_an_answer(house: Household, key: str) -> None:
    replies = [house.client(key).post(CHAT, json=asking(model)) for model in ("mine/any-model", "mine/refusing")]
    told = house.told() + "".join(f"{reply.text} {reply.headers}" for reply in replies)
    for canary in (KEY_A, KEY_B, "sk-ant-canary", "sk-rotated-canary", OPERATORS_KEY):
        assert canary not in told
    assert "mine" in told


def test_the_ledger_proves_what_own_providers_cost(house: Household, account: int) -> None:
    house.check()
    assert house.balance(account) != "5.00"


PUBLIC_ONLY = """
[server]
port = 0
[billing]
own_provider_price = "0%"
[[own_providers.models]]
id = "*"
price = { input = "1", output = "2" }
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """A deployment that allows accounts public addresses only, and charges nothing there."""
    house = Household(tmp_path_factory.mktemp("strict"), PUBLIC_ONLY)
    yield house
    house.stop()


def test_lesson_ssrf_a_name_that_leads_home_is_refused_when_it_is_looked_up(
    strict: Household, second: Anything
) -> None:
    name = socket.gethostname()
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except OSError:
        pytest.skip("this machine's own name leads nowhere")
    assert addresses
    account = strict.account()
    strict.bring(account, "home", second, KEY_A, base_url=f"https://{name}:{second.port}/v1")
    asked = len(second.seen)
    reply = strict.client(strict.key(account)).post(CHAT, json=asking("home/x"))
    assert reply.status_code == 503, reply.text
    assert "not public" in reply.json()["error"]["message"]
    assert name not in reply.text
    assert len(second.seen) == asked


def test_where_own_providers_cost_nothing_an_empty_balance_is_enough(strict: Household, second: Anything) -> None:
    account = strict.account("0")
    strict.bring(account, "far", second, KEY_A, base_url="https://far.invalid/v1")
    client = strict.client(strict.key(account))
    reply = client.post(CHAT, json=asking("far/x"))
    # It was admitted: what fails is the name of its provider.
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unavailable")
    strict.check()
