"""What a request may take of its payer at most: one arithmetic for its hold, for a lowered limit and for an extension.

Knows no purse and holds nothing.
"""

import msgspec

from tollway.catalog.records import Target
from tollway.money import divide_up
from tollway.neutral.peek import Peek
from tollway.pricing.affordable import tokens_covered
from tollway.pricing.estimate import (
    Ceiling,
    TokenLimits,
    ceiling_of,
    output_tokens,
    worst_case_nanos,
    worst_case_tokens,
)
from tollway.relay.funding import Funding


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A request, who pays for it, and where it may go. Amounts are in the payer's unit.

    What a model costs, and how much it can write, is each model's own: a request that may go to several has a need for
    each place, in the order in which they are tried. The same purses pay for all of them.
    """

    funding: Funding
    peek: Peek
    limits: TokenLimits
    targets: tuple[Target, ...]
    model_id: str = ""
    """Of the model that the targets are of."""
    others: tuple["Need", ...] = ()
    """The needs at what is tried behind these targets; none of them has others."""
    ceilings: tuple[Ceiling, ...] | None = None
    """What it may cost at each of the targets, where somebody knows it already."""

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """Every place that the request may go to, in order."""
        if not self.others:
            return self.targets
        return tuple(target for need in (self, *self.others) for target in need.targets)

    def of(self, target: Target) -> "Need":
        """Return the need that a target belongs to."""
        if not self.others:  # nearly always
            return self
        return next((need for need in self.others if any(each is target for each in need.targets)), self)

    def as_asked(self) -> int:
        """Return the most that the request takes at any of its targets."""
        need_nanos = self._at_own_targets()
        for other in self.others:
            need_nanos = max(need_nanos, other.as_asked())
        return need_nanos

    def _at_own_targets(self) -> int:
        funding = self.funding
        if not self.peek.billed:
            return 0
        if funding.ratio_ppm is not None:
            return worst_case_tokens(self.peek, self.limits) * funding.ratio_ppm
        ceilings = ceilings_at(self.targets, funding) if self.ceilings is None else self.ceilings
        return worst_case_nanos(self.peek, ceilings, self.limits)

    @property
    def output_tokens_max(self) -> int:
        """The most output that one choice may have at any of the targets."""
        return max(output_tokens(need.peek, need.limits) for need in (self, *self.others))

    def limited(self, tokens: int) -> "Need":
        """Return the same for a request whose choices have `tokens` of output each."""
        peek = msgspec.structs.replace(self.peek, output_tokens_max=tokens)
        others = tuple([other.limited(tokens) for other in self.others]) if self.others else ()
        return msgspec.structs.replace(self, peek=peek, others=others)

    def with_output(self, tokens: int) -> int:
        """Return the most that it takes with so many tokens of output for each choice."""
        return self.limited(tokens).as_asked()

    def at(self, target: Target) -> "Need":
        """Return the need at one target alone."""
        need = self.of(target)
        ceilings = ceilings_at((target,), need.funding) if need.funding.ratio_ppm is None else None
        return msgspec.structs.replace(need, targets=(target,), others=(), ceilings=ceilings)

    def covered_by(self, held: int, *, guess: int | None = None) -> int:
        """Return how many output tokens, over all choices, a hold covers; with a good guess of it, sooner."""
        choices = self.peek.choices
        if guess is not None:
            each = divide_up(guess, choices)
            if self.with_output(each) <= held < self.with_output(each + 1):
                return each * choices
        return tokens_covered(self.with_output, held=held, choices=choices)

    def covering(self, tokens: int) -> int:
        """Return the hold that covers so many output tokens over all choices."""
        return self.with_output(divide_up(tokens, self.peek.choices))


def ceilings_at(targets: tuple[Target, ...], funding: Funding) -> tuple[Ceiling, ...]:
    """Return what a request may cost at each target that has a price, for who pays."""
    cards = [target.card for target in targets if target.card is not None]
    return tuple([ceiling_of(card, funding.terms_for(card)) for card in cards])
