"""What one account has is nobody else's: every route of the accounts' API, asked with every kind of key of another account."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.e2e.services.deployments import ALONE, Grounds
from tests.e2e.services.seeds import AIGATEWAY
from tests.e2e.services.tenants import (
    BODY,
    CHILD,
    DEAD,
    FREE,
    MANAGING,
    NONE,
    OPERATORS,
    READER,
    RESTRICTED,
    UNKNOWN,
    WRITER,
    Tenant,
    same,
)
from tollway.access.managing import KEYS_ONLY, WRITING, Need
from tollway.http.account.needs import ROUTES
from tollway.ids import CAP

OPENAPI = "/api/v1/openapi.json"
TABLE = [(method, path) for path, methods in ROUTES.items() for method in methods]

WORDS = {"by": ("apps", "keys", "teams", "tags", "models", "providers", "users", "sessions")}
"""What stands in a path and names nothing that anybody has."""

INERT = {
    "since", "until", "from", "to", "month", "window", "days", "granularity", "limit", "offset", "cursor",
    "action", "resource_type", "modality", "status", "status_code", "outcome", "by", "model",
    "include_disabled",
}  # fmt: skip
"""Parameters of a query that name nothing that only one account has."""

FILTERS: Mapping[str, tuple[str, str]] = {
    "user_id": ("{word}-user", "nobody"), "user": ("{word}-user", "nobody"), "end_user": ("{word}-user", "nobody"),
    "session_id": ("{word}-session", "nothing"), "session": ("{word}-session", "nothing"),
    "tag": ("{word}-tag", "nothing"), "provider": ("{word}-provider", "nobodys-provider"),
    "sub_account": ("{sub_account}", UNKNOWN["sub_account"]), "app_id": ("{sub_account}", UNKNOWN["sub_account"]),
    "sub_account_id": ("{sub_account}", UNKNOWN["sub_account"]), "team_id": ("{sub_account}", UNKNOWN["sub_account"]),
    "key": ("{key}", UNKNOWN["key"]), "key_id": ("{key}", UNKNOWN["key"]),
    "actor_id": ("{key}", UNKNOWN["key"]), "resource_id": ("{sub_account}", UNKNOWN["sub_account"]),
    "after": ("{request}", UNKNOWN["request"]),
    "request_id": ("{request}", UNKNOWN["request"]), "id": ("{request}", UNKNOWN["request"]),
}  # fmt: skip
"""By parameter: what the other account has, and what nobody has."""

CURSORS = {"after"}
"""Those that say where a page begins, so that another place is another page of one's own."""

BODIES: Mapping[tuple[str, str], tuple[Mapping[str, Any], ...]] = {
    ("POST", "/api/v1/keys"): ({"name": "mine"},),
    ("PATCH", "/api/v1/keys/{digest}"): ({"name": "stolen"}, {"disabled": True}),
    ("POST", "/api/v1/budgets"): (
        {"hard_limit_usd": 1000},
        {"scope": "key", "scope_id": "{key}", "hard_limit_usd": 1},
        {"scope": "app", "scope_id": "{sub_account}", "hard_limit_usd": 1},
    ),
    ("PUT", "/api/v1/budgets/{budget}"): ({"hard_limit_usd": 0},),
    ("PATCH", "/api/v1/budgets/{budget}"): ({"hard_limit_usd": 1},),
    ("POST", "/api/v1/providers"): ({"name": "mine", "type": "openai", "auth_mode": "passthrough"},),
    ("PUT", "/api/v1/providers/{provider}"): ({"name": "stolen"},),
    ("PATCH", "/api/v1/providers/{provider}"): ({"enabled": False},),
    ("POST", "/v1/sub-accounts"): ({"name": "mine"},),
    ("PUT", "/v1/sub-accounts/{sub_account}"): ({"name": "stolen"}, {"suspended": True}),
    ("PATCH", "/v1/sub-accounts/{sub_account}"): ({"spend_cap_cents": 0}, {"default_tag": "stolen"}),
    ("POST", "/v1/budgets"): ({"tag": "mine", "monthly_cap_cents": 100_000},),
    ("POST", "/v1/webhook-secret/rotate"): ({},),
    ("POST", "/v1/keys/{key}/rotate"): ({}, {"overlap_hours": 0}),
    ("POST", "/api/v1/keys/{key}/rotate"): ({}, {"overlap_hours": 0}),
}
"""What is sent to routes that change something: bodies that the owner could send."""


@pytest.fixture(scope="module")
def owner(grounds: Grounds) -> Tenant:
    """Who has everything."""
    owner = Tenant(grounds.served(AIGATEWAY, ALONE), "canary")
    owner.furnish()
    return owner


