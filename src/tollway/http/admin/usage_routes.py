"""The routes of usage and requests: what was asked, answered and charged, and its sums."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tollway.billing.insights import view_summary
from tollway.billing.reports import columns_of, parse_divisions, view_sums
from tollway.billing.request_log import parse_statuses, view_refused
from tollway.billing.spreadsheets import csv_of
from tollway.billing.statements import REQUESTS_MAX
from tollway.billing.views import View, view_request
from tollway.errors import CommandRefused
from tollway.http.admin.forms import CSV, TableForm
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, EXCHANGE, KEY, SUB_ACCOUNT, parse_id
from tollway.ledger.lines import Outcome
from tollway.ledger.requests import RefusedRequest, RequestQuery
from tollway.ledger.usage import ALWAYS_DIVIDED, UsageFilter

Limit = Annotated[int, Query(ge=1, le=REQUESTS_MAX)]
First = Annotated[str | None, Query(alias="from", description="A day, a month or a time: 2026-01-31, 2026-01.")]
Last = Annotated[str | None, Query(alias="to", description="A time, or a day or month with all of it.")]

Status = Annotated[str | None, Query(description="Such as 429, 4xx, ok or error.")]


def whose(
    account: str | None = None,
    sub_account: str | None = None,
    key: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    tag: str | None = None,
    end_user: str | None = None,
    session: str | None = None,
) -> UsageFilter:
    """Return the filter that a query says."""
    return UsageFilter(
        account_id=None if account is None else parse_id(ACCOUNT, account),
        sub_account_id=None if sub_account is None else parse_id(SUB_ACCOUNT, sub_account),
        key_id=None if key is None else parse_id(KEY, key),
        provider=provider,
        model_routed=model,
        tag=tag,
        end_user=end_user,
        session=session,
    )


Who = Annotated[UsageFilter, Depends(whose)]


def usage_routes(parts: AdminParts) -> APIRouter:
    """Return the routes of usage and requests."""
    router = APIRouter(tags=["requests"])
    statements, reports = parts.desk.statements, parts.desk.reports

    @router.get("/requests")
    def list_requests(
        who: Who,
        outcome: Outcome | None = None,
        status: Status = None,
        first: First = None,
        last: Last = None,
        limit: Limit = 50,
    ) -> View:
        """List finished requests, newest first."""
        statuses = None if status is None else parse_statuses(status)
        query = RequestQuery(who=who, outcome=outcome, statuses=statuses, span=statements.span(first, last))
        lines = statements.requests(query, limit)
        facts = statements.facts(lines)
        return {"object": "list", "data": [view_request(line, facts) for line in lines]}

    @router.get("/requests/{request}")
    def show_request(request: str) -> View:
        """Show one request: its usage, its cost, and how it was charged."""
        line = found(lambda: parts.desk.request_log.anybodys(parse_id(EXCHANGE, request)))
        if isinstance(line, RefusedRequest):
            return view_refused(line)
        return view_request(line, statements.facts((line,)))

    @router.get("/usage/summary")
    def summarize_usage(who: Who, first: First = None, last: Last = None) -> View:
        """Show the usage of one account in a few numbers: requests, tokens, cost, latencies, errors."""
        if who.account_id is None:
            raise CommandRefused("a summary is of one account: name it")
        insights = parts.desk.insights
        return view_summary(found(lambda: insights.summary(who, insights.period(first, last))))

    @router.get("/usage", response_model=None)
    def sum_usage(
        who: Who,
        by: str = ",".join(ALWAYS_DIVIDED),
        first: First = None,
        last: Last = None,
        form: Annotated[TableForm, Query(alias="format")] = TableForm.JSON,
    ) -> View | Response:
        """Sum finished requests, divided by any of the words that a filter has, and by day or hour."""
        divisions = parse_divisions(by)
        rows = reports.usage(divisions, who, reports.span(first, last))
        views = [reports.view(row, divisions) for row in rows]
        if form is TableForm.CSV:
            columns = (*columns_of(divisions).values(), *(view_sums(rows[0]) if rows else ()))
            return Response(csv_of(views, columns), media_type=CSV)
        return {"object": "list", "data": views}

    return router
