"""Keys, management keys, limits of rates and the audit trail over the admin API, on a real store."""

from typing import Any

from tests.e2e.admin.conftest import Admin, error_of
from tollway.ids import KEY, render_id


async def key_of(admin: Admin, account: str, **terms: Any) -> dict[str, Any]:
    made = await admin.client.post("/keys", json={"account": account, "name": "k"} | terms)
    assert made.status_code == 201, made.text
    return dict(made.json())


async def test_the_audit_trail_names_the_admin_key_and_the_address_that_a_change_came_from(admin: Admin) -> None:
    account = await admin.account()
    key = await key_of(admin, account, daily_cap="5")
    await admin.client.delete(f"/keys/{key['id']}")
    trail = (await admin.client.get("/audit", params={"account": account, "resource_id": key["id"]})).json()
    assert trail["total"] == 2
    revoked, created = trail["data"]
    assert (revoked["action"], created["action"]) == ("key.revoke", "key.create")
    assert created["actor"] == "admin_key"
    assert created["actor_id"] == render_id(KEY, admin.key_view.id)
    assert created["ip_address"] == "127.0.0.1"
    assert created["metadata"]["day_cap"] == "5.00"
    page = await admin.client.get("/audit", params={"actor": created["actor_id"], "limit": 1, "offset": 1})
    assert page.json()["data"] == [created]
    for wrong in ({"limit": 201}, {"limit": 0}, {"offset": -1}, {"actor": "nobody"}, {"from": "yesterday"}):
        assert (await admin.client.get("/audit", params=wrong)).status_code == 400


async def test_a_key_is_limited_changed_and_rotated(admin: Admin) -> None:
    account = await admin.account()
    made = await key_of(admin, account, routes=["chat"], networks=["::1"], rpm=60, concurrency=2, total_cap="9")
    assert (made["routes"], made["networks"], made["state"]) == (["chat"], ["::1/128"], "active")
    assert (made["limits"][0]["rpm"], made["limits"][0]["concurrency"]) == (60, 2)
    assert made["caps"][0]["window"] == "total"
    path = f"/keys/{made['id']}"
    body = {"name": "n", "disabled": True, "expires": "2100-01-31T00:00:00Z", "rpm": None, "burst": 5, "total_cap": "0"}
    changed = (await admin.client.patch(path, json=body)).json()
    assert (changed["name"], changed["state"], changed["expires"]) == ("n", "disabled", "2100-01-31T00:00:00.000Z")
    assert (changed["routes"], changed["networks"]) == (["chat"], ["::1/128"])
    limit = changed["limits"][0]
    assert (limit["rpm"], limit["burst"], limit["concurrency"]) == (None, 5, 2)
    assert changed["caps"] == []
    body = {"disabled": False, "expires": None, "models": ["m"], "routes": [], "networks": [], "costs": "hidden"}
    changed = (await admin.client.patch(path, json=body | {"unsupported": "refused", "daily_cap": "1"})).json()
    assert (changed["state"], changed["expires"], changed["routes"]) == ("active", None, [])
    assert (changed["models"], changed["costs"], changed["unsupported"]) == (["m"], "hidden", "refused")
    assert (await admin.client.get(path)).json() == changed
    rotated = await admin.client.post(f"{path}/rotate")
    assert (rotated.status_code, rotated.json()["old_text_until"] is None) == (200, False)
    assert rotated.json()["key"] != made["key"]
    at_once = await admin.client.post(f"{path}/rotate", json={"overlap": "0"})
    assert at_once.json()["old_text_until"] is None
    assert at_once.json()["key"] not in str((await admin.client.get("/audit")).json())


