"""A scripted provider of every dialect in one server: the path says which dialect, the model's last word what it does."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from tests.e2e.dialects import others_endpoints, wire_openai, wire_others
from tests.e2e.dialects.saying import SAYINGS, TEXT, Saying
from tests.e2e.gateway.provider import Line, Provider, Seen

EVENTS = "text/event-stream; charset=utf-8"
LINES = "application/x-ndjson"
FRAMES = "application/vnd.amazon.eventstream"

RETRY_AFTER = "7"
TROUBLE = "The cluster is on fire"
"""What every error of this provider says, beside the key that it was given."""

STATUSES = {"e400": 400, "e401": 401, "e404": 404, "e413": 413, "e429": 429, "e500": 500, "e503": 503, "e529": 529}
PAUSE_S = 0.02
LONG = 400


class Form(NamedTuple):
    """How a dialect answers."""

    whole: Callable[[Saying, str], dict[str, Any]]
    stream: Callable[[Saying, str], Iterable[bytes]]
    media: str
    error: Callable[[int, str], object]
    broken: Callable[[str], bytes]
    """An error inside a stream."""


def _openai_error(status: int, text: str) -> object:
    return {"error": {"message": text, "type": "server_error", "param": None, "code": f"code_{status}"}}


def _anthropic_error(status: int, text: str) -> object:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": text}, "request_id": "r"}


def _gemini_error(status: int, text: str) -> object:
    return {"error": {"code": status, "message": text, "status": "UNAVAILABLE"}}


def _said(status: int, text: str) -> object:
    return {"message": text}


def _broken_openai(text: str) -> bytes:
    return wire_openai.sse(_openai_error(500, text))


def _broken_responses(text: str) -> bytes:
    body = {"type": "error", "sequence_number": 9, "code": "server_error", "message": text, "param": None}
    return wire_openai.sse(body, "error")


def _broken_messages(text: str) -> bytes:
    return wire_openai.sse({"type": "error", "error": {"type": "overloaded_error", "message": text}}, "error")


def _broken_gemini(text: str) -> bytes:
    return b"data: " + json.dumps(_gemini_error(503, text)).encode() + b"\r\n\r\n"


def _broken_ollama(text: str) -> bytes:
    return json.dumps({"error": text}).encode() + b"\n"


def _broken_converse(text: str) -> bytes:
    return wire_others.converse_frame("modelStreamErrorException", {"message": text}, exception=True)


def _broken_cohere(text: str) -> bytes:
    delta = {"finish_reason": "ERROR", "error": text}
    return wire_openai.sse({"type": "message-end", "delta": delta}, "message-end")


CHAT = Form(wire_openai.chat_whole, wire_openai.chat_stream, EVENTS, _openai_error, _broken_openai)
MISTRAL = Form(wire_openai.chat_whole, wire_openai.mistral_stream, EVENTS, _openai_error, _broken_openai)
COMPLETIONS = Form(wire_openai.completions_whole, wire_openai.completions_stream, EVENTS, _openai_error, _broken_openai)
RESPONSES = Form(wire_openai.responses_whole, wire_openai.responses_stream, EVENTS, _openai_error, _broken_responses)
MESSAGES = Form(wire_others.messages_whole, wire_others.messages_stream, EVENTS, _anthropic_error, _broken_messages)
GEMINI = Form(wire_others.gemini_whole, wire_others.gemini_stream, EVENTS, _gemini_error, _broken_gemini)
OLLAMA_CHAT = Form(
    wire_others.ollama_chat_whole,
    wire_others.ollama_chat_stream,
    LINES,
    lambda _, text: {"error": text},
    _broken_ollama,
)
OLLAMA_GENERATE = Form(
    wire_others.ollama_generate_whole,
    wire_others.ollama_generate_stream,
    LINES,
    lambda _, text: {"error": text},
    _broken_ollama,
)
CONVERSE = Form(wire_others.converse_whole, wire_others.converse_stream, FRAMES, _said, _broken_converse)
COHERE = Form(wire_others.cohere_whole, wire_others.cohere_stream, EVENTS, _said, _broken_cohere)

ENDINGS: tuple[tuple[str, Form], ...] = (
    ("/mistral/v1/chat/completions", MISTRAL),
    ("/chat/completions", CHAT),
    ("/completions", COMPLETIONS),
    ("/responses", RESPONSES),
    ("/messages", MESSAGES),
    (":generateContent", GEMINI),
    (":streamGenerateContent", GEMINI),
    ("/api/chat", OLLAMA_CHAT),
    ("/api/generate", OLLAMA_GENERATE),
    ("/converse", CONVERSE),
    ("/converse-stream", CONVERSE),
    ("/v2/chat", COHERE),
)
STREAMED_BY_PATH = (":streamGenerateContent", "/converse-stream")


def model_of(seen: Seen) -> str:
    """Return the model that a request names, in its path or its body."""
    path = urlsplit(seen.path).path
    for start in ("/models/", "/model/"):
        if start in path:
            return unquote(
                path.partition(start)[2].split("/")[0].rpartition(":")[0] or path.split(start)[1].split("/")[0]
            )
    if seen.raw.startswith(b"{"):
        return str(seen.body.get("model", ""))
    named = seen.raw.partition(b'name="model"')[2].partition(b"\r\n\r\n")[2]
    return named.partition(b"\r\n")[0].decode()


def key_of(seen: Seen) -> str:
    """Return what a request was let in with."""
    for name in ("authorization", "x-api-key", "x-goog-api-key", "api-key"):
        if name in seen.headers:
            return seen.headers[name].removeprefix("Bearer ")
    return ""


class ManyTongued(Provider):
    """The server."""

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while not writer.is_closing():
                seen = await self._read(reader)
                with self._arrived:
                    self.seen.append(seen)
                    self._arrived.notify_all()
                await answer(seen, Line(writer, self))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def asked(self, mark: str) -> list[Seen]:
        """Return the requests whose bodies hold a mark."""
        sought = mark.encode()
        return [seen for seen in self.seen if sought in seen.raw]


async def answer(seen: Seen, line: Line) -> None:
    """Answer one request."""
    path = urlsplit(seen.path).path
    model = model_of(seen)
    form = next((form for ending, form in ENDINGS if path.endswith(ending)), None)
    if form is None:
        await others_endpoints.answer(seen, line, model)
        return
    body = seen.body
    streamed = path.endswith(STREAMED_BY_PATH) or body.get("stream", "/api/" in path) is True
    wish = model.rpartition("-")[2]
    told = f"{TROUBLE}: {key_of(seen)} at {seen.headers['host']}"
    if wish in STATUSES:
        headers = {"retry_after": RETRY_AFTER} if wish in {"e429", "e503"} else {}
        error = json.dumps(form.error(STATUSES[wish], told)).encode()
        await line.whole(error, f"{STATUSES[wish]} Trouble", **headers)
        return
    if not streamed:
        await _whole(form, wish, model, told, line)
        return
    await line.head(content_type=form.media, transfer_encoding="chunked")
    await _STREAMS.get(wish, _well)(form, wish, model, told, line)


async def _whole(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    if wish in {"broken", "early"}:
        await line.whole(json.dumps(form.error(500, told)).encode(), "500 Trouble")
    elif wish == "cut":
        body = json.dumps(form.whole(TEXT, model)).encode()
        await line.head(content_type="application/json", content_length=str(len(body)))
        await line.send(body[: len(body) // 2])
        line.cut()
    else:
        await line.whole(json.dumps(form.whole(SAYINGS.get(wish, TEXT), model)).encode())


async def _well(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    for piece in form.stream(SAYINGS.get(wish, TEXT), model):
        await line.piece(piece)
    await line.end_stream()


def _before_the_end(form: Form, model: str) -> list[bytes]:
    """Return a stream's beginning: some of the text, and nothing of its end."""
    pieces = list(form.stream(TEXT, model))
    second = next(at for at, piece in enumerate(pieces) if TEXT.text[0].encode() in piece)
    return pieces[: second + 1]


async def _broken(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    for piece in _before_the_end(form, model):
        await line.piece(piece)
    await line.piece(form.broken(told))
    await line.end_stream()


async def _early(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    await line.piece(form.broken(told))
    await line.end_stream()


async def _cut(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    for piece in _before_the_end(form, model):
        await line.piece(piece)
    await asyncio.sleep(0.05)
    line.cut()


async def _short(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    """End properly as HTTP has it, before the answer has."""
    for piece in _before_the_end(form, model):
        await line.piece(piece)
    await line.end_stream()


async def _long(form: Form, wish: str, model: str, told: str, line: Line) -> None:
    for piece in form.stream(Saying(text=("word after word " * 8,) * LONG), model):
        await line.piece(piece)
        await asyncio.sleep(PAUSE_S)
    await line.end_stream()


_STREAMS: Mapping[str, Callable[[Form, str, str, str, Line], Any]] = {
    "broken": _broken,
    "early": _early,
    "cut": _cut,
    "short": _short,
    "long": _long,
}
