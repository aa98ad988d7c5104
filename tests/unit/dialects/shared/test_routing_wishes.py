"""What a body says to the gateway about models and providers: read in every dialect, and taken out before anything is sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.known import DIALECTS
from tollway.dialects.record import PLAIN_CALL
from tollway.dialects.routing_wishes import NAMES, without_wishes
from tollway.errors import Refusal
from tollway.neutral.peek import Peek
from tollway.neutral.wishes import Bias, Policy, Wishes

MESSAGES = [{"role": "user", "content": "hi"}]

BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": MESSAGES},
    "openai_completions": {"prompt": "hi"},
    "openai_responses": {"input": "hi"},
    "openai_embeddings": {"input": "hi"},
    "openai_images": {"prompt": "hi"},
    "openai_speech": {"input": "hi"},
    "openai_moderations": {"input": "hi"},
    "anthropic_messages": {"messages": MESSAGES, "max_tokens": 5},
    "anthropic_count_tokens": {"messages": MESSAGES},
    "ollama_chat": {"messages": MESSAGES},
    "ollama_generate": {"prompt": "hi"},
    "ollama_embed": {"input": "hi"},
    "ollama_embeddings": {"prompt": "hi"},
    "rerank": {"query": "hi", "documents": ["a"]},
}
ALL = {
    "model": ["a", "b"],
    "fallbacks": ["c"],
    "routing": {
        "policy": "lowest_cost",
        "max_cost_per_1m_input": 0.15,
        "providers": ["p", "q"],
        "allow_fallback": False,
    },
    "baseline_model": "d",
    "x-routing": "quality",
}
READ = Wishes(
    models=("a", "b"),
    fallbacks=("c",),
    fallback=False,
    policy=Policy.LOWEST_COST,
    input_price_max_nanos=150_000_000,
    providers=("p", "q"),
    baseline_model="d",
    bias=Bias.QUALITY,
)

every_dialect = pytest.mark.parametrize("name", BODIES)


def peek(name: str = "openai_chat", /, **members: Any) -> Peek:
    body = json.dumps(BODIES[name] | members).encode()
    return DIALECTS[name].peek(body, PLAIN_CALL)


def refused(**members: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        peek(**members)
    assert caught.value.code == "invalid_request"
    return caught.value


@every_dialect
def test_every_dialect_with_the_model_in_its_body_reads_all_of_it(name: str) -> None:
    found = peek(name, **ALL)
    assert (found.model_asked, found.wishes) == ("a", READ)


@every_dialect
def test_a_request_that_wishes_nothing_has_no_wishes(name: str) -> None:
    assert peek(name, model="m").wishes is None


@every_dialect
def test_every_dialect_names_the_member_that_is_wrong(name: str) -> None:
    for member, value in (("routing", {"policy": "fastest"}), ("fallbacks", []), ("x-routing", "best"), ("model", [])):
        with pytest.raises(Refusal, match=f"`{member}` must be") as caught:
            peek(name, **{"model": "m", member: value})
        assert caught.value.param == member


@pytest.mark.parametrize("name", [name for name in BODIES if name != "openai_moderations"])
def test_a_body_without_a_model_says_so_in_its_wishes(name: str) -> None:
    assert peek(name).wishes == peek(name, model=None).wishes == Wishes()
    assert peek(name).model_asked == ""


def test_a_moderation_without_a_model_has_the_one_of_its_dialect() -> None:
    assert peek("openai_moderations").model_asked == "omni-moderation-latest"
    assert peek("openai_moderations").wishes is None


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"fallbacks": False}, Wishes(models=("m",), fallback=False)),
        ({"fallbacks": True}, Wishes(models=("m",))),
        ({"fallbacks": None, "routing": None, "baseline_model": None, "x-routing": None}, Wishes(models=("m",))),
        ({"routing": {}}, Wishes(models=("m",))),
        ({"routing": {"max_cost_per_1m_input": 3}}, Wishes(models=("m",), input_price_max_nanos=3_000_000_000)),
        ({"model": ["m"]}, Wishes(models=("m",))),
    ],
)
def test_each_member_may_stand_alone(members: dict[str, Any], expected: Wishes) -> None:
    assert peek(**{"model": "m"} | members).wishes == expected


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": ["a"] * 9}, "model"),
        ({"model": ["a", ""]}, "model"),
        ({"model": ["a", "a"]}, "model"),
        ({"model": {}}, "model"),
        ({"fallbacks": "b"}, "fallbacks"),
        ({"fallbacks": ["m"]}, "fallbacks"),
        ({"fallbacks": ["b", "b"]}, "fallbacks"),
        ({"fallbacks": ["b", 1]}, "fallbacks"),
        ({"model": list("abcde"), "fallbacks": list("fghi")}, "fallbacks"),
        ({"routing": []}, "routing"),
        ({"routing": {"policies": "pinned"}}, "routing"),
        ({"routing": {"providers": []}}, "routing"),
        ({"routing": {"providers": ["p", "p"]}}, "routing"),
        ({"routing": {"max_cost_per_1m_input": -1}}, "routing"),
        ({"routing": {"max_cost_per_1m_input": "1"}}, "routing"),
        ({"routing": {"max_cost_per_1m_input": 1e300}}, "routing"),
        ({"routing": {"allow_fallback": 1}}, "routing"),
        ({"baseline_model": ""}, "baseline_model"),
        ({"baseline_model": ["m"]}, "baseline_model"),
        ({"x-routing": True}, "x-routing"),
    ],
)
def test_a_mistake_names_its_member(members: dict[str, Any], param: str) -> None:
    assert refused(**{"model": "m"} | members).param == param


def test_nothing_of_it_is_left_in_what_is_sent() -> None:
    body = json.dumps({"model": "a", **ALL, "messages": MESSAGES}).encode()
    sent = json.loads(without_wishes(body, model="a"))
    assert sent == {"model": "a", "messages": MESSAGES}
    assert not set(NAMES) & set(sent)


def test_what_is_left_keeps_its_very_bytes() -> None:
    body = b'{ "fallbacks":false, "messages" : [ { "content":"\\u00e4 1.0" } ],"x-routing":null, "x":1e2 }'
    assert (
        without_wishes(body, model="ä")
        == '{ "messages" : [ { "content":"\\u00e4 1.0" } ], "x":1e2,"model":"ä" }'.encode()
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    members=st.dictionaries(st.sampled_from([*NAMES, "model", "messages", "x", "ä"]), VALUES, min_size=1).flatmap(
        lambda found: st.permutations(list(found.items()))
    ),
    ascii_only=st.booleans(),
    spaced=st.booleans(),
)
def test_whatever_else_a_body_says_is_left(members: list[tuple[str, Any]], ascii_only: bool, spaced: bool) -> None:
    body = json.dumps(dict(members), ensure_ascii=ascii_only, indent=1 if spaced else None).encode()
    left = {name: value for name, value in members if name not in NAMES and name != "model"}
    assert json.loads(without_wishes(body, model="m")) == left | {"model": "m"}
