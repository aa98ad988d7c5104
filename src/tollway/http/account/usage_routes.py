"""The routes of usage as one service words them: by tag, by sub-account, the newest requests, the balance."""

from typing import Annotated

from fastapi import Query, Response

from tollway.billing.insights import Money
from tollway.billing.request_log import PAGE_MAX
from tollway.billing.standings import standing_of
from tollway.billing.views import View, view_time
from tollway.http.account.amounts import cents, units
from tollway.http.account.asking import Asking
from tollway.http.account.naming import number_at
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.http.account.usage_views import view_by_sub_account, view_by_tag, view_cost_cents, view_recent
from tollway.ids import SUB_ACCOUNT
from tollway.ledger.requests import RequestQuery
from tollway.ledger.usage import Division, Span, UsageFilter

Month = Annotated[str | None, Query(description="Such as 2026-04; the month that runs when left out.")]
Window = Annotated[str, Query(description="Such as 30d or 24h, until now.")]


def usage_routes(parts: AccountParts) -> Routes:
    """Return the routes of usage."""
    routes = routes_of("usage")
    desk = parts.desk
    insights = desk.insights

    @routes.get("/v1/usage/by-tag")
    def show_usage_by_tag(asker: Asking, month: Month = None) -> Response:
        """Show what requests with each tag cost in a month, the dearest first."""
        span = insights.month(month)
        used = insights.usage(Division.TAG, UsageFilter(account_id=asker.account_id), span)
        return shown({"object": "list", "data": view_by_tag(used), **_period(span)})

    @routes.get("/v1/usage/by-sub-account")
    def show_usage_by_sub_account(asker: Asking, month: Month = None) -> Response:
        """Show what each sub-account cost in a month, the dearest first."""
        span = insights.month(month)
        used = insights.usage(Division.SUB_ACCOUNT, UsageFilter(account_id=asker.account_id), span)
        names = {each.id: each.name for each in desk.sub_accounts.list(asker.account_id)}
        return shown({"object": "list", "data": view_by_sub_account(used, names), **_period(span)})

    @routes.get("/v1/usage/recent")
    def show_recent(asker: Asking, limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100) -> Response:
        """Show the newest finished requests."""
        page = desk.request_log.page(RequestQuery(who=UsageFilter(account_id=asker.account_id)), limit)
        currencies = desk.request_log.facts(page.lines).currencies
        data = [view_recent(line, currencies.get(line.account_id)) for line in page.lines]
        return shown({"object": "list", "data": data})

    @routes.get("/v1/sub-accounts/{sub_account}/usage")
    def show_sub_account_usage(sub_account: str, asker: Asking, window: Window = "30d") -> Response:
        """Show what a sub-account used until now."""
        found = desk.sub_accounts.find(asker.account_id, number_at(SUB_ACCOUNT, sub_account, "sub-account"))
        span = insights.window(window)
        who = UsageFilter(account_id=asker.account_id, sub_account_id=found.id)
        summary = insights.summary(who, span)
        models = insights.usage(Division.MODEL, who, span)
        return shown(
            {
                "object": "usage",
                "sub_account_id": sub_account,
                "window": window,
                **view_cost_cents(summary.sums),
                "currency": summary.currency,
                "by_model": [{"model": row.model_routed, **view_cost_cents(row.sums)} for row in models.rows],
                **_period(span),
            }
        )

    @routes.get("/v1/balance")
    def show_balance(asker: Asking) -> Response:
        """Show what the account has, and what it spent lately."""
        money = insights.money(asker.account_id)
        account = desk.accounts.show(asker.account_id)
        return shown(view_money(money) | {"status": standing_of(account, money.balance_nanos).value})

    return routes


def view_money(money: Money) -> View:
    """Show what an account has and spends."""
    free_nanos = money.balance_nanos - money.held_nanos
    return {
        "object": "balance",
        "balance_cents": cents(money.balance_nanos),
        "held_cents": cents(money.held_nanos),
        "available_cents": cents(free_nanos),
        "balance": units(money.balance_nanos),
        "available": units(free_nanos),
        "currency": money.currency,
        "spent_30d_cents": cents(money.spent_nanos),
        "spent_since": view_time(money.since_ms),
    }


def _period(span: Span) -> View:
    return {"from": view_time(span.start_ms), "to": view_time(span.end_ms)}
