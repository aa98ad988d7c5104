"""The model `auto`: which of the deployment's models are chosen from, and which is chosen. Pure; knows no account and no key."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tollway.catalog.capabilities import FACTS, MODALITIES
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, card_at
from tollway.dialects.record import Operation
from tollway.errors import Refusal
from tollway.money import NANOS_PER_UNIT, PPM, divide_up
from tollway.neutral.wishes import Bias

AUTO = "auto"
AUTO_OF = "auto/"

AUTO_MODELS_MAX = 3
"""How many of the models that are chosen from one request may try: the hold covers the dearest of them."""

MODALITY_OF: Mapping[Operation, str] = {
    Operation.CHAT: "text",
    Operation.TOKEN_COUNT: "text",
    Operation.EMBEDDING: "embedding",
    Operation.IMAGE: "image",
    Operation.IMAGE_EDIT: "image",
    Operation.SPEECH: "tts",
    Operation.TRANSCRIPTION: "stt",
    Operation.SPEECH_TRANSLATION: "stt",
    Operation.MODERATION: "moderation",
    Operation.RERANK: "rerank",
}
"""What comes out of what is asked for."""

WORDS: Mapping[Bias, str] = {
    Bias.AUTO: "the first",
    Bias.SPEED: "the first",
    Bias.COST: "the cheapest",
    Bias.QUALITY: "the dearest",
}


class Chosen(NamedTuple):
    """What `auto` stands for in one request."""

    models: tuple[Model, ...]
    """In the order in which they are tried; at least one."""
    reason: str
    """For the client."""
    notice: str
    """What was done otherwise than asked; empty when nothing was."""


def wants_auto(model_asked: str) -> bool:
    """Tell whether the gateway is asked to choose."""
    return model_asked == AUTO or model_asked.startswith(AUTO_OF)


def modality_wanted(model_asked: str, operation: Operation) -> str:
    """Return what `auto` or `auto/MODALITY` is to make.

    Raises Refusal for a word that is no modality, and for one that is made at another endpoint.
    """
    here = MODALITY_OF[operation]
    wanted = model_asked.removeprefix(AUTO).removeprefix("/") or here
    if wanted == here:
        return here
    if wanted not in MODALITIES:
        raise Refusal(
            "model_not_found",
            f"{model_asked[:200]!r}: there is no such modality. Ask for {AUTO}, or {AUTO_OF} and one of {', '.join(MODALITIES)}.",
            param="model",
        )
    endpoint = next((fact.endpoint for fact in FACTS.values() if fact.modality == wanted), None)
    where = "nothing here makes that yet" if endpoint is None else f"it is asked for at {endpoint}"
    raise Refusal("invalid_request", f"`model`: {AUTO_OF}{wanted} makes something else: {where}.", param="model")


def models_of(modality: str, models: Iterable[Model]) -> list[Model]:
    """Return the models that say that they make this, in their order: what is chosen from where nothing is configured."""
    return [model for model in models if any(FACTS[word].modality == modality for word in model.capabilities)]


def price_nanos(model: Model, rates: RateTable, *, now_ms: int) -> int | None:
    """Return what a million tokens of input and a million of output cost together at the model's dearest target.

    In nano-units of the deployment's currency; None when nobody knows a price of the model.
    """
    cards = [card for target in model.targets if (card := card_at(target, now_ms)) is not None]
    if not cards:
        return None
    return max(
        divide_up(
            (card.input + card.output)
            * model.price_ppm
            * (rates.rate_nanos(card.currency, rates.currency) or NANOS_PER_UNIT),
            PPM * NANOS_PER_UNIT,
        )
        for card in cards
    )


def choose(priced: Sequence[tuple[Model, int]], *, bias: Bias | None, ceiling_nanos: int | None) -> Chosen | None:
    """Return what is tried of models with their prices; None when none is left.

    `ceiling_nanos` is the price of the baseline: nothing dearer is chosen.
    """
    bias = bias or Bias.AUTO
    left = [each for each in priced if ceiling_nanos is None or each[1] <= ceiling_nanos]
    if not left:
        return None
    if bias in {Bias.COST, Bias.QUALITY}:
        left.sort(key=lambda each: each[1], reverse=bias is Bias.QUALITY)
    among = f"{WORDS[bias]} of {len(left)}" + ("" if ceiling_nanos is None else " within the baseline")
    notice = "x-routing speed: nothing is measured yet, the configured order is kept" if bias is Bias.SPEED else ""
    return Chosen(tuple(model for model, _ in left[:AUTO_MODELS_MAX]), among, notice)


def refuse_empty(modality: str, *, bounded: bool) -> Refusal:
    """Return the 404 for `auto` with nothing to choose from; `bounded`: because of the baseline, or of the key's models."""
    if bounded:
        return Refusal(
            "model_not_found",
            "`auto` finds no model that this key may use and that is not dearer than `baseline_model`: name a model, or a "
            "dearer baseline.",
            param="model",
        )
    word = next((word for word, fact in FACTS.items() if fact.modality == modality), modality)
    return Refusal(
        "model_not_found",
        f'`auto` has no model to choose from here. The operator may list some: [auto] {modality} = ["…"], or say '
        f'capabilities = ["{word}"] of a model that has a price.',
        param="model",
    )
