"""What a request may cost at most, and what a stream without usage used by estimate. Pure; knows no account and no wire format."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from tollway.catalog.records import PriceCard, UnitPrices
from tollway.money import PPM, divide_up
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, base_nanos

BYTES_PER_TOKEN = 4
"""OpenAI's rule of thumb for English text: "1 token is about 4 characters" (help.openai.com, "What are tokens and how
to count them?"). Used only for estimates after the fact, which are marked as such; never for a hold."""

OUTPUT_TOKENS_ASSUMED = 4096
"""The output limit of one choice when neither the client nor the catalog gives one: the most that the models of the
first years of this API could write, and the default of many servers. The caller must send it upstream or accept that
an answer can outgrow its hold."""

MEDIA_PART_TOKENS = 65_536
"""Allowance for an image, sound or file whose tokens do not follow from the body's size (it may be only an address),
when the context length is unknown. The dearest picture that OpenAI's guide "Images and vision" prices is one at high
detail for gpt-4o-mini: 2,833 tokens and 5,667 for each of at most 8 tiles, 48,169. The next power of two, so that a
hold rather refuses than overdraws."""


class TokenLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog knows of a model's size; None is unknown."""

    context_tokens: int | None = None
    output_tokens_max: int | None = None


class OutputLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The output of one choice that a hold covers."""

    tokens: int
    assumed: bool
    """Nobody gave a limit: OUTPUT_TOKENS_ASSUMED was taken, and the caller must make it true."""


def output_tokens(peek: Peek, limits: TokenLimits) -> int:
    """Return the output of one choice that a hold covers.

    The client's own limit, else the model's, else its context length, else the named assumption.
    """
    if peek.output_tokens_max is not None:
        return peek.output_tokens_max
    if limits.output_tokens_max is not None:
        return limits.output_tokens_max
    return OUTPUT_TOKENS_ASSUMED if limits.context_tokens is None else limits.context_tokens


def output_limit(peek: Peek, limits: TokenLimits) -> OutputLimit:
    """Return the output of one choice that a hold covers, and whether anybody gave that limit."""
    given = (peek.output_tokens_max, limits.output_tokens_max, limits.context_tokens)
    return OutputLimit(tokens=output_tokens(peek, limits), assumed=given == (None, None, None))


def input_tokens_bound(peek: Peek, limits: TokenLimits) -> int:
    """Return a number of input tokens that the request cannot exceed.

    Every token stands for at least one byte of the body, and none beyond the context length is read. Media are the
    exception: an address of a few bytes may stand for a picture. Where a dialect knows its own bound it has counted
    what is billed, which may be seconds or characters: the context says nothing of those.
    """
    if peek.input_tokens_bound is not None:
        return peek.input_tokens_bound
    context = limits.context_tokens
    if peek.media_parts:
        return peek.body_bytes + peek.media_parts * MEDIA_PART_TOKENS if context is None else context
    return peek.body_bytes if context is None else min(peek.body_bytes, context)


def worst_case_tokens(peek: Peek, limits: TokenLimits) -> int:
    """Return the most tokens, input and output together, that the request can use."""
    return input_tokens_bound(peek, limits) + output_tokens(peek, limits) * peek.choices


class Ceiling(NamedTuple):
    """What a request may cost at most at one card: the dearest price of each side, on the terms of whoever pays.

    Found out once for a card and its terms, and asked for with every request.
    """

    input: int
    """Nano-units per million tokens, of the dearest unit of input; so with `output`."""
    output: int
    call: int
    image: int
    terms: PriceTerms
    tiers: tuple[tuple[int, "Ceiling"], ...] = ()
    """Above how many tokens of input other prices may hold, and which."""


def ceiling_of(card: PriceCard, terms: PriceTerms) -> Ceiling:
    """Return the dearest prices of a card."""
    tiers = tuple([(tier.above_tokens, _ceiling(tier, terms)) for tier in card.tiers])
    return _ceiling(card, terms)._replace(tiers=tiers)


def _ceiling(prices: UnitPrices, terms: PriceTerms) -> Ceiling:
    inputs = (prices.input, prices.cached_input, prices.audio_input, prices.cache_write_5m, prices.cache_write_1h)
    outputs = (prices.output, prices.reasoning, prices.audio_output)
    return Ceiling(
        input=max(price for price in inputs if price is not None),
        output=max(price for price in outputs if price is not None),
        call=prices.call or 0,
        image=prices.image or 0,
        terms=terms,
    )


def worst_case_nanos(peek: Peek, ceilings: Iterable[Ceiling], limits: TokenLimits) -> int:
    """Return the most that the request can cost under any of `ceilings`, fee included.

    In whole nano-units of the account's currency. All input at the dearest price of any input unit, all output at the
    dearest of any output unit, and every picture and call; rounded as `charge_for` rounds, so that no charge within the
    bounds exceeds it. Without ceilings: 0.
    """
    tokens_in = input_tokens_bound(peek, limits)
    tokens_out = output_tokens(peek, limits) * peek.choices
    dearest = 0
    for ceiling in ceilings:
        micro = tokens_in * ceiling.input + tokens_out * ceiling.output + ceiling.call * peek.calls
        if peek.images:
            micro += ceiling.image * peek.images
        for above_tokens, tier in ceiling.tiers:  # a tier may be cheaper, and an answer may stay below it
            if tokens_in > above_tokens:
                in_tier = tokens_in * tier.input + tokens_out * tier.output + tier.call * peek.calls
                micro = max(micro, in_tier + tier.image * peek.images)
        base = base_nanos(micro, ceiling.terms)
        total = base + -(-base * ceiling.terms.fee_ppm // PPM)
        if total > dearest:
            dearest = total
    return dearest


def estimated_usage(*, body_bytes: int, text_bytes: int, events: int) -> Usage:
    """Return the usage of an answer that reported none, for a charge of basis ESTIMATED.

    Input is the body's bytes by four, rounded up; output the text's bytes by four, or the number of events that
    carried text when that is more (a provider sends at least one token with each).
    """
    return Usage(
        input=divide_up(body_bytes, BYTES_PER_TOKEN),
        output=max(events, divide_up(text_bytes, BYTES_PER_TOKEN)),
    )


def completed_usage(usage: Usage | None, *, body_bytes: int, text_bytes: int, events: int) -> tuple[Usage, Basis]:
    """Return the usage that a provider reported, with an estimate of the side that it left out, and its basis.

    Some report only what they wrote, or only what they read: the other side is not free because of that. The counts
    are those of `estimated_usage`; the basis is ESTIMATED as soon as one side is.
    """
    if usage is None:
        usage = Usage()
    input_known = not (
        usage.input is usage.cached_input is usage.audio_input is usage.cache_write_5m is usage.cache_write_1h is None
    )
    output_known = not (usage.output is usage.reasoning is usage.audio_output is None)
    if input_known and output_known:
        return usage, Basis.REPORTED
    estimate = estimated_usage(body_bytes=body_bytes, text_bytes=text_bytes, events=events)
    if not input_known:
        usage = msgspec.structs.replace(usage, input=estimate.input)
    if not output_known:
        usage = msgspec.structs.replace(usage, output=estimate.output)
    return usage, Basis.ESTIMATED


def settled_usage(
    usage: Usage | None, peek: Peek, card: UnitPrices | None, *, text_bytes: int, events: int
) -> tuple[Usage, Basis]:
    """Return what an answer is charged for, and how that is known: reported, else counted, else estimated.

    `usage` is what the provider reported, with the pictures and calls that were counted in its answer. Who bills by
    the piece need not report a token; where no piece has a price, tokens are what is billed, and estimated.
    """
    if usage is not None and usage.input is not None and usage.output is not None:  # nearly all
        return usage, Basis.REPORTED
    given = usage or Usage()
    if any(getattr(given, unit) is not None for unit in _TOKEN_UNITS):
        return completed_usage(given, body_bytes=peek.body_bytes, text_bytes=text_bytes, events=events)
    if _bills_pieces(card, given):
        return given, Basis.REPORTED
    if peek.counted is not None and not _bills_output(card):
        return peek.counted, Basis.COUNTED
    if peek.estimated is not None:
        given = msgspec.structs.replace(peek.estimated, images=given.images, calls=given.calls)
    completed, _ = completed_usage(given, body_bytes=peek.body_bytes, text_bytes=text_bytes, events=events)
    return completed, Basis.ESTIMATED


_TOKEN_UNITS = (
    "input",
    "cached_input",
    "output",
    "reasoning",
    "audio_input",
    "audio_output",
    "cache_write_5m",
    "cache_write_1h",
)


def _bills_pieces(card: UnitPrices | None, usage: Usage) -> bool:
    """Tell whether a card has a price for what was counted in an answer."""
    if card is None:
        return usage.images is not None or usage.calls is not None
    return (usage.images is not None and bool(card.image)) or (usage.calls is not None and bool(card.call))


def _bills_output(card: UnitPrices | None) -> bool:
    """Tell whether output has a price: then its input is tokens as well, and no characters."""
    return card is not None and bool(card.output or card.audio_output)
