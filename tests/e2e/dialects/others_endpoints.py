"""What the scripted provider answers where nobody chats: embeddings, token counts, pictures, sound, moderation, ranking."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.gateway.provider import Line, Seen

VECTOR = [0.25, -0.5, 0.125]
TOKENS = 7
SOUND = b"ID3\x04sound-of-a-voice" * 40
PICTURE = "iVBORw0KGgoAAAANSUhEUg=="

Body = dict[str, Any]


def _embeddings(body: Body, model: str) -> Body:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": at, "embedding": VECTOR} for at in range(len(texts))]
    usage = {"prompt_tokens": TOKENS, "total_tokens": TOKENS}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _ollama_embed(body: Body, model: str) -> Body:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return {"model": model, "embeddings": [VECTOR for _ in texts], "prompt_eval_count": TOKENS}


def _cohere_embed(body: Body, model: str) -> Body:
    texts = body.get("texts") or []
    billed = {"meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": TOKENS}}}
    return {"id": "e-1", "texts": texts, "embeddings": {"float": [VECTOR for _ in texts]}, **billed}


def _gemini_embed(body: Body, model: str) -> Body:
    return {"embeddings": [{"values": VECTOR} for _ in body["requests"]]}


def _gemini_embed_one(body: Body, model: str) -> Body:
    return {"embedding": {"values": VECTOR}}


def _gemini_count(body: Body, model: str) -> Body:
    return {"totalTokens": TOKENS, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": TOKENS}]}


def _count(body: Body, model: str) -> Body:
    return {"input_tokens": TOKENS}


def _images(body: Body, model: str) -> Body:
    usage = {"input_tokens": 10, "output_tokens": 40, "total_tokens": 50, "input_tokens_details": {"text_tokens": 10}}
    return {"created": 1_700_000_000, "data": [{"b64_json": PICTURE}], "usage": usage}


def _transcription(body: Body, model: str) -> Body:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    return {"text": "Four score and seven years ago", "usage": usage}


def _moderation(body: Body, model: str) -> Body:
    result = {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.01}}
    return {"id": "modr-1", "model": model, "results": [result]}


def _rerank(body: Body, model: str) -> Body:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    return {"id": "r-1", "results": results, "meta": {"billed_units": {"search_units": 1}}}


ANSWERS: tuple[tuple[str, Callable[[Body, str], Body]], ...] = (
    ("/v1/embeddings", _embeddings),
    ("/embed", _cohere_embed),
    (":batchEmbedContents", _gemini_embed),
    (":embedContent", _gemini_embed_one),
    (":countTokens", _gemini_count),
    ("/count_tokens", _count),
    ("/images/generations", _images),
    ("/images/edits", _images),
    ("/audio/transcriptions", _transcription),
    ("/audio/translations", _transcription),
    ("/moderations", _moderation),
    ("/rerank", _rerank),
)


async def answer(seen: Seen, line: Line, model: str) -> None:
    """Answer by the end of the path; 404 for any other."""
    path = urlsplit(seen.path).path
    if path.endswith("/audio/speech"):
        await line.head(content_type="audio/mpeg", content_length=str(len(SOUND)))
        await line.send(SOUND)
        return
    make = _ollama_embed if path.endswith("/api/embed") else None
    make = make or next((make for ending, make in ANSWERS if path.endswith(ending)), None)
    if make is None:
        error = {"error": {"message": f"there is nothing at {path}", "type": "not_found"}}
        await line.whole(json.dumps(error).encode(), "404 Not Found")
        return
    body = seen.body if seen.raw.startswith(b"{") else {}
    await line.whole(json.dumps(make(body, model)).encode())
