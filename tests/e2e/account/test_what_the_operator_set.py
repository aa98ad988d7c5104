"""What the operator set for an account, its owner may lower and never lift: tried with every key that an owner has."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of, open_gateway
from tollway.access.caps import SubAccountChanges
from tollway.access.key_view import KeyChange
from tollway.access.limits import LimitScope, RateChange
from tollway.access.terms import EACH, CapScope, CapSpan
from tollway.billing.caps import CapTarget
from tollway.billing.keys import KeyTerms
from tollway.billing.rate_limits import LimitTarget
from tollway.ids import CAP, KEY, SUB_ACCOUNT, parse_id, render_id

LIMITS = """
[limits]
key = { rpm = 3, burst = 100 }
sub_account = { rpm = 2 }
"""


@pytest.fixture(scope="module")
def limiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose operator limits keys to three requests a minute, and sub-accounts to two."""
    with open_gateway(tmp_path_factory.mktemp("limiting"), more=LIMITS) as gateway:
        yield gateway


def ask_model(owner: Owner, secret: str, **headers: str) -> httpx.Response:
    """Ask the model something small."""
    words = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    return owner.ask("POST", "/v1/chat/completions", secret, json=body, headers=words)


def passing(owner: Owner, secret: str) -> int:
    """Ask at once and again; return how many of five requests are let through."""
    return sum(ask_model(owner, secret).status_code == 200 for _ in range(5))


def new_key(owner: Owner, **terms: Any) -> Any:
    """Make a key as the owner does."""
    return owner.told("POST", "/api/v1/keys", 201, secret=owner.writing, json={"name": "k", **terms})


def change_key(owner: Owner, made: Any, status: int = 200, **terms: Any) -> Any:
    """Change a key as the owner does."""
    return owner.told("PATCH", f"/api/v1/keys/{made['data']['hash']}", status, secret=owner.writing, json=terms)


def test_an_owner_gives_no_key_more_requests_than_the_operator_gives_each(limiting: Gateway) -> None:
    owner = limiting.owner("gonkagate")
    refused = owner.ask("POST", "/api/v1/keys", owner.writing, json={"name": "k", "rate_limit_rpm": 1000})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request")
    assert "1000 requests a minute are more than the 3 that the operator lets" in error_of(refused)["message"]
    made = new_key(owner, rate_limit_rpm=2)
    assert "give at most 3" in change_key(owner, made, 400, rate_limit_rpm=4)["error"]["message"]
    assert passing(owner, made["key"]) == 2
    # Its own limit is lifted, and what the operator set is what is left.
    change_key(owner, made, rate_limit_rpm=None)
    assert passing(owner, made["key"]) == 1


def test_an_owner_gives_no_sub_account_more_requests_than_the_operator_does(limiting: Gateway) -> None:
    owner = limiting.owner("aigateway")
    for word in ("rate_limit_rpm", "rpm"):
        refused = owner.ask("POST", "/v1/sub-accounts", json={"name": "s", word: 1000})
        assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request")
    made = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s", "rate_limit_rpm": 1})
    path = f"/v1/sub-accounts/{made['id']}"
    for method in ("PATCH", "PUT"):
        said = owner.told(method, path, 400, json={"rate_limit_rpm": 3})["error"]["message"]
        assert "3 requests a minute are more than the 2 that the operator lets this sub-account make" in said
    assert passing(owner, made["key"]) == 1
    assert owner.told("PATCH", path, json={"rate_limit_rpm": 0})["rate_limit_rpm"] == 0
    assert passing(owner, made["key"]) == 1


