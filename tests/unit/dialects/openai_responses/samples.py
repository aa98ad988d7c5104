"""What the tests of the Responses dialect speak with: requests, events and answers as they stand on the wire."""

import json
from typing import Any

from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.record import (
    PLAIN_CALL,
    ChatTranslator,
    Closing,
    CostFields,
    RenderedRequest,
    ReplyTerms,
    RequestEdits,
)
from tollway.errors import Refusal
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import Event
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_NAMES = ("base_cost_usd", "platform_fee_usd", "total_cost_usd")
ESTIMATE = Usage(input=40, output=20)
USAGE = Usage(input=30, cached_input=10, output=15, reasoning=5)
CLOSING = Closing(usage=USAGE, estimated=False, costs=COSTS)
ERROR = OPENAI_RESPONSES.render_error(Refusal("upstream_error", "It broke."))
REPORTED = {
    "input_tokens": 40,
    "input_tokens_details": {"cached_tokens": 10},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 60,
}


def translator() -> ChatTranslator:
    found = OPENAI_RESPONSES.chat
    assert found is not None
    return found


def body_of(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "Hi", **fields}).encode()


def parsed(**fields: Any) -> ChatRequest:
    body = body_of(**fields)
    parse = translator().parse_request
    assert parse is not None
    return parse(body, OPENAI_RESPONSES.peek(body, PLAIN_CALL))


def rendered(request: ChatRequest, **edits: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    render = translator().render_request
    assert render is not None
    made: RenderedRequest = render(request, RequestEdits(**{"model_routed": "routed", "issuer": "home", **edits}))
    return json.loads(made.body), made.dropped


def terms_of(**fields: Any) -> ReplyTerms:
    body = body_of(**fields)
    return ReplyTerms(
        request=parsed(**fields),
        peek=OPENAI_RESPONSES.peek(body, PLAIN_CALL),
        reply_id="r1",
        created_s=1_700_000_000,
        model="provider-model",
    )


def written(events: list[Event], closing: Closing = CLOSING, **fields: Any) -> bytes:
    opened = translator().open_writer
    assert opened is not None
    writer = opened(terms_of(**fields))
    return b"".join([writer.write([event]) for event in events]) + writer.end(closing)


def shown(answer: ChatAnswer, closing: Closing = CLOSING, **fields: Any) -> dict[str, Any]:
    render = translator().render_answer
    assert render is not None
    return json.loads(render(answer, terms_of(**fields), closing))


def read(stream: bytes) -> ChatAnswer:
    opened = translator().open_reader
    assert opened is not None
    reader = opened()
    events = reader.feed(stream) + reader.close()
    assert reader.failure is None
    assert reader.finished
    return fold(events)


def read_whole(answer: dict[str, Any]) -> ChatAnswer:
    parse = translator().parse_answer
    assert parse is not None
    return parse(json.dumps(answer).encode())


def event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


def response(**fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "model": "gpt",
        "created_at": 5,
        "status": "completed",
        "output": [],
        **fields,
    }


def created() -> bytes:
    return event("response.created", sequence_number=0, response=response(status="in_progress", usage=None))


def delta(text: str, *, index: int = 0, **fields: Any) -> bytes:
    return event("response.output_text.delta", output_index=index, content_index=0, item_id="msg", delta=text, **fields)


def added(item: dict[str, Any], *, index: int = 0) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(item: dict[str, Any], *, index: int = 0) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def completed(**fields: Any) -> bytes:
    return event("response.completed", sequence_number=9, response=response(**{"usage": REPORTED, **fields}))


def message(text: str, **fields: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], **fields}
    return {"id": "msg", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


MESSAGE_BEGINS = {"id": "msg", "type": "message", "role": "assistant", "status": "in_progress", "content": []}


def told(stream: bytes) -> list[dict[str, Any]]:
    """What an independent reading finds: the data of every event."""
    lines = stream.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [json.loads(each) for each in data if each != "[DONE]"]
