"""What a request may take of its payer at most: one arithmetic for its hold, for a lowered limit and for an extension.

Knows no purse and holds nothing.
"""

import msgspec

from tollway.catalog.records import Target
from tollway.money import divide_up
from tollway.neutral.peek import Peek
from tollway.pricing.affordable import tokens_covered
from tollway.pricing.estimate import TokenLimits, worst_case_nanos, worst_case_tokens
from tollway.relay.funding import Funding


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A request, who pays for it, and where it may go. Amounts are in the payer's unit."""

    funding: Funding
    peek: Peek
    limits: TokenLimits
    targets: tuple[Target, ...]

    def as_asked(self) -> int:
        """Return the most that the request takes at any of its targets."""
        funding = self.funding
        if not self.peek.billed:
            return 0
        if funding.ratio_ppm is not None:
            return worst_case_tokens(self.peek, self.limits) * funding.ratio_ppm
        cards = [(target.card, funding.terms_for(target.card)) for target in self.targets if target.card is not None]
        return worst_case_nanos(self.peek, cards, self.limits)

    def with_output(self, tokens: int) -> int:
        """Return the same for a request whose choices have `tokens` of output each."""
        peek = msgspec.structs.replace(self.peek, output_tokens_max=tokens)
        return msgspec.structs.replace(self, peek=peek).as_asked()

    def at(self, target: Target) -> "Need":
        """Return the need at one target alone."""
        return msgspec.structs.replace(self, targets=(target,))

    def covered_by(self, held: int) -> int:
        """Return how many output tokens, over all choices, a hold covers."""
        return tokens_covered(self.with_output, held=held, choices=self.peek.choices)

    def covering(self, tokens: int) -> int:
        """Return the hold that covers so many output tokens over all choices."""
        return self.with_output(divide_up(tokens, self.peek.choices))
