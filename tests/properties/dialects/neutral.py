"""What hypothesis draws for the pairs of dialects: requests and answers in the neutral form. Knows no dialect."""

import json
from base64 import b64encode
from typing import Any

from hypothesis import strategies as st
from msgspec import Raw

from tests.dialect_matrix import ISSUER, MODEL
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import (
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import (
    CacheMark,
    Document,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    Message,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
)
from tollway.neutral.usage import Usage

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = b64encode(b"%PDF-1.4 of one page").decode()

words = st.text(st.sampled_from('abcxyz09 .,"\\{}<é漢🙂'), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)
"""Texts of the kinds that are written wrongly first: quotes, braces, backslashes, signs of several bytes."""
names = st.sampled_from(("look_up", "add", "find-it"))
ids = st.integers(0, 10**9).map(lambda number: f"call_{number}")
arguments = st.dictionaries(
    st.sampled_from(("a", "b", "ç")), st.one_of(st.integers(-5, 5), words, st.booleans()), max_size=3
)
counts = st.integers(0, 100_000)
marks = st.sampled_from((None, None, None, CacheMark.MINUTES, CacheMark.HOUR))
seals = st.builds(
    Sealed,
    data=st.binary(min_size=3, max_size=12).map(lambda data: b64encode(data).decode()),
    issuer=st.none(),
    whole=st.just(False),
)


@st.composite
def calls(draw: st.DrawFn) -> ToolCall:
    """Return a call of a tool."""
    return ToolCall(
        id=draw(ids), name=draw(names), arguments=json.dumps(draw(arguments), indent=draw(st.sampled_from((None, 1))))
    )


@st.composite
def answers(draw: st.DrawFn, *, tools: bool, thinks: bool) -> ChatAnswer:
    """Return an answer of one choice, whose reason fits its parts."""
    kinds: list[st.SearchStrategy[Part]] = [words.map(lambda text: Text(text=text))]
    if thinks:
        kinds.append(st.builds(Reasoning, text=words, sealed=st.one_of(st.none(), seals)))
    if tools:
        kinds.append(calls())
    parts = draw(
        st.lists(st.one_of(kinds), min_size=1, max_size=5, unique_by=lambda part: getattr(part, "id", id(part)))
    )
    called = any(isinstance(part, ToolCall) for part in parts)
    plain = [reason for reason in StopReason if reason is not StopReason.TOOL_CALLS]
    reason = StopReason.TOOL_CALLS if called else draw(st.sampled_from(plain))
    return ChatAnswer(choices=(Choice(parts=_merged(parts), reason=reason),), usage=draw(usages()))


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Return the parts without neighbours of plain text: few dialects keep those apart."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Text) and isinstance(last, Text):
            merged[-1] = Text(text=last.text + part.text)
        else:
            merged.append(part)
    return tuple(merged)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Return what an answer used, which is something."""
    details: dict[str, int] = {
        name: draw(counts) for name in ("cached_input", "cache_write_5m", "reasoning") if draw(st.booleans())
    }
    return Usage(input=draw(counts), output=draw(st.integers(1, 100_000)), **details)


@st.composite
def told(draw: st.DrawFn, answer: ChatAnswer, *, in_turns: bool) -> list[Event]:
    """Return the events of an answer, its texts in pieces; `in_turns`: neighbouring calls are written side by side."""
    choice = answer.choices[0]
    events: list[Event] = [Started(id="a1", model="model-1")]
    number = 0
    waiting: list[list[Event]] = []
    for part in choice.parts:
        if isinstance(part, ToolCall):
            waiting.append(_call(part, number, _pieces(draw, part.arguments)))
            number += 1
            if in_turns:
                continue
        events += _in_turns(draw, waiting)
        waiting.clear()
        if isinstance(part, Text):
            events += [TextDelta(text=piece) for piece in _pieces(draw, part.text)]
        elif isinstance(part, Reasoning):
            events += [ReasoningDelta(text=piece) for piece in _pieces(draw, part.text)]
            events.append(PartEnded() if part.sealed is None else ReasoningSealed(sealed=part.sealed))
    events += _in_turns(draw, waiting)
    assert choice.reason is not None
    return [*events, Finished(reason=choice.reason)]


def _call(part: ToolCall, number: int, pieces: list[str]) -> list[Event]:
    started = ToolCallStarted(index=number, id=part.id, name=part.name)
    return [started, *(ToolCallDelta(index=number, arguments=piece) for piece in pieces)]


def _in_turns(draw: st.DrawFn, waiting: list[list[Event]]) -> list[Event]:
    """Return the events of calls: all begin in order, then each goes on when it is drawn."""
    events = [each[0] for each in waiting] if len(waiting) > 1 else []
    left = [each[1 if len(waiting) > 1 else 0 :] for each in waiting]
    while any(left):
        going = [each for each in left if each]
        events.append(draw(st.sampled_from(going)).pop(0) if len(going) > 1 else going[0].pop(0))
    return events


def _pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(set(draw(st.lists(st.integers(1, max(len(text) - 1, 1)), max_size=3))))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if text[start:end]]


texts = st.builds(Text, text=words, cache=marks)
images = st.one_of(
    st.builds(
        Image,
        source=st.just(Inline(media_type="image/png", data=PNG)),
        detail=st.sampled_from((None, None, "low")),
        cache=marks,
    ),
    st.just(Image(source=Url(url="https://example.com/cat.png"))),
)
documents = st.builds(
    Document,
    source=st.just(Inline(media_type="application/pdf", data=PDF)),
    title=st.sampled_from((None, "report.pdf")),
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


@st.composite
def tools(draw: st.DrawFn) -> tuple[Tool, ...]:
    """Return tools with different names."""
    return tuple(
        Tool(
            name=name,
            description=draw(st.one_of(st.none(), words)),
            parameters=Raw(json.dumps(SCHEMA).encode()),
            strict=draw(st.sampled_from((None, None, True))),
            cache=draw(marks),
        )
        for name in draw(st.lists(names, min_size=1, max_size=2, unique=True))
    )


@st.composite
def conversations(draw: st.DrawFn, *, media: bool, called: bool) -> tuple[Message, ...]:
    """Return messages that end with the user's, or with what tools said."""
    messages: list[Message] = []
    heard = st.one_of(texts, images, documents) if media else texts
    if draw(st.booleans()):
        messages.append(Message(role=Role.SYSTEM, parts=(draw(texts),)))
    for _ in range(draw(st.integers(0, 2))):
        messages.append(Message(role=Role.USER, parts=tuple(draw(st.lists(heard, min_size=1, max_size=3)))))
        messages += draw(_answered(called=called))
        if draw(st.integers(0, 5)) == 0:
            messages.append(Message(role=Role.SYSTEM, parts=(draw(texts),)))
    if called and messages and messages[-1].role is Role.TOOL and draw(st.booleans()):
        return tuple(messages)
    name = draw(st.sampled_from((None, None, None, "ann")))
    parts = tuple(draw(st.lists(heard, min_size=1, max_size=3)))
    return (*messages, Message(role=Role.USER, parts=parts, name=name))


@st.composite
def _answered(draw: st.DrawFn, *, called: bool) -> list[Message]:
    parts: list[Part] = []
    if draw(st.integers(0, 2)) == 0:
        sealed = draw(
            st.sampled_from((None, Sealed(data="c2VhbGVk", issuer=ISSUER), Sealed(data="b3RoZXI=", issuer="else")))
        )
        parts.append(Reasoning(text=draw(words), sealed=sealed))
    if draw(st.booleans()) or not called:
        parts.append(Text(text=draw(words)))
    asked = (
        draw(st.lists(calls(), min_size=0 if parts else 1, max_size=3, unique_by=lambda call: call.id))
        if called
        else []
    )
    answered = [Message(role=Role.ASSISTANT, parts=(*parts, *asked))]
    if asked:
        told_back = draw(st.permutations(asked))
        results = tuple(ToolResult(call_id=call.id, name=call.name, **draw(_said())) for call in told_back)
        answered.append(Message(role=Role.TOOL, parts=results))
    return answered


@st.composite
def _said(draw: st.DrawFn) -> dict[str, Any]:
    parts: list[Part] = [Text(text=draw(words))]
    if draw(st.integers(0, 6)) == 0:
        parts.append(Image(source=Inline(media_type="image/png", data=PNG)))
    return {"parts": tuple(parts), "failed": draw(st.integers(0, 4)) == 0}


outputs = st.sampled_from(
    (
        OutputForm(kind=OutputKind.JSON_OBJECT),
        OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(json.dumps(SCHEMA).encode())),
        OutputForm(
            kind=OutputKind.JSON_SCHEMA,
            schema=Raw(json.dumps(SCHEMA).encode()),
            name="shape",
            description="S",
            strict=True,
        ),
    )
)
wishes = st.one_of(
    st.builds(ReasoningWish, effort=st.sampled_from(Effort), shown=st.sampled_from((None, None, True))),
    st.builds(ReasoningWish, budget_tokens=st.sampled_from((-1, 0, 1024, 5000, 30_000))),
)
_TUNED: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.sampled_from((0.0, 0.5, 1.5)),
    "top_p": st.sampled_from((0.1, 0.9)),
    "top_k": st.integers(1, 50),
    "min_p": st.just(0.05),
    "seed": st.integers(0, 2**31 - 1),
    "frequency_penalty": st.sampled_from((-0.5, 0.5)),
    "presence_penalty": st.sampled_from((-0.5, 0.5)),
    "logit_bias": st.just({"50256": -100.0}),
    "end_user": st.just("user-7"),
    "verbosity": st.just("low"),
    "service_tier": st.sampled_from(("auto", "default", "flex")),
    "cache_key": st.just("key-7"),
}


