"""Past charges, computed anew: by their own cards, to prove them, or by other prices, to see what would have been.

Changes nothing: what was charged stays, and corrections are credits. Knows no SQL.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

import msgspec

from tollway.billing.views import View
from tollway.catalog.records import PriceCard, UnitPrices
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, CARD, EXCHANGE, render_id
from tollway.ledger.lines import ExchangeLine
from tollway.ledger.records import Account
from tollway.ledger.repricing import ChargeProof, Repriced, RepriceQuery, WrongCharge
from tollway.money import parse_amount, render_amount
from tollway.pricing.charge import Charge, PriceTerms, charge_for

WRONG_MAX = 1000
"""Of one report: enough to see a pattern."""

GROUPS_MAX = 50_000
"""Accounts times models of one report, about 1 KB each."""


class NewTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be otherwise; None stays as it stands on each line."""

    card_id: int | None = None
    prices: Mapping[str, int] | None = None
    """By unit, in nano-units of the card's currency per million."""
    fee_ppm: int | None = None
    price_ppm: int | None = None


class ChargeLines(Protocol):
    """What repricing wants from the store."""

    def prove_charges(self, *, limit: int) -> ChargeProof:
        """Compute every charge anew, on one snapshot; return at most `limit` that are wrong."""
        ...

    def charged_lines(self, query: RepriceQuery) -> Iterator[list[ExchangeLine]]:
        """Yield the lines of a period that were charged money, some at a time."""
        ...

    def cards(self, card_ids: Collection[int]) -> Mapping[int, PriceCard]:
        """Read price cards by their ids."""
        ...

    def accounts(self) -> tuple[Account, ...]:
        """Read all accounts."""
        ...


class Repricing:
    """The use cases of repricing. Errors are CommandRefused with a sentence."""

    def __init__(self, store: ChargeLines) -> None:
        """Read from `store`."""
        self._store = store

    def check(self) -> ChargeProof:
        """Compute every past charge anew from its usage, card and terms."""
        return self._store.prove_charges(limit=WRONG_MAX)

    def reprice(self, query: RepriceQuery, new: NewTerms) -> tuple[Repriced, ...]:
        """Return what the charges of a period are and what they would be by other prices, by account and model."""
        other = self._new_card(new)
        currencies = {account.id: account.currency for account in self._store.accounts()}
        known: dict[int, PriceCard] = {}
        found: defaultdict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0] * 5)
        for page in self._store.charged_lines(query):
            wanted = {line.card_id for line in page if line.card_id is not None} - known.keys()
            known |= self._store.cards(wanted)
            for line in page:
                charge = _charge(line, _new_prices(line, _card_of(line, known), other, new), new)
                sums = found[line.account_id, line.provider, line.model_routed]
                for place, amount in enumerate(
                    (1, line.base_nanos, line.fee_nanos, charge.base_nanos, charge.fee_nanos)
                ):
                    sums[place] += amount
            if len(found) > GROUPS_MAX:
                raise CommandRefused(
                    f"this report would have more than {GROUPS_MAX} lines: ask for a shorter period or one account"
                )
        return tuple(_repriced(key, sums, currencies) for key, sums in sorted(found.items()))

    def _new_card(self, new: NewTerms) -> PriceCard | None:
        if new.card_id is None:
            return None
        card = self._store.cards((new.card_id,)).get(new.card_id)
        if card is None:
            raise CommandRefused(f"there is no price card {render_id(CARD, new.card_id)}: `requests show` names some")
        return card


def parse_prices(text: str) -> Mapping[str, int]:
    """Return prices by unit from a text such as ``input=0.15,output=0.60``; raises CommandRefused or AmountError."""
    prices: dict[str, int] = {}
    for part in text.split(","):
        unit, equals, price = part.partition("=")
        unit = unit.strip()
        if not equals or unit not in UnitPrices.__struct_fields__ or unit in prices:
            raise CommandRefused(
                f"{part!r} is no price: write input=0.15,output=0.60, of {', '.join(UnitPrices.__struct_fields__)}"
            )
        prices[unit] = parse_amount(price)
        if prices[unit] < 0:
            raise CommandRefused(f"{part!r} is below zero")
    if not {"input", "output"} <= prices.keys():
        raise CommandRefused("prices name input and output at least; what else is left out costs what these do")
    return prices


def view_proof(proof: ChargeProof) -> View:
    """Show what came of computing all charges anew."""
    wrong = [_view_wrong(each) for each in proof.wrong]
    return {"clean": not wrong, "checked": proof.checked, "wrong": wrong}


def view_repriced(row: Repriced) -> View:
    """Show what charges are and what they would be."""
    return {
        "account": render_id(ACCOUNT, row.account_id),
        "provider": row.provider,
        "model_routed": row.model_routed,
        "requests": row.requests,
        "base_cost": render_amount(row.base_nanos),
        "platform_fee": render_amount(row.fee_nanos),
        "new_base_cost": render_amount(row.new_base_nanos),
        "new_platform_fee": render_amount(row.new_fee_nanos),
        "difference": render_amount(row.difference_nanos),
        "currency": row.currency,
    }


def _view_wrong(wrong: WrongCharge) -> View:
    due_base, due_fee = wrong.due_base_nanos, wrong.due_fee_nanos
    return {
        "request": render_id(EXCHANGE, wrong.exchange_id),
        "base_cost": render_amount(wrong.base_nanos),
        "platform_fee": render_amount(wrong.fee_nanos),
        "due_base_cost": None if due_base is None else render_amount(due_base),
        "due_platform_fee": None if due_fee is None else render_amount(due_fee),
        "problems": list(wrong.problems),
    }


def _card_of(line: ExchangeLine, known: Mapping[int, PriceCard]) -> PriceCard:
    card = None if line.card_id is None else known.get(line.card_id)
    if card is None:
        name = render_id(EXCHANGE, line.exchange_id)
        raise CommandRefused(f"request {name} was charged without a card that is there: run tollway ledger check")
    return card


def _new_prices(line: ExchangeLine, card: PriceCard, other: PriceCard | None, new: NewTerms) -> PriceCard:
    if other is not None and other.currency != card.currency:
        raise CommandRefused(
            f"the new card is in {other.currency} and request {render_id(EXCHANGE, line.exchange_id)} was charged by one "
            f"in {card.currency}: choose requests and a card in one currency"
        )
    if new.prices is None:
        return other or card
    units = {**dict.fromkeys(UnitPrices.__struct_fields__), **new.prices}
    return msgspec.structs.replace(card, **units, tiers=())


def _charge(line: ExchangeLine, prices: PriceCard, new: NewTerms) -> Charge:
    terms = PriceTerms(
        fee_ppm=line.fee_ppm if new.fee_ppm is None else new.fee_ppm,
        price_ppm=line.price_ppm if new.price_ppm is None else new.price_ppm,
        rate_nanos=line.rate_nanos,
    )
    return charge_for(line.usage, prices, terms=terms, basis=line.basis)


def _repriced(key: tuple[int, str, str], sums: list[int], currencies: Mapping[int, str]) -> Repriced:
    requests, base, fee, new_base, new_fee = sums
    return Repriced(
        account_id=key[0],
        provider=key[1],
        model_routed=key[2],
        currency=currencies.get(key[0], ""),
        requests=requests,
        base_nanos=base,
        fee_nanos=fee,
        new_base_nanos=new_base,
        new_fee_nanos=new_fee,
    )
