"""A client of any dialect as curl is one: paths, bodies, and where the cost stands in what comes back."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import httpx

from tests.e2e.dialects.gateway import DIALECTS

KINDS = (
    "openai_chat",
    "openai_completions",
    "openai_responses",
    "anthropic_messages",
    "gemini",
    "ollama_chat",
    "ollama_generate",
)
"""The dialects of chat that clients speak."""

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_completions": "/v1/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "ollama_chat": "/api/chat",
    "ollama_generate": "/api/generate",
}

Body = dict[str, Any]


def request(kind: str, model: str, *, prompt: str = "Hello", stream: bool = False, **more: object) -> tuple[str, Body]:
    """Return path and body of a short question."""
    if kind == "gemini":
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        contents = [{"role": "user", "parts": [{"text": prompt}]}]
        return f"/v1beta/models/{model}:{method}", {"contents": contents, **more}
    turns = [{"role": "user", "content": prompt}]
    asked: Mapping[str, Body] = {
        "openai_chat": {"messages": turns},
        "openai_completions": {"prompt": prompt},
        "openai_responses": {"input": prompt},
        "anthropic_messages": {"messages": turns, "max_tokens": 500},
        "ollama_chat": {"messages": turns},
        "ollama_generate": {"prompt": prompt},
    }
    return PATHS[kind], {"model": model, **asked[kind], "stream": stream, **more}


def ask(
    client: httpx.Client, kind: str, model: str, *, headers: Mapping[str, str] | None = None, **options: Any
) -> httpx.Response:
    """Ask, and read all of the reply."""
    path, body = request(kind, model, **options)
    return client.post(path, json=body, headers=headers)


def documents(reply: httpx.Response) -> list[Any]:
    """Return every JSON value of a reply: of each event, each line, or the one whole."""
    kind = reply.headers["content-type"]
    if kind.startswith("text/event-stream"):
        texts = [line[6:] for line in reply.text.splitlines() if line.startswith("data: ") and line != "data: [DONE]"]
    elif "ndjson" in kind:
        texts = [line for line in reply.text.splitlines() if line]
    else:
        texts = [reply.text]
    return [json.loads(text, parse_float=Decimal) for text in texts]


def costs(reply: httpx.Response) -> list[Mapping[str, Any]]:
    """Return every object of a reply in which a cost stands."""
    return [found for document in documents(reply) for found in _costs(document)]


def _costs(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if "total_cost_usd" in value:
            yield value
        for each in value.values():
            yield from _costs(each)
    elif isinstance(value, list):
        for each in value:
            yield from _costs(each)


def text_of(reply: httpx.Response) -> str:
    """Return what the model wrote, by the member that each dialect keeps it in; each text once."""
    found: list[str] = []
    for document in documents(reply):
        if document.get("type") == "response.output_text.delta":
            found.append(document["delta"])
        elif "type" not in document or document["type"] in {"message", "content_block_delta"}:
            found += _texts(document)
    return "".join(found)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name in {"text", "content", "response"} and isinstance(each, str):
                yield each
            else:
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def possible(kind: str, provider: str) -> bool:
    """Tell whether a plain question reaches a provider: one that completes a text takes nothing else."""
    return provider != "completions" or kind == DIALECTS[provider]
