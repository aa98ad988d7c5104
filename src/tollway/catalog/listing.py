"""What `GET /v1/models` and `tollway prices` say of models, as plain data. Knows no HTTP and no SQL."""

from datetime import UTC, datetime
from decimal import Decimal

from tollway import clock
from tollway.catalog.capabilities import modality_of, render_schema
from tollway.catalog.catalog import Catalog
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, PriceCard, Target, UnitPrices, card_at
from tollway.ids import CARD, render_id
from tollway.money import NANOS_PER_UNIT, PPM, divide_up, render_amount, render_rate

TOKEN_UNITS = (
    "input",
    "output",
    "cached_input",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
)
"""Priced per million."""

PIECE_UNITS = ("image", "call")
"""Priced apiece; kept per million all the same."""

PER_TOKEN = {"prompt": "input", "completion": "output"}
"""Names under which some clients look for the price of one token."""


class Listing:
    """The model pages of one catalog. The whole list is rendered anew only when a price begins."""

    def __init__(self, catalog: Catalog) -> None:
        """Render every configured model."""
        self._catalog = catalog
        self._models = sorted(catalog.models.values(), key=lambda model: model.id)
        self._starts = sorted(
            {
                card.valid_from_ms or 0
                for model in self._models
                for target in model.targets
                for card in target.later_cards
            }
        )
        self._entries = self._render(clock.now_ms())

    def entries(self) -> list[dict[str, object]]:
        """Return every configured model, in order of id."""
        if self._starts and self._starts[0] <= (now_ms := clock.now_ms()):
            self._entries = self._render(now_ms)
        return self._entries

    def entry(self, model_asked: str) -> dict[str, object] | None:
        """Return one model, also one that only a wildcard or PROVIDER/NAME stands for."""
        model = self._catalog.resolve(model_asked)
        return None if model is None else render_model(model, self._catalog.rates, now_ms=clock.now_ms())

    def schema(self, model_asked: str) -> dict[str, object] | None:
        """Return how one model is called; None when there is none."""
        model = self._catalog.resolve(model_asked)
        return None if model is None else render_schema(model)

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return the ids closest to one that does not exist."""
        return self._catalog.suggest(model_asked)

    def _render(self, now_ms: int) -> list[dict[str, object]]:
        self._starts = [start for start in self._starts if start > now_ms]
        return [render_model(model, self._catalog.rates, now_ms=now_ms) for model in self._models]


def render_model(model: Model, rates: RateTable, *, now_ms: int) -> dict[str, object]:
    """Return one model: id, owner, context length, capabilities and prices; null is "not known"."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_s,
        "owned_by": model.targets[0].provider.name,
        "context_length": model.context_tokens,
        "max_output_tokens": model.output_tokens_max,
        "capabilities": list(model.capabilities),
        "modality": modality_of(model.capabilities),
        "pricing": render_pricing(model, rates, now_ms=now_ms),
    }


def render_pricing(model: Model, rates: RateTable, *, now_ms: int) -> dict[str, object] | None:
    """Return the prices of the model's dearest target, which is what it may cost; None when one has no price.

    The model's discount or markup is in them; an account's own is not.
    """
    cards = [card_at(target, now_ms) for target in model.targets]
    priced = [card for card in cards if card is not None]
    if len(priced) != len(cards):
        return None

    def worth(card: PriceCard) -> tuple[int, int]:
        rate = rates.rate_nanos(card.currency, rates.currency) or NANOS_PER_UNIT
        return card.output * rate, card.input * rate

    card = max(priced, key=worth)
    per_token = {
        name: _render_per_token(_times(getattr(card, unit), model.price_ppm)) for name, unit in PER_TOKEN.items()
    }
    return render_card(card, price_ppm=model.price_ppm) | per_token


def render_card(card: PriceCard, *, price_ppm: int = PPM) -> dict[str, object]:
    """Return what a card says, times a factor, as exact decimals: of a million tokens, of one picture, of one call."""
    rendered: dict[str, object] = {"currency": card.currency, "per_tokens": "1000000"}
    rendered |= _render_units(card, price_ppm)
    if card.tiers:
        rendered["tiers"] = [{"above": tier.above_tokens, **_render_units(tier, price_ppm)} for tier in card.tiers]
    if card.batch_ppm is not None:
        rendered["batch"] = render_rate(card.batch_ppm)
    return rendered


def price_rows(model: Model, *, now_ms: int) -> list[dict[str, object]]:
    """Return the prices of each target of a model, those that hold and those to come; none says so in its source.

    As the cards say them: the model's discount or markup stands beside them as `factor`.
    """
    return [row for target in model.targets for row in _target_rows(model, target, now_ms)]


def _target_rows(model: Model, target: Target, now_ms: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    current = card_at(target, now_ms)
    later = [card for card in target.later_cards if (card.valid_from_ms or 0) > now_ms]
    for card in (current, *later):
        row: dict[str, object] = {
            "model": model.id,
            "provider": target.provider.name,
            "model_routed": target.model_routed,
            "price_card": None,
            "source": "unknown: set its price",
        }
        if card is not None:
            row |= {**render_card(card), "price_card": render_id(CARD, card.id), "source": card.source}
            row["from"] = None if card.valid_from_ms is None else _render_moment(card.valid_from_ms)
            row["factor"] = None if model.price_ppm == PPM else render_rate(model.price_ppm)
        rows.append(row)
    return rows


def _render_units(prices: UnitPrices, price_ppm: int) -> dict[str, str]:
    tokens = {unit: price for unit in TOKEN_UNITS if (price := getattr(prices, unit)) is not None}
    pieces = {unit: price for unit in PIECE_UNITS if (price := getattr(prices, unit)) is not None}
    rendered = {unit: render_amount(_times(price, price_ppm)) for unit, price in tokens.items()}
    return rendered | {unit: _render_per_token(_times(price, price_ppm)) for unit, price in pieces.items()}


def _times(nanos: int, ppm: int) -> int:
    return nanos if ppm == PPM else divide_up(nanos * ppm, PPM)


def _render_per_token(nanos_per_million: int) -> str:
    text = f"{Decimal(nanos_per_million).scaleb(-15):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _render_moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat().replace("+00:00", "Z")
