"""The routes of the log of an account's requests: page by page, newest first, or one by its id."""

from typing import Annotated

from fastapi import Query, Response

from tollway.billing.request_log import PAGE_MAX, parse_statuses
from tollway.billing.views import View
from tollway.http.account.asking import Asking
from tollway.http.account.naming import number_at
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.http.account.statistics_routes import Since, Until, Who
from tollway.http.account.usage_views import view_log, view_refused_log
from tollway.ids import EXCHANGE, render_id
from tollway.ledger.requests import RefusedRequest, RequestQuery

After = Annotated[str | None, Query(description="The `next` of the page before.")]
Status = Annotated[str | None, Query(description="Such as 429, 4xx, ok or error.")]


def log_routes(parts: AccountParts) -> Routes:
    """Return the routes of the log."""
    routes = routes_of("logs")
    log = parts.desk.request_log

    @routes.get("/api/v1/logs")
    @routes.get("/api/logs")
    def list_logs(
        who: Who,
        status: Status = None,
        since: Since = None,
        until: Until = None,
        after: After = None,
        request_id: str | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> Response:
        """List finished requests, newest first; with an id, that one, whatever else is asked."""
        if request_id is not None:
            found = [one(who.account_id or 0, request_id)]
            return shown({"object": "list", "data": found, "has_more": False, "next": None})
        query = RequestQuery(
            who=who,
            statuses=None if status is None else parse_statuses(status),
            span=log.span(since, until),
            after=None if after is None else number_at(EXCHANGE, after, "request"),
        )
        page = log.page(query, limit)
        currencies = log.facts(page.lines).currencies
        following = None if page.next is None else render_id(EXCHANGE, page.next)
        data = [view_log(line, currencies.get(line.account_id)) for line in page.lines]
        return shown({"object": "list", "data": data, "has_more": following is not None, "next": following})

    @routes.get("/api/v1/logs/{request}")
    def show_log(request: str, asker: Asking) -> Response:
        """Show one request, by the id that its answer had: running, finished or refused."""
        return shown(one(asker.account_id, request))

    def one(account_id: int, name: str) -> View:
        found = log.look_up(account_id, number_at(EXCHANGE, name, "request"))
        if isinstance(found, RefusedRequest):
            return view_refused_log(found)
        return view_log(found, log.facts((found,)).currencies.get(account_id))

    return routes
