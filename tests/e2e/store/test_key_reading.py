"""Reading keys when very many are remembered: what a miss costs must not grow with them."""

import hashlib
from collections.abc import Iterator, Mapping

from tests.e2e.store.conftest import tw
from tollway.access.terms import NO_TERMS, AccountTerms
from tollway.billing.keys import Keys
from tollway.ledger.records import Account
from tollway.store.key_reader import EngineKeys
from tollway.store.store import Store


class Endless(Mapping[int, AccountTerms]):
    """The terms of more accounts than anybody could look through."""

    def __getitem__(self, account_id: int) -> AccountTerms:
        return NO_TERMS

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("looks through all of them")

    def __len__(self) -> int:
        raise AssertionError("counts all of them")


def test_the_accounts_that_are_remembered_are_not_looked_through(store: Store, account: Account) -> None:
    key, secret = Keys(store, store.ids(), tw).create(account.id, "k")
    digest = hashlib.sha256(secret.encode()).digest()
    found = EngineKeys(store._reading).find((digest,), Endless())
    assert (found[digest].key_id, found[digest].terms) == (key.id, NO_TERMS)
