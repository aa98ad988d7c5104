"""What each client must find of what each provider said: the words and the places of its dialect, as tables."""

from collections.abc import Mapping
from typing import Any

from tests.e2e.dialects.clients import Cell
from tests.e2e.dialects.saying import CACHED, INPUT, OUTPUT, REASONING

DETAILED = {"input": INPUT, "cached_input": CACHED, "output": OUTPUT, "reasoning": REASONING}
PLAIN = {"input": INPUT, "output": OUTPUT}
CACHE_ONLY = {"input": INPUT, "cached_input": CACHED, "output": OUTPUT + REASONING}

USAGE: Mapping[str, Mapping[str, int]] = {
    "chat": DETAILED,
    "completions": PLAIN,
    "responses": DETAILED,
    "messages": CACHE_ONLY,
    "gemini": DETAILED,
    "ollama": PLAIN,
    "generate": PLAIN,
    "converse": CACHE_ONLY,
    "cohere": PLAIN,
    "mistral": DETAILED,
}
"""What the ledger must hold: the counts of the scripted provider, in disjoint units."""

STOPS: Mapping[str, tuple[str, str]] = {
    "chat": ("stop", "tool_calls"),
    "mistral": ("stop", "tool_calls"),
    "completions": ("stop", ""),
    "responses": ("completed", "completed"),
    "messages": ("end_turn", "tool_use"),
    "gemini": ("STOP", "STOP"),
    "ollama_chat": ("stop", "stop"),
    "ollama_generate": ("stop", ""),
}
"""The word for an answer that ended, and for one that waits for its tools."""

WITHOUT_REASONING = {"completions", "mistral"}
"""Clients that have no place for reasoning, or do not read the place where it stands."""

ERROR_KINDS: Mapping[str, Mapping[int, str]] = {
    "openai_program": {400: "BadRequestError", 429: "RateLimitError", 502: "InternalServerError"},
    "anthropic_program": {400: "BadRequestError", 429: "RateLimitError", 502: "InternalServerError"},
    "gemini_program": {400: "ClientError", 429: "ClientError", 502: "ServerError"},
    "ollama_program": dict.fromkeys((400, 429, 502), "ResponseError"),
    "mistral_program": dict.fromkeys((400, 429, 502), "SDKError"),
}
"""The exception that a status is in each client's own words."""

IN_STREAM: Mapping[str, str] = {
    "openai_program": "APIError",
    "anthropic_program": "APIStatusError",
    "gemini_program": "ServerError",
    "ollama_program": "ResponseError",
    "mistral_program": "ResponseValidationError",
}
"""The exception of an error that comes after content. Mistral's client knows none, and cannot read the event."""

STATUSES = {"e400": 400, "e401": 502, "e429": 429, "e500": 502, "broken": 502, "cut": 502, "early": 502}
"""What a client gets of what the provider does before any content. A provider's 401 is about the operator's key."""


def refused(cell: Cell) -> bool:
    """Tell whether a request cannot be put in the provider's dialect without a loss."""
    if cell.provider == "completions":
        return cell.client.kind != "completions"  # it completes one text, and knows no turns
    return cell.provider == "generate" and cell.case in {"tools", "parallel", "history"}


def counted(kind: str, usage: Mapping[str, Any]) -> tuple[int, int]:
    """Return all input and all output that a client was shown."""
    match kind:
        case "chat" | "completions" | "mistral":
            return usage["prompt_tokens"], usage["completion_tokens"]
        case "responses":
            return usage["input_tokens"], usage["output_tokens"]
        case "messages":
            cache = (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
            return usage["input_tokens"] + cache, usage["output_tokens"]
        case "gemini":
            return usage["prompt_token_count"], usage["candidates_token_count"] + usage.get("thoughts_token_count", 0)
        case _:
            return usage["prompt_eval_count"], usage["eval_count"]


def sums(units: Mapping[str, int | None]) -> tuple[int, int]:
    """Return all input and all output of disjoint units."""
    read = sum(units.get(unit) or 0 for unit in ("input", "cached_input", "cache_write_5m", "cache_write_1h"))
    return read, (units.get("output") or 0) + (units.get("reasoning") or 0)
