"""Claims of idempotency keys on the real store, against a plain dictionary: two workers, who die, and time that passes."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from tests.postgres import Server
from tollway import clock
from tollway.ledger.answers import (
    KEPT_MS,
    AnswerClaim,
    AnswerFound,
    AnswerState,
    AnswerStep,
    KeepAnswer,
    ReleaseAnswer,
)
from tollway.store.answer_rows import sweep_answers
from tollway.store.batch import Batch
from tollway.store.store import Store
from tollway.store.tables import idempotency

PLACES = st.integers(0, 1)
SCOPES = st.integers(0, 1)
KEYS = st.sampled_from([b"a", b"b", b"c"])
REQUESTS = st.sampled_from([b"one", b"other"])
STATES = st.sampled_from([AnswerState.RUNNING, AnswerState.ACTING])
PICKS = st.integers(0, 9)


@dataclass(frozen=True)
class Row:
    """What the dictionary knows of a key."""

    claim: AnswerClaim
    state: AnswerState
    worker_id: int
    body: bytes | None = None


class Worker:
    """A worker's writer, and what it is to write next."""

    def __init__(self, store: Store, now_ms: int) -> None:
        self.store = store
        self.worker = store.register_worker(now_ms)
        self.writer = store._backend.ledger_writer(self.worker.id)
        self.steps: list[AnswerStep] = []
        self.owned: list[AnswerClaim] = []

    def leave(self) -> None:
        """Be gone from one moment to the next: the operating system drops the lock."""
        self.writer.close()
        self.store.close()


