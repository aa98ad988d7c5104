"""The routes of statements and receipts: what an account is shown of its money, on paper too."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tollway import clock
from tollway.billing.receipts import view_receipt
from tollway.billing.views import View
from tollway.http.admin.forms import CSV, PageForm, StatementForm, page_response
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.http.admin.usage_routes import First, Last
from tollway.ids import ACCOUNT, parse_id


def statement_routes(parts: AdminParts) -> APIRouter:
    """Return the routes of statements and receipts."""
    router = APIRouter(tags=["statements"])
    desk = parts.desk

    @router.get("/accounts/{account}/statement", response_model=None)
    def show_statement(
        account: str,
        first: First = None,
        last: Last = None,
        form: Annotated[StatementForm, Query(alias="format")] = StatementForm.JSON,
    ) -> View | Response:
        """Show an account's statement of a period: opening + credits - debits = closing."""
        number, span = parse_id(ACCOUNT, account), desk.statements.span(first, last)
        found(lambda: desk.accounts.show(number))
        statement = desk.statements.statement(number, span)
        if form is StatementForm.HTML:
            return page_response(desk.pages.statement(statement, made_ms=clock.now_ms()))
        if form is StatementForm.CSV:
            return Response(desk.statements.csv(statement), media_type=CSV)
        return desk.statements.view(statement)

    @router.get("/receipts/{receipt}", response_model=None)
    def show_receipt(receipt: str, form: Annotated[PageForm, Query(alias="format")] = PageForm.JSON) -> View | Response:
        """Show the receipt of a top-up, by the id of its transfer or of its order."""
        shown = found(lambda: desk.receipts.show(receipt))
        return page_response(desk.pages.receipt(shown)) if form is PageForm.HTML else view_receipt(shown)

    return router
