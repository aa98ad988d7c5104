"""What a provider sends is junk in places that are only looked at on the way out: nothing is raised, and nothing lost."""

import json

import pytest

from tollway.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from tollway.dialects.gemini import GEMINI
from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.record import Called, CostFields
from tollway.errors import FailureKind, Refusal
from tollway.neutral.parts import ToolCall
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=1, fee_nanos=2, total_nanos=3, currency="USD")
USED = Usage(input=1, output=2)
ERROR = b'{"error":{"message":"why"}}'


def test_a_gemini_chunk_whose_names_are_no_text_is_junk_before_anything_is_charged() -> None:
    peek = GEMINI.peek(b'{"contents":[{"parts":[{"text":"hi"}]}]}', Called(model="g", streamed=True))
    pipe = GEMINI.open_stream(peek)

    pipe.feed(b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}\r\n\r\n')
    pipe.feed(b'data: {"candidates":[{"finishReason":"STOP"}],"mod\x87el":1}\r\n\r\n')

    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.JUNK
    assert b"why" in pipe.break_off(ERROR, COSTS, USED)


@pytest.mark.parametrize("junk", ['"x"', "[1]", "null", "7"])
def test_a_completion_that_breaks_keeps_its_text_beside_a_choice_that_is_none(junk: str) -> None:
    peek = OPENAI_COMPLETIONS.peek(b'{"model":"m","prompt":"hi","stream":true}', Called())
    pipe = OPENAI_COMPLETIONS.open_stream(peek)

    sent = pipe.feed(b'data: {"choices":[%b,{"text":"Hi","index":0,"finish_reason":"stop"}]}\n\n' % junk.encode())
    sent += pipe.break_off(ERROR, COSTS, USED)

    assert b'"text":"Hi"' in sent
    assert b'"stop"' not in sent
    assert b"why" in sent


def test_arguments_that_are_no_text_are_carried_with_a_mark_where_they_are_none() -> None:
    chat = ANTHROPIC_MESSAGES.chat
    assert chat is not None
    assert chat.parse_answer is not None
    content = b'[{"type":"tool_use","id":"t","name":"f","input":{"a":"\xff"}}]'

    answer = chat.parse_answer(b'{"type":"message","role":"assistant","model":"c","content":%b}' % content)

    (part,) = answer.choices[0].parts
    assert isinstance(part, ToolCall)
    assert json.loads(part.arguments) == {"a": "�"}


def test_a_response_with_a_number_beyond_all_numbers_in_an_item_is_passed() -> None:
    pipe = OPENAI_RESPONSES.open_stream(OPENAI_RESPONSES.peek(b'{"model":"m","input":"hi","stream":true}', Called()))
    item = b'{"type":"function_call","name":"find","content":[1e999]}'
    event = b'data: {"type":"response.output_item.added","output_index":0,"item":%b}\n\n' % item

    assert pipe.feed(event) == event
    assert pipe.failure is None
    assert pipe.delivered_text_bytes == len("find")


def test_more_prompts_than_an_event_loop_can_end_at_once_are_refused() -> None:
    prompts = json.dumps(["a"] * 4_097)
    with pytest.raises(Refusal, match="more than 4096 answers"):
        OPENAI_COMPLETIONS.peek(b'{"model":"m","prompt":%b}' % prompts.encode(), Called())
