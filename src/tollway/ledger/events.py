"""Events: what people should know of money, each told once; and the sentence that tells it. Pure; knows no SQL."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tollway.ids import CAP, render_id
from tollway.ledger.purses import EventKind
from tollway.money import render_amount

ZERO_COST = "zero_cost"
"""Tokens were used and nothing was charged: a price is missing or zero. Told once for each model and day."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the money of an account, or of the deployment."""

    id: int
    account_id: int | None
    kind: str
    subject: str
    """What it is about; the same kind and subject are told once."""
    data: Mapping[str, Any]
    created_ms: int


def sentence_of(event: Event) -> str:
    """Return what an event says, in words."""
    data = event.data
    if event.kind == EventKind.CAP_THRESHOLD:
        return f"Of the {_cap(data)}, {_amount(data, 'left_nanos')} of {_amount(data, 'limit_nanos')} is left."
    if event.kind == EventKind.CAP_REACHED:
        return f"The {_cap(data)} has too little left for a request: {_amount(data, 'left_nanos')}."
    if event.kind == EventKind.BALANCE_LOW:
        return f"The balance has fallen to {_amount(data, 'left_nanos')}."
    if event.kind == EventKind.PACKAGE_LOW:
        return "The package is nearly used up."
    if event.kind == ZERO_COST:
        used = f"{data.get('requests')} requests to {data.get('model')!r} at {data.get('provider')!r}"
        return (
            f"{used} used {data.get('tokens')} tokens on {data.get('day')} and cost nothing: check the model's price."
        )
    return f"{event.kind.replace('_', ' ').capitalize()}: {event.subject}."


def _cap(data: Mapping[str, Any]) -> str:
    cap_id = data.get("cap_id")
    name = "cap" if cap_id is None else f"cap {render_id(CAP, cap_id)}"
    subject = data.get("subject")
    return f"{name} for {subject!r}" if subject else name


def _amount(data: Mapping[str, Any], name: str) -> str:
    return render_amount(int(data.get(name) or 0))