def test_the_operator_gives_a_key_what_it_likes_and_the_owner_less_than_that(limiting: Gateway) -> None:
    owner = limiting.owner()
    made = new_key(owner)
    rules, key = limiting.desk.rate_limits, str(parse_id(KEY, made["data"]["id"]))
    target = LimitTarget(owner.id, LimitScope.KEY, key)
    rules.set(target, RateChange(rpm=4))
    assert "give at most 4" in change_key(owner, made, 400, rate_limit_rpm=5)["error"]["message"]
    change_key(owner, made, rate_limit_rpm=4)
    # Lowered by the operator later, the owner's own number does not bring it back; nor does lifting that.
    rules.set(target, RateChange(rpm=2))
    assert passing(owner, made["key"]) == 2
    change_key(owner, made, rate_limit_rpm=0)
    assert ask_model(owner, made["key"]).status_code == 429
    (rule,) = (limit.rule for limit in rules.list(owner.id))
    assert (rule.rpm, rule.account_rpm) == (2, None)


def test_an_owners_own_limit_does_not_stand_in_for_what_the_operator_set_for_each(gateway: Gateway) -> None:
    owner = gateway.owner()
    set_each = gateway.desk.rate_limits.set
    set_each(LimitTarget(owner.id, LimitScope.KEY, EACH), RateChange(burst=2, rpm=4))
    set_each(LimitTarget(owner.id, LimitScope.SUB_ACCOUNT, EACH), RateChange(concurrency=100, rpm=2))
    made = new_key(owner, rate_limit_rpm=3)
    assert "give at most 4" in change_key(owner, made, 400, rate_limit_rpm=5)["error"]["message"]
    assert passing(owner, made["key"]) == 2
    part = owner.told("POST", "/v1/sub-accounts", 201, secret=owner.writing, json={"name": "s", "rate_limit_rpm": 1})
    path = f"/v1/sub-accounts/{part['id']}"
    owner.told("PATCH", path, 400, secret=owner.writing, json={"rate_limit_rpm": 3})
    assert passing(owner, part["key"]) == 1
    target = LimitTarget(owner.id, LimitScope.SUB_ACCOUNT, str(parse_id(SUB_ACCOUNT, part["id"])))
    set_each(target, RateChange(rpm=1))
    shown = owner.told("PATCH", path, secret=owner.writing, json={"rate_limit_rpm": None})
    assert shown["rate_limit_rpm"] == 1


CENT_NANOS = 10_000_000
LITTLE_NANOS = 1_000
"""Of which nothing can be asked."""


def refused_by_cap(owner: Owner, secret: str, **headers: str) -> None:
    """See that a cap keeps a request from the model."""
    reply = ask_model(owner, secret, **headers)
    assert (reply.status_code, error_of(reply)["code"]) == (429, "cap_reached"), reply.text


def operator_caps(gateway: Gateway, owner: Owner, scope: CapScope, subject: str = "", nanos: int = CENT_NANOS) -> str:
    """Set a monthly cap as the operator does; return its id."""
    cap = gateway.desk.caps.set(CapTarget(owner.id, scope, subject), CapSpan.MONTH, nanos)
    assert cap is not None
    return render_id(CAP, cap.id)


def test_no_owner_lifts_or_changes_what_the_operator_capped(gateway: Gateway) -> None:
    owner = gateway.owner()
    cap = operator_caps(gateway, owner, CapScope.ACCOUNT, nanos=LITTLE_NANOS)
    path = f"/api/v1/budgets/{cap}"
    assert owner.told("GET", path)["set_by"] == "operator"
    org = {"scope": "org", "period_type": "monthly"}
    for secret in (owner.key, owner.writing):
        for method, where, body, status in (
            ("DELETE", path, {}, 403),
            ("PUT", path, {"hard_limit_usd": 50}, 403),
            ("PATCH", path, {"hard_limit_usd": 0}, 403),
            ("PATCH", path, {"soft_limit_usd": 0.0000001}, 403),
            ("POST", "/api/v1/budgets", org | {"hard_limit_usd": 0}, 403),
            ("POST", "/api/v1/budgets", org | {"hard_limit_usd": 50}, 400),
        ):
            refused = owner.ask(method, where, secret, json=body)
            assert refused.status_code == status, refused.text
            assert "the operator" in error_of(refused)["message"]
    assert (
        "give at most 0.000001"
        in owner.told("POST", "/api/v1/budgets", 400, json=org | {"hard_limit_usd": 50})["error"]["message"]
    )
    refused_by_cap(owner, owner.key)
    assert [cap["id"] for cap in owner.told("GET", "/api/v1/budgets")["data"]] == [cap]


