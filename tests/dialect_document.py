"""Writes docs/dialects.md by asking the code: one request for each feature, through each dialect and each pair.

`python -m tests.dialect_document` writes it; a test compares.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from tests.dialect_cells import IMPOSSIBLE
from tests.dialect_features import FEATURES
from tests.dialect_matrix import CLIENTS, ISSUER, PAIRS, PROVIDERS, chat_of, parsed, rendered
from tests.dialect_matrix import EDITS as PLAIN
from tests.dialect_rules import RULES, WRITTEN, excused_of
from tests.dialect_words import COARSER, SPLITS
from tests.properties.dialects.conserved import Facts, facts_of, lost, pictures_first
from tests.tidy.tree import ROOT
from tollway.errors import Refusal
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Document, Inline, Part, Reasoning, Sealed
from tollway.neutral.reasoning import BUDGET_TOKENS
from tollway.neutral.request import ChatRequest
from tollway.neutral.seals import marked

PAGE = ROOT / "docs" / "dialects.md"
VARIANTS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "openai_chat": (
        {"efforts": "none low medium high"},
        {"cache_marks": "parts"},
        {"reasoning_history": "reasoning_content"},
        {"documents": "document_url"},
        {"documents": "file_data"},
    ),
    "openai_responses": ({"reasoning": "sealed"},),
    "anthropic_messages": ({"thinking": "adaptive"},),
    "gemini": ({"service_tier": "kept"}, {"call_ids": "kept"}),
    "bedrock_converse": ({"thinking": "thinking"}, {"top_k": "top_k"}),
    "cohere_chat": ({"reasoning_history": "thinking"},),
}
"""Words of a provider's profile with which it takes more than without."""
CARRIED, VARIED, RULED = "yes", "profile", "rule"


def fate(request: ChatRequest, provider: str, options: Mapping[str, str] | None = None) -> str:
    """Return what becomes of a request on its way to a provider: `yes`, `rule`, or how it is dropped or refused."""
    try:
        made = rendered(provider, request, options=options or {})
    except Refusal as refusal:
        return f"**refused**: `{refusal.param}`"
    if made.dropped:
        return "dropped: " + ", ".join(f"`{name}`" for name in made.dropped)
    if provider not in CLIENTS:
        return CARRIED
    before, after = (_facts(provider, each) for each in (request, parsed(provider, made.body)))
    silent = lost(before, after, excused=())
    unruled = lost(before, after, excused=excused_of(provider))
    assert not unruled or (provider == "openai_chat" and _has_plain_document(request)), (provider, unruled)
    return RULED if silent else CARRIED


def _has_plain_document(request: ChatRequest) -> bool:
    """Tell whether a request has a text file, which the rules say becomes text."""
    parts = [part for message in request.messages for part in message.parts if isinstance(part, Document)]
    return any(isinstance(part.source, Inline) and part.source.media_type == "text/plain" for part in parts)


def _facts(provider: str, request: ChatRequest) -> Facts:
    facts = facts_of(request)
    if provider == "ollama_generate":
        facts["messages"] = pictures_first(facts["messages"])
    return facts


def provider_fate(request: ChatRequest, provider: str) -> str:
    """Return the same, and whether a provider's profile can change it."""
    plain = fate(request, provider)
    if plain != CARRIED and any(fate(request, provider, options) == CARRIED for options in VARIANTS.get(provider, ())):
        return f"{VARIED} ({plain})"
    return plain


def can_ask(request: ChatRequest, client: str) -> str:
    """Return whether a client's dialect has words for a request."""
    read = as_read(request, client)
    return CARRIED if read is not None else "–"


def as_read(request: ChatRequest, client: str) -> ChatRequest | None:
    """Return a request as it is read from its client's own words; None where the dialect has none for it."""
    render = chat_of(client).render_request
    assert render is not None
    if client == "openai_completions":
        request = msgspec.structs.replace(request, completes=True)
    for options in ({}, *VARIANTS.get(client, ())):
        try:
            made = render(_marked(request), msgspec.structs.replace(PLAIN, options=options))
        except Refusal:
            continue
        read = parsed(client, made.body)
        if not made.dropped and not lost(_facts(client, request), _facts(client, read), excused=_SAID):
            return read
    return None


def _marked(request: ChatRequest) -> ChatRequest:
    """Return a request whose seals have the mark with which a client of another dialect got them."""
    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(_marked_part(part) for part in message.parts))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def _marked_part(part: Part) -> Part:
    if not isinstance(part, Reasoning) or part.sealed is None:
        return part
    return msgspec.structs.replace(part, sealed=Sealed(data=marked(part.sealed), issuer=ISSUER))


