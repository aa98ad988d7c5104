"""The proof of refunds and disputes: each took and gave back what its transfers moved, and its order's state follows.

Runs in the caller's transaction. Their sums are kept in memory: they are as many as payments that went back, not as charges.
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, select

from tollway.ids import ORDER, render_id
from tollway.ledger.orders import CREDITED, RETURNED_BY, STANDS, TAKEN_BY, Claim, ClaimState, state_after_claims
from tollway.store.claim_tables import payment_claims
from tollway.store.order_rows import claim_of, order_of
from tollway.store.paging import paged
from tollway.store.tables import orders, transfers

_KINDS = tuple(kind.value for by in (TAKEN_BY, RETURNED_BY) for kind in by.values())

Sums = defaultdict[tuple[str, str], int]
"""What transfers of a kind moved for a claim, by kind and the claim's name."""


def claim_problems(connection: Connection) -> Iterator[str]:
    """Yield every refund or dispute whose transfers say something else, and every paid order in a state that is not due."""
    sums: Sums = defaultdict(int)
    for row in paged(connection, select(transfers).where(transfers.c.kind.in_(_KINDS)), transfers.c.id):
        sums[row.kind, (row.reference or "").partition("/")[0]] += row.amount_nanos
    claims: defaultdict[int | None, list[Claim]] = defaultdict(list)
    for row in paged(connection, select(payment_claims), payment_claims.c.id):
        claim = claim_of(dict(zip(payment_claims.columns.keys(), row, strict=True)))
        claims[claim.order_id].append(claim)
        yield from _differences(claim, sums)
    for (kind, name), amount in sums.items():
        yield f"transfers of kind {kind} moved {amount} nano-units for {name or 'nothing'}, which is not in the books"
    yield from _state_problems(connection, claims)


def _differences(claim: Claim, sums: Sums) -> Iterator[str]:
    name = f"{claim.kind} {claim.id}"
    taken = sums.pop((TAKEN_BY[claim.kind].value, claim.id), 0)
    returned = sums.pop((RETURNED_BY[claim.kind].value, claim.id), 0)
    if taken != claim.taken_nanos:
        yield f"{name} took {claim.taken_nanos} nano-units, its transfers make {taken}"
    if returned != (claim.taken_nanos if claim.state is ClaimState.RETURNED else 0):
        yield f"{name} is {claim.state} and took {claim.taken_nanos} nano-units, but {returned} were given back"
    if claim.state is ClaimState.TAKEN and claim.rest_nanos:
        yield f"{name} is {claim.state}, but {claim.rest_nanos} nano-units of it were not"
    if claim.order_id is None and (taken or claim.state in STANDS):
        yield f"{name} takes money of no order"


def _state_problems(connection: Connection, claims: defaultdict[int | None, list[Claim]]) -> Iterator[str]:
    claims.pop(None, None)
    credited = orders.c.state.in_([state.value for state in CREDITED])
    for row in paged(connection, select(orders).where(credited), orders.c.id):
        order = order_of(dict(zip(orders.columns.keys(), row, strict=True)))
        mine = claims.pop(order.id, [])
        due = state_after_claims(order, mine)
        if order.state is not due:
            yield f"order {render_id(ORDER, order.id)} is {order.state}, what was taken back of it makes it {due}"
        back = sum(claim.amount_nanos for claim in mine if claim.state in STANDS)
        if back > order.amount_nanos:
            name = render_id(ORDER, order.id)
            yield f"{back} nano-units are taken back of order {name}, which is about {order.amount_nanos}"
    for order_id in claims:
        yield f"money was taken back of order {render_id(ORDER, order_id or 0)}, which was not paid"
