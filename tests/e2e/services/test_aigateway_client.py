"""AIgateway's own client, `aigateway-py`, unchanged but for base URL and key: what Tollway has of it works, the rest is said."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.services.deployments import MODELS, Serve, Served
from tests.e2e.services.interpreter import Program
from tests.e2e.services.seeds import AIGATEWAY


class Owner:
    """Somebody with an account, who calls the client one way."""

    def __init__(self, program: Program, served: Served, way: str) -> None:
        self.served = served
        self.account = served.account()
        self.key = served.key(self.account)["key"]
        self._program = program
        self._way = way

    def _tell(self, call: str, words: tuple[str, ...], named: dict[str, Any], key: str | None) -> dict[str, Any]:
        where = {"base_url": self.served.url, "media_base_url": self.served.url}
        client = {"api_key": key or self.key, "tag": "nightly", **where}
        return self._program.tell({"way": self._way, "call": call, "words": words, "named": named, "client": client})

    def call(self, call: str, *words: str, key: str | None = None, **named: Any) -> Any:
        """Call a method, which must return; return what it did."""
        done = self._tell(call, words, named, key)
        assert done["error"] is None, done["error"]
        return done["value"]

    def fail(self, call: str, *words: str, key: str | None = None, **named: Any) -> dict[str, Any]:
        """Call a method, which must raise; return what a program can read of that."""
        done = self._tell(call, words, named, key)
        assert done["error"] is not None, done["value"]
        assert done["error"]["kind"] == "AIgatewayError", done["error"]
        return done["error"]


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with Program("aigateway_program", "aigateway", versions={"aigateway": "0.1.3"}) as program:
        yield program


@pytest.fixture(scope="module", params=["sync", "async"])
def owner(request: pytest.FixtureRequest, serve: Serve, program: Program) -> Owner:
    return Owner(program, serve(AIGATEWAY), request.param)


# -- Models


def test_models_are_listed_and_filtered(owner: Owner) -> None:
    listed = {model["id"]: model for model in owner.call("models.list")}
    assert set(listed) == set(MODELS)
    of_anthropic = owner.call("models.list", provider="anthropic")
    assert {model["id"] for model in of_anthropic} == {name for name, by in MODELS.items() if by == "anthropic"}
    assert owner.call("models.list", provider="nobody") == []
    speaking = {model["id"] for model in owner.call("models.list", modality="text")}
    assert speaking == set(MODELS)
    assert owner.call("models.list", modality="video") == []


def test_a_model_is_found_by_an_id_with_a_slash_in_it(owner: Owner) -> None:
    found = owner.call("models.get", "moonshot/kimi-k2.6")
    assert found["id"] == "moonshot/kimi-k2.6"
    assert owner.call("models.get", "moonshot%2Fkimi-k2.6")["id"] == "moonshot/kimi-k2.6", "as its sister for Node asks"
    error = owner.fail("models.get", "moonshot/kimi-k9")
    assert (error["status_code"], error["type"]) == (404, "model_not_found")
    assert "kimi-k9" in error["text"]


# -- Sub-accounts


def test_a_sub_account_has_a_key_of_its_own_that_works_until_it_is_deleted(owner: Owner) -> None:
    made = owner.call(
        "sub_accounts.create",
        name="Acme",
        external_ref="customer-7",
        spend_cap_cents=500,
        rate_limit_rpm=60,
        default_tag="acme",
    )
    key = made.pop("key")
    assert key.startswith("sk-aig-")
    assert made.pop("scoped_key") == key, "as the command line of that service reads it"
    assert made.pop("key_id")
    assert made["name"] == "Acme"
    assert (made["external_ref"], made["default_tag"]) == ("customer-7", "acme")
    assert (made["spend_cap_cents"], made["rate_limit_rpm"]) == (500, 60)
    assert isinstance(made["created_at"], int)

    listed = owner.call("sub_accounts.list")
    assert made["id"] in [found["id"] for found in listed]
    assert key not in str(listed), "a key is shown once"
    found = owner.call("sub_accounts.get", made["id"])
    assert {name: found[name] for name in made} == made

    assert ask(owner.served, key).status_code == 200
    deleted = owner.call("sub_accounts.delete", made["id"])
    assert deleted["status"] == "ok"
    assert ask(owner.served, key).status_code == 401
    assert made["id"] not in [found["id"] for found in owner.call("sub_accounts.list")]
    assert owner.fail("sub_accounts.get", made["id"])["status_code"] == 404


def test_a_sub_account_spends_no_more_than_its_cap_and_carries_its_tag(owner: Owner) -> None:
    made = owner.call("sub_accounts.create", name="Frugal", spend_cap_cents=1, default_tag="frugal")
    replies = [ask(owner.served, made["key"]) for _ in range(10)]
    statuses = [reply.status_code for reply in replies]
    assert statuses[0] == 200
    assert statuses[-1] == 402, "the pages say 402 where a sub-account's cap is reached"
    error = replies[-1].json()["error"]
    assert isinstance(error["message"], str)
    lines = owner.served.operator.call("GET", f"/requests?tag=frugal&account={owner.account}")["data"]
    assert len(lines) == statuses.count(200)


def test_what_a_sub_account_cannot_be_is_said(owner: Owner) -> None:
    refused: tuple[dict[str, Any], ...] = (
        {},
        {"name": ""},
        {"name": "A", "spend_cap_cents": -1},
        {"name": "A", "rate_limit_rpm": -1},
        {"name": 7},
    )
    for named in refused:
        error = owner.fail("sub_accounts.create", **named)
        assert error["status_code"] == 400, error
        assert error["type"] == "invalid_request_error"


def test_an_unknown_sub_account_is_not_found(owner: Owner) -> None:
    for unknown in ("sub_0000000000000000", "sa_123", "nothing"):
        for call in ("sub_accounts.get", "sub_accounts.delete"):
            error = owner.fail(call, unknown)
            assert error["status_code"] == 404, (call, unknown, error)


def test_a_sub_accounts_key_manages_nothing(owner: Owner) -> None:
    made = owner.call("sub_accounts.create", name="Child")
    for call, words in (
        ("sub_accounts.list", ()),
        ("sub_accounts.get", (made["id"],)),
        ("sub_accounts.delete", (made["id"],)),
        ("webhook_secret.get", ()),
        ("webhook_secret.rotate", ()),
    ):
        assert owner.fail(call, *words, key=made["key"])["status_code"] == 403, call
    assert owner.fail("sub_accounts.create", key=made["key"], name="Grandchild")["status_code"] == 403


# -- The secret of webhooks


def signed(secret: str, body: str) -> str:
    at = int(time.time())
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.{body}'.encode(), hashlib.sha256).hexdigest()}"


def test_the_webhook_secret_stays_until_it_is_rotated_and_is_what_verifies(owner: Owner, program: Program) -> None:
    def verified(secret: str, header: str) -> bool:
        order = {"way": "function", "call": "verify_webhook", "words": (secret, body, header)}
        return program.tell(order)["value"]

    body = '{"id":"evt_1"}'
    first = owner.call("webhook_secret.get")["secret"]
    assert owner.call("webhook_secret.get")["secret"] == first
    second = owner.call("webhook_secret.rotate")["secret"]
    assert second != first
    assert owner.call("webhook_secret.get")["secret"] == second
    assert verified(second, signed(second, body))
    assert not verified(second, signed(first, body)), "the old one is worth nothing any more"


# -- What comes later, and who may not

LATER: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("jobs.create_video", (), {"prompt": "a cat"}),
    ("jobs.create_music", (), {"prompt": "a song"}),
    ("jobs.create_3d", (), {"prompt": "a cube"}),
    ("jobs.get", ("job_1",), {}),
    ("jobs.cancel", ("job_1",), {}),
    ("jobs.wait", ("job_1",), {}),
    ("evals.create", (), {"name": "e", "candidate_models": ["gpt-4o"], "dataset": [], "metric": "quality"}),
    ("evals.list", (), {}),
    ("evals.get", ("eval_1",), {}),
    ("replays.run", (), {"source_request_id": "req_1", "target_model": "gpt-4o"}),
    ("replays.list", (), {}),
    ("replays.get", ("replay_1",), {}),
    ("files.download", ("job_1", "video.mp4"), {}),
    ("files.signed_url", ("job_1", "video.mp4"), {"expires_in": 60}),
)


@pytest.mark.parametrize(("call", "words", "named"), LATER, ids=[call for call, _, _ in LATER])
def test_what_is_not_built_yet_says_so(owner: Owner, call: str, words: tuple[str, ...], named: dict[str, Any]) -> None:
    error = owner.fail(call, *words, **named)
    assert error["status_code"] == 501
    assert error["type"] not in {None, "", "api_error"}, "the client puts `api_error` where there is none"
    assert not error["text"].startswith("HTTP 501"), "that is what it says of an envelope that it cannot read"


@pytest.mark.parametrize(
    "call", ["models.list", "sub_accounts.list", "webhook_secret.get", "webhook_secret.rotate", "evals.list"]
)
def test_a_bad_key_is_an_error_of_the_client(owner: Owner, call: str) -> None:
    error = owner.fail(call, key="sk-aig-not-a-key-of-anyone")
    assert error["status_code"] == 401
    assert error["type"] == "authentication_error"


def ask(served: Served, key: str) -> httpx.Response:
    """Ask for a chat with a key."""
    body = {"model": "moonshot/kimi-k2.6", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
    return served.ask("POST", "/v1/chat/completions", key, json=body)