_SAID = frozenset(("response_format.name", "response_format.strict", "reasoning.shown"))
"""What does not decide whether a feature can be asked for."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table."""
    names = list(head)
    lines = ["| " + " | ".join(row) + " |" for row in (names, ["---"] * len(names), *rows)]
    return "\n".join(lines)


def features(columns: tuple[str, ...], cell: Callable[[ChatRequest, str], str]) -> str:
    """Return the tables of all features, a heading for each group."""
    return "\n\n".join(
        f"### {group}\n\n"
        + table(
            ["", *(f"`{name}`" for name in columns)],
            ([name, *(cell(request, column) for column in columns)] for name, request in asked.items()),
        )
        for group, asked in FEATURES.items()
    )


def pairs() -> str:
    """Return what a pair drops and refuses, of what its client can ask."""
    return "\n\n".join(_client(client) for client in CLIENTS)


def _client(client: str) -> str:
    rows: list[list[str]] = []
    for _, provider in (pair for pair in PAIRS if pair[0] == client and pair[1] != client):
        dropped, refused, carried = dict[str, None](), dict[str, list[str]](), list[str]()
        for asked in FEATURES.values():
            for feature, request in asked.items():
                read = as_read(request, client)
                if read is not None:
                    said = fate(read, provider)
                    _note(said, feature, dropped, refused)
                    carried += [] if said.startswith("**") else [feature]
        what = "; ".join(f"`{param}`: {', '.join(names)}" for param, names in refused.items())
        if len(carried) < 4:
            what = f"everything{' but ' if carried else ''}{', '.join(carried)}: {', '.join(f'`{name}`' for name in refused)}"
        rows.append([f"`{provider}`", ", ".join(dropped) or "nothing", what or "nothing"])
    return f"### From `{client}`\n\n" + table(("to", "dropped, by name", "refused, by field"), rows)


def _note(said: str, feature: str, dropped: dict[str, None], refused: dict[str, list[str]]) -> None:
    kind, _, names = said.partition(": ")
    if kind == "dropped":
        dropped.update(dict.fromkeys(names.split(", ")))
    elif kind == "**refused**":
        refused.setdefault(names.strip("`"), []).append(feature)


def impossible() -> str:
    """Return the cells of the matrix that cannot be, a sentence for each group."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for reason in IMPOSSIBLE:
        groups.setdefault((reason.sentence, reason.provider, reason.features), []).append(reason.client)
    lines: list[str] = []
    for (sentence, provider, names), clients in groups.items():
        there = "any provider" if provider == "*" else f"`{provider}`"
        who = ", ".join(f"`{client}`" for client in clients)
        lines.append(f"- {who} → {there} ({', '.join(names)}): {sentence}")
    return "\n".join(lines)


def reasons() -> str:
    """Return why an answer ended, in the words that come through each dialect."""
    rows = [
        [f"`{reason.value}`", *(f"`{COARSER[dialect].get(reason, reason).value}`" for dialect in PROVIDERS)]
        for reason in StopReason
    ]
    return table(("why it ended", *(f"`{dialect}`" for dialect in PROVIDERS)), rows)


def efforts() -> str:
    """Return the one table between words and budgets."""
    return table(("word", "tokens"), ([f"`{word.value}`", f"{tokens:,}"] for word, tokens in BUDGET_TOKENS.items()))


def usage() -> str:
    """Return which counts a dialect tells apart."""
    words = {"cached_input": "read from a cache", "cache_write_5m": "written to a cache", "reasoning": "reasoning"}
    rows = [[f"`{dialect}`", *("yes" if name in SPLITS[dialect] else "–" for name in words)] for dialect in PROVIDERS]
    return table(("dialect", *words.values()), rows)


def rules() -> str:
    """Return what changes without being named."""
    lines: list[str] = []
    for rule in RULES:
        where = "" if rule.dialects == ("*",) else f" ({', '.join(f'`{name}`' for name in rule.dialects)})"
        lines.append(f"- {rule.sentence}{where}")
    return "\n".join(lines)


def document() -> str:
    """Return the whole page."""
    parts = {
        "CLIENTS": features(CLIENTS, can_ask),
        "PROVIDERS": features(PROVIDERS, provider_fate),
        "PAIRS": pairs(),
        "IMPOSSIBLE": impossible(),
        "RULES": rules(),
        "REASONS": reasons(),
        "EFFORTS": efforts(),
        "USAGE": usage(),
    }
    text = WRITTEN
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


if __name__ == "__main__":
    PAGE.write_text(document())
