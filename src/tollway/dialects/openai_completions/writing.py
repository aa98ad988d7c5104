"""Answers of any provider, whole and streamed, written as completions. Knows no provider.

A completion has text and nothing else: thoughts are left out, and the words with which a model declines are its text.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.members import append_members
from tollway.dialects.openai_usage import closing_usage
from tollway.dialects.openai_words import STOP_WORDS
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import (
    DeclinedDelta,
    Event,
    Finished,
    PartEnded,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    Told,
    UsageReported,
)
from tollway.neutral.parts import Declined, Text

_ENCODE = msgspec.json.Encoder().encode
_DONE = b"data: [DONE]\n\n"
_ID_PREFIX = "cmpl-"
_WORDS = frozenset(("stop", "length", "content_filter"))
"""All that OpenAI's type knows."""


def _finish_word(reason: StopReason | None) -> str:
    word = STOP_WORDS[reason or StopReason.STOP]
    return word if word in _WORDS else STOP_WORDS[StopReason.STOP]


def _logprobs(tokens: tuple[TokenLogprob, ...], offset: int) -> tuple[dict[str, object] | None, int]:
    """Return likelihoods in the dialect's form, and where the next token stands in the text."""
    if not tokens:
        return None, offset
    offsets: list[int] = []
    for each in tokens:
        offsets.append(offset)
        offset += len(each.token)
    fields: dict[str, object] = {
        "tokens": [each.token for each in tokens],
        "token_logprobs": [each.logprob for each in tokens],
        "top_logprobs": [{other.token: other.logprob for other in each.top} for each in tokens],
        "text_offset": offsets,
    }
    return fields, offset


def _envelope(terms: ReplyTerms, model: str | None) -> dict[str, object]:
    return {
        "id": f"{_ID_PREFIX}{terms.reply_id}",
        "object": "text_completion",
        "created": terms.created_s,
        "model": model or terms.model,
    }


def render_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return the body of a completion."""
    choices = answer.choices or (Choice(parts=(), reason=StopReason.STOP),)
    rendered = [
        {
            "text": "".join(part.text for part in choice.parts if isinstance(part, Text | Declined)),
            "index": index,
            "logprobs": _logprobs(choice.logprobs, 0)[0],
            "finish_reason": _finish_word(choice.reason),
        }
        for index, choice in enumerate(choices)
    ]
    fields = {**_envelope(terms, answer.model), "choices": rendered, "usage": Raw(closing_usage(closing))}
    return _ENCODE(fields)


class CompletionWriter:
    """One stream for one client: a `StreamWriter`."""

    def __init__(self, terms: ReplyTerms) -> None:
        """Take what the answer says that the provider does not."""
        self._terms = terms
        self._model: str | None = None
        self._head = b""
        self._ends: dict[int, StopReason | None] = {}
        """The reason of each choice that was seen; None until it ends."""
        self._offsets: dict[int, int] = {}
        self._close = b',"usage":null}\n\n' if terms.peek.usage_asked else b"}\n\n"

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now."""
        out: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta | DeclinedDelta):
                out.append(self._text(event))
            elif isinstance(event, Finished):
                self._ends[event.choice] = event.reason
            elif isinstance(event, Started):
                self._model = self._model or event.model
            elif not isinstance(event, UsageReported | Told | PartEnded):
                self._ends.setdefault(event.choice, None)
        return b"".join(out)

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream: the reason of each choice, usage and costs, `[DONE]`."""
        return self._ending(closing) + _DONE

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the error as the last event, with usage and costs beside it, and no `[DONE]`."""
        if closing is not None:
            error = append_members(error, b'"usage":%b' % closing_usage(closing))
        return b"data: %b\n\n" % error

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit. The error stands before `[DONE]`, where every client still reads."""
        for index in range(self._terms.peek.choices):
            self._ends.setdefault(index, None)
        self._ends = {index: reason or StopReason.LENGTH for index, reason in self._ends.items()}
        return b"".join((self._ending(closing), b"data: %b\n\n" % error, _DONE))

    def _text(self, event: TextDelta | DeclinedDelta) -> bytes:
        index = event.choice
        self._ends.setdefault(index, None)
        fields = None
        if isinstance(event, TextDelta) and event.logprobs:
            fields, self._offsets[index] = _logprobs(event.logprobs, self._offsets.get(index, 0))
        if not self._head:
            self._head = b'data: {%b,"choices":[{"text":' % _ENCODE(_envelope(self._terms, self._model))[1:-1]
        return b'%b%b,"index":%d,"logprobs":%b,"finish_reason":null}]%b' % (
            self._head,
            _ENCODE(event.text),
            index,
            b"null" if fields is None else _ENCODE(fields),
            self._close,
        )

    def _ending(self, closing: Closing) -> bytes:
        """Return the last chunks. The usage stands on one of its own for a client that asked, else on the last choice."""
        asked = self._terms.peek.usage_asked
        usage = Raw(closing_usage(closing)) if asked or closing.costs is not None else None
        ends = sorted((self._ends or {0: None}).items())
        out: list[bytes] = []
        for index, reason in ends:
            choice = {"text": "", "index": index, "logprobs": None, "finish_reason": _finish_word(reason)}
            fields: dict[str, object] = {**_envelope(self._terms, self._model), "choices": [choice]}
            if asked:
                fields["usage"] = None
            elif usage is not None and index == ends[-1][0]:
                fields["usage"] = usage
            out.append(b"data: %b\n\n" % _ENCODE(fields))
        if asked:
            last = _envelope(self._terms, self._model) | {"choices": (), "usage": usage}
            out.append(b"data: %b\n\n" % _ENCODE(last))
        return b"".join(out)


def open_writer(terms: ReplyTerms) -> CompletionWriter:
    """Return the writer of one stream."""
    return CompletionWriter(terms)
