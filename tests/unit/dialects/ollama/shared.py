"""Requests, lines and terms in Ollama's form, for tests."""

import json
from typing import Any

from tollway.dialects.ollama import OLLAMA_CHAT
from tollway.dialects.record import (
    PLAIN_CALL,
    ChatTranslator,
    Closing,
    CostFields,
    Dialect,
    ReplyTerms,
    RequestEdits,
)
from tollway.errors import Refusal
from tollway.neutral.parts import Text
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=4, output=2)
USAGE = Usage(input=5, cached_input=2, output=3, reasoning=1)
CLOSING = Closing(usage=USAGE, estimated=False, costs=COSTS)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAE="
JPEG = "/9j/4AAQSkZJRgABAQAAAQ=="
ERROR = OLLAMA_CHAT.render_error(Refusal("upstream_error", "It broke."))
AT = "2026-11-20T12:00:00Z"
HEAD = {"model": "m-1", "created_at": AT}
EDITS = RequestEdits(model_routed="routed")
HI = (Message(role=Role.USER, parts=(Text(text="Hi"),)),)


def body(**members: object) -> bytes:
    return json.dumps({"model": "m", **members}, ensure_ascii=False).encode()


def line(**members: object) -> bytes:
    return json.dumps({**HEAD, **members}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def chat_line(
    content: str = "", *, done: bool = False, said: dict[str, object] | None = None, **members: object
) -> bytes:
    message = {"role": "assistant", "content": content, **(said or {})}
    return line(message=message, done=done, **members)


def last_line(said: dict[str, object] | None = None) -> bytes:
    return chat_line(done=True, said=said, done_reason="stop", prompt_eval_count=7, eval_count=4)


def lines_of(stream: bytes) -> list[Any]:
    assert stream.endswith(b"\n")
    return [json.loads(each) for each in stream.splitlines()]


def request(**members: Any) -> ChatRequest:
    return ChatRequest(**{"model": "asked", "messages": HI, **members})


def peek(dialect: Dialect, data: bytes) -> Peek:
    return dialect.peek(data, PLAIN_CALL)


def terms(**members: Any) -> ReplyTerms:
    facts = Peek(
        model_asked="asked",
        streamed=True,
        usage_asked=False,
        output_tokens_max=None,
        choices=1,
        body_bytes=2,
        media_parts=0,
    )
    given = {"request": request(), "peek": facts, "reply_id": "r1", "created_s": 1_795_176_000, "model": "routed"}
    return ReplyTerms(**{**given, **members})


def chat(dialect: Dialect) -> ChatTranslator:
    assert dialect.chat is not None
    return dialect.chat


def parsed(dialect: Dialect, data: bytes) -> ChatRequest:
    translator = chat(dialect)
    assert translator.parse_request is not None
    return translator.parse_request(data, peek(dialect, data))


def rendered(dialect: Dialect, asked: ChatRequest, edits: RequestEdits = EDITS) -> tuple[Any, tuple[str, ...]]:
    translator = chat(dialect)
    assert translator.render_request is not None
    made = translator.render_request(asked, edits)
    return json.loads(made.body), made.dropped
