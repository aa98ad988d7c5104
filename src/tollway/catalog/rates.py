"""What currencies cost in each other, as the operator says it: one table for the life of a deployment. Pure."""

from collections.abc import Mapping

from tollway.errors import Refusal
from tollway.money import NANOS_PER_UNIT, divide_up


class RateTable:
    """The rates of exchange between the currencies of price cards and of accounts."""

    __slots__ = ("_rates", "currencies", "currency")

    def __init__(self, currency: str, rates: Mapping[str, int]) -> None:
        """Take the deployment's currency, and what one unit of each other costs in it, in nano-units.

        A rate between two others, or the other way round, follows from these; it is rounded up to a nano-unit.
        """
        self.currency = currency
        worth = {currency: NANOS_PER_UNIT, **rates}
        self.currencies = tuple(worth)
        """Those that can be exchanged: what prices and accounts may be in, the deployment's own first."""
        self._rates = {
            (card, account): divide_up(worth[card] * NANOS_PER_UNIT, worth[account])
            for card in worth
            for account in worth
        }

    def rate_nanos(self, card_currency: str, account_currency: str) -> int | None:
        """Return how many units of the account's currency one unit of the card's is, x 10^9; None when it is the same.

        Raises Refusal when the operator has not said it.
        """
        if card_currency == account_currency:
            return None
        rate = self._rates.get((card_currency, account_currency))
        if rate is None:
            raise Refusal(
                "model_not_allowed",
                f"The price of this model is in {card_currency}, the account in {account_currency}. The operator must "
                f"say what one costs in the other: {self.missing(card_currency, account_currency)}.",
                param="model",
            )
        return rate

    def missing(self, *currencies: str) -> str:
        """Return what to write into the settings so that these currencies can be exchanged."""
        unknown = next((currency for currency in currencies if currency not in self.currencies), self.currency)
        return f'[billing] rates = {{ {unknown} = "…" }}, which is what one {unknown} costs in {self.currency}'
