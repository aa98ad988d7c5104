"""An answer of any provider as a whole Messages answer. Knows no provider."""

from collections.abc import Collection
from typing import cast

import msgspec

from tollway.dialects.anthropic_messages.arguments import as_object
from tollway.dialects.anthropic_messages.citations import citation_members
from tollway.dialects.anthropic_messages.costs import usage_shown
from tollway.dialects.anthropic_messages.words import STOP_WORDS
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Audio, Declined, Image, Inline, Part, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.seals import UNSEALED, marked

MESSAGE_ID = "msg_"

_ENCODE = msgspec.json.Encoder().encode
_PLAIN_ENDS = frozenset((StopReason.STOP, StopReason.OTHER))
_NO_ANSWER = Choice(parts=(), reason=StopReason.STOP)


def render_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return the answer; of several choices, for which no request of this dialect can ask, the first."""
    choice = answer.choices[0] if answer.choices else _NO_ANSWER
    return _ENCODE(
        {
            **message_members(answer.model, terms),
            "content": [block for part in choice.parts if (block := _block(part)) is not None],
            "stop_reason": stop_word(choice.reason, {type(part) for part in choice.parts}),
            "stop_sequence": choice.sequence,
            "usage": msgspec.Raw(usage_shown(None, closing)),
        }
    )


def message_members(model: str | None, terms: ReplyTerms) -> dict[str, object]:
    """Return how an answer begins. Its id is ours: another dialect's would not have this one's form."""
    return {
        "id": MESSAGE_ID + terms.reply_id,
        "type": "message",
        "role": "assistant",
        "model": model or terms.model,
    }


def stop_word(reason: StopReason | None, kinds: Collection[type[Part]]) -> str:
    """Return why an answer with parts of these kinds ended.

    Other dialects say that they simply stopped where a named tool was called, or where the model declined: a client of
    this one looks at the word.
    """
    if reason is None or reason in _PLAIN_ENDS:
        if Declined in kinds:
            reason = StopReason.DECLINED
        elif ToolCall in kinds:
            reason = StopReason.TOOL_CALLS
    return STOP_WORDS[reason or StopReason.OTHER]


def media_text(media: Inline, transcript: str | None) -> str:
    """Return a picture or a sound as text, which is all that an answer of this dialect has for it."""
    return transcript or f"![{media.media_type}](data:{media.media_type};base64,{media.data})"


def _block(part: Part) -> dict[str, object] | None:
    """Return a content block; None for what says nothing."""
    match part:
        case Text() | Declined() | Image(source=Inline()) | Audio(source=Inline()):
            return _text_block(part)
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": as_object(part.arguments)}
        case Reasoning(sealed=None):
            return {"type": "thinking", "thinking": part.text, "signature": UNSEALED}
        case Reasoning(sealed=Sealed(whole=True) as sealed):
            return {"type": "redacted_thinking", "data": marked(sealed)}
        case Reasoning(sealed=Sealed() as sealed):
            return {"type": "thinking", "thinking": part.text, "signature": marked(sealed)}
        case _:
            return None


def _text_block(part: Text | Declined | Image | Audio) -> dict[str, object] | None:
    citations = part.citations if isinstance(part, Text) else ()
    if isinstance(part, Text | Declined):
        text = part.text
    else:
        text = media_text(cast(Inline, part.source), part.transcript if isinstance(part, Audio) else None)
    if citations:
        return {"type": "text", "text": text, "citations": [citation_members(citation) for citation in citations]}
    return {"type": "text", "text": text} if text else None
