"""What models can do: the words for it, where each is asked for, and how a model is called. Pure; knows no catalog."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tollway.catalog.records import Model, Profile, Streaming
from tollway.settings.capabilities import CAPABILITIES


class Capability(NamedTuple):
    """Something that a model can do."""

    modality: str
    """What comes out of it."""
    endpoint: str
    """Where it is asked for."""
    description: str


TEXT = "text"
CHAT = "/v1/chat/completions"

FACTS: Mapping[str, Capability] = {
    "chat": Capability(TEXT, CHAT, "Answers messages with text."),
    "stream": Capability(TEXT, CHAT, "Sends its answer while it is made, with `stream: true`."),
    "tools": Capability(TEXT, CHAT, "Calls functions that the request describes."),
    "response_format": Capability(TEXT, CHAT, "Answers in JSON, or in JSON of a schema."),
    "vision": Capability(TEXT, CHAT, "Reads pictures in messages."),
    "embeddings": Capability("embedding", "/v1/embeddings", "Turns text into vectors."),
    "images": Capability("image", "/v1/images/generations", "Draws pictures of a description."),
    "speech": Capability("tts", "/v1/audio/speech", "Reads text aloud."),
    "transcription": Capability("stt", "/v1/audio/transcriptions", "Writes down what is said."),
    "moderation": Capability("moderation", "/v1/moderations", "Says what is harmful in a text."),
    "rerank": Capability("rerank", "/v1/rerank", "Puts documents in order of their worth for a question."),
}
"""By the word of the settings."""

assert set(FACTS) == set(CAPABILITIES), "every word that settings may have is explained"

MODALITIES = tuple(dict.fromkeys([*(fact.modality for fact in FACTS.values()), "video", "music", "3d"]))
"""What models may be asked for by. Nothing here makes the last three yet, and asking for them finds nothing."""

EXAMPLES: Mapping[str, Mapping[str, object]] = {
    TEXT: {"messages": [{"role": "user", "content": "Hello"}]},
    "embedding": {"input": "Hello"},
    "image": {"prompt": "A lighthouse at dusk"},
    "tts": {"input": "Hello", "voice": "alloy"},
    "stt": {"file": "@speech.mp3"},
    "moderation": {"input": "Hello"},
    "rerank": {"query": "What is a lighthouse?", "documents": ["A tower with a light.", "A house without one."]},
}
"""What a request says beside the model."""

_CHUNK: Mapping[str, object] = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}


def modality_of(capabilities: Sequence[str]) -> str:
    """Return what comes out of a model: text where nobody said what it can do, or where it writes as well."""
    found = [FACTS[word].modality for word in capabilities if word in FACTS]
    return TEXT if not found or TEXT in found else found[0]


def view_capabilities() -> list[dict[str, object]]:
    """Show every word for what a model can do."""
    return [
        {"id": word, "description": fact.description, "endpoint": fact.endpoint, "modality": fact.modality}
        for word, fact in FACTS.items()
    ]


def render_schema(model: Model) -> dict[str, object]:
    """Return how a model is called: endpoint, examples, what it does otherwise than others, programs to run."""
    modality = modality_of(model.capabilities)
    endpoint = next(fact.endpoint for fact in FACTS.values() if fact.modality == modality)
    request = {"model": model.id, **EXAMPLES[modality]}
    return {
        "model": model.id,
        "modality": modality,
        "endpoint": {
            "method": "POST",
            "path": endpoint,
            "content_type": "multipart/form-data" if modality == "stt" else "application/json",
        },
        "request": request,
        "response": _response(modality, model.id),
        "stream": _stream(request, model.id) if modality == TEXT else None,
        "quirks": list(_quirks(model)),
        "snippets": _snippets(endpoint, request),
    }


def _response(modality: str, model: str) -> dict[str, object]:
    """Return an example of an answer; of sound, only what kind it is."""
    if modality == TEXT:
        message = {"role": "assistant", "content": "Hello!"}
        usage = {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return {"object": "chat.completion", "model": model, "choices": choices, "usage": usage}
    if modality == "embedding":
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
        return {"object": "list", "model": model, "data": vectors}
    known: Mapping[str, dict[str, object]] = {
        "image": {"data": [{"b64_json": "iVBORw0KGgo…"}]},
        "tts": {"content_type": "audio/mpeg"},
        "stt": {"text": "Hello"},
        "moderation": {"model": model, "results": [{"flagged": False}]},
        "rerank": {"model": model, "results": [{"index": 0, "relevance_score": 0.9}]},
    }
    return known[modality]


def _stream(request: Mapping[str, object], model: str) -> dict[str, object]:
    """Return an example of a stream: what is asked, and the lines that come."""
    chunk = {"object": "chat.completion.chunk", "model": model, "choices": [_CHUNK]}
    return {"request": {**request, "stream": True}, "events": [f"data: {json.dumps(chunk)}", "data: [DONE]"]}


def _quirks(model: Model) -> tuple[str, ...]:
    """Return what is to be known of a model beside its examples, a sentence each."""
    profiles: list[Profile] = [target.provider.home.profile_of(target.model_routed) for target in model.targets]
    dropped = sorted({field for profile in profiles for field in profile.unsupported})
    found: list[str] = []
    if not model.capabilities:
        found.append("Nobody said what it can do: it is shown as one that writes text.")
    if model.output_tokens_max is not None:
        found.append(f"An answer has at most {model.output_tokens_max} tokens.")
    if dropped:
        found.append(f"Left out, and named in the warning header: {', '.join(dropped)}.")
    if any(profile.streaming is Streaming.NEVER for profile in profiles):
        found.append("A stream of it comes at once, when the answer is complete.")
    return tuple(found)


def _snippets(endpoint: str, request: Mapping[str, object]) -> dict[str, str]:
    """Return programs that make the request, with address and key from the environment."""
    body = json.dumps(request)
    form = " ".join(f"-F '{name}={value}'" for name, value in request.items())
    sent = form if "file" in request else f"-H 'Content-Type: application/json' -d '{body}'"
    curl = f'curl "$GATEWAY_URL{endpoint}" -H "Authorization: Bearer $GATEWAY_KEY" {sent}'
    python = (
        "import os, httpx\n"
        'print(httpx.post(os.environ["GATEWAY_URL"] + '
        f'{endpoint!r}, json={request!r}, headers={{"Authorization": "Bearer " + os.environ["GATEWAY_KEY"]}}).json())'
    )
    typescript = (
        f"const reply = await fetch(process.env.GATEWAY_URL + {json.dumps(endpoint)}, {{\n"
        '  method: "POST",\n'
        '  headers: { Authorization: `Bearer ${process.env.GATEWAY_KEY}`, "Content-Type": "application/json" },\n'
        f"  body: JSON.stringify({body}),\n"
        "});\nconsole.log(await reply.json());"
    )
    return {"curl": curl} if "file" in request else {"curl": curl, "python": python, "typescript": typescript}
