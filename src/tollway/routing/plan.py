"""Which targets a request may go to, in which order. Pure: chance enters as an argument."""

import msgspec

from tollway.catalog.records import Model, Target, card_at
from tollway.errors import Refusal


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The ordered targets for one request; the first is tried first, the rest are its fallbacks."""

    model: Model
    targets: tuple[Target, ...]


def plan(model: Model, *, draw: float) -> Plan:
    """Return the plan for `model`: a first target drawn by weight, the others behind it in their configured order.

    `draw` is in [0, 1). A target of weight 0 is only ever a fallback.
    """
    targets = model.targets
    if len(targets) == 1:
        return Plan(model=model, targets=targets)
    left = draw * sum(target.weight for target in targets)
    first = 0
    for index, target in enumerate(targets):
        if left < target.weight:
            first = index
            break
        left -= target.weight
    return Plan(model=model, targets=(targets[first], *targets[:first], *targets[first + 1 :]))


def refuse_unknown(asked: str | tuple[str, ...], close: tuple[str, ...], *, param: str = "model") -> Refusal:
    """Return the 404 for models that are not configured, naming the closest to the first of them that are."""
    hint = f" Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
    models = (asked,) if isinstance(asked, str) else asked
    names = ", ".join(repr(model[:200]) for model in models)
    said = f"The model {names} does" if len(models) == 1 else f"The models {names} do"
    return Refusal(
        "model_not_found",
        f"{said} not exist here.{hint} GET /v1/models lists what does.",
        param=param,
        metadata={"close": list(close)},
    )


def priced_targets(planned: Plan, *, now_ms: int) -> tuple[Target, ...]:
    """Return the targets whose price is known, each with the card in force at `now_ms`, when its exchange begins.

    Raises Refusal when there is none, saying what to configure.
    """
    targets = planned.targets
    if len(targets) == 1 and targets[0].card is not None and not targets[0].later_cards:
        return targets
    priced = tuple(target for target in (_in_force(target, now_ms) for target in targets) if target.card is not None)
    if not priced:
        name = planned.model.id
        raise Refusal(
            "model_not_allowed",
            f"The model {name!r} has no price, and a prepaid key is only served what it can pay for. The operator "
            f'must set its price: [[models]] id = "{name}", price = {{ input = "…", output = "…" }}.',
            param="model",
        )
    return priced


def _in_force(target: Target, now_ms: int) -> Target:
    if not target.later_cards:
        return target
    return msgspec.structs.replace(target, card=card_at(target, now_ms), later_cards=())
