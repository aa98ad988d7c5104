"""What the services' clients see of usage and of requests: their words, ours for the numbers. Pure."""

from collections.abc import Mapping

from tollway.billing.insights import Breakdown
from tollway.billing.request_log import REFUSED
from tollway.billing.views import RUNNING, View, view_time
from tollway.http.account.amounts import cents, units
from tollway.ids import ACCOUNT, EXCHANGE, KEY, SUB_ACCOUNT, begun_ms, render_id
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.requests import RefusedRequest
from tollway.ledger.timings import UsageSummary
from tollway.ledger.usage import UsageSums
from tollway.neutral.usage import Usage

NOBODY = "(none)"
"""The label of what was used without a tag, or by keys of the account itself."""

Names = Mapping[int, str]


def view_tokens(sums: UsageSums) -> View:
    """Show sums of tokens. Input holds what was read from and written to a cache, output holds reasoning."""
    taken = sums.input_tokens + sums.cached_input_tokens + sums.cache_write_tokens
    given = sums.output_tokens + sums.reasoning_tokens
    return {"input_tokens": taken, "output_tokens": given, "total_tokens": taken + given}


def view_cost_cents(sums: UsageSums) -> View:
    """Show sums with their cost in hundredths."""
    return {"requests": sums.requests, **view_tokens(sums), "cost_cents": cents(sums.total_nanos)}


def view_cost_units(sums: UsageSums) -> View:
    """Show sums with their cost in units."""
    return {"requests": sums.requests, **view_tokens(sums), "cost_usd": units(sums.total_nanos)}


def view_by_tag(breakdown: Breakdown) -> list[View]:
    """Show what was used with each tag."""
    return [
        {"tag": row.tag or None, "label": row.tag or NOBODY, **view_cost_cents(row.sums), "currency": row.currency}
        for row in breakdown.rows
    ]


def view_by_sub_account(breakdown: Breakdown, names: Names) -> list[View]:
    """Show what each sub-account used; what is none's has no id."""
    return [
        {
            "sub_account_id": _sub_account(row.sub_account_id),
            "label": names.get(row.sub_account_id or 0, _sub_account(row.sub_account_id) or NOBODY),
            **view_cost_cents(row.sums),
            "currency": row.currency,
        }
        for row in breakdown.rows
    ]


def view_summary(summary: UsageSummary) -> View:
    """Show a period in a few numbers."""
    tokens = view_tokens(summary.sums)
    return {
        "total_requests": summary.sums.requests,
        "total_input_tokens": tokens["input_tokens"],
        "total_output_tokens": tokens["output_tokens"],
        "total_cost_usd": units(summary.sums.total_nanos),
        "currency": summary.currency,
        "avg_latency_ms": summary.average_latency_ms,
        "p99_latency_ms": summary.p99_latency_ms,
        "cache_hit_rate": summary.cache_hit_rate,
        "error_rate": summary.error_rate,
        "failed_requests": summary.failed_requests,
        "latencies_since": view_time(summary.cut_ms),
    }


def view_recent(line: ExchangeLine, currency: str | None) -> View:
    """Show a request as one line of a list, with its cost in hundredths."""
    tokens = _tokens(line.usage)
    return {
        "id": render_id(EXCHANGE, line.exchange_id),
        "created_at": line.started_ms // 1000,
        "model": line.model_asked,
        "model_routed": line.model_routed or None,
        "provider": line.provider or None,
        "tag": line.attribution.tag,
        "sub_account_id": _sub_account(line.attribution.sub_account_id),
        "status": line.status,
        "latency_ms": line.ended_ms - line.started_ms,
        "prompt_tokens": tokens["input_tokens"],
        "completion_tokens": tokens["output_tokens"],
        "total_tokens": tokens["total_tokens"],
        "cost_cents": cents(line.total_nanos),
        "currency": currency,
    }


def view_log(found: ExchangeLine | Hold, currency: str | None) -> View:
    """Show a request of the log: served, failed, or running."""
    shown: View = {
        "id": render_id(EXCHANGE, found.exchange_id),
        "request_id": render_id(EXCHANGE, found.exchange_id),
        "org_id": render_id(ACCOUNT, found.account_id),
        "app_id": _sub_account(found.attribution.sub_account_id),
        "key_id": render_id(KEY, found.key_id),
        "user_id": found.attribution.end_user,
        "session_id": found.attribution.session,
        "tag": found.attribution.tag,
        "model_requested": found.model_asked,
        "created_at": view_time(found.started_ms),
    }
    if isinstance(found, Hold):
        return shown | {"outcome": RUNNING}
    first_ms = None if found.first_byte_ms is None else found.first_byte_ms - found.started_ms
    return shown | {
        "outcome": found.outcome.value,
        "status_code": found.status,
        "provider": found.provider or None,
        "model": found.model_routed or None,
        "streamed": found.streamed,
        "attempts": found.attempts,
        "latency_ms": found.ended_ms - found.started_ms,
        "first_byte_ms": first_ms,
        **_tokens(found.usage),
        "cached_input_tokens": found.usage.cached_input or 0,
        "cost_usd": units(found.total_nanos),
        "currency": currency,
        "ended_at": view_time(found.ended_ms),
    }


def view_refused_log(refused: RefusedRequest) -> View:
    """Show a request that was refused before it reached a provider."""
    return {
        "id": render_id(EXCHANGE, refused.exchange_id),
        "request_id": render_id(EXCHANGE, refused.exchange_id),
        "org_id": render_id(ACCOUNT, refused.account_id),
        "app_id": _sub_account(refused.sub_account_id),
        "key_id": render_id(KEY, refused.key_id),
        "created_at": view_time(begun_ms(refused.exchange_id)),
        "outcome": REFUSED,
        "status_code": refused.status,
        "error_code": refused.code,
        "error": refused.message,
        "path": refused.path,
        "cost_usd": units(0),
    }


def _tokens(usage: Usage) -> View:
    given = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    return {"input_tokens": usage.tokens - given, "output_tokens": given, "total_tokens": usage.tokens}


def _sub_account(number: int | None) -> str | None:
    return render_id(SUB_ACCOUNT, number) if number else None
