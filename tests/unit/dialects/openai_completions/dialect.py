"""The dialect of legacy completions, and small pieces for its tests."""

import json
from typing import Any

from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.openai_completions.peek import peek
from tollway.dialects.record import Closing, CostFields, ReplyTerms, RequestEdits
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.parts import Part, Text
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage

CHAT = OPENAI_COMPLETIONS.chat
assert CHAT is not None
assert CHAT.parse_request is not None
assert CHAT.render_request is not None
assert CHAT.parse_answer is not None
assert CHAT.render_answer is not None
assert CHAT.open_reader is not None
assert CHAT.open_writer is not None
parse_request, render_request = CHAT.parse_request, CHAT.render_request
parse_answer, render_answer = CHAT.parse_answer, CHAT.render_answer
open_reader, open_writer = CHAT.open_reader, CHAT.open_writer

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
ESTIMATE = Usage(input=4, output=2)
ESTIMATED = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6, "estimated": True, **COST_VALUES}
ERROR = b'{"error":{"message":"It broke."}}'
DONE = b"data: [DONE]\n\n"
ID = {"id": "c-1", "object": "text_completion", "created": 5, "model": "m-1"}


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def body(**members: object) -> bytes:
    return encoded({"model": "m", "prompt": "Once", **members})


def parsed(**members: object) -> ChatRequest:
    raw = body(**members)
    return parse_request(raw, peek(raw))


def asked(*parts: Part, **more: Any) -> ChatRequest:
    message = Message(role=Role.USER, parts=parts or (Text(text="Once"),))
    return ChatRequest(**{"model": "m", "messages": (message,), "completes": True, **more})


def rendered(request: ChatRequest, **edits: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    found = render_request(request, RequestEdits(**{"model_routed": "r", **edits}))
    return json.loads(found.body), found.dropped


def terms(*, usage_asked: bool = False, choices: int = 1) -> ReplyTerms:
    options: dict[str, object] = {"stream_options": {"include_usage": True}} if usage_asked else {}
    facts = peek(body(stream=True, n=choices, **options))
    return ReplyTerms(request=asked(), peek=facts, reply_id="r-1", created_s=7, model="m-1")


def closing(*, costs: CostFields | None = COSTS) -> Closing:
    return Closing(usage=Usage(input=3, output=1), estimated=False, costs=costs)


def event(payload: object) -> bytes:
    return b"data: %b\n\n" % encoded(payload)


def chunk(text: str | None, *, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
    return event({**ID, "choices": [choice], **more})


def payloads(stream: bytes) -> list[Any]:
    reader = SseReader()
    found: list[Any] = []
    for raw in reader.feed(stream):
        data = read_fields(raw)[1]
        if data is not None:
            found.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    assert reader.close() == b""
    return found
