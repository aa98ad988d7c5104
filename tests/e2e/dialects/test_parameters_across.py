"""What a provider cannot take: tuning is dropped and named, or refused for a strict key; contracts are always refused."""

import json
from typing import Any

import pytest

from tests.e2e.dialects.asking import ask
from tests.e2e.dialects.gateway import DIALECTS
from tests.e2e.dialects.provider import ManyTongued
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment

TUNED: dict[str, Any] = {"seed": 7, "logit_bias": {"50256": -100}, "user": "me"}

DROPPED = {
    "chat": set(),
    "mistral": {"logit_bias", "user"},
    "responses": {"seed", "logit_bias"},
    "messages": {"seed", "logit_bias"},
    "gemini": {"logit_bias", "user"},
    "ollama": {"logit_bias", "user"},
    "generate": {"logit_bias", "user"},
    "converse": {"seed", "logit_bias", "user"},
    "cohere": {"logit_bias", "user"},
}
"""What of TUNED each provider has no word for; named as the client calls it."""


@pytest.mark.parametrize("place", DROPPED)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_a_provider_has_no_word_for_is_dropped_and_named_in_both_headers(
    tollway: Deployment, provider: ManyTongued, key: str, place: str, stream: bool
) -> None:
    mark = f"dropping-{place}-{stream}"
    reply = ask(tollway.client(key), "openai_chat", f"{place}/m-text", prompt=mark, stream=stream, **TUNED)
    assert reply.status_code == 200, reply.text
    assert reply.headers.get("x-aig-warning") == reply.headers.get("x-tollway-warning")
    warning = reply.headers.get("x-tollway-warning", "dropped: ")
    named = {name for name in warning.removeprefix("dropped: ").split(", ") if name}
    assert named == DROPPED[place]
    (asked,) = provider.asked(mark)
    assert "logit_bias" in asked.body or "logit_bias" in named
    assert (b"50256" in asked.raw) == ("logit_bias" not in named), "what is not named has arrived"


@pytest.mark.parametrize("place", [place for place, names in DROPPED.items() if names])
def test_a_strict_key_gets_a_400_that_names_the_parameter_and_buys_nothing(
    tollway: Deployment, provider: ManyTongued, books: Bookkeeper, account: str, place: str
) -> None:
    strict = str(books.key(account, unsupported="refused")["key"])
    mark = f"strict-{place}"
    reply = ask(tollway.client(strict), "openai_chat", f"{place}/m-text", prompt=mark, **TUNED)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["param"] in DROPPED[place]
    assert error["param"] in error["message"]
    assert not provider.asked(mark)
    assert ask(tollway.client(strict), "openai_chat", f"{place}/m-text", prompt=mark).status_code == 200


def test_unknown_parameters_pass_within_a_dialect(tollway: Deployment, provider: ManyTongued, key: str) -> None:
    more: dict[str, Any] = {"a_new_knob": {"deep": [1, 2.5]}}
    reply = ask(tollway.client(key), "openai_chat", "chat/m-text", prompt="passing-knob", **more)
    assert reply.status_code == 200
    (asked,) = provider.asked("passing-knob")
    assert asked.body["a_new_knob"] == {"deep": [1, 2.5]}
    assert "x-tollway-warning" not in reply.headers
    across = ask(tollway.client(key), "openai_chat", "messages/m-text", prompt="dropping-knob", **more)
    assert across.headers["x-tollway-warning"] == "dropped: a_new_knob"


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("n", 2, "messages"),
        ("response_format", {"type": "json_object"}, "completions"),
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], "generate"),
        ("modalities", ["text", "audio"], "messages"),
    ],
)
def test_a_contract_is_refused_never_dropped(
    tollway: Deployment, provider: ManyTongued, key: str, name: str, value: Any, place: str
) -> None:
    mark = f"contract-{name}"
    reply = ask(tollway.client(key), "openai_chat", f"{place}/m-text", prompt=mark, **{name: value})
    assert reply.status_code == 400, reply.text
    assert not provider.asked(mark)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_limit_is_supplied_where_a_dialect_demands_one(
    tollway: Deployment, provider: ManyTongued, key: str, stream: bool
) -> None:
    mark = f"no-limit-{stream}"
    assert ask(tollway.client(key), "openai_chat", "messages/m-text", prompt=mark, stream=stream).status_code == 200
    (asked,) = provider.asked(mark)
    assert asked.body["max_tokens"] == 8000, "the model's"


@pytest.mark.parametrize("place", [name for name in DIALECTS if name != "completions"])
def test_usage_is_asked_for_in_streams_whatever_the_client_said(
    tollway: Deployment, provider: ManyTongued, key: str, place: str
) -> None:
    mark = f"usage-of-{place}"
    ask(tollway.client(key), "anthropic_messages", f"{place}/m-text", prompt=mark, stream=True)
    (asked,) = provider.asked(mark)
    wanted = asked.body.get("stream_options", {}).get("include_usage")
    assert wanted is (True if place == "chat" else None), json.dumps(asked.body)


@pytest.mark.parametrize(
    ("kind", "more", "place", "name"),
    [
        ("anthropic_messages", {"metadata": {"user_id": "me"}}, "gemini", "metadata.user_id"),
        ("gemini", {"generationConfig": {"topK": 3}}, "responses", "topK"),
        ("openai_responses", {"prompt_cache_key": "k"}, "messages", "prompt_cache_key"),
        ("openai_chat", {"prompt_cache_key": "k"}, "messages", "prompt_cache_key"),
    ],
)
def test_what_is_dropped_is_named_as_the_client_calls_it(
    tollway: Deployment, key: str, kind: str, more: dict[str, Any], place: str, name: str
) -> None:
    reply = ask(tollway.client(key), kind, f"{place}/m-text", **more)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-tollway-warning"] == f"dropped: {name}"
