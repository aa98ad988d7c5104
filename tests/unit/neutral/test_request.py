"""The neutral form of a request: which of its fields only tune, and whose result is whose."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.neutral.parts import Text, ToolCall, ToolResult
from tollway.neutral.request import (
    TUNING,
    ChatRequest,
    Message,
    Role,
    in_order_of_calls,
    names_of_calls,
    tuned,
)

VALUES: dict[str, Any] = {
    "parallel_tool_calls": False,
    "temperature": 0.0,
    "top_p": 0.0,
    "top_k": 0,
    "min_p": 0.0,
    "seed": 0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "logit_bias": {},
    "logprobs": False,
    "top_logprobs": 0,
    "end_user": "",
    "verbosity": "",
    "service_tier": "",
    "cache_key": "",
}
"""A value for each that is given and false: what is given is not what is true."""

NOT_TUNING = {
    *("model", "messages", "streamed", "tools", "tool_choice", "output", "reasoning", "output_tokens_max", "stop"),
    *("choices", "suffix", "completes", "audio", "echoes", "knobs"),
}


def calls(*ids: str, name: str = "f") -> Message:
    """Return a turn of the model that calls a tool once an id."""
    return Message(role=Role.ASSISTANT, parts=tuple(ToolCall(id=each, name=name, arguments="{}") for each in ids))


def results(*ids: str, said: str = "") -> Message:
    """Return a turn of tools."""
    parts = tuple(ToolResult(call_id=each, parts=(Text(text=said or each),)) for each in ids)
    return Message(role=Role.TOOL, parts=parts)


USER = Message(role=Role.USER, parts=(Text(text="hi"),))


def ids_of(message: Message) -> list[str]:
    """Return whose results a turn of tools holds."""
    return [part.call_id for part in message.parts if isinstance(part, ToolResult)]


def named(message: Message) -> list[str | None]:
    """Return the names of the tools whose results a turn holds."""
    return [part.name for part in message.parts if isinstance(part, ToolResult)]


def test_every_field_either_tunes_or_is_content_or_a_contract() -> None:
    fields = {field.name for field in msgspec.structs.fields(ChatRequest)}
    assert fields == set(TUNING) | NOT_TUNING
    assert set(VALUES) == set(TUNING)


@given(st.sets(st.sampled_from(TUNING)))
def test_what_was_given_is_tuned_also_where_it_is_false(given_: set[str]) -> None:
    request = ChatRequest(model="m", messages=(), **{name: VALUES[name] for name in given_})
    assert tuned(request) == [name for name in TUNING if name in given_]


def test_calls_are_known_by_their_ids() -> None:
    assert names_of_calls((USER, calls("a"), results("a"), calls("b", name="g"))) == {"a": "f", "b": "g"}


def test_results_come_in_the_order_of_their_calls_with_their_tools_names() -> None:
    ordered = in_order_of_calls((USER, calls("a", "b"), results("b"), results("a"), USER))
    assert [message.role for message in ordered] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.USER]
    assert ids_of(ordered[2]) == ["a", "b"]
    assert named(ordered[2]) == ["f", "f"]


def test_an_id_that_comes_again_means_the_last_call_before_the_result() -> None:
    ordered = in_order_of_calls((calls("a", name="f"), results("a"), calls("b", "a", name="g"), results("a", "b")))
    assert ids_of(ordered[1]) == ["a"]
    assert named(ordered[1]) == ["f"]
    assert ids_of(ordered[3]) == ["b", "a"]
    assert named(ordered[3]) == ["g", "g"]


def test_what_answers_no_call_stays_and_comes_last() -> None:
    (_, turn) = in_order_of_calls((calls("a"), results("z", "a")))
    assert ids_of(turn) == ["a", "z"]
    assert named(turn) == ["f", None]


def test_a_name_that_the_client_gave_is_kept() -> None:
    turn = Message(role=Role.TOOL, parts=(ToolResult(call_id="a", name="mine", parts=()),))
    assert named(in_order_of_calls((calls("a"), turn))[1]) == ["mine"]


@pytest.mark.parametrize("messages", [(), (USER,), (USER, calls("a"), USER)])
def test_a_conversation_without_results_stays_as_it_is(messages: tuple[Message, ...]) -> None:
    assert in_order_of_calls(messages) == messages


@given(st.lists(st.sampled_from(["calls", "results", "user"]), max_size=8), st.data())
def test_no_result_is_lost_nor_told_twice(kinds: list[str], data: st.DataObject) -> None:
    some = st.lists(st.sampled_from("abc"), min_size=1, max_size=3)
    messages = tuple(
        USER if kind == "user" else (calls if kind == "calls" else results)(*data.draw(some)) for kind in kinds
    )
    ordered = in_order_of_calls(messages)
    before = [each for message in messages for each in ids_of(message)]
    after = [each for message in ordered for each in ids_of(message)]
    assert sorted(before) == sorted(after)
    assert [message for message in ordered if message.role is not Role.TOOL] == [
        message for message in messages if message.role is not Role.TOOL
    ]
