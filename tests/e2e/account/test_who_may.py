"""Every route of the accounts' API with every wrong kind of key; nothing of one account is another's to see."""

import re
from typing import Any

import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of
from tollway.access.limits import RateLimits
from tollway.access.managing import KEYS_ONLY, WRITING, Need
from tollway.billing.keys import KeyTerms
from tollway.http.account.api import build_routes
from tollway.http.account.needs import ROUTES

NOT_THERE = {
    "digest": "0" * 64,
    "by": "models",
    "budget": "cap_0000000000000001",
    "request": "req_0000000000000001",
    "provider": "prov_0000000000000001",
    "sub_account": "sa_0000000000000001",
    "key": "key_0000000000000001",
}

CALLS = [
    (method, re.sub(r"\{(\w+)\}", lambda found: NOT_THERE[found[1]], path), need)
    for path, methods in ROUTES.items()
    for method, need in methods.items()
]

LIMITED: dict[str, dict[str, Any]] = {
    "models": {"models": ("m",)},
    "routes": {"routes": ("chat",)},
    "networks": {"networks": ("127.0.0.0/8",)},
    "an expiry": {"expires_ms": 4_000_000_000_000},
    "caps": {"monthly_cap_nanos": 10**9},
    "rate limits": {"limits": RateLimits(rpm=1000)},
}
"""What makes a key a limited one."""

each_call = pytest.mark.parametrize(("method", "path", "need"), CALLS)


@pytest.fixture(scope="module")
def limited(gateway: Gateway, owner: Owner) -> dict[str, str]:
    """A key of each kind that may not manage its account."""
    keys = gateway.desk.keys
    made = {name: keys.create(owner.id, name, KeyTerms(**terms))[1] for name, terms in LIMITED.items()}
    return made | {"sub-account": owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s"})["key"]}


@each_call
def test_nobody_passes_without_a_good_key(gateway: Gateway, method: str, path: str, need: Need) -> None:
    _, admin = gateway.desk.admin_keys.create("operator")
    for secret in ("", "nonsense", "tw-nonsense", "x" * 1000, admin):
        reply = gateway.ask(method, path, secret, json={})
        if need is Need.OPEN:
            assert reply.status_code == 200
        else:
            assert (reply.status_code, error_of(reply)["code"]) == (401, "invalid_api_key"), secret
        assert reply.headers["x-tollway-request-id"] == reply.headers["x-request-id"]


@each_call
def test_a_limited_key_manages_nothing(
    owner: Owner, limited: dict[str, str], method: str, path: str, need: Need
) -> None:
    for kind, secret in limited.items():
        reply = owner.ask(method, path, secret, json={})
        if need in KEYS_ONLY:
            assert (reply.status_code, error_of(reply)["code"]) == (401, "invalid_api_key"), kind
        elif need in {Need.OPEN, Need.KEY}:
            assert reply.status_code == 200, kind
        else:
            assert (reply.status_code, error_of(reply)["code"]) == (403, "not_permitted"), kind


@each_call
def test_an_unlimited_key_does_all_but_manage_keys(owner: Owner, method: str, path: str, need: Need) -> None:
    reply = owner.ask(method, path, json={})
    assert (reply.status_code == 401) == (need in KEYS_ONLY)
    assert reply.status_code in {200, 201, 400, 401, 404}


@each_call
def test_a_management_key_that_reads_does_not_write(owner: Owner, method: str, path: str, need: Need) -> None:
    reply = owner.ask(method, path, owner.reading, json={})
    if need in WRITING:
        assert (reply.status_code, error_of(reply)["code"]) == (403, "not_permitted")
    else:
        assert reply.status_code in {200, 404}
    assert owner.ask(method, path, owner.writing, json={}).status_code in {200, 201, 400, 404}


def test_the_table_of_needs_and_the_routes_are_the_same() -> None:
    described = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in _described().items() for method in methods
    }
    needed = {(method, re.sub(r"\{\w+\}", "{}", path)) for path, methods in ROUTES.items() for method in methods}
    assert needed - {("GET", "/api/v1/openapi.json")} == described


def _described() -> dict[str, dict[str, Any]]:
    class Anything:
        """Stands for parts that no route looks at before it is asked."""

        def __getattr__(self, name: str) -> Any:
            return {} if name in {"models", "providers"} else Anything()

    return build_routes(Anything()).openapi()["paths"]  # type: ignore[arg-type]


