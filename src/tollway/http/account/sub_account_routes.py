"""The routes of sub-accounts: make with a first key, list, show, change, remove."""

from typing import Any

from fastapi import Response

from tollway.access.caps import SubAccount
from tollway.access.limits import LimitScope
from tollway.access.terms import CapScope, CapSpan
from tollway.billing.caps import CapTarget
from tollway.billing.sub_accounts import SubAccountChanges, SubAccountTerms
from tollway.billing.terms_views import view_sub_account
from tollway.billing.views import View
from tollway.http.account.amounts import cents
from tollway.http.account.asking import Asking
from tollway.http.account.bodies import SubAccountBody, SubAccountChange
from tollway.http.account.naming import number_at
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.ids import KEY, SUB_ACCOUNT, render_id


def sub_account_routes(parts: AccountParts) -> Routes:
    """Return the routes of sub-accounts."""
    routes = routes_of("sub-accounts")
    sub_accounts, ceilings = parts.desk.sub_accounts, parts.desk.ceilings

    def find(asker: Asking, sub_account: str) -> SubAccount:
        return sub_accounts.find(asker.account_id, number_at(SUB_ACCOUNT, sub_account, "sub-account"))

    def check(asker: Asking, subject: str, body: SubAccountBody) -> None:
        """Refuse more than the operator lets a sub-account have; an empty subject is one to be made."""
        ceilings.check_rpm(asker.account_id, LimitScope.SUB_ACCOUNT, subject, body.rpm)
        target = CapTarget(asker.account_id, CapScope.SUB_ACCOUNT, subject)
        ceilings.check_caps(target, {CapSpan.MONTH: body.cap_nanos or 0})

    @routes.post("/v1/sub-accounts")
    def create_sub_account(body: SubAccountBody, asker: Asking) -> Response:
        """Make a sub-account with its first key, whose text is in this answer only."""
        check(asker, "", body)
        terms = SubAccountTerms(
            name=body.name,
            external_ref=body.external_ref,
            monthly_cap_nanos=body.cap_nanos or 0,
            rpm=body.rpm,
            tag=body.tag,
            models=tuple(body.models or ()),
        )
        made, key, secret = sub_accounts.create(asker.account_id, terms, by=asker.actor)
        told = {"key": secret, "scoped_key": secret, "key_id": render_id(KEY, key.id)}
        return shown(view(made) | told, 201)

    @routes.get("/v1/sub-accounts")
    def list_sub_accounts(asker: Asking) -> Response:
        """List the sub-accounts, oldest first."""
        return shown({"object": "list", "data": [view(each) for each in sub_accounts.list(asker.account_id)]})

    @routes.get("/v1/sub-accounts/{sub_account}")
    def show_sub_account(sub_account: str, asker: Asking) -> Response:
        """Show one."""
        return shown(view(find(asker, sub_account)))

    @routes.patch("/v1/sub-accounts/{sub_account}")
    @routes.put("/v1/sub-accounts/{sub_account}")
    def change_sub_account(sub_account: str, body: SubAccountChange, asker: Asking) -> Response:
        """Change what is given, from the next request on."""
        found = find(asker, sub_account)
        check(asker, str(found.id), body)
        changes = changes_of(body)
        if changes != SubAccountChanges():
            found = sub_accounts.update(found.id, changes, by=asker.actor)
        if body.suspended is not None:
            turn = sub_accounts.suspend if body.suspended else sub_accounts.resume
            found = turn(found.id, by=asker.actor)
        return shown(view(found))

    @routes.delete("/v1/sub-accounts/{sub_account}")
    def remove_sub_account(sub_account: str, asker: Asking) -> Response:
        """Revoke its keys and lift its limits for good; its history stays."""
        removed = sub_accounts.remove(find(asker, sub_account).id, by=asker.actor)
        return shown({"status": "ok", "id": render_id(SUB_ACCOUNT, removed.id), "deleted": True})

    return routes


def changes_of(body: SubAccountChange) -> SubAccountChanges:
    """Return the changes that a body names; null takes a thing away."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set - {"suspended"}}
    if "cap_nanos" in given:
        given["monthly_cap_nanos"] = given.pop("cap_nanos") or 0
    if "models" in given:
        given["models"] = tuple(given["models"] or ())
    return SubAccountChanges(**given)


def view(sub_account: SubAccount) -> View:
    """Show a sub-account in the service's words; zero is no cap and no limit."""
    ours = view_sub_account(sub_account)
    return {
        "id": ours["id"],
        "object": "sub_account",
        "name": sub_account.name,
        "external_ref": sub_account.external_ref,
        "spend_cap_cents": cents(sub_account.monthly_cap_nanos),
        "rate_limit_rpm": sub_account.rpm or 0,
        "default_tag": sub_account.tag,
        "allowed_models": list(sub_account.models),
        "status": ours["state"],
        "created_at": sub_account.created_ms // 1000,
    }
