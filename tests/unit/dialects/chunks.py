"""Chunks of a stream in OpenAI's form, for tests."""

import json
from collections.abc import Iterator

from tollway.dialects.record import CostFields
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=4, output=2)
ESTIMATED = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6, "estimated": True, **COST_VALUES}
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
ERROR = b'{"error":{"message":"It broke.","type":"upstream_error","code":"upstream_error","param":null,"metadata":{}}}'
DONE = b"data: [DONE]\n\n"
ID = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "m-1"}


def event(payload: object) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(delta: object, *, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    return event({**ID, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more})


def usage_chunk(usage: object = USAGE, **more: object) -> bytes:
    return event({**ID, "choices": [], "usage": usage, **more})


ROLE = chunk({"role": "assistant", "content": ""})
HI = chunk({"content": "hällo"})
STOP = chunk({}, finish="stop")


def payloads(stream: bytes) -> Iterator[object]:
    """The data of every event, decoded."""
    reader = SseReader()
    for raw in reader.feed(stream):
        data = read_fields(raw)[1]
        if data is not None:
            yield "[DONE]" if data == b"[DONE]" else json.loads(data)
    assert reader.close() == b""
