"""Requests for embeddings in Gemini's form: their facts, edits, and the way to and from the neutral form.

Knows no provider by name. The model stands in the path, and again in each request of a batch, where it must be the same.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.embedding_form import peek_of, texts_of
from tollway.dialects.patching import Patch, common, finished
from tollway.dialects.record import Called, Lane, PatchedRequest, RenderedRequest, RequestEdits
from tollway.neutral.embedding import EmbeddingRequest
from tollway.neutral.peek import Peek

DIMENSIONS_MAX = 1_000_000

TASKS = {
    "RETRIEVAL_QUERY": "query",
    "RETRIEVAL_DOCUMENT": "document",
    "SEMANTIC_SIMILARITY": "similarity",
    "CLASSIFICATION": "classification",
    "CLUSTERING": "clustering",
}
TASK_WORDS = {task: word for word, task in TASKS.items()}
_NO_TASK = "TASK_TYPE_UNSPECIFIED"


class _Part(Struct, gc=False):
    text: str | None = None


class _Content(Struct, gc=False):
    parts: Annotated[list[_Part], Meta(min_length=1)]


_Dimensions = Annotated[int, Meta(ge=1, le=DIMENSIONS_MAX)]


class _One(Struct, gc=False, kw_only=True):
    content: _Content
    task: str | None = msgspec.field(default=None, name="taskType")
    task_snake: str | None = msgspec.field(default=None, name="task_type")
    dimensions: _Dimensions | None = msgspec.field(default=None, name="outputDimensionality")
    dimensions_snake: _Dimensions | None = msgspec.field(default=None, name="output_dimensionality")

    @property
    def media(self) -> int:
        return sum(part.text is None for part in self.content.parts)


class _Batch(Struct, gc=False):
    requests: Annotated[list[_One], Meta(min_length=1)]


_ONE = msgspec.json.Decoder(_One)
_BATCH = msgspec.json.Decoder(_Batch)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_REQUESTS = msgspec.json.Decoder(list[Raw])
_ENCODE = msgspec.json.Encoder().encode
_KNOWN = frozenset(
    ("model", "content", "taskType", "task_type", "outputDimensionality", "output_dimensionality", "embedContentConfig")
)
_CONTENT = '`content` must be an object {"parts": [{"text": "…"}]}'
_EXPECTED = Expected(
    summary="a JSON object with `content`",
    fields={
        "content": _CONTENT,
        "taskType": "`taskType` must be a string",
        "outputDimensionality": f"`outputDimensionality` must be a whole number from 1 to {DIMENSIONS_MAX}",
    },
)
_BATCH_EXPECTED = Expected(
    summary="a JSON object with `requests`",
    fields={"requests": f"`requests` must be a non-empty array of objects, and in each of them {_CONTENT}"},
)


def peek(body: bytes, called: Called) -> Peek:
    """Return the facts of a batch; raises Refusal `invalid_request`."""
    facts = read_facts(body, _BATCH, _BATCH_EXPECTED)
    return peek_of(called.model or "", body, media=sum(one.media for one in facts.requests))


def peek_one(body: bytes, called: Called) -> Peek:
    """Return the facts of a request for one content; raises Refusal `invalid_request`."""
    facts = read_facts(body, _ONE, _EXPECTED)
    return peek_of(called.model or "", body, media=facts.media)


def patch_one(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for a provider of the same form: a model in it is the routed one, as in the path."""
    if edits.model_routed == peek.model_asked and not _edited(edits):
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    _route(patch, edits)
    common(patch, edits, model=None)
    return patch.made()


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body of a batch for a provider of the same form: the model of each request is the routed one."""
    if edits.model_routed == peek.model_asked and not _edited(edits):
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    requests: list[Raw] = []
    dropped: list[str] = []
    for request in _REQUESTS.decode(patch.value("requests") or b"[]"):
        inner = Patch(bytes(request))
        _route(inner, edits)
        common(inner, edits, model=None)
        made = inner.made()
        requests.append(Raw(made.body))
        dropped += made.dropped
    patch.set("requests", _ENCODE(requests))
    made = patch.made()
    return PatchedRequest(made.body, made.lane, tuple(dict.fromkeys(dropped)))


def _edited(edits: RequestEdits) -> bool:
    return bool(edits.renames or edits.unsupported or edits.added or edits.removed)


def _route(patch: Patch, edits: RequestEdits) -> None:
    if patch.value("model") is not None:
        patch.set("model", _ENCODE(f"models/{edits.model_routed}"))


def parse_one(body: bytes, peek: Peek) -> EmbeddingRequest:
    """Return a request for one content in the neutral form; raises Refusal `invalid_request`."""
    facts = read_facts(body, _ONE, _EXPECTED)
    return _request(peek, [facts], [_MEMBERS.decode(body)], single=True)


def parse_request(body: bytes, peek: Peek) -> EmbeddingRequest:
    """Return a batch in the neutral form; raises Refusal `invalid_request`."""
    facts = read_facts(body, _BATCH, _BATCH_EXPECTED)
    members = [_MEMBERS.decode(each) for each in _REQUESTS.decode(_MEMBERS.decode(body)["requests"])]
    return _request(peek, facts.requests, members, single=False)


def _request(
    peek: Peek, requests: list[_One], members: Iterable[Mapping[str, Raw]], *, single: bool
) -> EmbeddingRequest:
    dimensions = {one.dimensions or one.dimensions_snake for one in requests}
    if len(dimensions) > 1:
        raise refused(
            "the requests of a batch must ask for the same `outputDimensionality` for this model's provider",
            param="requests",
        )
    knobs = {
        name: value
        for found in members
        for name, value in found.items()
        if name not in _KNOWN and bytes(value) != b"null"
    }
    words = {one.task or one.task_snake or _NO_TASK for one in requests}
    word = words.pop() if len(words) == 1 else None
    if word not in {*TASKS, _NO_TASK}:  # a word of its own, or a different one for each: no other dialect has that
        knobs["taskType"] = Raw(_ENCODE(word))
    return EmbeddingRequest(
        model=peek.model_asked,
        inputs=tuple([_text(one) for one in requests]),
        single=single,
        dimensions=dimensions.pop(),
        task=None if word is None else TASKS.get(word),
        knobs=knobs,
    )


def _text(one: _One) -> str:
    texts = [part.text for part in one.content.parts if part.text is not None]
    if len(texts) < len(one.content.parts):
        raise refused(
            "only text can be carried to this model's provider: leave pictures, sounds and files out of `parts`, or ask "
            "for a model whose provider speaks Gemini's form",
            param="content",
        )
    return "\n".join(texts)


def render_one(request: EmbeddingRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a request for one content; raises Refusal for tokens, and for several texts."""
    texts = texts_of(request)
    if len(texts) > 1:
        raise refused("this model's provider takes one text a request: send one `input` at a time", param="input")
    return RenderedRequest(*finished(_fields(texts[0], request, edits), edits, _dropped(request)))


def render_request(request: EmbeddingRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a batch; raises Refusal for tokens."""
    dropped = _dropped(request)
    requests: list[Raw] = []
    for text in texts_of(request):
        body, more = finished(_fields(text, request, edits), edits, dropped)
        requests.append(Raw(body))
        dropped = list(more)
    return RenderedRequest(_ENCODE({"requests": requests}), tuple(dropped))


def _fields(text: str, request: EmbeddingRequest, edits: RequestEdits) -> dict[str, object]:
    fields: dict[str, object] = {
        "model": f"models/{edits.model_routed}",
        "content": {"parts": [{"text": text}]},
    }
    if request.task is not None:
        fields["taskType"] = TASK_WORDS[request.task]
    if request.dimensions is not None:
        fields["outputDimensionality"] = request.dimensions
    return fields


def _dropped(request: EmbeddingRequest) -> list[str]:
    return (["end_user"] if request.end_user is not None else []) + list(request.knobs)
