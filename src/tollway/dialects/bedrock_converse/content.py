"""Messages as Converse writes them: what each part becomes, and what has no place. Pure."""

from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec import Raw

from tollway.dialects.bedrock_converse.words import AUDIO_FORMATS, DOCUMENT_FORMATS, IMAGE_FORMATS, VIDEO_FORMATS
from tollway.errors import Refusal
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Declined,
    Document,
    Image,
    Inline,
    Part,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from tollway.neutral.request import (
    CACHE_MARKS,
    IMAGE_DETAIL,
    PARTICIPANT_NAME,
    SEALED_REASONING,
    Message,
    Role,
    results_behind_calls,
)

Block = dict[str, object]

BUCKET = "s3://"
ID_CHARS_MAX = 64
NAME_CHARS_MAX = 200
ASSISTANT = "assistant"
OPENING = "(The conversation begins with the assistant's words.)"
"""What the user is made to say where the client's conversation begins with the assistant, which Converse refuses."""
UNPARSED = "_unparsed"
"""Under which arguments go that are no JSON object: Converse holds them as one."""

_ID_SIGNS = frozenset("_.:-")
_NAME_SIGNS = frozenset(" -()[]")
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_FORMATS = {Image: IMAGE_FORMATS, Video: VIDEO_FORMATS, Audio: AUDIO_FORMATS, Document: DOCUMENT_FORMATS}


class _Turn(NamedTuple):
    role: str
    results: list[Block]
    others: list[Block]


class ContentWriter:
    """The content of one request; keeps what was left out of it, and the names that its documents have."""

    def __init__(self, *, issuer: str, marks: bool) -> None:
        """Take whose seals may go in, and whether this provider's model knows cache points."""
        self._issuer = issuer
        self._marks = marks
        self._names: set[str] = set()
        self.dropped: list[str] = []

    def system(self, messages: tuple[Message, ...]) -> list[Block]:
        """Return the system prompt, wherever in the conversation it stands; none where nobody else says anything."""
        blocks: list[Block] = []
        if not _is_spoken(messages):
            return blocks
        for message in messages:
            if message.role is Role.SYSTEM:
                for part in message.parts:
                    if not isinstance(part, Text):
                        raise refused("a system message can hold text only for this model's provider", "messages")
                    blocks += [*_text(part.text), *self.mark(part.cache)]
        return blocks

    def turns(self, messages: tuple[Message, ...]) -> list[Block]:
        """Return the conversation in alternating turns; results of tools stand first in theirs."""
        turns: list[_Turn] = []
        spoken = _is_spoken(messages)
        for message in results_behind_calls(messages):
            if spoken and message.role is Role.SYSTEM:
                continue
            role = ASSISTANT if message.role is Role.ASSISTANT else "user"
            if message.name is not None:
                self.dropped.append(PARTICIPANT_NAME)
            said = turns[-1] if turns and turns[-1].role == role else _Turn(role, [], [])
            for part in message.parts:
                (said.results if isinstance(part, ToolResult) else said.others).extend(self._blocks(part))
            if (said.results or said.others) and said not in turns[-1:]:
                turns.append(said)
        if turns and turns[-1].role == ASSISTANT:
            _end_begun_answer(turns[-1].others)
        written: list[Block] = [{"role": turn.role, "content": [*turn.results, *turn.others]} for turn in turns]
        if not written:
            raise refused("`messages` must hold a message that says something", "messages")
        if written[0]["role"] == ASSISTANT:
            written.insert(0, {"role": "user", "content": [{"text": OPENING}]})
        return written

    def mark(self, cache: CacheMark | None) -> list[Block]:
        """Return the cache point that stands behind a marked part."""
        if cache is None:
            return []
        if not self._marks:
            self.dropped.append(CACHE_MARKS)
            return []
        point: Block = {"type": "default"}
        if cache is CacheMark.HOUR:
            point["ttl"] = cache.value
        return [{"cachePoint": point}]

    def _blocks(self, part: Part) -> list[Block]:
        match part:
            case Text():
                return [*_text(part.text), *self.mark(part.cache)]
            case Declined():
                return _text(part.text)
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                if part.custom:
                    raise refused(
                        f"a call of `{part.name}`, whose input is plain text, has no place with this model's provider",
                        "messages",
                    )
                use = {"toolUseId": tool_use_id(part.id), "name": part.name, "input": arguments(part.arguments)}
                return [{"toolUse": use}, *self.mark(part.cache)]
            case ToolResult():
                return [{"toolResult": self._result(part)}, *self.mark(part.cache)]
            case _:
                return [self._media(part), *self.mark(part.cache)]

    def _reasoning(self, part: Reasoning) -> list[Block]:
        sealed = part.sealed
        if sealed is None:
            return []
        if sealed.issuer != self._issuer:
            self.dropped.append(SEALED_REASONING)
            return []
        if sealed.whole:
            return [{"reasoningContent": {"redactedContent": sealed.data}}]
        return [{"reasoningContent": {"reasoningText": {"text": part.text, "signature": sealed.data}}}]

    def _result(self, part: ToolResult) -> Block:
        blocks: list[Block] = []
        marks: list[Block] = []
        for inner in part.parts:
            if isinstance(inner, Text):
                blocks += _text(inner.text)
                marks += self.mark(inner.cache)
            elif isinstance(inner, Image | Video | Document):
                blocks.append(self._media(inner))
                marks += self.mark(inner.cache)
            else:
                raise refused(
                    "a tool result can hold text, images, videos and documents only for this model's provider",
                    "messages",
                )
        if marks:
            self.dropped.append(CACHE_MARKS)  # a result has no place for them inside
        result: Block = {"toolUseId": tool_use_id(part.call_id), "content": blocks}
        if part.failed:
            result["status"] = "error"
        return result

    def _media(self, part: Image | Video | Audio | Document) -> Block:
        kind = type(part).__name__.lower()
        source = _source(part.source, kind)
        block: Block = {"format": _format(part, kind), "source": source}
        if isinstance(part, Image) and part.detail is not None:
            self.dropped.append(IMAGE_DETAIL)
        if isinstance(part, Document):
            block["name"] = self._name(part.title)
            if part.context is not None:
                block["context"] = part.context
            if part.cited:
                block["citations"] = {"enabled": True}
        return {kind: block}

    def _name(self, title: str | None) -> str:
        """Return a document's name in the signs that are allowed, different from all before."""
        spaced = "".join(
            sign if (sign.isascii() and sign.isalnum()) or sign in _NAME_SIGNS else " " for sign in title or ""
        )
        name = " ".join(spaced.split())[: NAME_CHARS_MAX - 10].rstrip() or "document"
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name} {number}"
        self._names.add(found)
        return found


