"""A whole Gemini answer: the facts settlement needs, and the cost spliced into its usage. Knows no price."""

from tollway.dialects.gemini.chunk import read_chunk, usage_bytes, with_usage, written_bytes
from tollway.dialects.gemini.usage import usage_of, usage_with_costs
from tollway.dialects.record import JSON, Closing, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer of status 200.

    Raises UpstreamFailure JUNK when it has neither candidates, nor a word on the prompt, nor usage: an answer may have
    no candidates, when its prompt was blocked.
    """
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        chunk = read_chunk(body)
    except UnicodeDecodeError:
        raise UpstreamFailure(FailureKind.JUNK, "the provider's answer is not UTF-8") from None
    except UpstreamFailure as failure:
        raise UpstreamFailure(FailureKind.JUNK, f"no answer of the Gemini dialect: {failure.message}") from None
    if chunk.candidates is chunk.prompt_feedback is chunk.usage_metadata is None:
        raise UpstreamFailure(FailureKind.JUNK, "the provider's answer has no candidates")
    usage = usage_of(chunk.usage_metadata)
    text_bytes = 0
    if usage is None or usage.output is None or not usage.tokens:
        text_bytes = written_bytes(chunk)
        if text_bytes and usage is not None and not usage.tokens:
            usage = None
    return ReadAnswer(
        body=body,
        usage=usage,
        usage_found=usage_bytes(body),
        model_answered=chunk.model_version,
        text_bytes=text_bytes,
        service_tier=None if chunk.usage_metadata is None else chunk.usage_metadata.tier,
    )


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in `usageMetadata`; no byte outside that object changes.

    Where the provider reported no usage, or one side of it, the object holds the estimate and says `"estimated": true`.
    """
    shown = answer.usage
    if shown is None or shown.input is None or shown.output is None:
        shown = estimate or shown or Usage()
    closing = Closing(usage=shown, estimated=shown != answer.usage, costs=costs)
    return with_usage(answer.body, usage_with_costs(answer.usage_found, closing))


def read_count(body: bytes, content_type: str = JSON) -> ReadAnswer:
    """Return the answer to a request to count tokens, which uses none."""
    return ReadAnswer(
        body=body, content_type=content_type, usage=Usage(), usage_found=None, model_answered=None, text_bytes=0
    )


def render_count(tokens: int) -> bytes:
    """Return an answer that counts so many tokens."""
    return b'{"totalTokens":%d}' % tokens


def keep_count(answer: ReadAnswer, _costs: CostFields, _estimate: Usage | None) -> bytes:
    """Return the answer as it came: counting costs nothing, and says nothing of costs."""
    return answer.body
