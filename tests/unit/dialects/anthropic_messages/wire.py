"""Messages as they stand on the wire, for tests."""

import json
from typing import Any

from tollway.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from tollway.dialects.anthropic_messages.peek import peek
from tollway.dialects.record import Closing, CostFields, ReplyTerms, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=4, output=2)
ESTIMATED = {"input_tokens": 4, "output_tokens": 2, "estimated": True, **COST_VALUES}
USAGE = {"input_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5, "output_tokens": 1}
READ = Usage(input=3, cached_input=5, output=7, cache_write_5m=0)
ERROR = ANTHROPIC_MESSAGES.render_error(Refusal("upstream_error", "It broke."))
EDITS = RequestEdits(model_routed="m-2", issuer="p", output_tokens_default=4096)
CLOSING = Closing(usage=Usage(input=3, output=7), estimated=False, costs=COSTS)


def body(**fields: Any) -> bytes:
    base = {"model": "m-1", "max_tokens": 100, "messages": [{"role": "user", "content": "hällo"}]}
    return json.dumps({**base, **fields}, ensure_ascii=False).encode()


def peeked(**fields: Any) -> Peek:
    return peek(body(**fields))


def event(kind: str, **fields: Any) -> bytes:
    payload = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {payload}\n\n".encode()


def start(**message: Any) -> bytes:
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": [], "usage": USAGE}
    return event("message_start", message={**base, **message})


def block(index: int, **fields: Any) -> bytes:
    return event("content_block_start", index=index, content_block=fields)


def delta(index: int, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


def text(words: str, index: int = 0) -> bytes:
    return delta(index, type="text_delta", text=words)


def stop(index: int = 0) -> bytes:
    return event("content_block_stop", index=index)


def end(reason: str = "end_turn", usage: Any = None, **more: Any) -> bytes:
    usage = {"output_tokens": 7} if usage is None else usage
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": None, **more}, usage=usage)


TEXT = block(0, type="text", text="")
LAST = event("message_stop")
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
HELLO = start() + TEXT + PING + text("hällo") + stop() + end() + LAST


def payloads(stream: bytes) -> list[Any]:
    return [json.loads(line[5:]) for line in stream.decode().split("\n") if line.startswith("data:")]


def kinds(stream: bytes) -> list[str]:
    return [payload["type"] for payload in payloads(stream)]


def terms(request: ChatRequest | None = None) -> ReplyTerms:
    return ReplyTerms(
        request=request or ChatRequest(model="m-1", messages=()),
        peek=peeked(),
        reply_id="r1",
        created_s=5,
        model="m-routed",
    )