def _end_begun_answer(blocks: list[Block]) -> None:
    """Take the white space off the end of an answer that the client begins itself: models refuse it there."""
    if "text" in blocks[-1]:
        blocks[-1] = {"text": str(blocks[-1]["text"]).rstrip()}


def _is_spoken(messages: tuple[Message, ...]) -> bool:
    """Tell whether anybody but the system says something: Converse wants a message."""
    return any(message.role is not Role.SYSTEM for message in messages)


def _text(text: str) -> list[Block]:
    """Return a block of text; one without a letter is refused everywhere and says nothing."""
    return [{"text": text}] if text.strip() else []


def refused(message: str, param: str) -> Refusal:
    """Return the refusal of what has no place."""
    return Refusal("invalid_request", message, param=param)


def arguments(text: str) -> Raw | dict[str, str]:
    """Return a call's arguments as the object that they ought to be."""
    if not text.strip():
        return Raw(b"{}")
    try:
        _OBJECT.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {UNPARSED: text}
    return Raw(text.encode())


def tool_use_id(text: str) -> str:
    """Return the id of a call: the very id where it is allowed, else one made from it, the same for call and result."""
    if 0 < len(text) <= ID_CHARS_MAX and all(sign.isascii() and (sign.isalnum() or sign in _ID_SIGNS) for sign in text):
        return text
    return f"call_{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _format(part: Image | Video | Audio | Document, kind: str) -> str:
    """Return the format of a medium by its media type; of one in a bucket without a type, by its name's end."""
    source, formats = part.source, _FORMATS[type(part)]
    media_type = getattr(source, "media_type", None)
    if media_type is not None:
        found = formats.get(media_type.partition(";")[0].strip().lower())
    else:
        ending = getattr(source, "url", "").rpartition(".")[2].lower()
        found = ending if ending in formats.values() else formats.get(f"{kind}/{ending}")
    if found is None:
        known = ", ".join(sorted(set(formats.values())))
        raise refused(f"this model's provider takes {kind} content in these formats only: {known}", "messages")
    return found


def _source(source: Source, kind: str) -> Block:
    if isinstance(source, Inline):
        return {"bytes": source.data}
    if isinstance(source, Url) and source.url.startswith(BUCKET):
        return {"s3Location": {"uri": source.url}}
    raise refused(
        f"this model's provider fetches no {kind} from an address and has no files of yours: send it inline, as base64",
        "messages",
    )