@pytest.fixture(scope="module")
def before(owner: Tenant) -> dict[str, Any]:
    """What the owner has before anybody else asks for it."""
    return owner.state()


@pytest.fixture(scope="module")
def stranger(grounds: Grounds, before: dict[str, Any]) -> Tenant:
    """Who has another account, and every kind of key of it."""
    stranger = Tenant(grounds.served(AIGATEWAY, ALONE), "stranger")
    stranger.furnish()
    stranger.keys[OPERATORS] = stranger.served.operator.secret
    return stranger


@pytest.fixture(scope="module")
def described(owner: Tenant) -> dict[str, Any]:
    """What the gateway says its accounts' API is."""
    return owner.told("GET", OPENAPI)


def need_of(method: str, path: str) -> Need:
    return ROUTES[path][method]


def statuses_of(need: Need, kind: str) -> range | tuple[int, ...]:
    """Return what a kind of key may be answered where a route needs something, whatever is asked for."""
    everything = range(200, 500)
    if need is Need.OPEN:
        return everything
    if kind in DEAD or (need in KEYS_ONLY and kind in {FREE, RESTRICTED, CHILD}):
        return (401,)
    if need is not Need.KEY and (kind in {RESTRICTED, CHILD} or (kind == READER and need in WRITING)):
        return (403,)
    return everything


def filled(text: str, names: Mapping[str, str]) -> str:
    for word, name in names.items():
        text = text.replace(f"{{{word}}}", name)
    return text


def every_name(owner: Tenant, path: str) -> list[dict[str, str]]:
    """Return each way to name something of the owner's in a path, beside the names that bodies and queries have."""
    names = {"word": owner.word} | {thing.kind: thing.name for thing in reversed(owner.things)}
    (slot,) = re.findall(r"{(\w+)}", path) or ("",)
    if slot in WORDS:
        return [names | {slot: word} for word in WORDS[slot]]
    ways = [names | {slot: thing.name} for thing in owner.things if thing.kind == slot]
    assert ways or not slot, f"tell this test what an account has that stands for {{{slot}}} in {path}"
    return ways or [names]


def ask(stranger: Tenant, kind: str, method: str, url: str, body: object) -> httpx.Response:
    more = {} if body is None else {"json": body}
    return stranger.ask(method, url, stranger.keys[kind], **more)


def assert_nothing_is_told(owner: Tenant, reply: httpx.Response, sent: str) -> None:
    """Assert that a reply has no word of the owner's that was not in the request."""
    told = f"{reply.text} {dict(reply.headers)}"
    assert not [word for word in owner.secrets if word in told and word not in sent], (sent, told)


def test_the_table_of_needs_has_every_route_that_the_gateway_describes(described: dict[str, Any]) -> None:
    shown = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert shown | {("GET", OPENAPI)} == set(TABLE)


def test_the_owner_finds_all_that_is_hidden_from_others(owner: Tenant) -> None:
    for path, methods in ROUTES.items():
        for names in every_name(owner, path) if "GET" in methods else ():
            url = filled(path, names)
            reply = ask(owner, WRITER, "GET", url, None)
            by_name_alone = url.startswith("/api/v1/budgets/") and not names["budget"].startswith(CAP)
            assert reply.is_success or by_name_alone, (url, reply.text)


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda word: word.strip("/"))
def test_a_route_tells_a_stranger_nothing_of_the_owner(
    owner: Tenant, stranger: Tenant, described: dict[str, Any], method: str, path: str
) -> None:
    has_body = "requestBody" in described["paths"].get(path, {}).get(method.lower(), {})
    assert not has_body or (method, path) in BODIES, f"tell this test what is sent to {method} {path}"
    need = need_of(method, path)
    for kind in stranger.keys:
        for names in every_name(owner, path):
            for body in BODIES.get((method, path), (None,)):
                said = None if body is None else json.dumps(body)
                sent = None if said is None else json.loads(filled(said, names))
                reply = ask(stranger, kind, method, filled(path, names), sent)
                assert reply.status_code in statuses_of(need, kind), (kind, reply.text)
                assert_nothing_is_told(owner, reply, f"{filled(path, names)} {sent}")
                slots = set(re.findall(r"{(\w+)}", f"{path} {'' if said is None else said[1:]}")) - set(WORDS)
                if slots:
                    assert not reply.is_success, (kind, reply.text)
                    none = names | {slot: owner.unknown(slot, names[slot]) for slot in slots}
                    there_is_none = None if said is None else json.loads(filled(said, none))
                    other = ask(stranger, kind, method, filled(path, none), there_is_none)
                    ours, theirs = ([each[slot] for slot in slots] for each in (names, none))
                    assert same(reply.text, *ours) == same(other.text, *theirs), "what is not there looks the same"
                    if kind == WRITER:
                        assert reply.status_code == other.status_code == 404, reply.text


