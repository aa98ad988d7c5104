"""Keys in a running gateway: changed, rotated and disabled from one request to the next, and told apart by their kind."""

from typing import Any

import pytest

from tests.e2e.gateway.bookkeeper import Bookkeeper, ask
from tests.e2e.gateway.conftest import on_both_stores
from tests.e2e.gateway.deployment import Deployment

pytestmark = on_both_stores


@pytest.fixture(scope="module")
def office(tollway: Deployment) -> Bookkeeper:
    return Bookkeeper(tollway)


@pytest.fixture(scope="module")
def account(office: Bookkeeper) -> str:
    return office.account()


def refused(tollway: Deployment, key: str) -> tuple[int, dict[str, Any]]:
    reply = ask(tollway, key)
    assert reply.status_code != 200, reply.text
    return reply.status_code, reply.json()["error"]


def test_a_rotated_key_answers_under_both_texts_and_then_under_the_new_one(
    tollway: Deployment, office: Bookkeeper, account: str
) -> None:
    made = office.key(account)
    assert ask(tollway, made["key"]).status_code == 200
    rotated = office.call("POST", f"/keys/{made['id']}/rotate", overlap="1h")
    assert [ask(tollway, text).status_code for text in (made["key"], rotated["key"])] == [200, 200]
    again = office.call("POST", f"/keys/{made['id']}/rotate", overlap="0")
    assert [ask(tollway, text).status_code for text in (made["key"], rotated["key"])] == [401, 401]
    assert ask(tollway, again["key"]).status_code == 200
    lines = office.call("GET", f"/requests?key={made['id']}")["data"]
    assert len(lines) == 4


def test_a_disabled_key_is_refused_until_it_is_enabled(tollway: Deployment, office: Bookkeeper, account: str) -> None:
    made = office.key(account)
    assert ask(tollway, made["key"]).status_code == 200
    office.call("PATCH", f"/keys/{made['id']}", disabled=True)
    status, error = refused(tollway, made["key"])
    assert (status, error["code"], "disabled" in error["message"]) == (401, "invalid_api_key", True)
    office.call("PATCH", f"/keys/{made['id']}", disabled=False)
    assert ask(tollway, made["key"]).status_code == 200


def test_a_key_is_kept_to_its_routes_and_networks_as_soon_as_they_are_set(
    tollway: Deployment, office: Bookkeeper, account: str
) -> None:
    made = office.key(account)
    assert ask(tollway, made["key"]).status_code == 200
    for change, status, code in (
        ({"routes": ["embeddings"]}, 403, "route_not_allowed"),
        ({"routes": [], "networks": ["192.0.2.0/24"]}, 403, "address_not_allowed"),
        ({"networks": ["127.0.0.1"], "models": ["q/*"]}, 403, "model_not_allowed"),
    ):
        office.call("PATCH", f"/keys/{made['id']}", **change)
        found, error = refused(tollway, made["key"])
        assert (found, error["code"]) == (status, code)
    office.call("PATCH", f"/keys/{made['id']}", models=["p/*"], routes=["chat"])
    assert ask(tollway, made["key"]).status_code == 200


def test_a_key_that_manages_or_administers_cannot_ask_models_and_is_told_so(
    tollway: Deployment, office: Bookkeeper, account: str
) -> None:
    manages = office.call("POST", "/management-keys", account=account, name="m")["key"]
    administers = tollway.command("admin-key", "create", "--name", "a")["key"]
    for text, said in ((manages, "a management key"), (administers, "an admin key")):
        status, error = refused(tollway, text)
        assert (status, error["code"]) == (401, "invalid_api_key")
        assert said in error["message"]
        assert "cannot ask models" in error["message"]
    status, error = refused(tollway, "tw-nobody")
    assert (status, "unknown" in error["message"]) == (401, True)
    asks = office.key(account)["key"]
    for text, said in ((asks, "an API key"), (manages, "a management key")):
        reply = tollway.client(text).get("/admin/v1/keys")
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        assert said in reply.json()["error"]["message"]
