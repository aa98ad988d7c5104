"""Lists of models in the words of each dialect: what its own SDK reads. Pure; knows no catalog beyond its entries.

An entry is what `GET /v1/models` shows of a model.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import cast

Entry = Mapping[str, object]

GEMINI_METHODS = ("generateContent", "streamGenerateContent", "countTokens")
"""What Google's list says that a model can do; every model here can be asked so, by translation where needed."""


def anthropic_models(entries: Iterable[Entry]) -> dict[str, object]:
    """Return the list as Anthropic's `GET /v1/models` gives it, in one page."""
    shown = [anthropic_model(entry) for entry in entries]
    return {
        "data": shown,
        "has_more": False,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def anthropic_model(entry: Entry) -> dict[str, object]:
    """Return one model as Anthropic shows it."""
    return {"type": "model", "id": entry["id"], "display_name": entry["id"], "created_at": _moment(entry)}


def gemini_models(entries: Iterable[Entry]) -> dict[str, object]:
    """Return the list as Google's `GET /v1beta/models` gives it, in one page."""
    return {"models": [gemini_model(entry) for entry in entries]}


def gemini_model(entry: Entry) -> dict[str, object]:
    """Return one model as Google shows it; what is not known is left out."""
    shown: dict[str, object] = {
        "name": f"models/{entry['id']}",
        "displayName": entry["id"],
        "supportedGenerationMethods": list(GEMINI_METHODS),
    }
    for name, field in (("inputTokenLimit", "context_length"), ("outputTokenLimit", "max_output_tokens")):
        if entry[field] is not None:
            shown[name] = entry[field]
    return shown


def ollama_models(entries: Iterable[Entry]) -> dict[str, object]:
    """Return the list as Ollama's `GET /api/tags` gives it: no model lies here, so none has a size."""
    return {
        "models": [
            {
                "name": entry["id"],
                "model": entry["id"],
                "modified_at": _moment(entry),
                "size": 0,
                "digest": sha256(str(entry["id"]).encode()).hexdigest(),
                "details": ollama_details(),
            }
            for entry in entries
        ]
    }


def ollama_model(entry: Entry) -> dict[str, object]:
    """Return one model as Ollama's `POST /api/show` does."""
    known = cast(list[str], entry["capabilities"]) or ["completion"]
    words = {"chat": "completion", "embeddings": "embedding"}
    return {
        "modified_at": _moment(entry),
        "details": ollama_details(),
        "model_info": {} if entry["context_length"] is None else {"general.context_length": entry["context_length"]},
        "capabilities": [words.get(word, word) for word in known],
    }


def ollama_details() -> dict[str, object]:
    """Return what Ollama says of a model's file, which nobody knows of a model that lies elsewhere."""
    return {"format": "", "family": "", "families": [], "parameter_size": "", "quantization_level": ""}


def _moment(entry: Entry) -> str:
    created = entry["created"]
    at = datetime.fromtimestamp(created if isinstance(created, int) else 0, tz=UTC)
    return at.isoformat().replace("+00:00", "Z")
