"""Chunks of a stream in Gemini's form, requests, and what both are read with, for tests."""

import json
from typing import Any

from tollway.dialects.gemini import GEMINI
from tollway.dialects.gemini.parse import parse_request
from tollway.dialects.gemini.reader import open_reader
from tollway.dialects.gemini.render import render_request
from tollway.dialects.record import Called, Closing, CostFields, ReplyTerms, RequestEdits
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import Event
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=4, output=2)
ESTIMATED = {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6, "estimated": True}
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}
ERROR = b'{"error":{"code":502,"message":"It broke.","status":"UNAVAILABLE"}}'
ID = {"modelVersion": "m-1", "responseId": "r-1"}
ASKED = {"contents": [{"role": "user", "parts": [{"text": "?"}]}]}


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(payload: object) -> bytes:
    return b"data: " + encoded(payload) + b"\r\n\r\n"


def candidate(*parts: object, finish: str | None = None, index: int | None = 0, **more: object) -> dict[str, object]:
    found: dict[str, object] = {"content": {"parts": list(parts), "role": "model"}, **more}
    if finish is not None:
        found["finishReason"] = finish
    if index is not None:
        found["index"] = index
    return found


def chunk(*parts: object, finish: str | None = None, usage: object = None, **more: Any) -> bytes:
    payload: dict[str, object] = {"candidates": [candidate(*parts, finish=finish, **more)], **ID}
    if usage is not None:
        payload["usageMetadata"] = usage
    return event(payload)


HI = chunk({"text": "hällo"})
STOP = chunk({"text": ""}, finish="STOP", usage=USAGE)


def payloads(stream: bytes) -> list[Any]:
    """The data of every event, decoded."""
    reader = SseReader()
    found = [json.loads(data) for raw in reader.feed(stream) if (data := read_fields(raw)[1]) is not None]
    assert reader.close() == b""
    return found


def peeked(body: object = ASKED, *, streamed: bool = True, variant: str = "", model: str | None = "asked") -> Peek:
    raw = body if isinstance(body, bytes) else encoded(body)
    return GEMINI.peek(raw, Called(model=model, streamed=streamed, variant=variant))


def parsed(body: object) -> ChatRequest:
    raw = body if isinstance(body, bytes) else encoded(body)
    return parse_request(raw, peeked(raw))


def rendered(request: ChatRequest, **edits: Any) -> tuple[Any, tuple[str, ...]]:
    made = render_request(request, RequestEdits(model_routed="routed", **edits))
    return json.loads(made.body), made.dropped


def request(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="asked", messages=messages, **more)


def terms(*, variant: str = "") -> ReplyTerms:
    return ReplyTerms(request=request(), peek=peeked(variant=variant), reply_id="ours", created_s=5, model="m")


def closing(*, costs: CostFields | None = COSTS, usage: Usage = ESTIMATE) -> Closing:
    return Closing(usage=usage, estimated=False, costs=costs)


def events(*pieces: bytes) -> list[Event]:
    """What a reader tells of a stream that does not break."""
    reader = open_reader()
    told = [each for piece in pieces for each in reader.feed(piece)] + reader.close()
    assert reader.failure is None
    return told


def folded(*pieces: bytes) -> ChatAnswer:
    return fold(events(*pieces))