@st.composite
def tuned(draw: st.DrawFn) -> dict[str, Any]:
    """Return some knobs."""
    fields = {
        name: draw(_TUNED[name]) for name in draw(st.lists(st.sampled_from(sorted(_TUNED)), max_size=4, unique=True))
    }
    if draw(st.integers(0, 5)) == 0:
        fields |= {"logprobs": True, "top_logprobs": draw(st.integers(0, 5))}
    return fields


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    """Return what bounds an answer."""
    return {
        "streamed": draw(st.booleans()),
        "output_tokens_max": draw(st.sampled_from((None, 100, 70_000))),
        "stop": tuple(draw(st.lists(words, max_size=2, unique=True))) if draw(st.integers(0, 2)) == 0 else (),
    }


@st.composite
def chats(draw: st.DrawFn) -> ChatRequest:
    """Return a request of a conversation; a contract that few dialects have is rare, for it is refused."""
    offered = draw(tools()) if draw(st.booleans()) else ()
    choice = None
    if offered:
        uses = st.sampled_from((None, None, ToolUse.AUTO, ToolUse.NONE, ToolUse.REQUIRED, ToolUse.NAMED))
        use = draw(uses)
        choice = None if use is None else ToolChoice(use=use, name=offered[0].name if use is ToolUse.NAMED else None)
    return ChatRequest(
        model=MODEL,
        messages=draw(conversations(media=True, called=bool(offered))),
        tools=offered,
        tool_choice=choice,
        parallel_tool_calls=draw(st.sampled_from((None, None, True, False))),
        output=draw(outputs) if draw(st.integers(0, 3)) == 0 else None,
        reasoning=draw(wishes) if draw(st.integers(0, 2)) == 0 else None,
        choices=draw(st.sampled_from((1,) * 9 + (2,))),
        **draw(limits()),
        **draw(tuned()),
    )


