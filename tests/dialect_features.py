"""One smallest request for each thing that can be asked: what docs/dialects.md probes the dialects with."""

from base64 import b64encode
from collections.abc import Mapping

from msgspec import Raw

from tests.dialect_cells import HI, PARAMETERS, PNG, SCHEMA, TOOLS, asks, call, history
from tests.dialect_matrix import ISSUER, MODEL
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Document,
    FileId,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Text,
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

PDF = b64encode(b"%PDF-1.4").decode()
PLAIN = b64encode(b"Plain words.").decode()


def chat(*messages: Message, **fields: object) -> ChatRequest:
    """Return a request."""
    return ChatRequest(model=MODEL, messages=messages or HI, **fields)  # pyright: ignore[reportArgumentType]


def with_part(part: Part) -> ChatRequest:
    """Return a request whose user shows something and asks about it."""
    return chat(asks(part, Text(text="What is it?")))


def thought(sealed: Sealed | None) -> ChatRequest:
    """Return a request whose history has reasoning."""
    parts = (Reasoning(text="Hm.", sealed=sealed), Text(text="Hi."))
    return chat(*HI, Message(role=Role.ASSISTANT, parts=parts), *HI)


def told(**fields: object) -> ChatRequest:
    """Return a request whose history has the result of a tool."""
    turns = history(call(1, "Bern"))
    result = ToolResult(**{"call_id": "call_1", "name": "weather", "parts": (Text(text="Sun"),), **fields})
    return chat(*turns[:2], Message(role=Role.TOOL, parts=(result,)), tools=TOOLS)


def system(text: str) -> Message:
    """Return a message of the system."""
    return Message(role=Role.SYSTEM, parts=(Text(text=text),))


def schema(**fields: object) -> OutputForm:
    """Return the form of an answer."""
    return OutputForm(kind=OutputKind.JSON_SCHEMA, schema=SCHEMA, **fields)  # pyright: ignore[reportArgumentType]


def tool(**fields: object) -> tuple[Tool, ...]:
    """Return one tool."""
    return (Tool(**{"name": "weather", "parameters": PARAMETERS, **fields}),)


FEATURES: Mapping[str, Mapping[str, ChatRequest]] = {
    "Content": {
        "a question": chat(),
        "a prompt to be gone on with": chat(completes=True),
        "a gap to be filled (`suffix`)": chat(completes=True, suffix="the end"),
        "system message": chat(system("Be brief."), *HI),
        "system message in the middle": chat(
            *HI, Message(role=Role.ASSISTANT, parts=(Text(text="Hi."),)), system("Be brief."), *HI
        ),
        "earlier turns": chat(*HI, Message(role=Role.ASSISTANT, parts=(Text(text="Hi."),)), *HI),
        "picture, its bytes": with_part(Image(source=Inline(media_type="image/png", data=PNG))),
        "picture, its address": with_part(Image(source=Url(url="https://example.com/cat.png"))),
        "picture, an uploaded file's id": with_part(Image(source=FileId(id="file-1"))),
        "how closely to look (`detail`)": with_part(
            Image(source=Inline(media_type="image/png", data=PNG), detail="low")
        ),
        "sound": with_part(Audio(source=Inline(media_type="audio/wav", data="UklGRg=="))),
        "film": with_part(Video(source=Inline(media_type="video/mp4", data="AAAA"))),
        "PDF, its bytes": with_part(Document(source=Inline(media_type="application/pdf", data=PDF))),
        "title of a document": with_part(
            Document(source=Inline(media_type="application/pdf", data=PDF), title="a.pdf")
        ),
        "PDF, its address": with_part(Document(source=Url(url="https://example.com/a.pdf"))),
        "plain text as a document": with_part(Document(source=Inline(media_type="text/plain", data=PLAIN))),
        "a document to be cited": with_part(Document(source=Inline(media_type="text/plain", data=PLAIN), cited=True)),
        "cache mark": chat(asks(Text(text="Long.", cache=CacheMark.MINUTES))),
        "name of a participant": chat(Message(role=Role.USER, parts=(Text(text="Hi."),), name="ann")),
        "reasoning of earlier turns": thought(None),
        "sealed reasoning, the provider's own": thought(Sealed(data="c2VhbA==", issuer=ISSUER)),
        "sealed reasoning of another provider": thought(Sealed(data="c2VhbA==", issuer="elsewhere")),
    },
    "Tools": {
        "tools, calls and results": chat(*history(call(1, "Bern")), tools=TOOLS),
        "parallel calls and their results": chat(*history(call(1, "Bern"), call(2, "Genf")), tools=TOOLS),
        "a result that is an error": told(failed=True),
        "a picture in a result": told(parts=(Text(text="Sun"), Image(source=Inline(media_type="image/png", data=PNG)))),
        "no tool is to be used": chat(tools=TOOLS, tool_choice=ToolChoice(use=ToolUse.NONE)),
        "no tool, although calls stand in the history": chat(
            *history(call(1, "Bern")), tools=TOOLS, tool_choice=ToolChoice(use=ToolUse.NONE)
        ),
        "some tool must be used": chat(tools=TOOLS, tool_choice=ToolChoice(use=ToolUse.REQUIRED)),
        "one tool must be used": chat(tools=TOOLS, tool_choice=ToolChoice(use=ToolUse.NAMED, name="weather")),
        "one call at a time": chat(tools=TOOLS, parallel_tool_calls=False),
        "strict arguments": chat(tools=tool(strict=True)),
        "cache mark on a tool": chat(tools=tool(cache=CacheMark.MINUTES)),
        "a tool whose input is any text": chat(tools=(Tool(name="sql", custom=True),)),
    },
    "The answer": {
        "a JSON object": chat(output=OutputForm(kind=OutputKind.JSON_OBJECT)),
        "a JSON schema": chat(output=schema()),
        "description of the schema": chat(output=schema(name="shape", description="A shape")),
        "limit on its tokens": chat(output_tokens_max=100),
        "stop sequences": chat(stop=("END",)),
        "several answers (`n`)": chat(choices=2),
        "spoken": chat(audio=Raw(b'{"voice":"alloy","format":"wav"}')),
    },
    "Reasoning": {
        "effort": chat(reasoning=ReasoningWish(effort=Effort.LOW), output_tokens_max=8000),
        "budget": chat(reasoning=ReasoningWish(budget_tokens=2048), output_tokens_max=8000),
        "none": chat(reasoning=ReasoningWish(effort=Effort.NONE), output_tokens_max=8000),
    },
    "Knobs": {
        "`temperature`": chat(temperature=0.5),
        "`top_p`": chat(top_p=0.9),
        "`top_k`": chat(top_k=5),
        "`min_p`": chat(min_p=0.05),
        "`seed`": chat(seed=7),
        "`frequency_penalty`": chat(frequency_penalty=0.5),
        "`presence_penalty`": chat(presence_penalty=0.5),
        "`logit_bias`": chat(logit_bias={"50256": -100.0}),
        "`logprobs`": chat(logprobs=True),
        "`top_logprobs`": chat(logprobs=True, top_logprobs=2),
        "end user": chat(end_user="user-7"),
        "`verbosity`": chat(verbosity="low"),
        "service tier": chat(service_tier="default"),
        "key of the prompt cache": chat(cache_key="key-7"),
    },
}