def test_an_owners_budget_stands_beside_the_operators_and_the_lower_one_holds(gateway: Gateway) -> None:
    owner = gateway.owner()
    theirs = operator_caps(gateway, owner, CapScope.ACCOUNT, nanos=100 * CENT_NANOS)
    body = {"scope": "org", "hard_limit_usd": 0.000001, "soft_limit_usd": 0.0000005, "period_type": "monthly"}
    mine = owner.told("POST", "/api/v1/budgets", 201, json=body)
    assert (mine["id"] != theirs, mine["set_by"]) == (True, "account")
    refused_by_cap(owner, owner.key)
    assert owner.told("PUT", f"/api/v1/budgets/{mine['id']}", json={"hard_limit_usd": 1})["hard_limit_usd"] == 1
    owner.told("PUT", f"/api/v1/budgets/{mine['id']}", 400, json={"hard_limit_usd": 1.01})
    owner.chat()
    gateway.desk.caps.set(CapTarget(owner.id, CapScope.ACCOUNT, ""), CapSpan.MONTH, LITTLE_NANOS)
    refused_by_cap(owner, owner.key)
    assert owner.told("DELETE", f"/api/v1/budgets/{mine['id']}")["deleted"] is True
    refused_by_cap(owner, owner.key)
    gateway.desk.caps.remove(parse_id(CAP, theirs))
    owner.chat()
    # The operator lifts an owner's by its id.
    mine = owner.told("POST", "/api/v1/budgets", 201, json=body)
    refused_by_cap(owner, owner.key)
    gateway.desk.caps.remove(parse_id(CAP, mine["id"]))
    owner.chat()


def test_no_owner_lifts_the_operators_cap_of_a_tag_by_its_name(gateway: Gateway) -> None:
    owner = gateway.owner("aigateway")
    theirs = operator_caps(gateway, owner, CapScope.TAG, "t", LITTLE_NANOS)
    for name in (theirs, "t"):
        assert owner.ask("DELETE", f"/v1/budgets/{name}").status_code == 403
    assert owner.ask("POST", "/v1/budgets", json={"tag": "t", "monthly_cap_cents": 0}).status_code == 403
    assert owner.ask("POST", "/v1/budgets", json={"tag": "t", "monthly_cap_cents": 500}).status_code == 400
    mine = owner.told("POST", "/v1/budgets", 201, json={"tag": "t", "monthly_cap_cents": 0.00005})
    assert owner.told("GET", "/v1/budgets/t")["id"] == mine["id"]
    assert owner.told("DELETE", "/v1/budgets/t")["id"] == mine["id"]
    assert ask_model(owner, owner.key, x_aig_tag="t").status_code == 402


@pytest.mark.parametrize(
    ("scope", "word", "headers"),
    [
        (CapScope.TAG, "tag", {"x_tollway_tag": "mine"}),
        (CapScope.END_USER, "user", {"x_tollway_user_id": "mine"}),
        (CapScope.KEY, "key", {}),
        (CapScope.SUB_ACCOUNT, "app", {}),
    ],
)
def test_a_cap_by_name_of_the_owner_does_not_stand_in_for_the_operators_cap_of_each(
    gateway: Gateway, scope: CapScope, word: str, headers: dict[str, str]
) -> None:
    owner = gateway.owner()
    part = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s"})
    name = {CapScope.KEY: part["key_id"], CapScope.SUB_ACCOUNT: part["id"]}.get(scope, "mine")
    operator_caps(gateway, owner, scope, EACH)
    body = {"scope": word, "scope_id": name, "period_type": "monthly"}
    refused = owner.told("POST", "/api/v1/budgets", 400, secret=owner.writing, json=body | {"hard_limit_usd": 50})
    assert "give at most 0.01" in refused["error"]["message"]
    owner.told("POST", "/api/v1/budgets", 201, secret=owner.writing, json=body | {"hard_limit_usd": 0.009})
    owner.chat(part["key"], **headers)
    # Lowered by the operator later, what the owner set by name does not hide it.
    operator_caps(gateway, owner, scope, EACH, LITTLE_NANOS)
    refused_by_cap(owner, part["key"], **headers)


