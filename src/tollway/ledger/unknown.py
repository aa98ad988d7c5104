"""The line of an exchange that nobody saw end: cost unknown, nothing charged. Pure."""

from tollway.ledger.lines import ExchangeLine, Hold, Outcome

STATUS_UNKNOWN = 0
"""No HTTP status: nobody knows what the client got."""


def unknown_line(hold: Hold, *, outcome: Outcome, ended_ms: int) -> ExchangeLine:
    """Return the line that closes `hold` as INTERRUPTED or EXPIRED at `ended_ms`."""
    return ExchangeLine(
        exchange_id=hold.exchange_id,
        account_id=hold.account_id,
        key_id=hold.key_id,
        worker_id=hold.worker_id,
        outcome=outcome,
        status=STATUS_UNKNOWN,
        started_ms=hold.started_ms,
        ended_ms=max(ended_ms, hold.started_ms),
        streamed=False,
        lane="",
        model_asked=hold.model_asked,
        provider="",
        model_routed="",
        attempts=0,
        hold_nanos=hold.amount_nanos,
        attribution=hold.attribution,
        package_id=None if hold.payer_id == hold.account_id else hold.payer_id,
    )
