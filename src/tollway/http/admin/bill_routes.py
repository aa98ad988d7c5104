"""The routes that hold our costs against what providers say and bill."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from tollway import clock
from tollway.billing.bill_files import BillColumns, read_bill
from tollway.billing.cost_views import view_bill, view_comparison, view_cost
from tollway.billing.views import View
from tollway.http.admin.bodies import NewBill
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts

CSV_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}
"""The body is no JSON, so that its description is said here."""


def bill_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/bills`."""
    router = APIRouter(prefix="/bills", tags=["bills"])
    bills = parts.desk.bills

    @router.post("", status_code=201, openapi_extra=CSV_BODY)
    async def import_bill(told: Annotated[NewBill, Query()], request: Request, response: Response) -> View:
        """Keep a provider's bill, the CSV in the body: all of it, or nothing. 200 when the same was there already."""
        content = await request.body()

        def keep() -> tuple[View, bool]:
            columns = BillColumns(
                day=told.day_column, model=told.model_column, amount=told.amount_column, tokens=told.tokens_column
            )
            lines = read_bill(content, columns, now_ms=clock.now_ms(), rounding=told.rounding)
            bill, new = bills.add(told.name, lines, provider=told.provider, currency=told.currency)
            return view_bill(bill), new

        view, new = await run_in_threadpool(keep)
        if not new:
            response.status_code = 200
        return view

    @router.get("")
    def list_bills() -> View:
        """List the bills that were imported, the last one first."""
        return {"object": "list", "data": [view_bill(bill) for bill in bills.list()]}

    @router.get("/{name}")
    def show_bill(name: str) -> View:
        """Show one bill, summed up."""
        return view_bill(found(lambda: bills.show(name)))

    @router.delete("/{name}")
    def remove_bill(name: str) -> View:
        """Forget a bill; what was recorded stays."""
        return view_bill(found(lambda: bills.remove(name)))

    @router.get("/{name}/comparison")
    def compare_bill(name: str) -> View:
        """Show a bill beside what was recorded of its provider on its days, by day and model."""
        found(lambda: bills.show(name))
        return view_comparison(bills.compare(name))

    return router


def cost_routes(parts: AdminParts) -> APIRouter:
    """Return the route of costs."""
    router = APIRouter(prefix="/costs", tags=["bills"])
    costs = parts.desk.costs

    @router.get("")
    def report_costs(
        provider: str | None = None,
        first: Annotated[str | None, Query(alias="from")] = None,
        last: Annotated[str | None, Query(alias="to")] = None,
    ) -> View:
        """Show our costs beside those that providers reported, by day, provider and model; 30 days unless you say."""
        rows = costs.report(costs.span(first, last), provider=provider)
        return {"object": "list", "data": [view_cost(row) for row in rows]}

    return router
