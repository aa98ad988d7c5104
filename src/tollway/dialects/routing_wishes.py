"""The members of a body that speak to the gateway about models and providers: read with the peek, taken out before anything is sent.

Knows no dialect: those whose model stands in `model` build their facts on `Wishing`. Without such a member they cost
nothing, and their names cost as much as any other that a peek skips.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from tollway.dialects.body import PARAM_CHARS_MAX, refused
from tollway.dialects.patching import Patch
from tollway.neutral.wishes import MODELS_MAX, Bias, Policy, Wishes

PRICE_MAX = 1_000_000
"""Dollars per million tokens. Nothing costs that; a greater number is a mistake of units."""

NAMES = ("fallbacks", "routing", "baseline_model", "x-routing")
"""The members that are the gateway's own."""

_Name = Annotated[str, Meta(min_length=1)]
_Names = Annotated[list[_Name], Meta(min_length=1, max_length=MODELS_MAX)]
_ENCODE = msgspec.json.Encoder().encode


class RoutingTable(Struct, gc=False, forbid_unknown_fields=True):
    """`routing`."""

    policy: Policy | None = None
    max_cost_per_1m_input: Annotated[float, Meta(ge=0, le=PRICE_MAX)] | None = None
    providers: _Names | None = None
    allow_fallback: bool | None = None


class Wishing(Struct, gc=False, kw_only=True):
    """The base of what is asked of a body."""

    model: _Name | _Names | None = None
    """Several are tried in their order. Without one the gateway chooses, where it is configured to."""
    fallbacks: _Names | bool | UnsetType | None = UNSET
    routing: RoutingTable | UnsetType | None = UNSET
    baseline_model: _Name | UnsetType | None = UNSET
    x_routing: Bias | UnsetType | None = msgspec.field(default=UNSET, name="x-routing")


FIELDS: Mapping[str, str] = {
    "fallbacks": f"`fallbacks` must be an array of 1 to {MODELS_MAX} names of models, or true or false",
    "routing": "`routing` must be an object whose members are among `policy` ("
    + ", ".join(policy.value for policy in Policy)
    + f"), `max_cost_per_1m_input` (US dollars, a number from 0 to {PRICE_MAX}), `providers` (an array of 1 to {MODELS_MAX} "
    "names) and `allow_fallback` (true or false)",
    "baseline_model": "`baseline_model` must be a string that names a model",
    "x-routing": f"`x-routing` must be one of {', '.join(bias.value for bias in Bias)}",
}
"""What each must be, for the errors of a peek."""


def model_must_be(where: str = "GET /v1/models") -> str:
    """Return what `model` must be; `where` is what lists models in the dialect."""
    return f"`model` must be a string that names a model, or an array of 1 to {MODELS_MAX} of them; {where} lists them"


def first_model(facts: Wishing) -> str:
    """Return the model that is asked for first; empty where there is none."""
    model = facts.model
    if isinstance(model, str):
        return model
    return "" if model is None else model[0]


def wishes_of(facts: Wishing) -> Wishes | None:
    """Return what a body wishes; None where it names one model and wishes nothing. Raises Refusal that names the member."""
    model = facts.model
    if facts.fallbacks is facts.routing is facts.baseline_model is facts.x_routing is UNSET and model.__class__ is str:
        return None
    models = (model,) if isinstance(model, str) else tuple(model or ())
    fallbacks = tuple(facts.fallbacks) if isinstance(facts.fallbacks, list) else ()
    _check_once("model", models)
    _check_once("fallbacks", (*models, *fallbacks))
    if len(models) + len(fallbacks) > MODELS_MAX:
        raise refused(
            f"`fallbacks`: a request may name {MODELS_MAX} models in all, and this one has more", param="fallbacks"
        )
    table = facts.routing or RoutingTable()
    price_max, providers = table.max_cost_per_1m_input, tuple(table.providers or ())
    _check_once("routing", providers)
    return Wishes(
        models=models,
        fallbacks=fallbacks,
        fallback=facts.fallbacks is not False and table.allow_fallback is not False,
        policy=table.policy,
        # By its decimal digits, as the client wrote them: 0.15 is no binary fraction.
        input_price_max_nanos=None if price_max is None else int(Decimal(repr(price_max)).scaleb(9)),
        providers=providers,
        baseline_model=facts.baseline_model or None,
        bias=facts.x_routing or None,
    )


def without_wishes(body: bytes, *, model: str) -> bytes:
    """Return a body that was peeked at as any provider may have it: one model, and nothing of the gateway's own."""
    patch = Patch(body)
    patch.remove(NAMES)
    patch.set("model", _ENCODE(model))
    return patch.made().body


def _check_once(param: str, names: tuple[str, ...]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise refused(f"`{param}` names {twice[:PARAM_CHARS_MAX]!r} twice: give it once", param=param)