@pytest.mark.parametrize("path", [path for path, methods in ROUTES.items() if "GET" in methods])
def test_a_filter_finds_a_stranger_nothing_of_the_owner(
    owner: Tenant, stranger: Tenant, described: dict[str, Any], path: str
) -> None:
    names = every_name(stranger, path)[0]
    theirs = every_name(owner, "")[0]
    parameters = described["paths"].get(path, {}).get("get", {}).get("parameters", ())
    for parameter in (each["name"] for each in parameters if each["in"] == "query"):
        assert parameter in {*INERT, *FILTERS}, f"tell this test what could stand for {parameter} of {path}"
        if parameter in INERT:
            continue
        template, nothing = FILTERS[parameter]
        something = filled(template, theirs)
        for kind in MANAGING:
            asked = [
                stranger.ask("GET", filled(path, names), stranger.keys[kind], params={parameter: value})
                for value in (something, nothing)
            ]
            found, none = asked
            assert_nothing_is_told(owner, found, something)
            if parameter in CURSORS:
                continue
            assert found.status_code == none.status_code
            assert same(found.text, something) == same(none.text, nothing), parameter


def test_a_key_with_limits_manages_nothing_of_its_own_account(owner: Tenant) -> None:
    for method, path in TABLE:
        need = need_of(method, path)
        if need in {Need.OPEN, Need.KEY}:
            continue
        for names in every_name(owner, path):
            for kind in (RESTRICTED, CHILD):
                reply = ask(owner, kind, method, filled(path, names), None)
                assert reply.status_code == (401 if need in KEYS_ONLY else 403), (method, path, reply.text)


def test_a_management_key_asks_no_model_and_a_key_of_the_data_plane_manages_no_keys(owner: Tenant) -> None:
    for kind in (READER, WRITER):
        reply = owner.ask("POST", "/v1/chat/completions", owner.keys[kind], json=BODY)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        assert "management key" in reply.json()["error"]["message"]
    reply = owner.ask("GET", "/api/v1/keys", owner.keys[FREE])
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_provider_of_the_owners_is_unknown_to_a_stranger(owner: Tenant, stranger: Tenant) -> None:
    replies = [
        stranger.ask(
            "POST", "/v1/chat/completions", stranger.keys[FREE], json=BODY, headers={"x-ingate-provider": name}
        )
        for name in (f"{owner.word}-provider", "nobodys-provider")
    ]
    ours, none = replies
    assert ours.status_code == none.status_code >= 400
    assert same(ours.text, f"{owner.word}-provider") == same(none.text, "nobodys-provider")


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", BODY), ("/v1/sub-accounts", {"name": "of an idempotency key"})]
)
def test_a_stored_answer_is_the_owners_alone(
    owner: Tenant, stranger: Tenant, path: str, body: Mapping[str, Any]
) -> None:
    headers = {"idempotency-key": f"canary-of{path}"}
    first, again = (owner.ask("POST", path, owner.keys[FREE], json=body, headers=headers) for _ in range(2))
    assert first.text == again.text
    elsewhere = stranger.ask("POST", path, stranger.keys[FREE], json=body, headers=headers)
    assert elsewhere.is_success
    assert elsewhere.headers["x-request-id"] != first.headers["x-request-id"]
    if "key" in first.json():
        assert elsewhere.json()["key"] != first.json()["key"]


def test_no_key_of_an_account_opens_the_operators_door(owner: Tenant, stranger: Tenant) -> None:
    document = owner.served.operator.call("GET", "/openapi.json")
    names = every_name(owner, "")[0]
    assert len(document["paths"]) > 40
    for path, methods in document["paths"].items():
        url = re.sub(r"{\w+}", owner.account, filled(path, names))
        for method in methods:
            for kind in (FREE, WRITER, NONE):
                reply = stranger.ask(method.upper(), url, stranger.keys[kind])
                assert reply.status_code == 401, (method, path, kind)
                assert_nothing_is_told(owner, reply, url)


def test_after_all_that_the_owner_has_what_it_had(owner: Tenant, before: dict[str, Any]) -> None:
    """Last in its file: whatever the tests above could change, they would have changed."""
    after = owner.state()
    of_this_file = {"of an idempotency key"}
    after["sub-accounts"]["data"] = [each for each in after["sub-accounts"]["data"] if each["name"] not in of_this_file]
    for name in ("management-keys", "sub-accounts", "caps", "providers", "packages", "webhook secret"):
        assert after[name] == before[name], name
