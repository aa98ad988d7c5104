"""The capable model as a provider on loopback: chats, embeddings, pictures and speech, each at the path where it is asked."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.e2e.gateway.provider import Line, Provider, Script, Seen
from tests.e2e.judges.capable import chat_wire, messages_wire
from tests.e2e.judges.capable.mind import Mind, tokens

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
CHATS: dict[str, ModuleType] = {"/v1/chat/completions": chat_wire, "/v1/messages": messages_wire}


class CapableProvider(Provider):
    """Answers any model's name, well."""

    def __init__(self) -> None:
        super().__init__()
        self._mind = Mind()

    def script_for(self, seen: Seen) -> Script:
        """Return what a path does."""
        pages = {
            "/v1/embeddings": _embed,
            "/v1/images/generations": _draw,
            "/v1/images/edits": _draw,
            "/v1/audio/speech": _speak,
            "/v1/moderations": _moderate,
        }
        page = pages.get(seen.path, self._chat)

        async def answered(seen: Seen, line: Line) -> None:
            try:
                await page(seen, line)
            except (AttributeError, KeyError, TypeError, ValueError):
                refusal = {"error": {"message": "This cannot be understood.", "type": "invalid_request_error"}}
                await line.whole(json.dumps(refusal).encode(), "400 Bad Request")

        return answered

    async def _chat(self, seen: Seen, line: Line) -> None:
        wire = CHATS[seen.path]
        body = seen.body
        reply = self._mind.reply(wire.asked(body))
        if not body.get("stream"):
            await line.whole(wire.whole(body, reply))
            return
        events: Iterator[bytes] = wire.streamed(body, reply)
        await line.start_stream()
        for event in events:
            await line.piece(event)
        await line.end_stream()


async def _embed(seen: Seen, line: Line) -> None:
    body = seen.body
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vector = [0.5] * (body.get("dimensions") or 8)
    data = [{"object": "embedding", "index": at, "embedding": vector} for at in range(len(texts))]
    count = sum(len(tokens(text)) if isinstance(text, str) else 1 for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    await _said(line, {"object": "list", "data": data, "model": body["model"], "usage": usage})


async def _draw(_: Seen, line: Line) -> None:
    usage = {"input_tokens": 5, "output_tokens": 50, "total_tokens": 55}
    await _said(line, {"created": 1_750_000_000, "data": [{"b64_json": PIXEL}], "usage": usage})


async def _moderate(seen: Seen, line: Line) -> None:
    await _said(line, {"id": "modr-1", "model": seen.body["model"], "results": [{"flagged": False, "categories": {}}]})


async def _speak(seen: Seen, line: Line) -> None:
    if seen.body.get("stream_format") == "sse":
        await line.start_stream()
        await line.piece(b'data: {"type":"speech.audio.delta","audio":"SUQzBA=="}\n\n')
        usage = b'{"input_tokens":1,"output_tokens":1,"total_tokens":2}'
        await line.piece(b'data: {"type":"speech.audio.done","usage":%b}\n\n' % usage)
        await line.end_stream()
        return
    await line.head(content_type="audio/mpeg", content_length="4")
    await line.send(b"ID3\x04")


async def _said(line: Line, answer: dict[str, Any]) -> None:
    await line.whole(json.dumps(answer).encode())
