"""What is said in another spelling, or run by the provider, is priced like what it is, or refused: no way round a hold."""

import json
from typing import Any

import pytest

from tollway.dialects.known import DIALECTS
from tollway.dialects.record import Called, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.peek import Peek

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": CHAT,
    "openai_completions": {"model": "m", "prompt": "hi"},
    "openai_responses": {"model": "m", "input": "hi"},
    "openai_embeddings": {"model": "m", "input": "hi"},
    "anthropic_messages": CHAT | {"max_tokens": 5},
    "ollama_chat": CHAT,
    "ollama_generate": {"model": "m", "prompt": "hi"},
    "rerank": {"model": "m", "query": "q", "documents": ["d"]},
}
LIMITS = {"openai_chat": "max_tokens", "openai_completions": "max_tokens", "openai_responses": "max_output_tokens"}
GEMINI = {"contents": [{"parts": [{"text": "hi"}]}]}


def peek(dialect: str, body: dict[str, Any]) -> Peek:
    return DIALECTS[dialect].peek(json.dumps(body).encode(), Called(model="g", streamed=False))


@pytest.mark.parametrize("dialect", BODIES)
@pytest.mark.parametrize("more", [{"Model": 1}, {"MODEL": 1}, {"seed": 1, "\u017feed": 2}])
def test_a_name_in_two_spellings_is_one_name_to_some_servers(dialect: str, more: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="stands twice"):
        peek(dialect, BODIES[dialect] | more)


@pytest.mark.parametrize("dialect", LIMITS)
@pytest.mark.parametrize(("foreign", "priced"), [(100_000, 100_000), (3, 20), (-1, None), (0, None), (None, 20)])
def test_the_limit_that_a_server_heeds_before_all_others_is_priced(
    dialect: str, foreign: int | None, priced: int | None
) -> None:
    assert peek(dialect, BODIES[dialect] | {LIMITS[dialect]: 20, "n_predict": foreign}).output_tokens_max == priced
    assert peek(dialect, BODIES[dialect] | {"n_predict": 7}).output_tokens_max is None  # most servers do not know it


@pytest.mark.parametrize("dialect", LIMITS)
@pytest.mark.parametrize("foreign", ["1e3", "5.5", '"9"', "99999999999"])
def test_a_foreign_limit_that_is_no_number_is_refused(dialect: str, foreign: str) -> None:
    body = json.dumps(BODIES[dialect])[:-1] + f', "n_predict": {foreign}}}'
    with pytest.raises(Refusal) as caught:
        DIALECTS[dialect].peek(body.encode(), Called())
    assert caught.value.param == "n_predict"


@pytest.mark.parametrize("dialect", LIMITS)
@pytest.mark.parametrize(("foreign", "sent"), [(-1, 16), (100, 16), (9, 9), (None, None)])
def test_lowering_a_limit_lowers_the_foreign_one_too(dialect: str, foreign: int | None, sent: int | None) -> None:
    body = json.dumps(BODIES[dialect] | {LIMITS[dialect]: 20, "n_predict": foreign}).encode()
    seen = DIALECTS[dialect].peek(body, Called())

    patched = DIALECTS[dialect].patch_request(body, seen, RequestEdits(model_routed="m", output_tokens_max=16))

    made = json.loads(patched.body)
    assert made["n_predict"] == sent
    assert made[LIMITS[dialect]] == 16


def test_a_response_keeps_its_own_limit_where_it_is_lower_than_what_is_affordable() -> None:
    body = json.dumps(BODIES["openai_responses"] | {"max_output_tokens": 17, "n_predict": -1}).encode()
    dialect = DIALECTS["openai_responses"]

    patched = dialect.patch_request(
        body, dialect.peek(body, Called()), RequestEdits(model_routed="m", output_tokens_max=500)
    )

    assert json.loads(patched.body) == json.loads(body) | {"n_predict": 500}


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "web_search"}]},
        {"web_search_options": {}},
        {"search_parameters": {"mode": "on"}},
        {"plugins": [{"id": "web"}]},
    ],
)
def test_what_a_provider_searches_by_itself_is_input_that_the_body_does_not_bound(more: dict[str, Any]) -> None:
    assert peek("openai_chat", CHAT | more).media_parts == 1


def test_tools_of_the_client_are_bounded_by_the_body() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}, {}]
    assert peek("openai_chat", CHAT | {"tools": tools, "plugins": None}).media_parts == 0
    assert (
        peek("gemini", GEMINI | {"tools": [{"functionDeclarations": []}, {"function_declarations": []}, 5]}).media_parts
        == 0
    )


@pytest.mark.parametrize("tool", ["googleSearch", "url_context", "codeExecution", "fileSearch"])
def test_what_gemini_reads_by_itself_is_not_bounded_by_the_body(tool: str) -> None:
    assert peek("gemini", GEMINI | {"tools": [{tool: {}, "functionDeclarations": []}]}).media_parts == 1


@pytest.mark.parametrize("model", ["g", "models/g", "publishers/google/models/g", None])
def test_a_model_in_gemini_s_body_may_repeat_the_path(model: str | None) -> None:
    assert peek("gemini", GEMINI | {"model": model}).model_asked == "g"


@pytest.mark.parametrize("model", ["dearer", "models/dearer", "models/xg", ""])
def test_a_model_in_gemini_s_body_that_is_another_one_is_refused(model: str) -> None:
    with pytest.raises(Refusal) as caught:
        peek("gemini", GEMINI | {"model": model})
    assert caught.value.param == "model"


def test_a_body_of_spaces_is_edited_without_looking_at_each() -> None:
    body = b"{" + b" " * 10_000 + b'"model"' + b"\t" * 5_000 + b':"m"' + b"\n" * 4_096 + b',"prompt":"hi"}'
    seen = DIALECTS["openai_completions"].peek(body, Called())

    patched = DIALECTS["openai_completions"].patch_request(body, seen, RequestEdits(model_routed="n"))

    assert patched.body == body.replace(b':"m"', b':"n"')
