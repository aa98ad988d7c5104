"""The translator of chat completions, and small pieces for its tests."""

import json
from typing import Any

from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat.peek import peek
from tollway.dialects.record import Closing, CostFields, RenderedRequest, ReplyTerms, RequestEdits
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.events import Event
from tollway.neutral.parts import Part
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage

CHAT = OPENAI_CHAT.chat
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
USAGE = Usage(input=3, output=1)
SHOWN = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
ERROR = b'{"error":{"message":"It broke."}}'
HI = [{"role": "user", "content": "hi"}]


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def parsed(**body: object) -> ChatRequest:
    raw = encoded({"model": "m", "messages": HI, **body})
    return parse_request(raw, peek(raw))


def parts_of(message: object) -> tuple[Part, ...]:
    return parsed(messages=[message]).messages[0].parts


def rendered(request: ChatRequest, **edits: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    found: RenderedRequest = render_request(request, RequestEdits(**{"model_routed": "r", "issuer": "acme", **edits}))
    return json.loads(found.body), found.dropped


def asked(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=messages or (said(Role.USER),), **more)


def said(role: Role, *parts: Part, name: str | None = None) -> Message:
    return Message(role=role, parts=parts, name=name)


def shown(*messages: Message, **edits: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    body, dropped = rendered(asked(*messages), **edits)
    return body["messages"], dropped


def terms(*, usage_asked: bool = False, choices: int = 1) -> ReplyTerms:
    facts = Peek(
        model_asked="m",
        streamed=True,
        usage_asked=usage_asked,
        output_tokens_max=None,
        choices=choices,
        body_bytes=1,
        media_parts=0,
    )
    return ReplyTerms(request=asked(), peek=facts, reply_id="r-1", created_s=7, model="m-1")


def closing(*, costs: CostFields | None = COSTS, usage: Usage = USAGE, estimated: bool = False) -> Closing:
    return Closing(usage=usage, estimated=estimated, costs=costs)


def event(payload: object) -> bytes:
    return b"data: %b\n\n" % encoded(payload)


def chunk(delta: object, *, finish: str | None = None, index: int | None = 0, **more: object) -> bytes:
    choice = {"delta": delta, "finish_reason": finish, **({} if index is None else {"index": index})}
    return event({"id": "c-1", "created": 5, "model": "m-2", "choices": [choice], **more})


def told(*events: bytes) -> list[Event]:
    """What a reader tells of a stream, but for who answers."""
    reader = open_reader()
    found = [event for raw in events for event in reader.feed(raw)]
    assert reader.failure is None
    return (found + reader.close())[1:]


def payloads(stream: bytes) -> list[Any]:
    reader = SseReader()
    found: list[Any] = []
    for raw in reader.feed(stream):
        data = read_fields(raw)[1]
        if data is not None:
            found.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    assert reader.close() == b""
    return found