def test_a_key_with_the_operators_cap_keeps_it_whatever_limit_its_owner_gives_it(gateway: Gateway) -> None:
    owner = gateway.owner("gonkagate")
    made = new_key(owner, limit=5, limit_reset="monthly")
    key = str(parse_id(KEY, made["data"]["id"]))
    target = CapTarget(owner.id, CapScope.KEY, key)
    for span in CapSpan:
        gateway.desk.caps.set(target, span, LITTLE_NANOS)
    changes: list[Any] = [{"limit": None}, {"limit": 0, "limit_reset": "daily"}, {"limit_reset": "daily"}]
    for change in changes:
        change_key(owner, made, **change)
        refused_by_cap(owner, made["key"])
    assert "give at most 0.000001" in change_key(owner, made, 400, limit=50)["error"]["message"]
    shown = change_key(owner, made, limit=0.0000005, limit_reset="monthly")["data"]
    assert (shown["limit"], shown["limit_reset"]) == (0.000001, None)
    for cap in gateway.desk.caps.list(owner.id):
        gateway.desk.caps.remove(cap.id)
    owner.chat(made["key"])


def test_a_sub_account_keeps_the_operators_monthly_cap(gateway: Gateway) -> None:
    owner = gateway.owner("aigateway")
    made = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s", "spend_cap_cents": 100})
    path = f"/v1/sub-accounts/{made['id']}"
    operator_caps(gateway, owner, CapScope.SUB_ACCOUNT, str(parse_id(SUB_ACCOUNT, made["id"])), LITTLE_NANOS)
    assert owner.told("GET", path)["spend_cap_cents"] == 0.0001
    owner.told("PATCH", path, 400, json={"spend_cap_cents": 100})
    assert owner.told("PATCH", path, json={"spend_cap_cents": 0})["spend_cap_cents"] == 0.0001
    assert ask_model(owner, made["key"]).status_code == 402
    for spend_cap, status in ((0.0002, 400), (0.0001, 200), (0.00005, 200)):
        owner.told("PUT", path, status, json={"spend_cap_cents": spend_cap})
    assert owner.told("GET", path)["spend_cap_cents"] == 0.00005
    operator_caps(gateway, owner, CapScope.SUB_ACCOUNT, EACH, LITTLE_NANOS)
    refused = owner.ask("POST", "/v1/sub-accounts", json={"name": "new", "spend_cap_cents": 100})
    assert (refused.status_code, "each sub-account" in error_of(refused)["message"]) == (400, True)


