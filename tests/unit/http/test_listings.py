"""Lists of models as each dialect's own client reads them."""

from datetime import datetime
from typing import Any

import pytest

from tollway.http.listings import (
    anthropic_model,
    anthropic_models,
    gemini_model,
    gemini_models,
    ollama_model,
    ollama_models,
)


def entry(name: str = "acme/m", **more: Any) -> dict[str, object]:
    """Return what `GET /v1/models` shows of a model, as far as lists look at it."""
    return {
        "id": name,
        "created": 1_700_000_000,
        "capabilities": [],
        "modality": "text",
        "owned_by": "p",
        "context_length": None,
        "max_output_tokens": None,
        **more,
    }


def test_anthropics_list_is_one_page_with_its_ends() -> None:
    page = anthropic_models([entry("a"), entry("b"), entry("c")])
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "a", "c")
    assert page["data"] == [anthropic_model(entry(name)) for name in "abc"]
    assert anthropic_models([]) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_anthropics_model_says_when_it_was_made() -> None:
    assert anthropic_model(entry()) == {
        "type": "model",
        "id": "acme/m",
        "display_name": "acme/m",
        "created_at": "2023-11-14T22:13:20Z",
    }


@pytest.mark.parametrize("created", [0, None, "then"])
def test_a_model_that_nobody_knows_the_age_of_is_as_old_as_time(created: object) -> None:
    assert anthropic_model(entry(created=created))["created_at"] == "1970-01-01T00:00:00Z"


def test_googles_model_has_limits_where_they_are_known() -> None:
    shown = gemini_model(entry(context_length=1000, max_output_tokens=50))
    assert (shown["name"], shown["displayName"]) == ("models/acme/m", "acme/m")
    assert (shown["inputTokenLimit"], shown["outputTokenLimit"]) == (1000, 50)
    assert not {"inputTokenLimit", "outputTokenLimit"} & gemini_model(entry()).keys()
    assert gemini_models([entry()]) == {"models": [gemini_model(entry())]}


def test_ollamas_list_says_that_nothing_lies_here() -> None:
    (first, second) = [dict(shown) for shown in _models(ollama_models([entry("a"), entry("b")]))]
    assert (first["name"], first["model"], first["size"]) == ("a", "a", 0)
    assert datetime.fromisoformat(str(first["modified_at"])).tzinfo is not None
    assert len(str(first["digest"])) == 64
    assert first["digest"] != second["digest"]
    assert _models(ollama_models([])) == []


def _models(page: dict[str, object]) -> list[dict[str, object]]:
    found = page["models"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ([], ["completion"]),
        (["chat", "tools", "vision"], ["completion", "tools", "vision"]),
        (["embeddings"], ["embedding"]),
    ],
)
def test_ollamas_words_for_what_a_model_can_do(known: list[str], shown: list[str]) -> None:
    assert ollama_model(entry(capabilities=known))["capabilities"] == shown


def test_ollamas_model_has_a_context_where_it_is_known() -> None:
    assert ollama_model(entry(context_length=7))["model_info"] == {"general.context_length": 7}
    assert ollama_model(entry())["model_info"] == {}
