"""A whole answer of any provider, written as a chat completion. Knows no provider.

A message has one text: what a model wrote between its tool calls stands before them, and its thoughts stand beside it.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import Raw

from tollway.dialects.data_url import url_of
from tollway.dialects.openai_chat.spoken import REASONING_TEXT, plain_detail
from tollway.dialects.openai_usage import closing_usage
from tollway.dialects.openai_words import STOP_WORDS
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import StopReason, TokenLogprob
from tollway.neutral.parts import Audio, Citation, Declined, Image, Inline, Part, Reasoning, Text, ToolCall
from tollway.neutral.seals import marked

_ENCODE = msgspec.json.Encoder().encode

Kind = TypeVar("Kind")

ID_PREFIX = "chatcmpl-"

TIERS = frozenset(("auto", "default", "flex", "scale", "priority"))
"""The tiers that OpenAI's types know; another provider's word for its own would be read by nobody."""


def render_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return the body of a chat completion."""
    choices = answer.choices or (Choice(parts=(), reason=StopReason.STOP),)
    body: dict[str, object] = {
        "id": f"{ID_PREFIX}{terms.reply_id}",
        "object": "chat.completion",
        "created": terms.created_s,
        "model": answer.model or terms.model,
        "choices": [_choice(index, choice, terms) for index, choice in enumerate(choices)],
        "usage": Raw(closing_usage(closing)),
    }
    if answer.service_tier in TIERS:
        body["service_tier"] = answer.service_tier
    return _ENCODE(body)


def _choice(index: int, choice: Choice, terms: ReplyTerms) -> dict[str, object]:
    reason = choice.reason
    if reason is None:
        reason = StopReason.TOOL_CALLS if _of(choice.parts, ToolCall) else StopReason.STOP
    return {
        "index": index,
        "message": _message(choice.parts, terms),
        "logprobs": {"content": tokens_of(choice.logprobs), "refusal": None} if choice.logprobs else None,
        "finish_reason": STOP_WORDS[reason],
    }


def _message(parts: tuple[Part, ...], terms: ReplyTerms) -> dict[str, object]:
    texts, calls, declined = _of(parts, Text), _of(parts, ToolCall), _of(parts, Declined)
    content = "".join(part.text for part in texts)
    message: dict[str, object] = {
        "role": "assistant",
        "content": content if content or not (calls or declined) else None,
        "refusal": "".join(part.text for part in declined) if declined else None,
    }
    thoughts = "".join(part.text for part in _of(parts, Reasoning))
    if thoughts:
        message["reasoning_content"] = thoughts
    details = _details(parts)
    if details:
        message["reasoning_details"] = details
    annotations = _annotations(texts)
    if annotations:
        message["annotations"] = annotations
    pictures = [picture_of(part.source) for part in _of(parts, Image) if isinstance(part.source, Inline)]
    if pictures:
        message["images"] = pictures
    for sound in _of(parts, Audio):
        if isinstance(sound.source, Inline):
            message["audio"] = sound_of(sound.source, sound.transcript, terms)
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _of(parts: Iterable[Part], kind: type[Kind]) -> list[Kind]:
    return [part for part in parts if isinstance(part, kind)]


def _annotations(texts: Iterable[Text]) -> list[dict[str, object]]:
    """Return the citations of all texts, whose places are in the one content that they become."""
    annotations: list[dict[str, object]] = []
    begin = 0
    for part in texts:
        found = (annotation_of(citation, (begin, begin + len(part.text))) for citation in part.citations)
        annotations += [annotation for annotation in found if annotation]
        begin += len(part.text)
    return annotations


def _details(parts: tuple[Part, ...]) -> list[dict[str, object]]:
    """Return the thoughts with their seals; none where nothing is sealed, for then the plain field says it all."""
    thoughts = _of(parts, Reasoning)
    if not any(part.sealed for part in thoughts):
        return []
    details: list[dict[str, object]] = []
    for place, part in enumerate(parts):
        if not isinstance(part, Reasoning):
            continue
        if part.sealed is None:
            details.append({"type": REASONING_TEXT, "text": part.text})
            continue
        following = parts[place + 1] if place + 1 < len(parts) else None
        call_id = following.id if isinstance(following, ToolCall) and not part.text else None
        details.append(plain_detail(marked(part.sealed), text=part.text, whole=part.sealed.whole, call_id=call_id))
    return details


def _call(call: ToolCall) -> dict[str, object]:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def annotation_of(citation: Citation, span: tuple[int, int]) -> dict[str, object] | None:
    """Return a citation in OpenAI's form, which is of addresses; None for what has none.

    `span` is where its text stands in the whole content, as far as it is known: all of it rests on what has no place.
    """
    if citation.url is None:
        return None
    begin, end = span
    cited: dict[str, object] = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": begin + (citation.answer_start or 0),
        "end_index": end if citation.answer_end is None else begin + citation.answer_end,
    }
    if citation.quoted is not None:
        cited["content"] = citation.quoted
    return {"type": "url_citation", "url_citation": cited}


def picture_of(source: Inline) -> dict[str, object]:
    """Return a picture in the form that OpenRouter gave it: OpenAI's chat has none."""
    return {"type": "image_url", "image_url": {"url": url_of(source)}}


def sound_of(source: Inline, transcript: str | None, terms: ReplyTerms) -> dict[str, object]:
    """Return a sound in OpenAI's form. Nothing can be asked of it later: it has expired when it is made."""
    return {
        "id": f"audio_{terms.reply_id}",
        "data": source.data,
        "expires_at": terms.created_s,
        "transcript": transcript or "",
    }


def tokens_of(logprobs: tuple[TokenLogprob, ...]) -> list[dict[str, object]]:
    """Return likelihoods in OpenAI's form. The bytes of a token do not follow from its text: they are not said."""
    return [{**_token(each), "top_logprobs": [_token(other) for other in each.top]} for each in logprobs]


def _token(token: TokenLogprob) -> dict[str, object]:
    return {"token": token.token, "logprob": token.logprob, "bytes": None}
