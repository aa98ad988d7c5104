"""Sub-accounts, caps, products, packages and terms over the admin API, on a real store."""

from typing import Any

import pytest

from tests.e2e.admin.conftest import NOBODY, Admin, error_of

PRODUCT: dict[str, Any] = {"name": "P", "amount": "1000", "price": "2.00", "models": [{"model": "m*", "ratio": "0.5"}]}


async def product(admin: Admin, **other: Any) -> str:
    made = await admin.client.post("/products", json=PRODUCT | other)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def package(admin: Admin, account: str) -> str:
    bought = await admin.client.post("/packages/purchases", json={"account": account, "product": await product(admin)})
    assert bought.status_code == 201, bought.text
    return str(bought.json()["id"])


async def test_an_account_has_terms_and_a_currency_of_its_own(admin: Admin) -> None:
    account = await admin.account()
    changed = await admin.client.patch(f"/accounts/{account}", json={"platform_fee": "5%", "discount": "10%"})
    assert (changed.json()["platform_fee"], changed.json()["price_share"]) == ("5%", "90%")
    changed = await admin.client.patch(f"/accounts/{account}", json={"platform_fee": "default"})
    assert (changed.json()["platform_fee"], changed.json()["price_share"]) == (None, "90%")
    made = await admin.client.post("/accounts", json={"name": "Bo", "currency": "CNY"})
    assert made.json()["currency"] == "CNY"


async def test_a_sub_account_is_made_and_suspended(admin: Admin) -> None:
    account = await admin.account()
    made = (await admin.client.post("/sub-accounts", json={"account": account, "name": "Team"})).json()
    key_id, secret = made.pop("key_id"), made.pop("key")
    shown = (await admin.client.get(f"/keys/{key_id}")).json()
    assert (shown["sub_account"], shown["hint"][-4:]) == (made["id"], secret[-4:])
    assert (await admin.client.get("/sub-accounts", params={"account": account})).json()["data"] == [made]
    assert (await admin.client.get("/sub-accounts", params={"account": NOBODY})).json()["data"] == []
    assert (await admin.client.post(f"/sub-accounts/{made['id']}/suspend")).json()["state"] == "suspended"
    assert (await admin.client.post(f"/sub-accounts/{made['id']}/resume")).json() == made
    assert (await admin.client.get(f"/sub-accounts/{made['id']}")).json() == made


async def test_a_cap_is_set_as_often_as_one_likes_and_lifted(admin: Admin) -> None:
    account = await admin.account()
    wanted = {"account": account, "tag": "nightly", "window": "day", "limit": "20.00"}
    first = await admin.client.put("/caps", json=wanted)
    assert (first.status_code, first.json()["limit"], first.json()["alert"]) == (200, "20.00", "80%")
    assert (await admin.client.put("/caps", json=wanted)).json() == first.json()
    assert (await admin.client.get("/caps", params={"account": account})).json()["data"] == [first.json()]
    status = (await admin.client.get("/caps/status", params={"account": account})).json()
    assert (status["data"][0]["left"], status["has_more"]) == ("20.00", False)
    cap = first.json()["id"]
    assert (await admin.client.delete(f"/caps/{cap}")).json()["removed"] is not None
    assert (await admin.client.delete(f"/caps/{cap}")).status_code == 200
    assert (await admin.client.put("/caps", json=wanted | {"limit": "0"})).json() == {"id": None, "removed": None}


async def test_lesson_39_a_key_echoes_its_effective_limits_and_an_unknown_field_is_an_error(admin: Admin) -> None:
    account = await admin.account()
    sub_account = (await admin.client.post("/sub-accounts", json={"account": account, "name": "T"})).json()["id"]
    await admin.client.put("/caps", json={"sub_account": sub_account, "window": "month", "limit": "50"})
    body = {"account": account, "name": "k", "sub_account": sub_account, "daily_cap": "5"}
    made = (await admin.client.post("/keys", json=body)).json()
    assert [(cap["scope"], cap["window"], cap["limit"]) for cap in made["caps"]] == [
        ("key", "day", "5.00"),
        ("sub_account", "month", "50.00"),
    ]
    shown = await admin.client.get(f"/keys/{made['id']}")
    assert shown.json() == {name: value for name, value in made.items() if name != "key"}
    for wrong in ("budget", "max_budget", "daily_limit"):
        refused = await admin.client.post("/keys", json=body | {wrong: "5"})
        assert (refused.status_code, error_of(refused)["param"]) == (400, wrong)
    assert [key["name"] for key in (await admin.client.get("/keys")).json()["data"]] == ["T", "k"]