class AnswersMachine(RuleBasedStateMachine):
    """Subclasses say where the store is."""

    def open_place(self) -> str:
        """Make an empty place for a store and return its URL."""
        raise NotImplementedError

    def close_place(self) -> None:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.url = self.open_place()
        self.now_ms = clock.now_ms()
        self.exchange_id = 0
        self.office = Store.open(self.url, durability="normal")
        self.workers = [Worker(Store.open(self.url, durability="normal"), self.now_ms) for _ in range(2)]
        self.rows: dict[tuple[int, bytes], Row] = {}
        self.registered = {worker.worker.id for worker in self.workers}

    def teardown(self) -> None:
        for worker in self.workers:
            worker.leave()
        self.office.close()
        self.close_place()

    @rule(place=PLACES, scope=SCOPES, key=KEYS, request=REQUESTS, state=STATES)
    def a_request_claims(self, place: int, scope: int, key: bytes, request: bytes, state: AnswerState) -> None:
        self.exchange_id += 1
        claim = AnswerClaim(
            scope_id=scope,
            key_digest=key,
            request_digest=request,
            exchange_id=self.exchange_id,
            created_ms=self.now_ms,
            state=state,
        )
        self.workers[place].steps.append(claim)

    @precondition(lambda self: any(worker.owned for worker in self.workers))
    @rule(place=PLACES, pick=PICKS, end=st.sampled_from(["kept", "too long", "both", "released"]))
    def a_request_ends(self, place: int, pick: int, end: str) -> None:
        worker = self.workers[place]
        if not worker.owned:
            return
        claim = worker.owned.pop(pick % len(worker.owned))
        if end in {"too long", "both"}:
            worker.steps.append(KeepAnswer(claim=claim))
        if end in {"kept", "both"}:
            worker.steps.append(
                KeepAnswer(claim=claim, state=AnswerState.DONE, status=200, content_type="x", body=b"%d" % pick)
            )
        if end == "released":
            worker.steps.append(ReleaseAnswer(claim))

    @rule(place=PLACES, unheard=st.booleans())
    def a_worker_commits(self, place: int, unheard: bool) -> None:
        worker = self.workers[place]
        batch = Batch()
        batch.answers, worker.steps = worker.steps, []
        if unheard:  # the commit succeeded, nobody heard of it, and all is written again
            worker.writer.write(batch, self.now_ms)
        written = worker.writer.write(batch, self.now_ms)
        expected = [self.expected(step, worker.worker.id) for step in batch.answers]
        if not unheard:  # a step that is undone by a later one of its batch cannot be told from one that never was
            assert list(written.answers) == expected
        worker.owned += [
            step
            for step in batch.answers
            if isinstance(step, AnswerClaim)
            and self.rows.get((step.scope_id, step.key_digest), None) is not None
            and self.rows[step.scope_id, step.key_digest].claim is step
        ]

    def expected(self, step: AnswerStep, worker_id: int) -> AnswerFound | None:
        """Do a step in the dictionary and return what it meets."""
        claim = step if isinstance(step, AnswerClaim) else step.claim
        name = (claim.scope_id, claim.key_digest)
        row = self.rows.get(name)
        if isinstance(step, AnswerClaim):
            dead = row is not None and row.state is AnswerState.RUNNING and row.worker_id not in self.registered
            if row is None or dead or row.claim.expires_ms <= self.now_ms:
                self.rows[name] = Row(step, step.state, worker_id)
                return None
            return AnswerFound(
                state=row.state,
                same_request=row.claim.request_digest == step.request_digest,
                exchange_id=row.claim.exchange_id,
                worker_lives=row.worker_id in self.registered,
                created_ms=row.claim.created_ms,
                status=200 if row.body is not None else None,
                content_type="x" if row.body is not None else None,
                body=row.body,
            )
        if isinstance(step, KeepAnswer):
            if row is None:
                self.rows[name] = Row(claim, step.state, worker_id, step.body)
            elif row.claim.exchange_id == claim.exchange_id:
                self.rows[name] = replace(row, state=step.state, body=step.body)
        elif row is not None and row.claim.exchange_id == claim.exchange_id:
            del self.rows[name]
        return None

    @rule(place=PLACES)
    def a_worker_dies_and_is_reclaimed(self, place: int) -> None:
        worker = self.workers[place]
        worker.leave()
        self.office.reclaim_dead_workers(self.now_ms)
        self.registered.discard(worker.worker.id)
        self.rows = {
            name: row
            for name, row in self.rows.items()
            if row.worker_id != worker.worker.id or row.state is not AnswerState.RUNNING
        }
        self.workers[place] = Worker(Store.open(self.url, durability="normal"), self.now_ms)
        self.registered.add(self.workers[place].worker.id)

    @rule(part=st.sampled_from([1, 2]))
    def time_passes(self, part: int) -> None:
        self.now_ms += KEPT_MS // part

    @rule()
    def the_sweep_comes_round(self) -> None:
        with self.office._writing() as connection:
            swept = sweep_answers(connection, self.now_ms)
        expired = [name for name, row in self.rows.items() if row.claim.expires_ms <= self.now_ms]
        assert swept == len(expired)
        for name in expired:
            del self.rows[name]

    @invariant()
    def the_store_says_what_the_dictionary_says(self) -> None:
        with self.office._reading() as connection:
            rows = connection.execute(select(idempotency)).all()
        found = {(row.scope_id, row.key_digest): (row.state, row.exchange_id, row.worker_id, row.body) for row in rows}
        assert found == {
            name: (row.state.value, row.claim.exchange_id, row.worker_id, row.body) for name, row in self.rows.items()
        }


class OnSqlite(AnswersMachine):
    def open_place(self) -> str:
        self.folder = Path(tempfile.mkdtemp(prefix="answers-"))
        return f"sqlite:///{self.folder / 'books.db'}"

    def close_place(self) -> None:
        shutil.rmtree(self.folder)


TestAnswersOnSqlite = OnSqlite.TestCase


def test_answers_on_postgres(postgres: Server, empty_books: str) -> None:
    class OnPostgres(AnswersMachine):
        def open_place(self) -> str:
            self.name = postgres.create(template=empty_books)
            return postgres.url(self.name)

        def close_place(self) -> None:
            postgres.drop(self.name)

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=10, stateful_step_count=30))
