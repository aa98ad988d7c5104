"""What a request for a ranking says before it is relayed. Knows no provider and no price.

Some bill a ranking by searches (a hundred pieces of text each), some by tokens; both are bounded here.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from tollway.dialects.body import Expected, read_facts
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.money import divide_up
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

SEARCH_PIECES = 100
"""Cohere's pricing page: one search is "a query with up to 100 documents to be ranked", and a document that is longer
than 500 tokens, the query included, "will be split up into multiple chunks, where each chunk counts as a document"."""

PIECE_BYTES = 250
"""What a piece holds of its document at least: 500 tokens, of which the query may take half; no token is shorter than a
byte."""

_BYTES_PER_TOKEN = 4


class _Facts(Wishing, gc=False, kw_only=True):
    query: Raw
    documents: Annotated[list[Raw], Meta(min_length=1)]


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = Expected(
    summary="a JSON object with `model`, `query` and `documents`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "query": "`query` must be given: what the documents are ranked by",
        "documents": "`documents` must be a non-empty array",
    },
)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request for a ranking; raises Refusal `invalid_request` that says what to mend."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    documents = len(facts.documents)
    return Peek(
        model_asked=first_model(facts),
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=len(body),
        media_parts=0,
        # The query is read again with each document.
        input_tokens_bound=len(body) + documents * memoryview(facts.query).nbytes,
        calls=divide_up(documents + len(body) // PIECE_BYTES, SEARCH_PIECES),
        estimated=Usage(input=divide_up(len(body), _BYTES_PER_TOKEN), output=0),
        limit_lowers=False,
        wishes=wishes_of(facts),
    )
