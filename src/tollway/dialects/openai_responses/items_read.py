"""The output items of a response as neutral events, piece by piece or whole. Knows no stream and no provider."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, Raw, Struct

from tollway.dialects.openai_responses.events import ITEM_ADDED, ITEM_DONE, WireEvent
from tollway.dialects.openai_responses.sealing import packed
from tollway.dialects.openai_responses.wire import (
    ANNOTATION,
    CALL,
    IMAGE,
    KIND,
    LOGPROBS,
    MESSAGE,
    PART,
    REASONING,
    WirePart,
    citation_of,
    citations_of,
    logprobs_of,
)
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    MediaAdded,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Inline, Sealed
from tollway.neutral.seals import UNSEALED

_PART_DONE = "response.content_part.done"
_ANNOTATED = "response.output_text.annotation.added"
_TEXT = "response.output_text.delta"
_REFUSAL = "response.refusal.delta"
_CUSTOM = "custom_tool_call"
_CALLS = frozenset(("function_call", _CUSTOM))
_NO_ARGUMENTS = "{}"
_ARGUMENTS = frozenset(("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"))
_THOUGHTS = frozenset(("response.reasoning_text.delta", "response.reasoning_summary_text.delta"))


class _Item(Struct, gc=False):
    """What was told of an item."""

    call: int | None = None
    """Which call of the answer it is."""
    written: bool = False
    thoughts: str = ""
    """Which kind of thoughts is told: the first that comes; a summary of the same says nothing new."""
    thought: int = 0
    """Which part of the summary was written last."""
    cited: int = 0
    """Citations of the part that is open."""


class Items:
    """The items of one response."""

    def __init__(self) -> None:
        """Start with none."""
        self.calls = 0
        """How many tools the model asked for."""
        self._told: dict[int, _Item] = {}

    def write(self, wire: WireEvent, delta: str, told: list[Event]) -> None:
        """Take a piece of an item's text."""
        if not delta:
            return
        item = self._told.get(wire.output_index)
        if item is None:
            item = self._told[wire.output_index] = _Item()
        kind = wire.type
        if kind == _TEXT:
            told.append(TextDelta(text=delta, logprobs=_logprobs(wire)))
        elif kind in _ARGUMENTS:
            if item.call is None:
                return  # its item never came: it is told when it is done
            told.append(ToolCallDelta(index=item.call, arguments=delta))
        elif kind in _THOUGHTS:
            self._think(item, wire, delta, told)
        elif kind == _REFUSAL:
            told.append(DeclinedDelta(text=delta))
        else:
            return
        item.written = True

    def _think(self, item: _Item, wire: WireEvent, delta: str, told: list[Event]) -> None:
        if not item.thoughts:
            item.thoughts, item.thought = wire.type, wire.summary_index
        if item.thoughts != wire.type:
            return
        if item.written and item.thought != wire.summary_index:
            told.append(ReasoningDelta(text="\n\n"))
        item.thought = wire.summary_index
        told.append(ReasoningDelta(text=delta))

    def take(self, wire: WireEvent, told: list[Event]) -> None:
        """Take what else is said of an item; what is not understood says nothing."""
        try:
            if wire.type == ITEM_ADDED and wire.item is not UNSET:
                self._add(wire.output_index, wire.item, told)
            elif wire.type == ITEM_DONE and wire.item is not UNSET:
                self._end(wire.output_index, wire.item, told)
            elif wire.type == _PART_DONE and wire.part is not UNSET:
                self._end_part(wire.output_index, PART.decode(wire.part), told)
            elif wire.type == _ANNOTATED and wire.annotation is not UNSET:
                self._cite(wire.output_index, wire.annotation, told)
        except msgspec.ValidationError:
            return

    def tell_whole(self, output: list[Raw], told: list[Event]) -> None:
        """Tell the items of a whole response if none was told; raises ValidationError for what is none."""
        if not self._told:
            for index, item in enumerate(output):
                self._end(index, item, told)

    def _add(self, index: int, item: Raw, told: list[Event]) -> None:
        kept = self._told[index] = _Item()
        if KIND.decode(item).type in _CALLS:
            self._start_call(kept, item, told)

    def _start_call(self, kept: _Item, item: Raw, told: list[Event]) -> str:
        call = CALL.decode(item)
        kept.call = self.calls
        self.calls += 1
        call_id = call.call_id or call.id or f"call_{kept.call}"
        custom = KIND.decode(item).type == _CUSTOM
        told.append(ToolCallStarted(index=kept.call, id=call_id, name=call.name, custom=custom))
        return (call.input if custom else call.arguments) or ""

    def _cite(self, index: int, found: Raw, told: list[Event]) -> None:
        annotation = ANNOTATION.decode(found)
        if annotation.type == "url_citation" and index in self._told:
            self._told[index].cited += 1
            told.append(CitationAdded(citation=citation_of(annotation)))

    def _end_part(self, index: int, part: WirePart, told: list[Event]) -> None:
        item = self._told.get(index)
        if item is not None and item.written:
            _cite_rest(item, part, told)
            told.append(PartEnded())

    def _end(self, index: int, item: Raw, told: list[Event]) -> None:
        kept = self._told.setdefault(index, _Item())
        tell = _ENDS.get(KIND.decode(item).type)
        if tell is not None:
            tell(self, kept, item, told)

    def end_message(self, kept: _Item, item: Raw, told: list[Event]) -> None:
        """Tell a message that was not streamed."""
        if kept.written:
            told.append(PartEnded())
            return
        content = MESSAGE.decode(item).content
        for part in [WirePart(text=content)] if isinstance(content, str) else content or ():
            if part.refusal is not None:
                told.append(DeclinedDelta(text=part.refusal))
            else:
                told.append(TextDelta(text=part.text or "", logprobs=logprobs_of(part.logprobs)))
                _cite_rest(kept, part, told)
            told.append(PartEnded())

    def end_call(self, kept: _Item, item: Raw, told: list[Event]) -> None:
        """Tell a call, or its arguments, that were not streamed."""
        if kept.call is None:
            arguments = self._start_call(kept, item, told)
        else:
            call = CALL.decode(item)
            arguments = call.input or call.arguments or ""
        if not arguments and KIND.decode(item).type != _CUSTOM:
            arguments = _NO_ARGUMENTS
        if arguments and not kept.written:
            told.append(ToolCallDelta(index=kept.call or 0, arguments=arguments))

    def end_thoughts(self, kept: _Item, item: Raw, told: list[Event]) -> None:
        """Tell the seal of a reasoning, and its text if it was not streamed."""
        reasoning = REASONING.decode(item)
        if reasoning.text and not kept.written:
            told.append(ReasoningDelta(text=reasoning.text))
            kept.written = True
        if reasoning.encrypted_content and reasoning.encrypted_content != UNSEALED:
            data = packed(reasoning.id, reasoning.encrypted_content)
            told.append(ReasoningSealed(sealed=Sealed(data=data, whole=not kept.written)))
        else:
            told.append(PartEnded())

    def end_image(self, _kept: _Item, item: Raw, told: list[Event]) -> None:
        """Tell a picture."""
        image = IMAGE.decode(item)
        if image.result:
            media_type = f"image/{image.output_format or 'png'}"
            told.append(MediaAdded(media=Inline(media_type=media_type, data=image.result)))


_ENDS: dict[str, Callable[[Items, _Item, Raw, list[Event]], None]] = {
    "message": Items.end_message,
    "function_call": Items.end_call,
    "custom_tool_call": Items.end_call,
    "reasoning": Items.end_thoughts,
    "image_generation_call": Items.end_image,
}


def _cite_rest(item: _Item, part: WirePart, told: list[Event]) -> None:
    """Tell the citations of a part that no event told."""
    citations = citations_of(part.annotations)
    told += [CitationAdded(citation=citation) for citation in citations[item.cited :]]
    item.cited = 0


def _logprobs(wire: WireEvent) -> tuple[TokenLogprob, ...]:
    found = wire.logprobs
    if found is UNSET or memoryview(found).nbytes <= 4:  # [] or null: nearly always
        return ()
    try:
        return logprobs_of(LOGPROBS.decode(found))
    except msgspec.ValidationError:
        return ()
