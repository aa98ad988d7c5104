"""Answers of the neutral form, written for a client of Ollama's, whole or in lines. Knows no provider.

Durations are left out: nobody measured them. A tool call goes out whole, because its arguments are an object here.
"""

from datetime import UTC, datetime
from itertools import takewhile

from tollway.dialects.ollama.closing import closing_members, line
from tollway.dialects.ollama.wire import CHAT, GENERATE, Call, Function, Said, Shape, arguments_object, is_object
from tollway.dialects.ollama.words import done_reason
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import (
    DeclinedDelta,
    Event,
    Finished,
    MediaAdded,
    ReasoningDelta,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Declined, Image, Inline, Reasoning, Text, ToolCall


class LinesWriter:
    """Events on their way into a client's lines."""

    def __init__(self, terms: ReplyTerms, shape: Shape) -> None:
        """Take what the answer says that the provider does not, and where the words stand."""
        self._shape = shape
        self._model = terms.model
        self._created_at = moment(terms.created_s)
        self._calls: dict[int, tuple[ToolCallStarted, list[str]]] = {}
        """Those that have begun and have not gone out."""
        self._grown: dict[int, None] = {}
        """Those of them whose arguments have grown since they were last looked at."""
        self._whole: set[int] = set()
        """Those of them whose arguments are whole."""
        self._finished: Finished | None = None

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now."""
        lines: list[bytes] = []
        for event in events:
            if isinstance(event, ToolCallDelta):
                if event.index in self._calls:
                    self._calls[event.index][1].append(event.arguments)
                    self._grown[event.index] = None
                continue
            if self._grown:
                lines.append(self._whole_calls())
            self._write(event, lines)
        return b"".join(lines)

    def _write(self, event: Event, lines: list[bytes]) -> None:
        match event:
            case TextDelta():
                if event.text or event.logprobs:
                    lines.append(self._line(Said(content=event.text), logprobs=event.logprobs))
            case ReasoningDelta():
                lines.append(self._line(Said(thinking=event.text)))
            case DeclinedDelta():
                lines.append(self._line(Said(content=event.text)))
            case MediaAdded():
                if event.media.media_type.startswith("image/"):  # a sound has no place here, and nobody asks for one
                    lines.append(self._line(Said(images=[event.media.data])))
            case ToolCallStarted():
                self._calls[event.index] = (event, [])
            case Started():
                self._model = event.model or self._model
            case Finished():
                self._finished = event
            case _:  # usage comes with the end, citations have no place
                pass

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream."""
        reason = StopReason.STOP if self._finished is None else self._finished.reason
        return self._release(list(self._calls)) + self._last(reason, closing)

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the end of a stream that broke: counts and costs on a line that is not the last, and the error."""
        ending = b"" if closing is None else self._line(Said(), ending=closing_members(closing))
        return ending + error + b"\n"

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end of a stream whose money has run out; a call that is not whole stays behind."""
        self._look()
        whole = self._release([index for index in self._calls if index in self._whole])
        return whole + self._last(StopReason.LENGTH, closing) + error + b"\n"

    def _whole_calls(self) -> bytes:
        """Return the calls that are whole, in the order in which they began: one waits for those before it."""
        self._look()
        return self._release(list(takewhile(self._whole.__contains__, self._calls)))

    def _look(self) -> None:
        """Find out whose arguments are whole: no text that goes on can be a JSON object before its end."""
        grown, self._grown = self._grown, {}
        self._whole.update(index for index in grown if is_object("".join(self._calls[index][1])))

    def _release(self, indexes: list[int]) -> bytes:
        begun = [self._calls.pop(index) for index in indexes]
        calls = [_called(event, "".join(texts)) for event, texts in begun]
        return self._line(Said(tool_calls=calls)) if calls else b""

    def _last(self, reason: StopReason, closing: Closing) -> bytes:
        ending = {"done": True, "done_reason": done_reason(reason), **closing_members(closing)}
        return self._line(Said(), ending=ending)

    def _line(
        self, said: Said, *, logprobs: tuple[TokenLogprob, ...] = (), ending: dict[str, object] | None = None
    ) -> bytes:
        members = {
            "model": self._model,
            "created_at": self._created_at,
            **self._shape.members(said),
            "done": False,
        }
        if logprobs:
            members["logprobs"] = [_logprob(each) for each in logprobs]
        return line(members | (ending or {}))


def _called(call: ToolCallStarted | ToolCall, arguments: str) -> Call:
    return Call(function=Function(name=call.name, arguments=arguments_object(arguments)), id=call.id)


def _logprob(each: TokenLogprob) -> dict[str, object]:
    members: dict[str, object] = {"token": each.token, "logprob": each.logprob}
    if each.top:
        members["top_logprobs"] = [{"token": other.token, "logprob": other.logprob} for other in each.top]
    return members


def moment(seconds: int) -> str:
    """Return seconds as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_chat_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return a whole chat answer."""
    return _render(answer, terms, closing, CHAT)


def render_generate_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return a whole generate answer."""
    return _render(answer, terms, closing, GENERATE)


def _render(answer: ChatAnswer, terms: ReplyTerms, closing: Closing, shape: Shape) -> bytes:
    choice = answer.choices[0] if answer.choices else Choice(parts=(), reason=None)
    members: dict[str, object] = {
        "model": answer.model or terms.model,
        "created_at": moment(terms.created_s),
        **shape.members(_said(choice)),
    }
    if choice.logprobs:
        members["logprobs"] = [_logprob(each) for each in choice.logprobs]
    members |= {"done": True, "done_reason": done_reason(choice.reason or StopReason.STOP)}
    return line(members | closing_members(closing)).rstrip()


def _said(choice: Choice) -> Said:
    content: list[str] = []
    thinking: list[str] = []
    images: list[str] = []
    calls: list[Call] = []
    for part in choice.parts:
        match part:
            case Text() | Declined():
                content.append(part.text)
            case Reasoning():
                thinking.append(part.text)
            case Image(source=Inline() as media):
                images.append(media.data)
            case ToolCall():
                calls.append(_called(part, part.arguments))
            case _:  # a sound has no place here, and nobody asks for one
                pass
    return Said(content="".join(content), thinking="".join(thinking), images=images, tool_calls=calls)


def open_chat_writer(terms: ReplyTerms) -> LinesWriter:
    """Return the writer of a streamed chat answer."""
    return LinesWriter(terms, CHAT)


def open_generate_writer(terms: ReplyTerms) -> LinesWriter:
    """Return the writer of a streamed generate answer."""
    return LinesWriter(terms, GENERATE)
