"""Keys, management keys, limits of rates and the audit trail over the admin API, on a real store."""

from typing import Any

from tests.e2e.admin.conftest import Admin
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
