"""What stands in a completion and in its chunks, as typed values. Knows no event."""

from msgspec import Struct

from tollway.dialects.openai_reading import Envelope, Nested, decoder


class Logprobs(Struct, gc=False):
    """The likelihoods of a choice's tokens, each list as long as the first."""

    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class Choice(Struct, gc=False):
    """A choice of an answer, or of a chunk."""

    index: int | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None
    """vLLM's word for the stop sequence that was met; the next is SGLang's."""
    matched_stop: str | int | None = None


class Body(Envelope):
    """An answer, or a chunk of one."""

    choices: list[Choice] | None = None


NESTED: Nested = {Body: {"choices": list[Choice]}, Choice: {"logprobs": Logprobs}}

decode_body = decoder(Body, NESTED)
