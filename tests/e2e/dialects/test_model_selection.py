"""Which provider answers: by exact id, PROVIDER/NAME, wildcard, header and path; and what is said where none does."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.dialects.asking import KINDS, ask
from tests.e2e.dialects.gateway import PRICE, deploy
from tests.e2e.dialects.provider import ManyTongued
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment

MORE = f"""
[[models]]
id = "fast"
targets = [{{ provider = "gemini", model = "m-text" }}]
price = {PRICE}
output_tokens_max = 1000

[[models]]
id = "both"
targets = [{{ provider = "chat", model = "m-text" }}, {{ provider = "messages", model = "m-text" }}]
price = {PRICE}
output_tokens_max = 1000
"""


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: ManyTongued) -> Iterator[Deployment]:
    deployment = deploy(tmp_path_factory.mktemp("selection"), provider.port, more=MORE)
    yield deployment
    deployment.stop()


def answered_by(books: Bookkeeper, reply: Any) -> tuple[str, str]:
    assert reply.status_code == 200, reply.text
    line = books.call("GET", f"/requests/{reply.headers['x-request-id']}")
    return line["provider"], line["model_routed"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "openai_completions"])
@pytest.mark.parametrize(
    ("model", "headers", "expected"),
    [
        ("fast", {}, ("gemini", "m-text")),
        ("gemini/m-text", {}, ("gemini", "m-text")),
        ("cohere/a/deep-text", {}, ("cohere", "a/deep-text")),
        ("m-text", {"X-Tollway-Provider": "converse"}, ("converse", "m-text")),
        ("m-text", {"X-Ingate-Provider": "messages"}, ("messages", "m-text")),
        ("chat/m-text", {"X-Ingate-Provider": "chat"}, ("chat", "m-text")),
        ("both", {"X-Tollway-Provider": "messages"}, ("messages", "both")),
    ],
)
def test_a_model_is_found_in_every_dialect(
    tollway: Deployment,
    books: Bookkeeper,
    key: str,
    kind: str,
    model: str,
    headers: dict[str, str],
    expected: tuple[str, str],
) -> None:
    assert answered_by(books, ask(tollway.client(key), kind, model, headers=headers)) == expected


@pytest.mark.parametrize(
    ("kind", "model", "provider_name"),
    [
        ("anthropic_messages", "claude-sonnet-4-5", "claude"),
        ("gemini", "gemini-2.5-flash", "gemini"),
    ],
)
def test_a_name_of_the_price_library_is_found_by_the_path_alone(
    tollway: Deployment, books: Bookkeeper, key: str, kind: str, model: str, provider_name: str
) -> None:
    assert answered_by(books, ask(tollway.client(key), kind, model)) == (provider_name, model)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_model_and_an_unknown_provider_are_404_with_a_hint(
    tollway: Deployment, provider: ManyTongued, key: str, kind: str
) -> None:
    seen = len(provider.seen)
    client = tollway.client(key)
    unknown = ask(client, kind, "fastt")
    assert unknown.status_code == 404
    assert "Did you mean 'fast' or" in unknown.text, "before what a wildcard would make of it"
    nowhere = ask(client, kind, "m-text", headers={"X-Tollway-Provider": "geminy"})
    assert nowhere.status_code == 404
    assert "'gemini'" in nowhere.text
    assert len(provider.seen) == seen


@pytest.mark.parametrize("header", ["X-Tollway-Translate", "X-Ingate-Translate"])
def test_translation_happens_unless_a_client_forbids_it(
    tollway: Deployment, books: Bookkeeper, key: str, header: str
) -> None:
    client = tollway.client(key)
    for word in ("true", "True"):
        reply = ask(client, "openai_chat", "gemini/m-text", headers={header: word})
        assert answered_by(books, reply) == ("gemini", "m-text")
    refused = ask(client, "openai_chat", "gemini/m-text", headers={header: "false"})
    assert refused.status_code == 501
    assert refused.json()["error"]["code"] == "not_supported"
    own = ask(client, "openai_chat", "chat/m-text", headers={header: "false"})
    assert answered_by(books, own) == ("chat", "m-text")
    assert ask(client, "openai_chat", "chat/m-text", headers={header: "perhaps"}).status_code == 400


def test_two_headers_that_name_two_providers_are_refused(tollway: Deployment, key: str) -> None:
    headers = {"X-Tollway-Provider": "chat", "X-Ingate-Provider": "gemini"}
    assert ask(tollway.client(key), "openai_chat", "m-text", headers=headers).status_code == 400


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "openai_completions"])
def test_keys_come_in_whatever_header_a_client_has_for_them(tollway: Deployment, key: str, kind: str) -> None:
    for header in ("x-api-key", "x-goog-api-key", "api-key"):
        assert ask(tollway.client(), kind, "fast", headers={header: key}).status_code == 200, header
    assert ask(tollway.client(), kind, "fast").status_code == 401
