"""What one client of the crash harness wants, and what came of it. Drawn from seeded dice, so that a run can be repeated."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import ceil

PRICE_INPUT = "0.1234567"
PRICE_CACHED = "0.0512345"
PRICE_OUTPUT = "0.7654321"
FEE = "5%"
"""Odd on purpose: base and fee have to be rounded up, and no two answers of a run cost the same by chance."""

OUTPUT_TOKENS_MAX = 256
PACKAGE_RATIO = "0.37"
"""Of a token package's own: what a token takes of it."""


class Wallet(StrEnum):
    """What pays for a key's requests, and what limits them."""

    AMPLE = "ample"
    """More money than the run can spend."""
    SCARCE = "scarce"
    """Money for a few requests, topped up now and then: every request borrows."""
    CAPPED = "capped"
    """Ample money under a cap that is soon reached."""
    PACKAGE = "package"
    """A token package."""
    PREPAID = "prepaid"
    """A package of money."""


class Way(StrEnum):
    """How a request goes."""

    PLAIN = "plain"
    STREAM = "stream"
    LEAVE = "leave"
    """Streamed; the client leaves in the middle."""
    CUT = "cut"
    """Streamed; the provider breaks off in the middle."""
    FAIL = "fail"
    """The provider answers 500."""
    AGAIN = "again"
    """Plain, under an Idempotency-Key, and asked again until the answer has come."""
    AGAIN_STREAM = "again-stream"
    """The same, streamed."""


STREAMED = frozenset((Way.STREAM, Way.LEAVE, Way.CUT, Way.AGAIN_STREAM))
REPEATED = frozenset((Way.AGAIN, Way.AGAIN_STREAM))


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """An API key, and what stands behind it."""

    wallet: Wallet
    account_id: str
    key: str


@dataclass(slots=True, kw_only=True)
class Reply:
    """What one attempt brought its client."""

    kills_before: int
    """How often we had killed when its connection was made."""
    request_id: str | None = None
    status: int | None = None
    replay: bool = False
    content: bool = False
    """A byte of an answer has come."""
    ended: bool = False
    """The reply came to its end."""
    left: bool = False
    broke: bool = False
    kills_after: int = 0
    """How often we had killed when it was over."""
    cost_nanos: int | None = None
    package_micros: int = 0
    code: str | None = None
    kept: bytes = b""
    """The body, of requests under an Idempotency-Key."""


@dataclass(slots=True, kw_only=True)
class Ask:
    """One request that a client makes: once, or until it is answered."""

    number: int
    buyer: Buyer
    way: Way
    delay_s: float
    """How long the provider thinks."""
    pieces: int
    pace_s: float
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    stop_after: int
    """Pieces after which client or provider is gone, where one of them goes."""
    replies: list[Reply] = field(default_factory=list[Reply])
    served: set[int] = field(default_factory=set[int])
    """How many tokens the provider wrote, where it answered: fewer where the gateway had lowered the limit."""

    @property
    def streamed(self) -> bool:
        """Tell whether the answer comes in pieces."""
        return self.way in STREAMED

    @property
    def name(self) -> str:
        """Its name on every line it leads to (as its session), in its body, and as its Idempotency-Key."""
        return f"ask-{self.number}"

    def cost_nanos(self, output_tokens: int) -> int:
        """Return what its whole answer costs, by the rule of design section 5 in fractions: shares no code with what it checks."""
        if self.buyer.wallet is Wallet.PACKAGE:
            return 0
        counts = (self.input_tokens, self.cached_tokens, output_tokens)
        prices = (PRICE_INPUT, PRICE_CACHED, PRICE_OUTPUT)
        base = ceil(sum(count * Fraction(price) * 1000 for count, price in zip(counts, prices, strict=True)))
        return base + ceil(base * Fraction(FEE.removesuffix("%")) / 100)

    def package_micros(self, output_tokens: int) -> int:
        """Return what its whole answer takes of a token package, in micro-tokens."""
        if self.buyer.wallet is not Wallet.PACKAGE:
            return 0
        tokens = self.input_tokens + self.cached_tokens + output_tokens
        return ceil(tokens * Fraction(PACKAGE_RATIO) * 10**6)


def draw(dice: random.Random, number: int, *, buyers: list[Buyer], ways: dict[Way, int]) -> Ask:
    """Return the next request; `ways` are weights."""
    pieces = dice.randrange(2, 20)
    return Ask(
        number=number,
        buyer=dice.choice(buyers),
        way=dice.choices(list(ways), list(ways.values()))[0],
        delay_s=dice.random() ** 2 * 0.08,
        pieces=pieces,
        pace_s=dice.random() * 0.015,
        input_tokens=dice.randrange(1, 400),
        cached_tokens=dice.randrange(0, 100),
        output_tokens=dice.randrange(pieces, OUTPUT_TOKENS_MAX),
        stop_after=dice.randrange(1, pieces),
    )
