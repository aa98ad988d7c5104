"""The routes of sub-accounts: make, list, show, change, suspend, remove."""

from typing import Any

from fastapi import APIRouter

from tollway.access.caps import SubAccountChanges
from tollway.billing.sub_accounts import SubAccountTerms
from tollway.billing.terms_views import view_sub_account
from tollway.billing.views import View
from tollway.http.admin.acting import Acting
from tollway.http.admin.bodies import NewSubAccount, SubAccountPatch
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, parse_id, render_id
from tollway.money import parse_amount


def sub_account_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/sub-accounts`."""
    router = APIRouter(prefix="/sub-accounts", tags=["sub-accounts"])
    desk = parts.desk

    @router.post("", status_code=201)
    def create_sub_account(body: NewSubAccount, by: Acting) -> View:
        """Make a sub-account with its first key, whose text is in this answer only."""
        number = parse_id(ACCOUNT, body.account)
        found(lambda: desk.accounts.show(number))
        terms = SubAccountTerms(
            name=body.name,
            external_ref=body.external_ref,
            monthly_cap_nanos=parse_amount(body.monthly_cap),
            rpm=body.rpm,
            tag=body.tag,
            models=tuple(body.models),
        )
        made, key, secret = desk.sub_accounts.create(number, terms, by=by)
        return view_sub_account(made) | {"key_id": render_id(KEY, key.id), "key": secret}

    @router.get("")
    def list_sub_accounts(account: str | None = None) -> View:
        """List sub-accounts that were not removed, oldest first."""
        listed = desk.sub_accounts.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_sub_account(each) for each in listed]}

    @router.get("/{sub_account}")
    def show_sub_account(sub_account: str) -> View:
        """Show one sub-account, removed or not."""
        return view_sub_account(found(lambda: desk.sub_accounts.show(parse_id(SUB_ACCOUNT, sub_account))))

    @router.patch("/{sub_account}")
    def change_sub_account(sub_account: str, body: SubAccountPatch, by: Acting) -> View:
        """Change what is given, from the next request on."""
        number = parse_id(SUB_ACCOUNT, sub_account)
        found(lambda: desk.sub_accounts.show(number))
        return view_sub_account(desk.sub_accounts.update(number, changes_of(body), by=by))

    @router.delete("/{sub_account}")
    def remove_sub_account(sub_account: str, by: Acting) -> View:
        """Revoke the sub-account's keys and lift its limits for good; its history stays."""
        return view_sub_account(found(lambda: desk.sub_accounts.remove(parse_id(SUB_ACCOUNT, sub_account), by=by)))

    @router.post("/{sub_account}/suspend")
    def suspend_sub_account(sub_account: str, by: Acting) -> View:
        """Refuse the sub-account's keys from the next request on."""
        return view_sub_account(found(lambda: desk.sub_accounts.suspend(parse_id(SUB_ACCOUNT, sub_account), by=by)))

    @router.post("/{sub_account}/resume")
    def resume_sub_account(sub_account: str, by: Acting) -> View:
        """Let the sub-account's keys spend again."""
        return view_sub_account(found(lambda: desk.sub_accounts.resume(parse_id(SUB_ACCOUNT, sub_account), by=by)))

    return router


def changes_of(body: SubAccountPatch) -> SubAccountChanges:
    """Return the changes that a body names."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "monthly_cap" in given:
        given["monthly_cap_nanos"] = parse_amount(given.pop("monthly_cap"))
    if "models" in given:
        given["models"] = tuple(given["models"])
    return SubAccountChanges(**given)
