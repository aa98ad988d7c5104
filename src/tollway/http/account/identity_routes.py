"""The route by which a key asks what it is: its name and state, whose it is, and how much money there is."""

from fastapi import Response

from tollway.access.key_view import KeyState
from tollway.billing.standings import standing_of
from tollway.billing.views import View, view_time
from tollway.http.account.asking import Asker, Asking
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.ids import ACCOUNT, render_id
from tollway.ledger.usage import UsageFilter
from tollway.money import render_amount


def identity_routes(parts: AccountParts) -> Routes:
    """Return the route of who asks."""
    routes = routes_of("identity")
    desk = parts.desk

    @routes.get("/api/v1/whoami")
    def show_asker(asker: Asking) -> Response:
        """Show the key that asks, and its account."""
        account = desk.accounts.show(asker.account_id)
        data: View = {
            # Nobody registers here: an account was made by the operator, and has no address of mail to verify.
            "user": {
                "id": render_id(ACCOUNT, account.id),
                "name": account.name,
                "emailMasked": None,
                "emailVerified": True,
            },
            "apiKey": view_key(asker),
            "balance": None,
        }
        # What the account has is not a sub-account's to know.
        if asker.principal is None or asker.principal.sub_account_id is None:
            balance = desk.accounts.balance(account.id)
            data["balance"] = {
                # The service has dollars only: who reads these must not take yuan for them.
                "usd": None,
                balance.currency.lower(): render_amount(balance.balance_nanos),
                "currency": balance.currency,
                "status": standing_of(account, balance.balance_nanos).value,
            }
        return shown({"success": True, "data": data})

    def view_key(asker: Asker) -> View:
        if asker.management_key is not None:
            key = asker.management_key
            known: View = {"kind": "management", "access": key.access.value, "lastUsed": None}
            state = KeyState.ACTIVE
        else:
            key = desk.keys.show(asker.actor.id or 0)
            used_ms = desk.reports.last_hour(UsageFilter(account_id=key.account_id, key_id=key.id))
            known = {"kind": "api", "lastUsed": view_time(used_ms)}
            state = desk.keys.state(key)
        return {
            "name": key.name,
            "maskedKey": key.hint,
            "status": state.value,
            "expiresAt": view_time(key.expires_ms),
            **known,
        }

    return routes
