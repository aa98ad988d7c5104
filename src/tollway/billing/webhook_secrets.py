"""What messages to an account are signed with: made at first need, rotated, sealed at rest. Knows no SQL and sends nothing."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.billing.accounts import Ids
from tollway.billing.audit import Notary
from tollway.billing.sealing import Sealer
from tollway.errors import NotThere
from tollway.ids import ACCOUNT, render_id
from tollway.ledger.records import Account

PREFIX = "whsec_"
SECRET_BYTES = 32
"""256 random bits: as many as the signature has."""

SIGNATURE_HEADER = "X-Gateway-Signature"


class WebhookSecret(NamedTuple):
    """An account's secret, as its receivers of messages need it. Never logged."""

    text: str
    created_ms: int

    def __repr__(self) -> str:
        """Tell nothing of it."""
        return f"WebhookSecret({PREFIX}..., {self.created_ms})"


class WebhookSecretRows(Protocol):
    """What webhook secrets want from the store; every call is one transaction."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def webhook_secret(self, account_id: int) -> tuple[bytes, int] | None:
        """Read the sealed secret of an account, and when it was made; None when it has none."""
        ...

    def add_webhook_secret(self, account_id: int, sealed: bytes, created_ms: int) -> tuple[bytes, int]:
        """Write an account's first secret; return the one that stands, which somebody else may have written before."""
        ...

    def set_webhook_secret(self, account_id: int, sealed: bytes, entry: AuditEntry) -> None:
        """Write an account's secret in place of the one before."""
        ...


class WebhookSecrets:
    """The use cases of webhook secrets. Errors are CommandRefused with a sentence: there may be no key to seal them with."""

    def __init__(
        self, store: WebhookSecretRows, ids: Ids, sealer: Sealer, *, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        """Work on `store`; what lies there only `sealer` can open."""
        self._store = store
        self._sealer = sealer
        self._now_ms = now_ms
        self._notary = Notary(ids.next, now_ms)

    def get(self, account_id: int) -> WebhookSecret:
        """Return an account's secret, made now where it has none."""
        found = self._store.webhook_secret(account_id)
        if found is None:
            self._check(account_id)
            found = self._store.add_webhook_secret(account_id, self._sealed(account_id, _new()), self._now_ms())
        sealed, created_ms = found
        return WebhookSecret(self._sealer.open(sealed, context=_context(account_id)).decode(), created_ms)

    def rotate(self, account_id: int, *, by: Actor = OPERATOR) -> WebhookSecret:
        """Give an account another secret; whatever is signed from now on is signed with it."""
        self._check(account_id)
        text = _new()
        entry = self._notary.note(by, "webhook_secret.rotate", account_id, render_id(ACCOUNT, account_id))
        self._store.set_webhook_secret(account_id, self._sealed(account_id, text), entry)
        return WebhookSecret(text, entry.created_ms)

    def _check(self, account_id: int) -> None:
        if self._store.account(account_id) is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id)}")

    def _sealed(self, account_id: int, text: str) -> bytes:
        return self._sealer.seal(text.encode(), context=_context(account_id))


def signature_of(body: bytes, *, secret: str, at_s: int) -> str:
    """Return what SIGNATURE_HEADER says of a body that is sent at a time, in seconds since 1970: ``t=…,v1=…``.

    The time is signed too, so that nobody can send an old message again as a new one.
    """
    signed = b"%d.%b" % (at_s, body)
    return f"t={at_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def _new() -> str:
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _context(account_id: int) -> str:
    return f"webhook_secret:{account_id}"
