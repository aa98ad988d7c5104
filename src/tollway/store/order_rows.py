"""Orders, refunds and disputes, the provider's messages and automatic top-ups, in SQL. Runs in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, func, insert, select, update

from tollway.ledger.auto_topups import AutoTopup, AutoTopupState
from tollway.ledger.orders import (
    RETURNED_BY,
    TAKEN_BY,
    Claim,
    ClaimKind,
    ClaimState,
    Order,
    OrderKind,
    OrderState,
    Room,
    SavedCard,
)
from tollway.ledger.records import Transfer, TransferKind
from tollway.store.claim_tables import payment_claims
from tollway.store.rows import fields_of
from tollway.store.tables import auto_topups, meta, orders, payment_events, purses, transfers

LOCK_KEY = "access_version"
"""The row of `meta` that transactions of payments queue for: where each has its own view of what others do at the
same time, a payment and its refund could miss each other."""

_OF_ORDERS = tuple(
    kind.value
    for kind in (
        *(TransferKind.TOPUP, TransferKind.PURCHASE, TransferKind.GRANT),
        *(*TAKEN_BY.values(), *RETURNED_BY.values()),
    )
)

FRUITLESS = (OrderState.FAILED.value, OrderState.EXPIRED.value)


def lock(connection: Connection) -> None:
    """Let no other transaction of payments run until this one ends. SQLite has one writer anyway."""
    connection.execute(select(meta.c.value).where(meta.c.key == LOCK_KEY).with_for_update()).first()


def add_order(connection: Connection, order: Order) -> None:
    """Write a new order."""
    connection.execute(insert(orders).values(_values(order)))


def change_order(connection: Connection, order: Order) -> None:
    """Write an order's state, references and time of payment."""
    connection.execute(
        update(orders)
        .where(orders.c.id == order.id)
        .values(
            state=order.state.value,
            provider_ref=order.provider_ref,
            payment_ref=order.payment_ref,
            paid_ms=order.paid_ms,
        )
    )


def read_order(connection: Connection, order_id: int) -> Order | None:
    """Return one order."""
    return _one_order(connection, orders.c.id == order_id)


def read_order_of_payment(connection: Connection, payment_ref: str) -> Order | None:
    """Return the order that a payment is for."""
    return _one_order(connection, orders.c.payment_ref == payment_ref)


def read_orders(connection: Connection, account_id: int | None, limit: int) -> tuple[Order, ...]:
    """Return the orders of an account, or all, newest first."""
    query = select(orders).order_by(orders.c.id.desc()).limit(limit)
    if account_id is not None:
        query = query.where(orders.c.account_id == account_id)
    return tuple(order_of(row) for row in connection.execute(query).mappings())


def heard(connection: Connection, event_id: str) -> bool:
    """Tell whether a message was heard before."""
    return connection.scalar(select(payment_events.c.id).where(payment_events.c.id == event_id)) is not None


def note_event(connection: Connection, event_id: str, *, kind: str, order_id: int | None, received_ms: int) -> None:
    """Write that a message was heard."""
    connection.execute(
        insert(payment_events).values(id=event_id, kind=kind, order_id=order_id, received_ms=received_ms)
    )


def read_claim(connection: Connection, claim_id: str) -> Claim | None:
    """Return one refund or dispute."""
    found = _claims(connection, payment_claims.c.id == claim_id)
    return found[0] if found else None


def read_claims_of_order(connection: Connection, order_id: int) -> tuple[Claim, ...]:
    """Return the refunds and disputes of an order."""
    return _claims(connection, payment_claims.c.order_id == order_id)


def read_waiting_claims(connection: Connection, payment_ref: str) -> tuple[Claim, ...]:
    """Return those that came before their payment."""
    waiting = payment_claims.c.state == ClaimState.WAITING.value
    return _claims(connection, (payment_claims.c.payment_ref == payment_ref) & waiting)


def read_claims_to_take(connection: Connection, limit: int) -> tuple[Claim, ...]:
    """Return those of which a part is still to be taken, oldest first."""
    return _claims(connection, payment_claims.c.state == ClaimState.TAKING.value)[:limit]


def put_claim(connection: Connection, claim: Claim) -> None:
    """Write a refund or dispute, new or changed."""
    _put(connection, payment_claims, payment_claims.c.id == claim.id, _values(claim))


def read_room(connection: Connection, account_id: int) -> Room:
    """Return what an account's balance can give and what it has lent, and keep others from changing it."""
    row = connection.execute(select(purses).where(purses.c.id == account_id).with_for_update()).one()
    return Room(available_nanos=row.balance_nanos - row.leased_nanos, lent_nanos=row.leased_nanos)


def read_transfers(connection: Connection, papers: Sequence[str], claims: Sequence[Claim]) -> tuple[Transfer, ...]:
    """Return what papers (an order and its package, by their names) and claims moved, in the order of time."""
    of_claims = [reference for claim in claims for reference in _references(connection, claim)]
    query = (
        select(transfers)
        .where(transfers.c.kind.in_(_OF_ORDERS), transfers.c.reference.in_([*papers, *of_claims]))
        .order_by(transfers.c.id)
    )
    found: list[Transfer] = []
    for row in connection.execute(query).mappings():
        fields = fields_of(row)
        kind = TransferKind(fields.pop("kind"))
        found.append(Transfer(**fields, kind=kind))
    return tuple(found)