async def test_a_change_of_a_key_that_makes_no_sense_is_refused(admin: Admin) -> None:
    path = f"/keys/{(await key_of(admin, await admin.account()))['id']}"
    for wrong in (
        {},
        {"name": None},
        {"name": ""},
        {"routes": ["teapot"]},
        {"networks": "10.0.0.0/8"},
        {"networks": ["10.0.0.0/99"]},
        {"rpm": "60"},
        {"rpm": -1},
        {"daily_cap": 5},
        {"daily_cap": "-5"},
        {"expires": "2001-01-01T00:00:00Z"},
        {"billing": "package"},
        {"disabled": "yes"},
    ):
        refused = await admin.client.patch(path, json=wrong)
        assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request"), wrong
    for wrong in ({"overlap": "1y"}, {"overlap": 24}, {"overlap": "999d"}):
        assert (await admin.client.post(f"{path}/rotate", json=wrong)).status_code == 400
    nobody = "/keys/key_0000000000000001"
    assert (await admin.client.patch(nobody, json={"name": "x"})).status_code == 404
    assert (await admin.client.post(f"{nobody}/rotate")).status_code == 404


async def test_a_key_of_another_kind_is_told_what_it_is(admin: Admin) -> None:
    key = await key_of(admin, await admin.account())
    for text, said in ((key["key"], "This is an API key"), ("tw-nobody", "unknown or was revoked")):
        refused = await admin.client.get("/keys", headers={"authorization": f"Bearer {text}"})
        assert (refused.status_code, error_of(refused)["code"]) == (401, "invalid_api_key")
        assert said in error_of(refused)["message"]


async def test_management_keys_are_made_listed_and_revoked_and_are_no_admin_keys(admin: Admin) -> None:
    account = await admin.account()
    body = {"account": account, "name": "ci", "access": "read_only", "expires": "2100-01-31T00:00:00Z"}
    made = await admin.client.post("/management-keys", json=body)
    assert (made.status_code, made.json()["access"]) == (201, "read_only")
    path, text = f"/management-keys/{made.json()['id']}", made.json()["key"]
    shown = (await admin.client.get(path)).json()
    assert shown == {name: value for name, value in made.json().items() if name != "key"}
    assert (await admin.client.get("/management-keys", params={"account": account})).json()["data"] == [shown]
    refused = await admin.client.get("/keys", headers={"authorization": f"Bearer {text}"})
    assert (refused.status_code, "management key" in error_of(refused)["message"]) == (401, True)
    assert (await admin.client.delete(path)).json()["revoked"] is not None
    nobody = {"account": "acct_0000000000000001", "name": "x"}
    assert (await admin.client.post("/management-keys", json=nobody)).status_code == 404
    assert (await admin.client.delete("/management-keys/mk_0000000000000001")).status_code == 404
    for wrong in (body | {"access": "all"}, body | {"expires": "2001-01-01T00:00:00Z"}, body | {"name": ""}):
        assert (await admin.client.post("/management-keys", json=wrong)).status_code == 400
    assert len((await admin.client.get("/management-keys")).json()["data"]) == 1


async def test_limits_are_set_listed_and_lifted(admin: Admin) -> None:
    account = await admin.account()
    body = {"account": account, "end_user": "ann"}
    made = await admin.client.put("/limits", json=body | {"rpm": 60, "tpm": 1000})
    assert (made.status_code, made.json()["rpm"], made.json()["subject"]) == (200, 60, "ann")
    changed = (await admin.client.put("/limits", json=body | {"rpm": None, "burst": 5})).json()
    assert (changed["rpm"], changed["burst"], changed["tpm"]) == (None, 5, 1000)
    assert (await admin.client.get("/limits", params={"account": account})).json()["data"] == [changed]
    for wrong in (body, body | {"rpm": -1}, body | {"rpm": "5"}, {"rpm": 5}, body | {"rpm": 10**12}, body | {"ip": 5}):
        assert (await admin.client.put("/limits", json=wrong)).status_code == 400
    assert (await admin.client.delete("/limits", params=body)).json()["burst"] == 5
    assert (await admin.client.delete("/limits", params=body)).status_code == 404
    trail = (await admin.client.get("/audit", params={"resource_type": "limit"})).json()["data"]
    assert [(entry["action"], entry["actor"]) for entry in trail] == [
        ("limit.remove", "admin_key"),
        ("limit.set", "admin_key"),
        ("limit.set", "admin_key"),
    ]
