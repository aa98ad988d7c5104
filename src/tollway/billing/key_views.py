"""What people see of a key together with all that limits it, as the command line and the admin API show it. No secret."""

from tollway.access.key_view import KeyView, ManagementKeyView
from tollway.billing.keys import Keys
from tollway.billing.rate_limits import view_rate
from tollway.billing.terms_views import view_rule
from tollway.billing.views import View, view_key, view_time
from tollway.ids import ACCOUNT, MANAGEMENT_KEY, render_id


def view_standing_key(keys: Keys, key: KeyView) -> View:
    """Show a key, and how it stands now."""
    return view_key(key) | {"state": keys.state(key).value}


def view_key_with_limits(keys: Keys, key: KeyView) -> View:
    """Show a key, how it stands now, and every cap and every limit of rates that holds for it."""
    return view_standing_key(keys, key) | {
        "caps": [view_rule(rule) for rule in keys.limits(key.id)],
        "limits": [view_rate(rule) for rule in keys.rates(key.id)],
    }


def view_management_key(key: ManagementKeyView) -> View:
    """Show a management key without its text."""
    return {
        "id": render_id(MANAGEMENT_KEY, key.id),
        "account": render_id(ACCOUNT, key.account_id),
        "name": key.name,
        "hint": key.hint,
        "access": key.access.value,
        "expires": view_time(key.expires_ms),
        "revoked": view_time(key.revoked_ms),
        "created": view_time(key.created_ms),
    }
