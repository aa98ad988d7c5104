"""A provider's whole Messages answer, read into the neutral form. Knows no provider."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.anthropic_messages.answer import junk
from tollway.dialects.anthropic_messages.arguments import as_text, call_id
from tollway.dialects.anthropic_messages.citations import read_citation
from tollway.dialects.anthropic_messages.events import Block, explanation
from tollway.dialects.anthropic_messages.usage import read_counts, tier_of, usage_of
from tollway.dialects.anthropic_messages.words import STOP_REASONS
from tollway.dialects.provider_cost import read_provider_cost
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Citation, Declined, Part, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.seals import UNSEALED


class _Answer(Struct, gc=False):
    content: list[Block]
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)


def parse_answer(body: bytes) -> ChatAnswer:
    """Return the answer; raises UpstreamFailure JUNK. Blocks of the provider's own tools are skipped: nobody asked for any."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise junk(body) from None
    counts = None if answer.usage is UNSET else read_counts(answer.usage)
    parts: list[Part] = []
    for block in answer.content:
        part = _part(block, calls=sum(isinstance(part, ToolCall) for part in parts))
        if part is not None:
            parts.append(part)
    words = explanation(answer.stop_details)
    if words:
        parts.append(Declined(text=words))
    reason = None if answer.stop_reason is None else STOP_REASONS.get(answer.stop_reason, StopReason.OTHER)
    return ChatAnswer(
        choices=(Choice(parts=tuple(parts), reason=reason, sequence=answer.stop_sequence),),
        usage=usage_of(counts),
        id=answer.id,
        model=answer.model,
        service_tier=tier_of(counts),
        provider_cost_nanos=None if answer.usage is UNSET else read_provider_cost(bytes(answer.usage)),
    )


def citations_of(found: list[Raw] | None) -> tuple[Citation, ...]:
    """Return the citations of a text that can be read."""
    return tuple(citation for each in found or () if (citation := read_citation(each)) is not None)


def _part(block: Block, *, calls: int) -> Part | None:
    match block.type:
        case "text":
            citations = citations_of(block.citations)
            return Text(text=block.text or "", citations=citations) if block.text or citations else None
        case "tool_use":
            return ToolCall(id=call_id(block.id, calls), name=block.name or "", arguments=as_text(block.input))
        case "thinking":
            signature = None if block.signature == UNSEALED else block.signature
            sealed = Sealed(data=signature) if signature else None
            return Reasoning(text=block.thinking or "", sealed=sealed) if block.thinking or sealed else None
        case "redacted_thinking":
            return Reasoning(sealed=Sealed(data=block.data or "", whole=True))
        case _:
            return None
