"""Makes price cards, whose id follows from their content. Pure; knows no file and no price library."""

import hashlib

import msgspec

from tollway.catalog.records import PriceCard
from tollway.settings import PriceSettings


class UnitPrices(msgspec.Struct, frozen=True, kw_only=True):
    """Whole nano-units per million tokens of each unit; None costs what the parent unit costs."""

    input: int
    output: int
    cached_input: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None


def configured_prices(price: PriceSettings) -> UnitPrices:
    """Return the prices that the operator's file states."""
    return msgspec.convert(price, UnitPrices, from_attributes=True)


class CardMaker:
    """Makes the cards of one deployment, all in its currency."""

    __slots__ = ("_currency",)

    def __init__(self, currency: str) -> None:
        """Make cards in `currency`."""
        self._currency = currency

    def card(self, provider: str, model_routed: str, prices: UnitPrices, *, source: str) -> PriceCard:
        """Return the card; equal content has an equal id on every host, wherever it was read."""
        content = (provider, model_routed, self._currency, msgspec.structs.astuple(prices))
        digest = hashlib.blake2b(msgspec.json.encode(content), digest_size=8).digest()
        # 63 bits: the id is a signed 64-bit key in SQL, and zero is kept free for "none".
        number = int.from_bytes(digest, "big") >> 1 or 1
        return PriceCard(
            id=number,
            provider=provider,
            model=model_routed,
            currency=self._currency,
            source=source,
            **msgspec.structs.asdict(prices),
        )
