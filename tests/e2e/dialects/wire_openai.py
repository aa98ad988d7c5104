"""The answers of a scripted provider in OpenAI's three dialects, written by hand from its reference."""

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.dialects.saying import CACHED, INPUT, OUTPUT, REASONING, Call, Saying

CHAT_USAGE = {
    "prompt_tokens": INPUT + CACHED,
    "completion_tokens": OUTPUT + REASONING,
    "total_tokens": INPUT + CACHED + OUTPUT + REASONING,
    "prompt_tokens_details": {"cached_tokens": CACHED},
    "completion_tokens_details": {"reasoning_tokens": REASONING},
}
COMPLETIONS_USAGE = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
RESPONSES_USAGE = {
    "input_tokens": INPUT + CACHED,
    "input_tokens_details": {"cached_tokens": CACHED},
    "output_tokens": OUTPUT + REASONING,
    "output_tokens_details": {"reasoning_tokens": REASONING},
    "total_tokens": INPUT + CACHED + OUTPUT + REASONING,
}


def sse(body: object, name: str = "") -> bytes:
    """Return one event."""
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {json.dumps(body)}\n\n".encode()


def _stop(saying: Saying) -> str:
    return "tool_calls" if saying.calls else "stop"


def chat_whole(saying: Saying, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(saying.text) or None}
    if saying.reasoning:
        message["reasoning_content"] = saying.reasoning
    if saying.calls:
        message["tool_calls"] = [_chat_call(call) for call in saying.calls]
    choice = {"index": 0, "message": message, "finish_reason": _stop(saying), "logprobs": None}
    head = {"id": "chatcmpl-up1", "object": "chat.completion", "created": 1_700_000_000, "model": model}
    return head | {"choices": [choice], "usage": CHAT_USAGE}


def _chat_call(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.text}}


def chat_stream(saying: Saying, model: str, *, whole_calls: bool = False) -> Iterator[bytes]:
    head = {"id": "chatcmpl-up1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return sse(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    if saying.reasoning:
        yield chunk({"reasoning_content": saying.reasoning[:5]})
        yield chunk({"reasoning_content": saying.reasoning[5:]})
    for text in saying.text:
        yield chunk({"content": text})
    for at, call in enumerate(saying.calls):
        told = call.text if whole_calls else ""
        function = {"name": call.name, "arguments": told}
        yield chunk({"tool_calls": [{"index": at, "id": call.id, "type": "function", "function": function}]})
        for piece in () if whole_calls else (call.text[:7], call.text[7:]):
            yield chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    yield chunk({}, _stop(saying))
    yield sse(head | {"choices": [], "usage": CHAT_USAGE})
    yield b"data: [DONE]\n\n"


def mistral_stream(saying: Saying, model: str) -> Iterator[bytes]:
    """Each call in one chunk: that is how Mistral streams it, and the only way that its client reads."""
    yield from chat_stream(saying, model, whole_calls=True)


def completions_whole(saying: Saying, model: str) -> dict[str, Any]:
    choice = {"index": 0, "text": "".join(saying.text), "finish_reason": "stop", "logprobs": None}
    head = {"id": "cmpl-up1", "object": "text_completion", "created": 1_700_000_000, "model": model}
    return head | {"choices": [choice], "usage": COMPLETIONS_USAGE}


def completions_stream(saying: Saying, model: str) -> Iterator[bytes]:
    head = {"id": "cmpl-up1", "object": "text_completion", "created": 1_700_000_000, "model": model}
    for text in saying.text:
        yield sse(head | {"choices": [{"index": 0, "text": text, "finish_reason": None, "logprobs": None}]})
    yield sse(head | {"choices": [{"index": 0, "text": "", "finish_reason": "stop", "logprobs": None}]})
    yield sse(head | {"choices": [], "usage": COMPLETIONS_USAGE})
    yield b"data: [DONE]\n\n"


def _items(saying: Saying) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if saying.reasoning:
        items.append(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": saying.reasoning}],
                "encrypted_content": saying.signature or None,
            }
        )
    if saying.text:
        content = [{"type": "output_text", "text": "".join(saying.text), "annotations": [], "logprobs": []}]
        items.append({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content})
    items += [
        {
            "type": "function_call",
            "id": f"fc_{at}",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.text,
            "status": "completed",
        }
        for at, call in enumerate(saying.calls)
    ]
    return items


def responses_whole(saying: Saying, model: str) -> dict[str, Any]:
    return _response(model, _items(saying), "completed", RESPONSES_USAGE)


def _response(model: str, output: list[dict[str, Any]], status: str, usage: object) -> dict[str, Any]:
    return {
        "id": "resp_up1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


class _Told:
    """Numbers the events of one response."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, kind: str, **members: object) -> bytes:
        event = sse({"type": kind, "sequence_number": self.count, **members}, kind)
        self.count += 1
        return event


def responses_stream(saying: Saying, model: str) -> Iterator[bytes]:
    told = _Told()
    items = _items(saying)
    yield told("response.created", response=_response(model, [], "in_progress", None))
    yield told("response.in_progress", response=_response(model, [], "in_progress", None))
    for at, item in enumerate(items):
        yield from _told_item(told, at, item, saying)
    yield told("response.completed", response=_response(model, items, "completed", RESPONSES_USAGE))


def _told_item(told: _Told, at: int, item: dict[str, Any], saying: Saying) -> Iterator[bytes]:
    place: dict[str, Any] = {"item_id": item["id"], "output_index": at}
    match item["type"]:
        case "reasoning":
            yield told("response.output_item.added", output_index=at, item=item | {"summary": []})
            place |= {"summary_index": 0}
            empty = {"type": "summary_text", "text": ""}
            yield told("response.reasoning_summary_part.added", **place, part=empty)
            yield told("response.reasoning_summary_text.delta", **place, delta=saying.reasoning[:4])
            yield told("response.reasoning_summary_text.delta", **place, delta=saying.reasoning[4:])
            yield told("response.reasoning_summary_text.done", **place, text=saying.reasoning)
            yield told("response.reasoning_summary_part.done", **place, part=item["summary"][0])
        case "message":
            yield told("response.output_item.added", output_index=at, item=item | {"content": []})
            place |= {"content_index": 0}
            yield told("response.content_part.added", **place, part=item["content"][0] | {"text": ""})
            for text in saying.text:
                yield told("response.output_text.delta", **place, delta=text, logprobs=[])
            yield told("response.output_text.done", **place, text="".join(saying.text), logprobs=[])
            yield told("response.content_part.done", **place, part=item["content"][0])
        case _:
            yield told("response.output_item.added", output_index=at, item=item | {"arguments": ""})
            arguments = item["arguments"]
            yield told("response.function_call_arguments.delta", **place, delta=arguments[:6])
            yield told("response.function_call_arguments.delta", **place, delta=arguments[6:])
            yield told("response.function_call_arguments.done", **place, arguments=arguments, name=item["name"])
    yield told("response.output_item.done", output_index=at, item=item)
