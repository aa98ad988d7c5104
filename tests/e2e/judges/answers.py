"""One plain answer of a provider for each path where gateways ask, for tests whose question is another."""

import json
from typing import Any

from tests.e2e.gateway.provider import events
from tests.e2e.judges.capable import messages_wire
from tests.e2e.judges.capable.mind import Asked, Mind

USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
HEAD: dict[str, Any] = {"id": "x-1", "created": 1, "model": "m"}
PLAIN: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": HEAD | {"object": "chat.completion", "choices": [CHOICE], "usage": USAGE},
    "/v1/completions": HEAD
    | {
        "object": "text_completion",
        "choices": [{"index": 0, "text": "hello", "finish_reason": "stop"}],
        "usage": USAGE,
    },
    "/v1/embeddings": {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.5]}],
        "usage": {"prompt_tokens": 10, "total_tokens": 10},
    },
    "/v1/images/generations": {"created": 1, "data": [{"b64_json": "aGk="}]},
    "/v1/images/edits": {"created": 1, "data": [{"b64_json": "aGk="}]},
    "/v1/audio/speech": {},
    "/v1/audio/transcriptions": {"text": "hello", "usage": {"type": "duration", "seconds": 3}},
    "/v1/audio/translations": {"text": "hello"},
    "/v1/moderations": {"id": "x-1", "model": "m", "results": [{"flagged": False, "categories": {}}]},
    "/v1/rerank": {"id": "x-1", "results": [{"index": 0, "relevance_score": 0.5}]},
    "/v1/messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 2},
    },
    "/v1/messages/count_tokens": {"input_tokens": 10},
    "/v1/responses": HEAD
    | {
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "hello", "annotations": []}],
            }
        ],
        "usage": {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12},
    },
}
ANSWERS: dict[str, bytes] = {path: json.dumps(answer).encode() for path, answer in PLAIN.items()}
STREAMS: dict[str, bytes] = {
    "/v1/chat/completions": b"".join(events("m", usage=USAGE)),
    "/v1/messages": b"".join(messages_wire.streamed({"model": "m"}, Mind().reply(Asked(turns=[])))),
}