@st.composite
def prompts(draw: st.DrawFn) -> ChatRequest:
    """Return a request of one prompt, which all dialects can ask in their way."""
    return ChatRequest(
        model=MODEL,
        messages=(Message(role=Role.USER, parts=(Text(text=draw(words)),)),),
        completes=True,
        suffix=draw(st.sampled_from((None, None, None, "the end"))),
        reasoning=draw(wishes) if draw(st.integers(0, 4)) == 0 else None,
        **draw(limits()),
        **draw(tuned()),
    )


@st.composite
def questions(draw: st.DrawFn) -> ChatRequest:
    """Return a request of one question, with pictures: what Ollama's generate can ask."""
    pictures = st.just(Image(source=Inline(media_type="image/png", data=PNG)))
    parts = [*draw(st.lists(pictures, max_size=2)), Text(text=draw(words))]
    system = (Message(role=Role.SYSTEM, parts=(Text(text=draw(words)),)),) if draw(st.booleans()) else ()
    return ChatRequest(
        model=MODEL,
        messages=(*system, Message(role=Role.USER, parts=tuple(parts))),
        output=draw(outputs) if draw(st.integers(0, 3)) == 0 else None,
        reasoning=draw(wishes) if draw(st.integers(0, 4)) == 0 else None,
        **draw(limits()),
        **draw(tuned()),
    )
