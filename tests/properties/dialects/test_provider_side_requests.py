"""Any request in the neutral form becomes a body that the provider's dialect allows, or is refused in words."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from tests.aws_library import mistakes_in_converse
from tollway.dialects.bedrock_converse import BEDROCK_CONVERSE
from tollway.dialects.cohere_chat import COHERE_CHAT
from tollway.dialects.record import ChatTranslator, RenderedRequest, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Declined,
    Document,
    FileId,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Video,
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

WORDS = st.text(max_size=6)
NAMES = st.text(alphabet="abcAB_-0", min_size=1, max_size=6)
MARKS = st.none() | st.sampled_from(CacheMark)
NUMBERS = st.none() | st.floats(0, 2, allow_nan=False)
TYPES = ("image/png", "application/pdf", "text/plain", "video/mp4", "audio/wav", "x/y")
SOURCES: st.SearchStrategy[Source] = st.one_of(
    st.builds(Inline, media_type=st.sampled_from(TYPES), data=st.sampled_from(("QUJD", "?"))),
    st.builds(Url, url=st.sampled_from(("https://a.example/a.png", "s3://bucket/a.png", "s3://bucket/a"))),
    st.builds(FileId, id=NAMES),
)
TEXT = st.builds(Text, text=WORDS, cache=MARKS)
MEDIA: st.SearchStrategy[Part] = st.one_of(
    st.builds(Image, source=SOURCES, detail=st.none() | st.just("low"), cache=MARKS),
    st.builds(Document, source=SOURCES, title=st.none() | WORDS, context=st.none() | WORDS, cited=st.booleans()),
    st.builds(Video, source=SOURCES),
    st.builds(Audio, source=SOURCES),
)
SEALS = st.none() | st.builds(
    Sealed, data=st.just("QUJD"), issuer=st.sampled_from((None, "mine", "other")), whole=st.booleans()
)
CALLS = st.builds(
    ToolCall,
    id=st.text(min_size=1, max_size=70),
    name=NAMES,
    arguments=st.sampled_from(("", "{}", '{"a":[1]}', "null", "{")),
    cache=MARKS,
)
RESULTS = st.builds(
    ToolResult,
    call_id=st.text(min_size=1, max_size=70),
    parts=st.lists(TEXT | MEDIA, max_size=2).map(tuple),
    failed=st.booleans(),
)


def said(role: Role, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Message]:
    return st.builds(Message, role=st.just(role), parts=st.lists(parts, max_size=3).map(tuple), name=st.none() | NAMES)


MESSAGES = st.one_of(
    said(Role.SYSTEM, TEXT),
    said(Role.USER, TEXT | MEDIA),
    said(
        Role.ASSISTANT, TEXT | CALLS | st.builds(Reasoning, text=WORDS, sealed=SEALS) | st.builds(Declined, text=WORDS)
    ),
    said(Role.TOOL, RESULTS),
)
SCHEMA = Raw(b'{"type":"object"}')
REQUESTS = st.builds(
    ChatRequest,
    model=st.just("asked"),
    messages=st.lists(MESSAGES, min_size=1, max_size=5).map(tuple),
    tools=st.lists(
        st.builds(
            Tool,
            name=NAMES,
            description=st.none() | WORDS,
            parameters=st.none() | st.just(SCHEMA),
            strict=st.none() | st.booleans(),
            cache=MARKS,
        ),
        max_size=2,
    ).map(tuple),
    tool_choice=st.none()
    | st.builds(ToolChoice, use=st.sampled_from((ToolUse.AUTO, ToolUse.NONE, ToolUse.REQUIRED)))
    | st.builds(ToolChoice, use=st.just(ToolUse.NAMED), name=NAMES),
    output=st.none()
    | st.builds(OutputForm, kind=st.sampled_from((OutputKind.TEXT, OutputKind.JSON_OBJECT)))
    | st.builds(OutputForm, kind=st.just(OutputKind.JSON_SCHEMA), schema=st.just(SCHEMA), name=st.none() | NAMES),
    reasoning=st.none()
    | st.builds(ReasoningWish, effort=st.none() | st.sampled_from(Effort))
    | st.builds(ReasoningWish, budget_tokens=st.integers(-1, 70_000)),
    output_tokens_max=st.none() | st.integers(1, 70_000),
    stop=st.lists(NAMES, max_size=2).map(tuple),
    temperature=NUMBERS,
    top_p=NUMBERS,
    top_k=st.none() | st.integers(0, 500),
    seed=st.none() | st.integers(),
    end_user=st.none() | WORDS,
    service_tier=st.none() | st.sampled_from(("auto", "flex", "odd")),
    knobs=st.dictionaries(st.sampled_from(("metadata", "store")), st.sampled_from((Raw(b'{"a":"b"}'), Raw(b"1")))),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "thinking": st.sampled_from(("thinking", "adaptive", "reasoningConfig", "reasoning_effort", "odd")),
        "top_k": st.sampled_from(("top_k", "topK", "odd")),
        "cache_points": st.just("none"),
        "sampling": st.just("one"),
        "reasoning_history": st.sampled_from(("thinking", "tool_plan")),
    },
)


def texts_of(value: object) -> list[str]:
    """Every string in a body, parsed again where it is JSON itself."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [value] if isinstance(value, str) else []


def written_or_refused(
    render: Callable[[ChatRequest, RequestEdits], RenderedRequest], request: ChatRequest, edits: RequestEdits
) -> RenderedRequest | Refusal:
    try:
        return render(request, edits)
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize("name", ["bedrock_converse", "cohere_chat"])
@given(request=REQUESTS, options=OPTIONS, limit=st.none() | st.integers(1, 9_000))
@settings(deadline=None)
def test_any_request_is_written_or_refused(
    name: str, request: ChatRequest, options: dict[str, str], limit: int | None
) -> None:
    translators: dict[str, ChatTranslator | None] = {
        "bedrock_converse": BEDROCK_CONVERSE.chat,
        "cohere_chat": COHERE_CHAT.chat,
    }
    translator = translators[name]
    assert translator is not None
    assert translator.render_request is not None
    edits = RequestEdits(model_routed="m", issuer="mine", options=options, output_tokens_max=limit)
    written = written_or_refused(translator.render_request, request, edits)
    if isinstance(written, Refusal):
        assert written.code == "invalid_request"
        assert written.param
        return
    if name == "bedrock_converse":
        assert mistakes_in_converse(written.body) == ""
    assert len(set(written.dropped)) == len(written.dropped)
    body = json.loads(written.body)
    found = texts_of(body)
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text | Declined) and part.text.strip():
                assert {part.text, part.text.rstrip()} & {*found}  # white space ends no answer that a client begins
            elif isinstance(part, ToolCall):
                assert part.name in found
    limits = [one for one in (limit, request.output_tokens_max) if one is not None]
    told = body.get("inferenceConfig", {}).get("maxTokens") if name == "bedrock_converse" else body.get("max_tokens")
    assert told == min(limits, default=None)