async def test_a_package_is_bought_given_and_ended(admin: Admin) -> None:
    account = await admin.account()
    bought = await package(admin, account)
    shown = (await admin.client.get(f"/packages/{bought}")).json()
    assert (shown["state"], shown["left"], shown["models"]) == ("active", "1000", [{"model": "m*", "ratio": "0.5"}])
    assert (await admin.client.get("/packages", params={"account": account})).json()["data"] == [shown]
    key = await admin.client.post(
        "/keys", json={"account": account, "name": "k", "billing": "package", "package": bought}
    )
    assert (key.json()["billing"], key.json()["package"]) == ("package", bought)
    assert (await admin.client.post(f"/packages/{bought}/end")).json()["state"] == "expired"
    gift = {"account": account, "product": shown["product"], "reason": "sorry"}
    assert (await admin.client.post("/packages/grants", json=gift)).status_code == 201
    assert (await admin.client.post(f"/products/{shown['product']}/retire")).json()["state"] == "retired"
    assert (await admin.client.get(f"/products/{shown['product']}")).json()["state"] == "retired"
    assert len((await admin.client.get("/products")).json()["data"]) == 1
    assert admin.desk.statements.ledger_check().problems == ()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/accounts/{NOBODY}", {"discount": "1%"}),
        ("POST", "/sub-accounts", {"account": NOBODY, "name": "x"}),
        ("GET", "/sub-accounts/sa_0000000000000001", None),
        ("POST", "/sub-accounts/sa_0000000000000001/suspend", None),
        ("DELETE", "/caps/cap_0000000000000001", None),
        ("GET", "/products/prod_0000000000000001", None),
        ("POST", "/products/prod_0000000000000001/retire", None),
        ("GET", "/packages/pkg_0000000000000001", None),
        ("POST", "/packages/pkg_0000000000000001/end", None),
        ("POST", "/packages/purchases", {"account": NOBODY, "product": "prod_0000000000000001"}),
        ("GET", "/keys/key_0000000000000001", None),
    ],
)
async def test_what_does_not_exist_is_404(admin: Admin, method: str, path: str, body: Any) -> None:
    refused = await admin.client.request(method, path, json=body)
    assert (refused.status_code, error_of(refused)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/accounts/{account}", {"discount": "101%"}),
        ("PATCH", "/accounts/{account}", {"discount": "1%", "markup": "1%"}),
        ("PATCH", "/accounts/{account}", {"fee": "1%"}),
        ("PUT", "/caps", {"account": "{account}", "window": "week", "limit": "1"}),
        ("PUT", "/caps", {"account": "{account}", "window": "day", "limit": 1}),
        ("PUT", "/caps", {"account": "{account}", "window": "day", "limit": "-1"}),
        ("PUT", "/caps", {"account": "{account}", "window": "day", "limit": "NaN"}),
        ("PUT", "/caps", {"account": "{account}", "window": "day", "limit": "99999999999"}),
        ("PUT", "/caps", {"tag": "t", "window": "day", "limit": "1"}),
        ("PUT", "/caps", {"key": "key_0000000000000001", "window": "day", "limit": "1"}),
        ("PUT", "/caps", {"account": "{account}", "scope": "tag", "window": "day", "limit": "1"}),
        ("POST", "/products", PRODUCT | {"amount": 1000}),
        ("POST", "/products", PRODUCT | {"amount": "1.5"}),
        ("POST", "/products", PRODUCT | {"currency": "EUR"}),
        ("POST", "/products", PRODUCT | {"models": [{"model": "m", "ratio": "0"}]}),
        ("POST", "/products", PRODUCT | {"models": [{"model": "m", "rate": "1"}]}),
        ("POST", "/products", PRODUCT | {"validity_days": 0}),
        ("POST", "/keys", {"account": "{account}", "name": "k", "billing": "package"}),
        ("POST", "/keys", {"account": "{account}", "name": "k", "billing": "free"}),
        ("POST", "/keys", {"account": "{account}", "name": "k", "daily_cap": "-1"}),
        ("GET", "/caps/status?limit=0", None),
    ],
)
async def test_what_makes_no_sense_is_400_and_changes_nothing(admin: Admin, method: str, path: str, body: Any) -> None:
    account = await admin.account()
    if body is not None:
        body = {name: account if value == "{account}" else value for name, value in body.items()}
    refused = await admin.client.request(method, path.format(account=account), json=body)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request")
    for listing in ("caps", "products", "keys"):
        assert (await admin.client.get(f"/{listing}")).json()["data"] == []
    assert (await admin.client.get(f"/accounts/{account}")).json()["price_share"] == "100%"


async def test_a_package_beyond_the_balance_moves_nothing(admin: Admin) -> None:
    account = await admin.account("1.00")
    body = {"account": account, "product": await product(admin)}
    refused = await admin.client.post("/packages/purchases", json=body)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request")
    assert "more than is available" in error_of(refused)["message"]
    assert (await admin.client.get(f"/accounts/{account}/balance")).json()["balance"] == "1.00"
    assert (await admin.client.get("/packages")).json()["data"] == []
