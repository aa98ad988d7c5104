"""Texts that JSON and addresses can say and no database keeps: refused by their names, whatever the database."""

import json

import pytest

from tests.e2e.admin.conftest import Admin, error_of

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        ("/vouchers/revoke", "batch", {}),
        ("/accounts/{account}/vouchers", "code", {}),
        ("/accounts", "name", {}),
        ("/keys", "models", {"name": "k"}),
    ],
)
async def test_a_body_with_half_a_character_or_a_zero_is_refused(
    admin: Admin, path: str, field: str, more: dict[str, str], text: str
) -> None:
    account = await admin.account()
    body = more | {"account": account, field: [text] if field == "models" else text}
    if field != "models":
        del body["account"]
    reply = await admin.client.post(path.format(account=account), content=json.dumps(body).encode(), headers=JSON)
    assert reply.status_code == 400
    error = error_of(reply)
    assert (error["param"], error["message"]) == (field, f"{field}: has a character that no text has")


@pytest.mark.parametrize("path", ["/usage?tag=a%00b", "/vouchers?batch=%00", "/bills/a%00b"])
async def test_an_address_with_a_zero_is_refused(admin: Admin, path: str) -> None:
    reply = await admin.client.get(path)
    assert reply.status_code == 400
    assert "character zero" in error_of(reply)["message"]
