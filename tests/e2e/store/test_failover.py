"""A PostgreSQL that took another's place and missed its last transactions."""

from tollway import clock
from tollway.store.batch import Batch, Written
from tollway.store.postgres.backend import PostgresBackend
from tollway.store.postgres.ledger_writer import _Unsure
from tollway.store.store import Store

NEVER_BEGUN = "999999999"


def test_a_batch_whose_commit_the_new_server_never_heard_of_is_written_anew(postgres_url: str) -> None:
    store = Store.open(postgres_url)
    worker = store.register_worker(clock.now_ms())
    backend = store._backend
    assert isinstance(backend, PostgresBackend)
    writer = backend.ledger_writer(worker.id)
    batch = Batch()
    batch.probes = 1
    writer._unsure = _Unsure(batch, NEVER_BEGUN, Written(refused_loans=True))
    assert writer.write(batch, clock.now_ms()) == Written()
    store.close()
