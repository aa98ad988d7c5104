"""The routes of the secret that messages to an account are signed with."""

from fastapi import Response

from tollway.billing.views import View
from tollway.billing.webhook_secrets import SIGNATURE_HEADER, WebhookSecret
from tollway.http.account.asking import Asking
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown


def webhook_secret_routes(parts: AccountParts) -> Routes:
    """Return the routes of the webhook secret."""
    routes = routes_of("webhook-secret")
    secrets = parts.desk.webhook_secrets

    @routes.get("/v1/webhook-secret")
    def show_webhook_secret(asker: Asking) -> Response:
        """Show the account's secret, made now where it has none."""
        return shown(view(secrets.get(asker.account_id)))

    @routes.post("/v1/webhook-secret/rotate")
    def rotate_webhook_secret(asker: Asking) -> Response:
        """Give the account another secret; the old one signs nothing any more."""
        return shown(view(secrets.rotate(asker.account_id, by=asker.actor)))

    return routes


def view(secret: WebhookSecret) -> View:
    """Show a secret, and where messages carry what is made with it."""
    return {
        "secret": secret.text,
        "webhook_secret": secret.text,
        "signature_header": SIGNATURE_HEADER,
        "created_at": secret.created_ms // 1000,
    }
