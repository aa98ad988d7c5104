"""The response object of an answer: what it says of itself, and what it repeats of its request. Knows no provider."""

import msgspec
from msgspec import Raw

from tollway.dialects.openai_responses.words import REASON_WORDS, TIERS
from tollway.dialects.record import ReplyTerms
from tollway.neutral.events import StopReason

Fields = dict[str, object]

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode

_DEFAULTS: Fields = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": Raw(b'{"effort":null,"summary":null}'),
    "safety_identifier": None,
    "store": False,
    "temperature": None,
    "text": Raw(b'{"format":{"type":"text"}}'),
    "tool_choice": "auto",
    "tools": Raw(b"[]"),
    "top_logprobs": None,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of a request that did not say it."""

_FILLED = {"reasoning": Raw(b'{"effort":null,"summary":null}'), "text": Raw(b'{"format":{"type":"text"}}')}
"""Objects of which a request may give a part."""


class Response:
    """One response object."""

    def __init__(self, terms: ReplyTerms) -> None:
        """Take what it says that the provider does not."""
        self._terms = terms
        self.model = terms.model
        self._tier: str | None = None
        # A line end would end the line of an event; in JSON it is a space.
        echoes = {
            name: Raw(bytes(value).replace(b"\r", b" ").replace(b"\n", b" "))
            for name, value in terms.request.echoes.items()
        }
        for name, whole in _FILLED.items():
            if name in echoes:
                echoes[name] = Raw(_ENCODE(_FIELDS.decode(whole) | _FIELDS.decode(echoes[name])))
        self._echoes = _DEFAULTS | echoes

    def serve(self, tier: str) -> None:
        """Take the provider's word for its tier; official clients know few, and others are not shown."""
        self._tier = tier if tier in TIERS else None

    def begun(self) -> Fields:
        """Return the object of an answer that has only begun."""
        return self._fields("in_progress", [], None)

    def over(self, output: list[Fields], reason: StopReason, usage: bytes) -> Fields:
        """Return the object of an answer that is over."""
        word = REASON_WORDS.get(reason)
        fields = self._fields("completed" if word is None else "incomplete", output, Raw(usage))
        return fields if word is None else fields | {"incomplete_details": {"reason": word}}

    def _fields(self, status: str, output: list[Fields], usage: Raw | None) -> Fields:
        return {
            "id": f"resp_{self._terms.reply_id}",
            "object": "response",
            "created_at": self._terms.created_s,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": output,
            "service_tier": self._tier,
            **self._echoes,
            "usage": usage,
        }
