"""Two accounts on one gateway, one of which has everything that an account can have, each thing with a word to know it by."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx

from tests.e2e.services.deployments import Served
from tollway.ids import CAP, EXCHANGE, KEY, OWN_PROVIDER, SUB_ACCOUNT, render_id

MODEL = "moonshot/kimi-k2.6"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
SOON = timedelta(milliseconds=500)
"""No key is made that expired before; this one expires before it is asked with."""

FREE, READER, WRITER = "free", "management, read-only", "management, read-write"
RESTRICTED, CHILD, REVOKED, EXPIRED = "restricted", "of a sub-account", "revoked", "expired"
OPERATORS, NONE = "the operator's", "none"

MANAGING = (FREE, READER, WRITER)
DEAD = (REVOKED, EXPIRED, OPERATORS, NONE)
"""Whose holders are nobody here."""

UNKNOWN: Mapping[str, str] = {
    "sub_account": render_id(SUB_ACCOUNT, 1),
    "budget": render_id(CAP, 1),
    "provider": render_id(OWN_PROVIDER, 1),
    "request": render_id(EXCHANGE, 1),
    "key": render_id(KEY, 1),
    "digest": "0" * 64,
}
"""An id of each kind that nothing has."""

NOBODYS = "nobodys"
"""What names begin with that nothing has."""


class Thing(NamedTuple):
    """Something that an account has."""

    kind: str
    """The word that stands for its name in a path."""
    name: str


class Tenant:
    """An account, and how it is asked for things."""

    def __init__(self, served: Served, word: str) -> None:
        self.served = served
        self.word = word
        self.account = served.account()
        self.keys: dict[str, str] = {NONE: ""}
        self.things: list[Thing] = []
        self.secrets: set[str] = {self.account}
        """What nobody else may ever be told."""
        self._make_keys()

    def ask(self, method: str, path: str, secret: str, **more: Any) -> httpx.Response:
        """Ask with a key, or without one where it is empty."""
        return self.served.ask(method, path, secret, **more)

    def told(self, method: str, path: str, kind: str = WRITER, **more: Any) -> Any:
        """Ask, and return what is answered, which must be a success."""
        reply = self.ask(method, path, self.keys[kind], **more)
        assert reply.is_success, (method, path, reply.text)
        return reply.json()

    def _make_keys(self) -> None:
        served, operator = self.served, self.served.operator
        self._expiry = datetime.now(UTC) + SOON
        made = {
            FREE: served.key(self.account),
            RESTRICTED: served.key(self.account, models=["moonshot/*"]),
            REVOKED: served.key(self.account),
            EXPIRED: served.key(self.account, expires=self._expiry.isoformat()),
        }
        operator.call("DELETE", f"/keys/{made[REVOKED]['id']}")
        for kind, access in ((READER, "read_only"), (WRITER, "read_write")):
            made[kind] = operator.call(
                "POST", "/management-keys", account=self.account, name=f"{self.word} {access}", access=access
            )
        self.keys |= {kind: key["key"] for kind, key in made.items()}
        self.secrets |= {key["id"] for key in made.values()} | {key["key"] for key in made.values()}

    def furnish(self) -> None:
        """Make one of everything."""
        word = self.word
        child = self.told("POST", "/v1/sub-accounts", json={"name": f"{word}-child", "external_ref": f"{word}-ref"})
        self.keys[CHILD] = child["key"]
        budgets = [
            self.told("POST", "/v1/budgets", json={"tag": f"{word}-tag", "monthly_cap_cents": 900}),
            self.told(
                "POST", "/api/v1/budgets", json={"scope": "user", "scope_id": f"{word}-user", "hard_limit_usd": 9}
            ),
        ]
        provider = self.told(
            "POST",
            "/api/v1/providers",
            json={"name": f"{word}-provider", "type": "openai", "api_key": f"sk-{word}-0123456789abcdef"},
        )
        key = self.told("POST", "/api/v1/keys", json={"name": f"{word}-key", "limit": 5})["data"]
        who = {"x-aig-tag": f"{word}-tag", "x-ingate-user-id": f"{word}-user", "x-ingate-session-id": f"{word}-session"}
        reply = self.ask("POST", "/v1/chat/completions", self.keys[FREE], json=BODY, headers=who)
        assert reply.status_code == 200, reply.text
        refused = self.ask(
            "POST", "/v1/chat/completions", self.keys[FREE], json=BODY | {"model": f"{word}-gone"}, headers=who
        )
        assert refused.status_code == 404, refused.text
        self._wait_until_kept(refused.headers["x-request-id"])
        webhook = self.told("GET", "/v1/webhook-secret")["secret"]
        self.things += [
            Thing("sub_account", child["id"]),
            *(Thing("budget", budget["id"]) for budget in budgets),
            Thing("budget", f"{word}-tag"),
            Thing("provider", provider["id"]),
            Thing("provider", f"{word}-provider"),
            Thing("request", reply.headers["x-request-id"]),
            Thing("request", refused.headers["x-request-id"]),
            Thing("key", child["key_id"]),
            Thing("digest", key["hash"]),
        ]
        time.sleep(max(0.0, (self._expiry - datetime.now(UTC)).total_seconds()))
        self.secrets |= {word, webhook, *(thing.name for thing in self.things)}

    def _wait_until_kept(self, request: str) -> None:
        """Wait for a refused request to be in the log: it is written after its answer."""
        until = time.monotonic() + 20
        while not self.ask("GET", f"/api/v1/logs/{request}", self.keys[WRITER]).is_success:
            assert time.monotonic() < until, f"{request} was not kept"
            time.sleep(0.02)

    def unknown(self, slot: str, name: str) -> str:
        """Return what nothing is called, in the form of something of this account's: an id, or a name."""
        return name.replace(self.word, NOBODYS) if self.word in name else UNKNOWN[slot]

    def state(self) -> dict[str, Any]:
        """Return all that the operator knows of it."""
        operator, account = self.served.operator, self.account
        lists = (
            "keys",
            "management-keys",
            "sub-accounts",
            "caps",
            "limits",
            "providers",
            "audit",
            "requests",
            "packages",
        )
        shown: dict[str, Any] = {name: operator.call("GET", f"/{name}?account={account}") for name in lists}
        shown["account"] = operator.call("GET", f"/accounts/{account}")
        shown["webhook secret"] = self.told("GET", "/v1/webhook-secret")["secret"]
        return shown


VOLATILE = re.compile(r"req_[0-9a-f]{16}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")


def same(text: str, *names: str) -> str:
    """Return a text without the names that were asked for, and without what is another for each request."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "NAME")
    return VOLATILE.sub("VOLATILE", text)
