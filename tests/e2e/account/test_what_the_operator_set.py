"""What the operator set for an account, its owner may lower and never lift: tried with every key that an owner has."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of, open_gateway
from tollway.access.limits import LimitScope, RateChange
from tollway.access.terms import EACH
from tollway.billing.rate_limits import LimitTarget
from tollway.ids import KEY, SUB_ACCOUNT, parse_id

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
