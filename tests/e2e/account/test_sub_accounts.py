"""Sub-accounts over HTTP, as AIgateway's client asks for them."""

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of

PATH = "/v1/sub-accounts"


@pytest.fixture(scope="module")
def brand_owner(gateway: Gateway) -> Owner:
    """An account of the brand whose clients know sub-accounts."""
    return gateway.owner("aigateway")


def made(owner: Owner, **more: Any) -> dict[str, Any]:
    """Make a sub-account."""
    return owner.told("POST", PATH, 201, json={"name": "customer"} | more)


def test_a_sub_account_is_made_with_a_key_that_is_shown_once(brand_owner: Owner) -> None:
    sub_account = made(
        brand_owner,
        external_ref="customer-17",
        spend_cap_cents=2500,
        rate_limit_rpm=60,
        default_tag="acme",
        allowed_models=["m", "p/*"],
    )
    key = sub_account.pop("key")
    assert key == sub_account.pop("scoped_key")
    assert key.startswith("sk-aig-")
    assert sub_account.pop("key_id").startswith("key_")
    assert isinstance(sub_account["created_at"], int)
    shown = brand_owner.told("GET", f"{PATH}/{sub_account['id']}")
    assert shown == sub_account
    assert (shown["spend_cap_cents"], shown["rate_limit_rpm"], shown["default_tag"]) == (2500, 60, "acme")
    assert shown["allowed_models"] == ["m", "p/*"]
    assert shown in brand_owner.told("GET", PATH)["data"]
    brand_owner.chat(key)
    refused = brand_owner.ask(
        "POST", "/v1/chat/completions", key, json={"model": "other", "messages": [{"role": "user", "content": "a"}]}
    )
    assert error_of(refused)["code"] in {"model_not_allowed", "model_not_found"}


def test_what_is_left_out_is_no_limit(owner: Owner) -> None:
    sub_account = made(owner)
    assert (sub_account["spend_cap_cents"], sub_account["rate_limit_rpm"]) == (0, 0)
    assert (sub_account["external_ref"], sub_account["default_tag"]) == (None, None)
    assert sub_account["allowed_models"] == []


@pytest.mark.parametrize(("cents", "kept"), [("0.00001", "0.00001"), ("12.50", "12.5"), ("1e2", "100")])
def test_a_cap_is_kept_exactly(owner: Owner, cents: str, kept: str) -> None:
    body = f'{{"name": "exact", "spend_cap_cents": {cents}}}'
    reply = owner.ask("POST", PATH, content=body)
    assert f'"spend_cap_cents":{kept},' in reply.text


def test_a_sub_account_is_changed_suspended_and_removed(owner: Owner) -> None:
    first = made(owner, spend_cap_cents=100, default_tag="t")
    path = f"{PATH}/{first['id']}"
    changed = owner.told("PATCH", path, json={"spend_cap_cents": None, "name": "renamed", "rate_limit_rpm": 5})
    assert (changed["name"], changed["spend_cap_cents"], changed["rate_limit_rpm"]) == ("renamed", 0, 5)
    assert changed["default_tag"] == "t"
    assert owner.told("PATCH", path, json={"suspended": True})["status"] == "suspended"
    refused = owner.ask("GET", "/v1/models", first["key"])
    assert (refused.status_code, error_of(refused)["code"]) == (403, "account_suspended")
    assert owner.told("PATCH", path, json={"suspended": False})["status"] == "active"
    assert owner.told("DELETE", path)["status"] == "ok"
    assert owner.ask("GET", "/v1/models", first["key"]).status_code == 401
    for method in ("GET", "DELETE", "PATCH"):
        assert owner.ask(method, path, json={}).status_code == 404, method
    assert first["id"] not in [each["id"] for each in owner.told("GET", PATH)["data"]]


def test_the_cap_of_a_sub_account_holds(brand_owner: Owner) -> None:
    sub_account = made(brand_owner, spend_cap_cents=Decimal("0.12").__float__())
    brand_owner.chat(sub_account["key"])
    body = {"model": "m", "messages": [{"role": "user", "content": "hello " * 800}]}
    refused = brand_owner.ask("POST", "/v1/chat/completions", sub_account["key"], json=body)
    assert (refused.status_code, error_of(refused)["type"]) == (402, "payment_required")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, None),
        ({"name": 5}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "a", "spend_cap_cents": -1}, "spend_cap_cents"),
        ({"name": "a", "spend_cap_cents": True}, "spend_cap_cents"),
        ({"name": "a", "spend_cap_cents": "much"}, "spend_cap_cents"),
        ({"name": "a", "spend_cap_cents": 10**30}, "spend_cap_cents"),
        ({"name": "a", "spend_cap_cents": 1e-9}, "spend_cap_cents"),
        ({"name": "a", "spend_cap_cents": []}, "spend_cap_cents"),
        ({"name": "a", "rate_limit_rpm": -1}, None),
        ({"name": "a", "rate_limit_rpm": 1.5}, "rate_limit_rpm"),
        ({"name": "a", "rate_limit_rpm": 10**12}, None),
        ({"name": "a", "default_tag": "x" * 300}, None),
        ({"name": "a", "default_tag": "a\nb"}, None),
        ({"name": "a", "external_ref": "x" * 300}, None),
        ({"name": "a", "allowed_models": "m"}, "allowed_models"),
        ({"name": "a", "allowed_models": ["a,b"]}, None),
        ({"name": "a", "spend_cap": 5}, "spend_cap"),
        ([], None),
    ],
)
def test_a_bad_body_is_400_and_names_the_field(owner: Owner, body: object, param: str | None) -> None:
    reply = owner.ask("POST", PATH, json=body)
    error = error_of(reply)
    assert (reply.status_code, error["code"], error["param"]) == (400, "invalid_request", param), error


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"null",
        b"NaN",
        b'{"name":"\xff"}',
        b'{"name":"a","spend_cap_cents":NaN}',
        b'{"name":"a","spend_cap_cents":-Infinity}',
        b'{"name":"a","spend_cap_cents":1e400}',
        b'{"name":"a","spend_cap_cents":1e999999999999}',
        b'{"name":"a","spend_cap_cents":%b}' % (b"9" * 5_000),
        b'{"name":"a","spend_cap_cents":0.%b1}' % (b"0" * 5_000),
        b'{"name":"\\ud800"}',
        b'{"name":"a","spend_cap_cents":5,"spend_cap_cents":0}',
        b"[" * 30_000,
    ],
)
def test_a_body_that_makes_no_sense_is_400(owner: Owner, body: bytes) -> None:
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/sa_0000000000000001")):
        reply = owner.ask(method, path, content=body)
        assert (reply.status_code, error_of(reply)["code"]) == (400, "invalid_request"), (method, reply.text)


def test_a_sub_account_is_made_once_for_an_idempotency_key(owner: Owner) -> None:
    before = len(owner.told("GET", PATH)["data"])
    headers = {"idempotency-key": "make-it-once"}
    replies = [owner.ask("POST", PATH, json={"name": "once"}, headers=headers) for _ in range(2)]
    assert replies[0].content == replies[1].content
    assert len(owner.told("GET", PATH)["data"]) == before + 1
    other = owner.ask("POST", PATH, json={"name": "another"}, headers=headers)
    assert (other.status_code, error_of(other)["code"]) == (409, "idempotency_conflict")
    bad = owner.ask("POST", PATH, json={"name": "once"}, headers={"idempotency-key": "x" * 300})
    assert (bad.status_code, error_of(bad)["param"]) == (400, "idempotency-key")
