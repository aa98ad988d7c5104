"""A prompt of any client, written as a completion request for one provider. Knows no client's dialect.

A completion has one text and nothing else: a conversation, tools, pictures and forms of the answer are refused.
"""

from tollway.dialects.body import refused
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.parts import Text
from tollway.neutral.request import CACHE_MARKS, REASONING, ChatRequest, Message, OutputKind, Role, ToolUse, tuned

_PASSED = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logit_bias": "logit_bias",
    "end_user": "user",
    "suffix": "suffix",
}
"""The neutral form's names to the dialect's, of what passes as it is."""

_LIKELIHOODS = ("logprobs", "top_logprobs")


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body for the provider; raises Refusal for what it has no place for."""
    dropped: list[str] = []
    prompt = _prompt(request, dropped)
    _refuse_contracts(request)
    fields: dict[str, object] = {"model": edits.model_routed, "prompt": prompt}
    if edits.streamed:
        fields["stream"] = True
        if edits.usage_wanted:
            fields["stream_options"] = {"include_usage": True}
    # The dialect's own default is sixteen tokens: nobody who does not speak it means that.
    limit = edits.output_tokens_default if request.output_tokens_max is None else request.output_tokens_max
    fields[edits.output_tokens_name] = limit if edits.output_tokens_max is None else min(limit, edits.output_tokens_max)
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.choices != 1:
        fields["n"] = request.choices
    for neutral, name in _PASSED.items():
        value = getattr(request, neutral)
        if value is not None:
            fields[name] = value
    if request.logprobs or (request.logprobs is None and request.top_logprobs is not None):
        fields["logprobs"] = request.top_logprobs or 0
    dropped += [name for name in tuned(request) if name not in _PASSED and name not in _LIKELIHOODS]
    wish = request.reasoning
    if wish is not None and (wish.effort is not None or wish.budget_tokens is not None):
        dropped.append(REASONING)
    dropped += request.knobs
    body, named = finished(fields, edits, dropped)
    return RenderedRequest(body, named)


def _prompt(request: ChatRequest, dropped: list[str]) -> str:
    """Return the prompt; raises Refusal for all that is more than one."""
    if len(request.messages) != 1 or not request.completes:
        raise _more("a conversation", "messages")
    message: Message = request.messages[0]
    texts = [part for part in message.parts if isinstance(part, Text)]
    if message.role is not Role.USER or len(texts) != len(message.parts):
        raise _more("more than text", "messages")
    if any(text.cache is not None for text in texts):
        dropped.append(CACHE_MARKS)
    return "".join(text.text for text in texts)


def _refuse_contracts(request: ChatRequest) -> None:
    if request.tools:
        raise _more("tools", "tools")
    if request.tool_choice is not None and request.tool_choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}:
        raise _more("tools", "tool_choice")
    if request.output is not None and request.output.kind is not OutputKind.TEXT:
        raise _more("a form of the answer", "response_format")
    if request.audio is not None:
        raise _more("a spoken answer", "audio")


def _more(what: str, param: str) -> Refusal:
    return refused(
        f"this model's provider completes one text and takes nothing else, and the request has {what}: ask for another model",
        param=param,
    )
