"""Which paths are asked in which dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.access.routes import ROUTE_WORDS
from tollway.dialects.known import DIALECTS
from tollway.dialects.record import Called
from tollway.errors import Refusal
from tollway.http.dialect_routes import ERRORS_BELOW, GEMINI_METHODS, GEMINI_PATHS, PATHS, dialect_routes, speakers
from tollway.http.routes import Gate

ROUTES = dialect_routes(DIALECTS)
FIND = ROUTES[GEMINI_PATHS[0]].find_dialect
assert FIND is not None
find = FIND

PROVIDERS_ALONE = {"bedrock_converse", "cohere_chat", "cohere_embed"}


def test_every_dialect_that_clients_speak_can_be_asked() -> None:
    asked = set(PATHS) | {name for name, _ in GEMINI_METHODS.values()}
    assert asked | PROVIDERS_ALONE == set(DIALECTS)
    assert not asked & PROVIDERS_ALONE


def test_no_path_is_asked_in_two_dialects_and_each_is_behind_admission() -> None:
    paths = [path for paths in PATHS.values() for path in paths] + list(GEMINI_PATHS)
    assert len(paths) == len(set(paths)) == len(ROUTES)
    for path, route in ROUTES.items():
        assert (route.method, route.gate) == (b"POST", Gate.ADMISSION)
        assert (route.dialect is None) is (path in GEMINI_PATHS)
        assert (route.find_dialect is None) is (path not in GEMINI_PATHS)
        assert route.word in ROUTE_WORDS


@pytest.mark.parametrize("name", PATHS)
def test_a_path_leads_to_its_dialect(name: str) -> None:
    for path in PATHS[name]:
        assert ROUTES[path].dialect is DIALECTS[name]


@pytest.mark.parametrize("start", GEMINI_PATHS)
@pytest.mark.parametrize("method", GEMINI_METHODS)
@pytest.mark.parametrize("model", ["gemini-pro", "acme/m", "a:b", "openai/gpt:free", "ü"])
def test_model_and_method_stand_in_the_path(start: str, method: str, model: str) -> None:
    found = find(f"{start}{model}:{method}", "alt=sse")
    name, streamed = GEMINI_METHODS[method]
    assert found == (DIALECTS[name], Called(model=model, streamed=streamed))


@pytest.mark.parametrize(
    ("query", "variant"),
    [
        ("alt=sse", ""),
        ("key=x&alt=sse", ""),
        ("", "array"),
        ("alt=json", "array"),
        ("alt=sse&alt=json", "array"),
        ("alt=SSE", "array"),
        ("alt", "array"),
        ("&&=;%zz", "array"),
    ],
)
def test_a_stream_is_an_array_unless_events_are_asked_for(query: str, variant: str) -> None:
    found = find(f"{GEMINI_PATHS[0]}m:streamGenerateContent", query)
    assert found is not None
    assert found[1].variant == variant
    plain = find(f"{GEMINI_PATHS[0]}m:generateContent", query)
    assert plain is not None
    assert plain[1].variant == ""


@pytest.mark.parametrize(
    "rest", ["", "m", ":", "m:", "m:other", ":generateContent", "m:generatecontent", "m/generateContent"]
)
def test_any_other_path_below_leads_nowhere(rest: str) -> None:
    assert find(f"{GEMINI_PATHS[0]}{rest}", "") is None


@given(st.sampled_from(GEMINI_PATHS), st.text(max_size=20), st.text(max_size=20))
def test_no_path_and_no_query_breaks_it(start: str, rest: str, query: str) -> None:
    found = find(start + rest, query)
    assert found is None or found[1].model


def test_errors_below_a_path_are_told_in_its_dialect() -> None:
    tell = dict(speakers(DIALECTS))
    assert list(tell) == [start for start, _ in ERRORS_BELOW]
    refusal = Refusal("not_found", "nothing here")
    assert b'"status"' in tell["/v1beta/"](refusal)
    assert b'"type":"error"' in tell["/anthropic/"](refusal)
    assert b'"error":"nothing here"' in tell["/api/"](refusal)
