"""The routes of usage as another service words them: a summary, a series, and breakdowns by anything that requests carry."""

from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Query, Response

from tollway.billing.reports import FIELDS, PREFIXES
from tollway.billing.views import View, view_time
from tollway.errors import Refusal
from tollway.http.account.asking import Asking
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.http.account.usage_views import view_cost_units, view_summary
from tollway.ids import KEY, SUB_ACCOUNT, parse_id, render_id
from tollway.ledger.usage import Division, Span, UsageFilter, UsageRow

BREAKDOWNS = {
    "apps": ("app_id", Division.SUB_ACCOUNT),
    "keys": ("key_id", Division.KEY),
    "teams": ("team_id", Division.TAG),
    "tags": ("tag", Division.TAG),
    "models": ("model", Division.MODEL),
    "providers": ("provider", Division.PROVIDER),
    "users": ("user_id", Division.END_USER),
    "sessions": ("session_id", Division.SESSION),
}
"""By the last word of the path: how each part is named, and what it is here. A team is a tag."""

PARTS_MAX = 1000

Since = Annotated[str | None, Query(description="A day, a month or a time: 2026-01-31, 2026-01.")]
Until = Annotated[str | None, Query(description="A time, or a day or month with all of it.")]


class Granularity(StrEnum):
    """How long each part of a series is."""

    HOUR = "hour"
    DAY = "day"


def whose(
    asker: Asking,
    app_id: str | None = None,
    key_id: str | None = None,
    team_id: str | None = None,
    tag: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
) -> UsageFilter:
    """Return the filter that a query says, within the account that asks."""
    return UsageFilter(
        account_id=asker.account_id,
        sub_account_id=None if app_id is None else parse_id(SUB_ACCOUNT, app_id),
        key_id=None if key_id is None else parse_id(KEY, key_id),
        provider=provider,
        model_routed=model,
        tag=team_id if tag is None else tag,
        end_user=user_id,
        session=session_id,
    )


Who = Annotated[UsageFilter, Depends(whose)]


def statistics_routes(parts: AccountParts) -> Routes:
    """Return the routes of statistics."""
    routes = routes_of("usage")
    insights = parts.desk.insights

    @routes.get("/api/v1/usage/summary")
    def show_summary(who: Who, since: Since = None, until: Until = None) -> Response:
        """Show a period in a few numbers."""
        span = insights.period(since, until)
        return shown(view_summary(insights.summary(who, span)) | _period(span))

    @routes.get("/api/v1/usage/timeseries")
    def show_series(
        who: Who, granularity: Granularity = Granularity.DAY, since: Since = None, until: Until = None
    ) -> Response:
        """Show each hour or day of a period in which there was any use."""
        span = insights.period(since, until)
        by = Division(granularity.value)
        rows = insights.series(by, who, span)
        data = [{"timestamp": view_time(getattr(row, FIELDS[by])), **view_cost_units(row.sums)} for row in rows]
        return shown({"object": "list", "granularity": granularity.value, "data": data, **_period(span)})

    @routes.get("/api/v1/usage/{by}")
    def show_breakdown(
        by: str,
        who: Who,
        since: Since = None,
        until: Until = None,
        limit: Annotated[int, Query(ge=1, le=PARTS_MAX)] = 100,
    ) -> Response:
        """Show usage divided by apps, keys, teams, tags, models, providers, users or sessions, the dearest first."""
        if by not in BREAKDOWNS:
            raise Refusal("not_found", f"Usage is not divided by {by[:64]!r}: {', '.join(BREAKDOWNS)}.")
        name, division = BREAKDOWNS[by]
        span = insights.period(since, until)
        used = insights.usage(division, who, span, limit)
        data = [_view_part(row, name, division) for row in used.rows]
        return shown({"object": "list", "data": data, "total": used.parts, **_period(span)})

    return routes


def _view_part(row: UsageRow, name: str, division: Division) -> View:
    value = getattr(row, FIELDS[division]) or None
    if value is not None and division in PREFIXES:
        value = render_id(PREFIXES[division], value)
    return {name: value, **view_cost_units(row.sums), "currency": row.currency}


def _period(span: Span) -> View:
    return {"since": view_time(span.start_ms), "until": view_time(span.end_ms)}
