"""What the gateway must know of a request before it is relayed, read without a full parse. Knows no wire format."""

import msgspec


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """The few facts of a request that admission, routing and pricing need."""

    model_asked: str
    streamed: bool
    usage_asked: bool
    """The client asked for the usage of a stream in its dialect's own form."""
    output_tokens_max: int | None
    """The client's own limit on output, for one choice; None where it gave none."""
    choices: int
    """How many answers are asked for (OpenAI's `n`)."""
    body_bytes: int
    media_parts: int
    """Images, audio and files in the body, whose tokens do not follow from its size."""
