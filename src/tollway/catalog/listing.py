"""What `GET /v1/models` says of a model, as plain data. Pure; knows no HTTP and no SQL."""

from decimal import Decimal

from tollway.catalog.catalog import Catalog
from tollway.catalog.records import Model, PriceCard
from tollway.ids import CARD, render_id
from tollway.money import render_amount

UNITS = ("input", "output", "cached_input", "reasoning", "audio_input", "audio_output")

PER_TOKEN = {"prompt": "input", "completion": "output"}
"""Names under which some clients look for the price of one token."""


class Listing:
    """The model pages of one catalog. The whole list is rendered once: it does not change while Tollway runs."""

    def __init__(self, catalog: Catalog) -> None:
        """Render every configured model."""
        self._catalog = catalog
        models = sorted(catalog.models.values(), key=lambda model: model.id)
        self._entries = [render_model(model) for model in models]

    def entries(self) -> list[dict[str, object]]:
        """Return every configured model, in order of id."""
        return self._entries

    def entry(self, model_asked: str) -> dict[str, object] | None:
        """Return one model, also one that only a wildcard or PROVIDER/NAME stands for."""
        model = self._catalog.resolve(model_asked)
        return None if model is None else render_model(model)

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return the ids closest to one that does not exist."""
        return self._catalog.suggest(model_asked)


def render_model(model: Model) -> dict[str, object]:
    """Return one model: id, owner, context length, capabilities and prices; null is "not known"."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_s,
        "owned_by": model.targets[0].provider.name,
        "context_length": model.context_tokens,
        "max_output_tokens": model.output_tokens_max,
        "capabilities": list(model.capabilities),
        "pricing": render_pricing(model),
    }


def render_pricing(model: Model) -> dict[str, str] | None:
    """Return the prices of the model's dearest target, which is what it may cost; None when one has no price."""
    cards = [target.card for target in model.targets]
    priced = [card for card in cards if card is not None]
    if len(priced) != len(cards):
        return None
    return render_card(max(priced, key=lambda card: (card.output, card.input)))


def render_card(card: PriceCard) -> dict[str, str]:
    """Return a card's prices as exact decimals: of a million tokens, and of one under the names clients know."""
    prices = {unit: price for unit in UNITS if (price := getattr(card, unit)) is not None}
    rendered = {"currency": card.currency, "per_tokens": "1000000"}
    rendered |= {unit: render_amount(price) for unit, price in prices.items()}
    return rendered | {name: _render_per_token(prices[unit]) for name, unit in PER_TOKEN.items()}


def price_rows(model: Model) -> list[dict[str, object]]:
    """Return the price of each target of a model; one that nobody knows says so instead of a source."""
    rows: list[dict[str, object]] = []
    for target in model.targets:
        row: dict[str, object] = {
            "model": model.id,
            "provider": target.provider.name,
            "model_routed": target.model_routed,
            "price_card": None,
            "source": "unknown: set its price",
        }
        card = target.card
        if card is not None:
            row |= {**render_card(card), "price_card": render_id(CARD, card.id), "source": card.source}
        rows.append(row)
    return rows


def _render_per_token(nanos_per_million: int) -> str:
    text = f"{Decimal(nanos_per_million).scaleb(-15):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
