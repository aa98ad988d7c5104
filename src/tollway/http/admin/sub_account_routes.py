"""The routes of sub-accounts: make, list, show, suspend."""

from fastapi import APIRouter

from tollway.billing.terms_views import view_sub_account
from tollway.billing.views import View
from tollway.http.admin.bodies import NewSubAccount
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, SUB_ACCOUNT, parse_id


def sub_account_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/sub-accounts`."""
    router = APIRouter(prefix="/sub-accounts", tags=["sub-accounts"])
    desk = parts.desk

    @router.post("", status_code=201)
    def create_sub_account(body: NewSubAccount) -> View:
        """Make a sub-account."""
        number = parse_id(ACCOUNT, body.account)
        found(lambda: desk.accounts.show(number))
        return view_sub_account(desk.sub_accounts.create(number, body.name))

    @router.get("")
    def list_sub_accounts(account: str | None = None) -> View:
        """List sub-accounts, oldest first."""
        listed = desk.sub_accounts.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_sub_account(each) for each in listed]}

    @router.get("/{sub_account}")
    def show_sub_account(sub_account: str) -> View:
        """Show one sub-account."""
        return view_sub_account(found(lambda: desk.sub_accounts.show(parse_id(SUB_ACCOUNT, sub_account))))

    @router.post("/{sub_account}/suspend")
    def suspend_sub_account(sub_account: str) -> View:
        """Refuse the sub-account's keys from the next request on."""
        return view_sub_account(found(lambda: desk.sub_accounts.suspend(parse_id(SUB_ACCOUNT, sub_account))))

    @router.post("/{sub_account}/resume")
    def resume_sub_account(sub_account: str) -> View:
        """Let the sub-account's keys spend again."""
        return view_sub_account(found(lambda: desk.sub_accounts.resume(parse_id(SUB_ACCOUNT, sub_account))))

    return router
