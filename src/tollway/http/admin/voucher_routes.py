"""The routes of vouchers: make, list, redeem, revoke. Codes stand in the one answer that makes them."""

from datetime import UTC
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response

from tollway import clock
from tollway.billing.payment_views import view_voucher, vouchers_csv
from tollway.billing.views import View, view_transfer
from tollway.billing.vouchers import VOUCHERS_MAX, NewVouchers
from tollway.http.admin.bodies import NewVoucherBatch, VoucherBatch, VoucherCode
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, parse_id
from tollway.money import parse_amount

Limit = Annotated[int, Query(ge=1, le=VOUCHERS_MAX)]


class Form(StrEnum):
    """How new codes are shown."""

    JSON = "json"
    CSV = "csv"


def voucher_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/vouchers`, and the one that redeems."""
    router = APIRouter(tags=["vouchers"])
    desk = parts.desk

    @router.post("/vouchers", status_code=201, response_model=None)
    def create_vouchers(body: NewVoucherBatch, form: Form = Form.JSON) -> View | Response:
        """Make a batch and show its codes, this once; `form=csv` gives a file for a spreadsheet."""
        at = body.expires
        new = NewVouchers(
            batch=body.batch,
            amount_nanos=parse_amount(body.amount),
            currency=parts.currency if body.currency is None else body.currency,
            count=body.count,
            expires_ms=None if at is None else int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000),
        )
        made = desk.vouchers.create(new)
        if form is Form.CSV:
            return Response(vouchers_csv(made), status_code=201, media_type="text/csv; charset=utf-8")
        now_ms = clock.now_ms()
        data = [view_voucher(voucher, now_ms=now_ms) | {"code": code} for voucher, code in made]
        return {"object": "list", "data": data}

    @router.get("/vouchers")
    def list_vouchers(batch: str | None = None, limit: Limit = 100) -> View:
        """List vouchers without their codes, newest first."""
        now_ms = clock.now_ms()
        return {
            "object": "list",
            "data": [view_voucher(voucher, now_ms=now_ms) for voucher in desk.vouchers.list(batch, limit)],
        }

    @router.post("/vouchers/revoke")
    def revoke_vouchers(body: VoucherBatch) -> View:
        """Make worthless what was not redeemed of a batch."""
        return {"batch": body.batch, "revoked": found(lambda: desk.vouchers.revoke(body.batch))}

    @router.post("/accounts/{account}/vouchers", status_code=201)
    def redeem_voucher(account: str, body: VoucherCode) -> View:
        """Put a voucher's money onto an account, once."""
        number = parse_id(ACCOUNT, account)
        found(lambda: desk.accounts.show(number))
        return view_transfer(desk.vouchers.redeem(number, body.code))

    return router
