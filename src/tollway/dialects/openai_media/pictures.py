"""What a request for pictures says before it is relayed: whose model, how many, and how much they may cost. Knows no price.

Pictures are billed by piece or by tokens; a hold must cover either, so both are bounded here. The tokens of a picture
follow from its quality and size:

* OpenAI's guide "Image generation" gives them for the first generations: 272 to 6,240, of which the largest of each
  quality stand in `_FIRST_TOKENS`.
* For gpt-image-2 it gives a calculator, whose arithmetic was published in OpenAI's developer forum ("Gpt-image-2 output
  pricing calculator", 2026-06-05): the shorter side's share of an axis of 16, 48 or 96 steps, times that axis, times
  (2,000,000 + pixels) / 4,000,000. A square of these pixels is the dearest shape. Its 1024x1024 at high quality: 7,024.
* For the qualities `xhigh` and `max` nothing is published: twice the axis of `high`, four times its tokens, are assumed.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.openai_media.answer import is_json
from tollway.dialects.openai_media.form import FormFacts, is_form
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.money import divide_up
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

PICTURES_MAX = 10
"""The most that OpenAI accepts as `n`."""

PARTIALS_MAX = 3
PARTIAL_TOKENS = 100
"""OpenAI's guide "Image generation": "each partial image will incur an additional 100 image output tokens"."""

FRAMES_MAX, FRAMES_DEFAULT = 16, 9
"""Pictures in an animation, each of which is drawn."""

SHOWN_TOKENS = 16_384
"""More than a picture that is sent costs: by OpenAI's guide 65 and 129 for each of at most 3 tiles, and 6,240 more at
high fidelity, 6,692 together; what later models need is not published."""

TALK_TOKENS = 4_096
"""Allowance for what is written or planned beside a picture, whose tokens some models report and nobody bounds."""

LINES_TOKENS = 32_768
"""The same for a picture made of lines (SVG), which a second model writes as text."""

PIXELS_MAX = 3_840 * 2_160
"""The largest picture of OpenAI's models."""

SIDE_MAX = 65_536
_AXES: Mapping[str, int] = {"low": 16, "medium": 48, "high": 96, "xhigh": 192, "max": 192}
_FIRST_TOKENS: Mapping[str, int] = {"low": 408, "medium": 1_584, "high": 6_240}
_BYTES_PER_TOKEN = 4
"""As for every estimate of text."""


class _Facts(Wishing, gc=False, kw_only=True):
    prompt: str | None = None
    n: Annotated[int, Meta(ge=1, le=PICTURES_MAX)] | None = None
    size: str | None = None
    quality: str | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Meta(ge=0, le=PARTIALS_MAX)] | None = None
    output_format: str | None = None
    frame_count: Annotated[int, Meta(ge=1, le=FRAMES_MAX)] | None = None
    image: str | list[Raw] | None = None
    images: list[Raw] | None = None
    mask: Raw | UnsetType = UNSET
    markup: Raw | UnsetType = UNSET


_FACTS = msgspec.json.Decoder(_Facts)
_NULL = Raw(b"null")

_EXPECTED = Expected(
    summary="a JSON object with `model` and `prompt`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "prompt": "`prompt` must be a string",
        "n": f"`n` must be a whole number from 1 to {PICTURES_MAX}",
        "size": "`size` must be a string like `1024x1024`",
        "quality": "`quality` must be a string",
        "stream": "`stream` must be true or false",
        "partial_images": f"`partial_images` must be a whole number from 0 to {PARTIALS_MAX}",
        "output_format": "`output_format` must be a string",
        "frame_count": f"`frame_count` must be a whole number from 1 to {FRAMES_MAX}",
        "image": "`image` must be a string or an array",
        "images": "`images` must be an array",
    },
)


def peek_generation(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request for pictures; raises Refusal `invalid_request` that says what to mend."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    return _peek(facts, body_bytes=len(body), shown=_shown_in(facts))


def peek_edit(body: bytes, called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request that changes pictures, which is a form or JSON; raises Refusal `invalid_request`."""
    if is_json(called.content_type):
        return peek_generation(body)
    if not is_form(called.content_type):
        raise refused("the Content-Type must be multipart/form-data or application/json")
    form = FormFacts(body, called.content_type)
    facts = _Facts(
        model=form.model(),
        prompt=form.text("prompt"),
        n=form.number("n", least=1, most=PICTURES_MAX),
        size=form.text("size"),
        quality=form.text("quality"),
        stream=form.flag("stream"),
        partial_images=form.number("partial_images", least=0, most=PARTIALS_MAX),
        output_format=form.text("output_format"),
        frame_count=form.number("frame_count", least=1, most=FRAMES_MAX),
    )
    return _peek(facts, body_bytes=len(body), shown=len(form.files))


def picture_tokens(quality: str | None, size: str | None) -> int:
    """Return the most output tokens that one picture has; of a quality or size that leaves it open, the dearest."""
    word = quality if quality is not None and quality in _AXES else "high"
    axis = _AXES[word]
    return max(_FIRST_TOKENS.get(word, 0), divide_up(axis * axis * (2_000_000 + _pixels(size)), 4_000_000))


def _pixels(size: str | None) -> int:
    """Return how many pixels a size like `1024x1536` has; of any other, the most there are."""
    sides = (size or "").split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and len(side) <= 5 for side in sides):
        return PIXELS_MAX
    return min(int(sides[0]), SIDE_MAX) * min(int(sides[1]), SIDE_MAX)


def _shown_in(facts: _Facts) -> int:
    """Return how many pictures a JSON body shows."""
    beside = sum(given is not UNSET and given != _NULL for given in (facts.mask, facts.markup))
    single = len(facts.image) if isinstance(facts.image, list) else int(bool(facts.image))
    return beside + single + len(facts.images or ())


def _peek(facts: _Facts, *, body_bytes: int, shown: int) -> Peek:
    pictures = facts.n or 1
    prompt_bytes = len((facts.prompt or "").encode())
    frames = 1
    if facts.output_format == "gif":
        frames = facts.frame_count or FRAMES_DEFAULT
    drawn = picture_tokens(facts.quality, facts.size) * frames
    allowance = TALK_TOKENS + PARTIAL_TOKENS * (facts.partial_images or 0)
    if facts.output_format == "svg":
        allowance += LINES_TOKENS
    return Peek(
        model_asked=first_model(facts),
        streamed=facts.stream is True,
        usage_asked=False,
        output_tokens_max=drawn + allowance,
        choices=pictures,
        body_bytes=body_bytes,
        media_parts=shown,
        images=pictures,
        # Each picture is made as if it were asked for alone, with all of the input.
        input_tokens_bound=(prompt_bytes + shown * SHOWN_TOKENS) * pictures,
        estimated=Usage(input=divide_up(prompt_bytes, _BYTES_PER_TOKEN) * pictures, output=drawn * pictures),
        limit_lowers=False,
        wishes=wishes_of(facts),
    )
