"""The admin API's routes of providers: made, listed beside the operator's, changed, removed; no key is ever shown."""

from tests.e2e.admin.conftest import NOBODY, Admin, error_of

KEY = "sk-canary-0123456789-wxyz"


async def test_a_provider_is_made_listed_changed_and_removed(admin: Admin) -> None:
    account = await admin.account()
    body = {"account": account, "name": "mine", "preset": "openai", "key": KEY, "default": True}
    made = await admin.client.post("/providers", json=body)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["id"].startswith("prov_")
    assert (shown["key_hint"], shown["auth"], shown["default"]) == ("...wxyz", "api_key", True)
    assert (await admin.client.get(f"/providers/{shown['id']}")).json() == shown
    assert (await admin.client.get("/providers", params={"account": account})).json()["data"] == [shown]
    everybodys = (await admin.client.get("/providers")).json()["data"]
    assert [each["account"] for each in everybodys] == [None, account]
    assert everybodys[0]["name"] == "local"
    changed = await admin.client.patch(f"/providers/{shown['id']}", json={"enabled": False, "default": False})
    assert (changed.json()["enabled"], changed.json()["default"]) == (False, False)
    rotated = await admin.client.patch(f"/providers/{shown['id']}", json={"key": "sk-another-one-of-theirs"})
    assert rotated.json()["key_hint"] == "...eirs"
    removed = await admin.client.delete(f"/providers/{shown['id']}")
    assert removed.json()["removed"]
    trail = await admin.client.get("/audit", params={"account": account, "resource_type": "provider"})
    actions = [entry["action"] for entry in trail.json()["data"]]
    assert actions == ["provider.remove", "provider.update", "provider.update", "provider.create"]
    for reply in (made, changed, rotated, removed, trail):
        assert KEY not in reply.text


async def test_what_is_not_there_is_404_and_what_makes_no_provider_400(admin: Admin) -> None:
    account = await admin.account()
    nothing = "prov_0000000000000001"
    for reply in (
        await admin.client.get(f"/providers/{nothing}"),
        await admin.client.patch(f"/providers/{nothing}", json={"enabled": True}),
        await admin.client.delete(f"/providers/{nothing}"),
        await admin.client.post("/providers", json={"account": NOBODY, "name": "x", "preset": "openai", "key": KEY}),
    ):
        assert reply.status_code == 404
        assert error_of(reply)["code"] == "not_found"
    for body in (
        {"name": "x", "preset": "openai"},
        {"name": "a/b", "preset": "openai", "key": KEY},
        {"name": "x", "preset": "openai-compatible", "base_url": "https://169.254.169.254/latest", "key": KEY},
        {"name": "x", "preset": "openai", "key": KEY, "auth": "both"},
    ):
        reply = await admin.client.post("/providers", json={"account": account, **body})
        assert reply.status_code == 400, reply.text
        assert KEY not in reply.text
