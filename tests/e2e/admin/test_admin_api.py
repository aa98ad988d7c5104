"""The admin API on a real store, over ASGI."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.e2e.admin.conftest import NOBODY, Admin, error_of
from tollway.billing.accounts import Accounts
from tollway.http.admin.api import build_admin, build_routes
from tollway.http.admin.gate import BODY_BYTES_MAX


async def test_every_route_is_closed_without_a_key(admin: Admin) -> None:
    described = build_routes(admin.parts).openapi()["paths"]
    paths = [(method.upper(), path) for path, methods in described.items() for method in methods]
    assert len(paths) >= 16
    paths.append(("GET", "/admin/v1/openapi.json"))
    for method, path in [*paths, ("GET", "/admin/v1/nonsense"), ("GET", "/"), ("OPTIONS", "/admin/v1/accounts")]:
        reply = await admin.stranger.request(method, path.replace("{", "").replace("}", ""))
        assert (reply.status_code, path) == (401, path)
        if method != "HEAD":
            assert error_of(reply)["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic nonsense"},
        {"authorization": "Bearer "},
        {"x-admin-key": "é"},
        {"x-admin-key": "x" * 600},
        {"x-admin-key": "a", "authorization": "Bearer b"},
        {"x-api-key": "a"},
    ],
)
async def test_a_bad_admin_key_is_refused(admin: Admin, headers: dict[str, str]) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    reply = await admin.stranger.get("/admin/v1/accounts", headers=raw)
    assert (reply.status_code, error_of(reply)["code"]) == (401, "invalid_api_key")


async def test_a_clients_key_is_no_admin_key(admin: Admin) -> None:
    account = await admin.account()
    made = await admin.client.post("/keys", json={"account": account, "name": "k"})
    reply = await admin.stranger.get("/admin/v1/accounts", headers={"authorization": f"Bearer {made.json()['key']}"})
    assert reply.status_code == 401


async def test_an_admin_key_is_taken_from_its_own_header_too_and_not_once_more_after_it_is_revoked(
    admin: Admin,
) -> None:
    headers = {"x-admin-key": admin.secret}
    assert (await admin.stranger.get("/admin/v1/accounts", headers=headers)).status_code == 200
    admin.desk.admin_keys.revoke(admin.key_view.id)
    assert (await admin.stranger.get("/admin/v1/accounts", headers=headers)).status_code == 401


async def test_every_reply_has_a_request_id_of_its_own(admin: Admin) -> None:
    replies = [await admin.client.get("/accounts"), await admin.client.get("/nope"), await admin.stranger.get("/")]
    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == 3
    assert all(reply.headers["x-tollway-request-id"] == reply.headers["x-request-id"] for reply in replies)


async def test_an_account_is_made_topped_up_and_shown(admin: Admin) -> None:
    account = await admin.account("5.000000001")
    credit = await admin.client.post(f"/accounts/{account}/credits", json={"amount": "1", "reason": "r"})
    assert (credit.status_code, credit.json()["amount"]) == (201, "1.00")
    assert (await admin.client.get(f"/accounts/{account}/balance")).json() == {
        "balance": "6.000000001",
        "held": "0.00",
        "currency": "USD",
    }
    assert (await admin.client.get(f"/accounts/{account}")).json()["name"] == "A"
    (listed,) = (await admin.client.get("/accounts")).json()["data"]
    assert listed["id"] == account
    assert (await admin.client.post(f"/accounts/{account}/suspend")).json()["state"] == "suspended"
    assert (await admin.client.post(f"/accounts/{account}/resume")).json()["state"] == "active"


async def test_an_account_has_the_currency_and_the_fee_of_the_brand_it_is_made_under(admin: Admin) -> None:
    made = (await admin.client.post("/accounts", json={"name": "G", "brand": "gogpu", "credit": "1"})).json()
    assert (made["brand"], made["currency"], made["platform_fee"]) == ("gogpu", "CNY", "0%")
    made = (await admin.client.post("/accounts", json={"name": "A", "brand": "aigateway"})).json()
    assert (made["brand"], made["currency"], made["platform_fee"]) == ("aigateway", "USD", "5%")
    made = (await admin.client.post("/accounts", json={"name": "T", "brand": "tollway"})).json()
    assert (made["brand"], made["currency"], made["platform_fee"]) == (None, "USD", None)
    refused = await admin.client.post("/accounts", json={"name": "I", "brand": "ingate"})
    assert refused.status_code == 400
    assert "this deployment has no brand 'ingate': it has tollway, gogpu, aigateway" in refused.text


async def test_a_key_is_shown_once_and_revoked(admin: Admin) -> None:
    account = await admin.account()
    body = {"account": account, "name": "k", "models": ["a", "b/*"], "expires": "2100-01-31T00:00:00"}
    made = (await admin.client.post("/keys", json=body)).json()
    assert made["key"].startswith("tw-")
    assert made["expires"] == "2100-01-31T00:00:00.000Z"
    listed = await admin.client.get("/keys", params={"account": account})
    assert made["key"] not in listed.text
    assert (await admin.client.get("/keys")).json() == listed.json()
    assert (await admin.client.delete(f"/keys/{made['id']}")).json()["revoked"] is not None


async def test_statements_catalog_and_ledger_are_read(admin: Admin) -> None:
    account = await admin.account()
    for path in ("/requests", f"/requests?account={account}", "/usage", f"/usage?account={account}"):
        assert (await admin.client.get(path)).json() == {"object": "list", "data": []}
    assert (await admin.client.get("/ledger/check")).json()["clean"] is True
    (model,) = (await admin.client.get("/models")).json()["data"]
    (price,) = (await admin.client.get("/prices")).json()["data"]
    assert model["id"] == price["model"]
    assert "/admin/v1/accounts" in (await admin.client.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/accounts/{NOBODY}"),
        ("GET", f"/accounts/{NOBODY}/balance"),
        ("POST", f"/accounts/{NOBODY}/suspend"),
        ("POST", f"/accounts/{NOBODY}/resume"),
        ("DELETE", "/keys/key_0000000000000001"),
        ("GET", "/requests/req_0000000000000001"),
        ("GET", "/nothing"),
        ("PUT", "/accounts"),
        ("GET", "/accounts/"),
    ],
)
async def test_what_does_not_exist_is_404(admin: Admin, method: str, path: str) -> None:
    reply = await admin.client.request(method, path)
    assert (reply.status_code, error_of(reply)["code"]) == (404, "not_found")


async def test_credits_and_keys_of_nobody_are_404(admin: Admin) -> None:
    credit = await admin.client.post(f"/accounts/{NOBODY}/credits", json={"amount": "1", "reason": "r"})
    key = await admin.client.post("/keys", json={"account": NOBODY, "name": "k"})
    assert (credit.status_code, key.status_code) == (404, 404)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "A", "credit": 5.0}, "credit"),
        ({"name": "A", "credit": "5.0000000001"}, None),
        ({"name": "A", "currency": "EUR"}, "currency"),
        ({"name": "A", "surplus": 1}, "surplus"),
        ({"name": ""}, None),
        ({}, "name"),
        ([], None),
    ],
)
async def test_a_bad_body_is_400_and_names_the_field(admin: Admin, body: object, param: str | None) -> None:
    reply = await admin.client.post("/accounts", json=body)
    error = error_of(reply)
    assert (reply.status_code, error["code"], error["param"]) == (400, "invalid_request", param)
    assert (await admin.client.get("/accounts")).json()["data"] == []


@pytest.mark.parametrize("body", [b"{", b'{"name":"\xff"}', b"[" * 30_000, b'{"name":%b}' % (b"1" * 5_000)])
async def test_a_body_that_cannot_be_read_is_400_and_names_no_field(admin: Admin, body: bytes) -> None:
    reply = await admin.client.post("/accounts", content=body, headers={"content-type": "application/json"})
    error = error_of(reply)
    assert (reply.status_code, error["code"], error["param"]) == (400, "invalid_request", None)


async def test_a_store_that_cannot_be_used_is_503_and_a_defect_500_in_the_form_of_every_error(
    admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await admin.account()
    transport = httpx.ASGITransport(app=build_admin(admin.parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, headers={"x-admin-key": admin.secret}) as client:
        path = f"http://tollway/admin/v1/accounts/{account}"
        with closing(sqlite3.connect(tmp_path / "tollway.db")) as connection:
            connection.execute("DROP TABLE transfers")
        refused = await client.post(f"{path}/credits", json={"amount": "1", "reason": "r"})
        assert (refused.status_code, error_of(refused)["code"]) == (503, "not_ready")
        monkeypatch.delattr(Accounts, "show")
        broken = await client.get(path)
        assert (broken.status_code, error_of(broken)["code"]) == (500, "internal_error")
        assert "show" not in broken.text


async def test_a_bad_id_or_limit_is_400(admin: Admin) -> None:
    for path in ("/accounts/1", "/requests?limit=0", "/requests?limit=x", "/keys?account=1"):
        assert (await admin.client.get(path)).status_code == 400


async def test_a_body_over_the_limit_is_413_and_one_that_is_not_json_400(admin: Admin) -> None:
    large = await admin.client.post("/accounts", content=b" " * (BODY_BYTES_MAX + 1))
    assert (large.status_code, error_of(large)["code"]) == (413, "request_too_large")

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (BODY_BYTES_MAX // 2)

    assert (await admin.client.post("/accounts", content=drip())).status_code == 413
    junk = await admin.client.post("/accounts", content=b"{", headers={"content-type": "application/json"})
    assert junk.status_code == 400


async def test_parallel_credits_all_count(admin: Admin) -> None:
    account = await admin.account("0")
    path = f"/accounts/{account}/credits"
    replies = await asyncio.gather(
        *(admin.client.post(path, json={"amount": "0.01", "reason": "r"}) for _ in range(20))
    )
    assert {reply.status_code for reply in replies} == {201}
    assert (await admin.client.get(f"/accounts/{account}/balance")).json()["balance"] == "0.20"
    assert (await admin.client.get("/ledger/check")).json()["clean"] is True


async def test_a_defect_in_front_of_the_routes_is_told_with_a_request_id_and_nothing_else(admin: Admin) -> None:
    desk = admin.parts.desk._replace(admin_keys=cast(Any, object()))
    transport = httpx.ASGITransport(app=build_admin(admin.parts._replace(desk=desk)))
    async with httpx.AsyncClient(transport=transport, base_url="http://tollway") as client:
        reply = await client.get("/admin/v1/accounts", headers={"authorization": f"Bearer {admin.secret}"})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (500, "internal_error")
    assert error["message"] == f"Tollway failed on this request: quote {reply.headers['x-request-id']} to its operator."