def test_an_owner_frees_no_key_of_what_the_operator_limited(gateway: Gateway) -> None:
    owner = gateway.owner("gonkagate")
    keys = gateway.desk.keys
    terms = KeyTerms(models=("other",), routes=("chat",), networks=("127.0.0.0/8",), expires_ms=4_000_000_000_000)
    view, secret = keys.create(owner.id, "limited", terms)
    keys.update(view.id, KeyChange(disabled=True))
    made = {"data": {"hash": view.digest.hex()}}
    changes: dict[str, Any] = {
        "models": [],
        "routes": ["chat", "models"],
        "networks": None,
        "expires_at": None,
        "disabled": False,
    }
    for name, value in changes.items():
        refused = change_key(owner, made, 403, **{name: value})["error"]
        assert (refused["code"], "only the operator changes it" in refused["message"]) == ("not_permitted", True), name
    # What stays as it is may be sent back, and what the operator left open is the owner's to change.
    assert change_key(owner, made, name="renamed", models=["other"], disabled=True)["data"]["name"] == "renamed"
    assert owner.ask("GET", "/v1/models", secret).status_code == 401
    # What the operator lifts is the account's again.
    keys.update(view.id, KeyChange(disabled=False, models=(), routes=()))
    assert change_key(owner, made, models=["m"])["data"]["models"] == ["m"]
    change_key(owner, made, models=[], disabled=True)
    change_key(owner, made, disabled=False)
    owner.chat(secret)
    change_key(owner, made, 403, expires_at="2090-01-01T00:00:00Z")


def test_an_owner_neither_resumes_nor_widens_a_sub_account_that_the_operator_limited(gateway: Gateway) -> None:
    owner = gateway.owner("aigateway")
    made = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s", "allowed_models": ["m", "n"]})
    path, number = f"/v1/sub-accounts/{made['id']}", parse_id(SUB_ACCOUNT, made["id"])
    parts = gateway.desk.sub_accounts
    # One that its owner had suspended, too.
    owner.told("PATCH", path, json={"suspended": True})
    parts.suspend(number)
    for method in ("PATCH", "PUT"):
        assert owner.ask(method, path, json={"suspended": False}).status_code == 403
    assert ask_model(owner, made["key"]).status_code == 403
    parts.resume(number)
    owner.chat(made["key"])
    assert owner.told("PATCH", path, json={"suspended": True})["status"] == "suspended"
    assert owner.told("PATCH", path, json={"suspended": False})["status"] == "active"
    assert owner.told("PATCH", path, json={"allowed_models": ["m"]})["allowed_models"] == ["m"]
    parts.update(number, SubAccountChanges(models=("other",)))
    for models in ([], ["m"], None):
        assert owner.ask("PATCH", path, json={"allowed_models": models}).status_code == 403
    assert owner.told("PATCH", path, json={"allowed_models": ["other"], "name": "t"})["name"] == "t"
    parts.update(number, SubAccountChanges(models=()))
    assert owner.told("PATCH", path, json={"allowed_models": ["m"]})["allowed_models"] == ["m"]
    owner.chat(made["key"])


def test_an_owner_gives_itself_no_fee_price_package_or_credit(gateway: Gateway) -> None:
    owner = gateway.owner()
    for word in (
        "billing",
        "package",
        "package_id",
        "sub_account",
        "costs",
        "unsupported",
        "fee",
        "price",
        "tpm",
        "burst",
    ):
        refused = owner.ask("POST", "/api/v1/keys", owner.writing, json={"name": "k", word: "x"})
        assert (refused.status_code, error_of(refused)["param"]) == (400, word)
    for word in ("credit", "balance", "fee", "concurrency", "state", "currency"):
        refused = owner.ask("POST", "/v1/sub-accounts", json={"name": "s", word: 1})
        assert (refused.status_code, error_of(refused)["param"]) == (400, word)


def test_nothing_that_an_owner_has_works_while_the_operator_has_suspended_the_account(gateway: Gateway) -> None:
    owner = gateway.owner()
    part = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s"})
    gateway.desk.accounts.suspend(owner.id)
    for secret in (owner.key, owner.writing):
        for method, path in (
            ("POST", "/v1/sub-accounts"),
            ("PATCH", f"/v1/sub-accounts/{part['id']}"),
            ("POST", "/api/v1/budgets"),
            ("POST", f"/v1/keys/{part['key_id']}/rotate"),
        ):
            refused = owner.ask(method, path, secret, json={})
            assert (refused.status_code, error_of(refused)["code"]) == (403, "account_suspended"), path
    assert owner.ask("POST", "/api/v1/keys", owner.writing, json={"name": "k"}).status_code == 403
