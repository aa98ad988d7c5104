"""What the gateway must know of a request before it is relayed, read without a full parse. Knows no wire format."""

import msgspec

from tollway.neutral.usage import Usage
from tollway.neutral.wishes import Wishes


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
    variant: str = ""
    """Which of its dialect's forms was asked for, in the dialect's own words."""
    images: int = 0
    """How many pictures the answer may have at most."""
    input_tokens_bound: int | None = None
    """More than the input can have, in whatever its dialect counts, where the body's bytes do not bound it; None: they do."""
    calls: int = 1
    """How many calls a provider may charge it as at most."""
    counted: Usage | None = None
    """The exact usage where it follows from the request alone and the input is all that is billed, such as characters
    to be spoken: what is charged when the provider reports none."""
    estimated: Usage | None = None
    """About what it uses, where the usual estimate, by the bytes of body and answer, says nothing: a picture, a sound."""
    limit_lowers: bool = True
    """False where the dialect has no word for a limit on output: a balance that is too small must refuse the request."""
    billed: bool = True
    """False for what costs nothing by its nature, such as counting tokens."""
    wishes: Wishes | None = None
    """What the body says to the gateway about models and providers; None where it names one model and says nothing. With
    wishes, `model_asked` is the first model, and empty where none is named."""
