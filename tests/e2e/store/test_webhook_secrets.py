"""Webhook secrets on each kind of database: one for each account, sealed, and its signatures as clients check them."""

import hashlib
import hmac
import time
from pathlib import Path

import pytest

from tollway.access.audit import Actor, ActorKind, AuditQuery
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Audit
from tollway.billing.sealing import GivenKey, NoKey, Sealer
from tollway.billing.webhook_secrets import WebhookSecrets, signature_of
from tollway.errors import CommandRefused, NotThere
from tollway.ledger.records import Account
from tollway.store.store import Store

CLIENT = Path(__file__).parents[3] / ".venv" / "compat" / "aigateway" / "aigateway" / "webhook.py"
ROBOT = Actor(kind=ActorKind.KEY, id=7)


@pytest.fixture
def webhook_secrets(store: Store) -> WebhookSecrets:
    return WebhookSecrets(store, store.ids(), Sealer(GivenKey(bytes(range(32)))))


def test_a_secret_is_made_when_it_is_first_wanted_and_stays_until_it_is_rotated(
    store: Store, webhook_secrets: WebhookSecrets, account: Account
) -> None:
    first = webhook_secrets.get(account.id)
    assert first.text.startswith("whsec_")
    assert len(first.text) == len("whsec_") + 43
    assert first.text not in repr(first)
    assert webhook_secrets.get(account.id) == first
    second = webhook_secrets.rotate(account.id, by=ROBOT)
    assert second.text != first.text
    assert webhook_secrets.get(account.id) == second
    sealed = store.webhook_secret(account.id)
    assert sealed is not None
    assert second.text.encode() not in sealed[0]
    (entry,) = Audit(store).list(AuditQuery(account_id=account.id, resource_type="webhook_secret")).entries
    assert (entry.action, entry.actor, dict(entry.metadata)) == ("webhook_secret.rotate", ROBOT, {})
    # Two that want the first one at once get the same.
    assert store.add_webhook_secret(account.id, b"another", 1) == sealed


def test_nobody_has_a_secret_that_cannot_be_kept(
    store: Store, webhook_secrets: WebhookSecrets, account: Account
) -> None:
    for refused in (lambda: webhook_secrets.get(7), lambda: webhook_secrets.rotate(7)):
        with pytest.raises(NotThere):
            refused()
    with pytest.raises(CommandRefused, match="encryption_key"):
        WebhookSecrets(store, store.ids(), Sealer(NoKey())).get(account.id)
    webhook_secrets.get(account.id)
    with pytest.raises(CommandRefused, match="not the one"):
        WebhookSecrets(store, store.ids(), Sealer(GivenKey(bytes(32)))).get(account.id)


def test_the_secret_of_one_account_is_not_opened_as_that_of_another(
    store: Store, webhook_secrets: WebhookSecrets, accounts: Accounts, account: Account
) -> None:
    webhook_secrets.get(account.id)
    taken = store.webhook_secret(account.id)
    assert taken is not None
    other = accounts.create("b")
    store.add_webhook_secret(other.id, taken[0], 1)
    with pytest.raises(CommandRefused, match="cannot be opened"):
        webhook_secrets.get(other.id)


def test_a_signature_is_the_hmac_of_time_and_body() -> None:
    signed = hmac.new(b"whsec_x", b'17.{"a": 1}', hashlib.sha256).hexdigest()
    assert signature_of(b'{"a": 1}', secret="whsec_x", at_s=17) == f"t=17,v1={signed}"


@pytest.mark.skipif(not CLIENT.exists(), reason="AIgateway's own client is not installed: make setup")
def test_a_services_own_client_accepts_a_signature_and_no_other() -> None:
    client: dict[str, object] = {}
    exec(compile(CLIENT.read_text(encoding="utf-8"), str(CLIENT), "exec"), client)
    verify = client["verify_webhook"]
    assert callable(verify)
    body, now_s = '{"type": "ключ"}'.encode(), int(time.time())
    signature = signature_of(body, secret="whsec_x", at_s=now_s)
    assert verify("whsec_x", body, signature)
    assert not verify("whsec_y", body, signature)
    assert not verify("whsec_x", body + b" ", signature)
    assert not verify("whsec_x", body, signature_of(body, secret="whsec_x", at_s=now_s - 301))
