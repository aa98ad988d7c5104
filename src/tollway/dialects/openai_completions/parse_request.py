"""A client's completion request, read completely into the neutral form: one prompt that is to be gone on with.

Knows no provider. What only tunes and has no place passes as a knob; what has no place and means something is refused.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.openai_completions.peek import OUTPUT_TOKENS_DEFAULT
from tollway.neutral.parts import Text
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, Role

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_READ_BY_PEEK = ("model", "stream", "stream_options", "max_tokens")
_ELSEWHERE = "leave it out, or ask for a model whose provider speaks this dialect"

_FIELDS: Mapping[str, tuple[str, Any, str]] = {
    "temperature": ("temperature", float, "a number"),
    "top_p": ("top_p", float, "a number"),
    "top_k": ("top_k", int, "a whole number"),
    "min_p": ("min_p", float, "a number"),
    "seed": ("seed", int, "a whole number"),
    "frequency_penalty": ("frequency_penalty", float, "a number"),
    "presence_penalty": ("presence_penalty", float, "a number"),
    "logit_bias": ("logit_bias", dict[str, float], "an object of numbers"),
    "logprobs": ("top_logprobs", int, "a whole number"),
    "user": ("end_user", str, "a string"),
    "service_tier": ("service_tier", str, "a string"),
    "suffix": ("suffix", str, "a string"),
    "stop": ("stop", str | list[str], "a string or an array of strings"),
    "n": ("choices", int, "a whole number"),
    "best_of": ("best_of", int, "a whole number"),
    "echo": ("echo", bool, "true or false"),
    "prompt": ("prompt", str | list[Any], "a string or an array"),
}
"""The dialect's name to the neutral form's where it has one, the type, and its words."""


def parse_request(body: bytes, peek: Peek) -> ChatRequest:
    """Return what a request asks; raises Refusal `invalid_request` for what it cannot understand or carry."""
    members = {name: raw for name, raw in _MEMBERS.decode(body).items() if bytes(raw) != b"null"}
    for name in _READ_BY_PEEK:
        members.pop(name, None)
    read = {neutral: _value(members.pop(name), name) for name, (neutral, _, _) in _FIELDS.items() if name in members}
    prompt = _prompt(read.pop("prompt"))
    if read.pop("echo", False):
        raise refused(f"`echo` is not known to this model's provider: {_ELSEWHERE}", param="echo")
    if read.pop("best_of", 1) > read.get("choices", 1):
        raise refused(f"`best_of` is not known to this model's provider: {_ELSEWHERE}", param="best_of")
    stop = read.pop("stop", ())
    if read.get("suffix") == "":
        del read["suffix"]
    return ChatRequest(
        model=peek.model_asked,
        messages=(Message(role=Role.USER, parts=(Text(text=prompt),)),),
        streamed=peek.streamed,
        output_tokens_max=peek.output_tokens_max or OUTPUT_TOKENS_DEFAULT,
        completes=True,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        logprobs=True if "top_logprobs" in read else None,
        knobs=members,
        **read,
    )


def _value(raw: Raw, name: str) -> Any:  # noqa: ANN401  what the table says
    _, kind, must_be = _FIELDS[name]
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        raise refused(f"`{name}` must be {must_be}", param=name) from None


def _prompt(prompt: str | list[Any]) -> str:
    """Return the one prompt."""
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    what = "several prompts" if isinstance(prompt[0], str) else "tokens instead of text"
    raise refused(
        f"`prompt` holds {what}, which this model's provider does not take: send one string, or ask for a model whose "
        "provider speaks this dialect",
        param="prompt",
    )