def _references(connection: Connection, claim: Claim) -> list[str]:
    """Return the references of a claim's transfers: its name, and its name with where a further part begins."""
    parts = select(transfers.c.reference).where(
        transfers.c.kind == TAKEN_BY[claim.kind].value,
        transfers.c.reference.startswith(f"{claim.id}/", autoescape=True),
    )
    return [claim.id, *(reference for reference in connection.scalars(parts) if reference is not None)]


# -- automatic top-ups


def read_auto_topup(connection: Connection, account_id: int) -> AutoTopup | None:
    """Return how an account is topped up by itself."""
    row = connection.execute(select(auto_topups).where(auto_topups.c.account_id == account_id)).mappings().first()
    return None if row is None else _read_auto_topup(row)


def put_auto_topup(connection: Connection, topup: AutoTopup) -> None:
    """Write how an account is topped up by itself, new or changed."""
    fields = _values(topup)
    card = fields.pop("card")
    fields["customer_ref"] = None if card is None else card.customer_ref
    fields["method_ref"] = None if card is None else card.method_ref
    _put(connection, auto_topups, auto_topups.c.account_id == topup.account_id, fields)


def claim_auto_topup(connection: Connection, seen: AutoTopup, *, order_id: int, tried_ms: int) -> bool:
    """Begin or go on with the payment of a top-up as it was seen; False when another worker did so since."""
    mine = (
        auto_topups.c.account_id == seen.account_id,
        auto_topups.c.state == seen.state.value,
        auto_topups.c.tried_ms.is_(None) if seen.tried_ms is None else auto_topups.c.tried_ms == seen.tried_ms,
    )
    changed = connection.execute(
        update(auto_topups)
        .where(*mine)
        .values(state=AutoTopupState.CHARGING.value, order_id=order_id, tried_ms=tried_ms)
    )
    return changed.rowcount == 1


def read_auto_topups_due(connection: Connection, limit: int) -> tuple[AutoTopup, ...]:
    """Return those that are ready and whose account's balance is below their threshold."""
    query = (
        select(auto_topups)
        .join(purses, purses.c.id == auto_topups.c.account_id)
        .where(
            auto_topups.c.state == AutoTopupState.READY.value, purses.c.balance_nanos < auto_topups.c.threshold_nanos
        )
        .order_by(auto_topups.c.tried_ms, auto_topups.c.account_id)
        .limit(limit)
    )
    return tuple(_read_auto_topup(row) for row in connection.execute(query).mappings())


def read_auto_topups_charging(connection: Connection, tried_before_ms: int) -> tuple[AutoTopup, ...]:
    """Return those whose payment is under way and was last asked for before then."""
    query = select(auto_topups).where(
        auto_topups.c.state == AutoTopupState.CHARGING.value, auto_topups.c.tried_ms < tried_before_ms
    )
    return tuple(_read_auto_topup(row) for row in connection.execute(query).mappings())


def sum_auto_topups(connection: Connection, account_id: int, since_ms: int) -> int:
    """Return the sum of the automatic top-ups that were begun since then and did not fail."""
    total = connection.scalar(
        select(func.coalesce(func.sum(orders.c.amount_nanos), 0)).where(
            orders.c.account_id == account_id,
            orders.c.kind == OrderKind.AUTO_TOPUP.value,
            orders.c.created_ms >= since_ms,
            orders.c.state.not_in(FRUITLESS),
        )
    )
    return int(total or 0)


# -- rows


def _put(connection: Connection, table: Table, mine: ColumnElement[bool], fields: dict[str, Any]) -> None:
    if connection.execute(update(table).where(mine).values(fields)).rowcount == 0:
        connection.execute(insert(table).values(fields))


def _values(record: Order | Claim | AutoTopup) -> dict[str, Any]:
    fields = msgspec.structs.asdict(record)
    return {name: str(value) if name in {"kind", "state"} else value for name, value in fields.items()}


def _one_order(connection: Connection, mine: ColumnElement[bool]) -> Order | None:
    row = connection.execute(select(orders).where(mine)).mappings().first()
    return None if row is None else order_of(row)


def order_of(row: Mapping[Any, Any]) -> Order:
    """Return the order of a row."""
    fields = fields_of(row)
    kind, state = OrderKind(fields.pop("kind")), OrderState(fields.pop("state"))
    return Order(**fields, kind=kind, state=state)


def _claims(connection: Connection, mine: ColumnElement[bool]) -> tuple[Claim, ...]:
    query = select(payment_claims).where(mine).order_by(payment_claims.c.created_ms, payment_claims.c.id)
    return tuple(claim_of(row) for row in connection.execute(query).mappings())


def claim_of(row: Mapping[Any, Any]) -> Claim:
    """Return the refund or dispute of a row."""
    fields = fields_of(row)
    kind, state = ClaimKind(fields.pop("kind")), ClaimState(fields.pop("state"))
    return Claim(**fields, kind=kind, state=state)


def _read_auto_topup(row: Mapping[Any, Any]) -> AutoTopup:
    fields = fields_of(row)
    customer, method, state = fields.pop("customer_ref"), fields.pop("method_ref"), AutoTopupState(fields.pop("state"))
    card = None if customer is None or method is None else SavedCard(customer_ref=customer, method_ref=method)
    return AutoTopup(**fields, card=card, state=state)