def test_a_key_for_some_networks_is_refused_from_elsewhere(gateway: Gateway, owner: Owner) -> None:
    _, secret = gateway.desk.keys.create(owner.id, "far", KeyTerms(networks=("192.0.2.0/24",)))
    refused = owner.ask("GET", "/api/v1/whoami", secret)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "address_not_allowed")


def test_an_expired_or_revoked_key_is_unknown(gateway: Gateway, owner: Owner) -> None:
    keys = gateway.desk.keys
    view, revoked = keys.create(owner.id, "r")
    keys.revoke(view.id)
    assert owner.ask("GET", "/v1/balance", revoked).status_code == 401


class Estate:
    """One of everything that an account can have."""

    def __init__(self, gateway: Gateway) -> None:
        self.owner = owner = gateway.owner()
        owner.chat()
        made = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "mine"})
        key = owner.told("POST", "/api/v1/keys", 201, secret=owner.writing, json={"name": "mine"})["data"]
        budget = owner.told("POST", "/v1/budgets", 201, json={"tag": "mine", "monthly_cap_cents": 5})
        provider = {"name": "mine", "type": "openai", "api_key": "sk-of-mine-0123456789"}
        self.named = {
            "digest": (key["hash"], key["id"]),
            "sub_account": (made["id"],),
            "budget": (budget["id"], "mine"),
            "request": (owner.told("GET", "/v1/usage/recent")["data"][0]["id"],),
            "provider": (owner.told("POST", "/api/v1/providers", 201, json=provider)["id"], "mine"),
            "key": (made["key_id"], key["id"], key["hash"]),
        }


@pytest.fixture(scope="module")
def estate(gateway: Gateway) -> Estate:
    """An account that has one of everything."""
    return Estate(gateway)


OF_SOMEBODY = [
    (method, path, found[1])
    for path, methods in ROUTES.items()
    if (found := re.search(r"\{(\w+)\}", path)) and found[1] != "by"
    for method in methods
]


@pytest.mark.parametrize(("method", "path", "what"), OF_SOMEBODY)
def test_what_is_anothers_looks_like_what_does_not_exist(
    estate: Estate, stranger: Owner, method: str, path: str, what: str
) -> None:
    """With every key of another account: the words are those for an id that nobody has."""
    for secret in (stranger.key, stranger.writing):
        for name in estate.named[what]:
            target = path.replace(f"{{{what}}}", name)
            reply = stranger.ask(method, target, secret, json={})
            if reply.status_code == 401:
                assert secret == stranger.key
                continue
            unknown = stranger.ask(method, path.replace(f"{{{what}}}", NOT_THERE[what]), secret, json={})
            assert (reply.status_code, unknown.status_code) == (404, 404), reply.text
            told, untold = error_of(reply)["message"], error_of(unknown)["message"]
            assert told.replace(name, "") in {untold.replace(NOT_THERE[what], ""), *_by_name(told, name)}


def _by_name(told: str, name: str) -> set[str]:
    """Return what may be said of a name that is no id: that the account has nothing of that name."""
    return {told.replace(name, "")} if name == "mine" else set()


def test_lists_and_sums_are_the_accounts_own(estate: Estate, gateway: Gateway) -> None:
    nobody = gateway.owner()
    paths = [path for path, methods in ROUTES.items() if "GET" in methods and "{" not in path]
    names = {name for names in estate.named.values() for name in names}
    for path in paths:
        for secret in (nobody.key, nobody.writing):
            reply = nobody.ask("GET", path, secret)
            assert not [name for name in names if name in reply.text], path
    assert nobody.told("GET", "/api/v1/usage/summary")["total_requests"] == 0
    query = f"app_id={estate.named['sub_account'][0]}"
    assert nobody.told("GET", f"/api/v1/usage/summary?{query}")["total_requests"] == 0
    assert nobody.told("GET", f"/api/v1/logs?key_id={estate.owner.key_id}")["data"] == []


@pytest.mark.parametrize(("scope", "what"), [("key", "key"), ("app", "sub_account")])
def test_no_budget_is_set_on_what_is_anothers(estate: Estate, stranger: Owner, scope: str, what: str) -> None:
    body = {"scope": scope, "scope_id": estate.named[what][0], "hard_limit_usd": 1}
    assert stranger.ask("POST", "/api/v1/budgets", json=body).status_code == 404


def test_an_idempotency_key_of_one_account_says_nothing_to_another(owner: Owner, stranger: Owner) -> None:
    headers = {"idempotency-key": "the-same"}
    replies = [who.ask("POST", "/v1/webhook-secret/rotate", headers=headers) for who in (owner, stranger)]
    assert replies[0].json()["secret"] != replies[1].json()["secret"]
