"""A store of each earlier schema, with what was written then, becomes one of today's whose books are proven."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.e2e.store.conftest import CARD, Desk, tw
from tollway import clock
from tollway.access.setters import SetBy
from tollway.billing.accounts import Accounts
from tollway.billing.keys import Keys
from tollway.errors import SetupError
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.store.migrate import SCRIPTS, migrate, require_tables, upgrade
from tollway.store.store import Store, open_backend
from tollway.store.tables import SCHEMA_VERSION
from tollway.store.workers import registered_numbers

WRITTEN = sorted(Path(__file__).parent.glob("schema_*.sql"))
BYTES = re.compile(r"\bX'([0-9A-F]*)'")
ADA, RUNNING, KEY_OF_ADA = 249481948068577280, 249481948592877568, 249481948215382016
KEY_DIGEST = bytes.fromhex("50D6027E111BFBB1430487351D1E7F1149839E30FC570F69AA1A3D19EAEF675E")


def write(url: str, file: Path) -> str:
    """Make a store of the schema that a file is of, and write the file's rows into it; return the schema's version."""
    version = file.stem.removeprefix("schema_")
    backend = open_backend(url, "full")
    with backend.preparing() as connection:
        upgrade(connection, version)
        for statement in file.read_text().splitlines():
            if not statement.startswith("--"):
                on_postgres = connection.dialect.name == "postgresql"
                sql = BYTES.sub(r"'\\x\1'", statement) if on_postgres else statement
                connection.exec_driver_sql(sql.replace("%", "%%") if on_postgres else sql)
    backend.close()
    return version


def test_there_are_rows_of_every_earlier_schema() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    assert {file.stem.removeprefix("schema_") for file in WRITTEN} == revisions - {SCHEMA_VERSION}


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
async def test_lesson_20_and_42_an_earlier_store_is_refused_until_it_is_migrated_and_then_proven(
    empty: Callable[[], str], file: Path
) -> None:
    url = empty()
    version = write(url, file)
    with pytest.raises(SetupError, match=f"the store has schema {version}, .* run: tollway migrate"):
        Store.open(url)
    assert migrate(url) == (version, SCHEMA_VERSION)
    assert migrate(url) == (SCHEMA_VERSION, SCHEMA_VERSION)

    store = Store.open(url)
    backend = open_backend(url, "full")
    with backend.reading() as connection:
        require_tables(connection)
    backend.close()
    # The worker of that time was killed: what it left open is closed, and its loans come back.
    assert store.reclaim_dead_workers(clock.now_ms()) == 1
    assert store.check().problems == ()
    interrupted = store.exchange(RUNNING)
    assert isinstance(interrupted, ExchangeLine)
    assert (interrupted.outcome, interrupted.total_nanos) == (Outcome.INTERRUPTED, 0)

    accounts = Accounts(store, store.ids())
    assert [account.name for account in accounts.list()] == ["Ada", "Böb & co.", "Eve"]
    balance = accounts.balance(ADA)
    assert (balance.balance_nanos, balance.held_nanos) == (5_196_148_492, 0)
    assert len(Keys(store, store.ids(), tw).list(ADA)) == 2
    principal = store.key_directory().find(KEY_DIGEST)
    assert principal is not None
    assert (principal.key_id, principal.models) == (KEY_OF_ADA, ("gpt-4o-mini", "groq/*"))

    # And it goes on: money is held and spent, and all of it is proven together.
    store.record_cards([CARD], clock.now_ms())
    desk = Desk(store)
    desk.commits.start()
    account = accounts.show(ADA)
    await desk.close(await desk.held(account, 5_196_148_492), 5_000)
    await desk.commits.stop()
    assert store.check().problems == ()
    store.close()


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_a_store_is_not_migrated_under_a_worker_that_would_lose_its_charges(
    empty: Callable[[], str], file: Path
) -> None:
    url = empty()
    version = write(url, file)
    serving = open_backend(url, "full")
    serving.join()
    with serving.reading() as connection:
        (number,) = registered_numbers(connection)
    claim = serving.numbers.try_claim(number)
    assert claim is not None
    with pytest.raises(SetupError, match=r"1 of its workers are serving, .*: stop them first"):
        migrate(url)
    claim.release()
    assert migrate(url) == (version, SCHEMA_VERSION)
    serving.close()


def test_limits_of_before_anybody_said_who_set_them_are_the_operators(empty: Callable[[], str]) -> None:
    url = empty()
    write(url, next(file for file in WRITTEN if file.stem == "schema_0004"))
    migrate(url)
    store = Store.open(url)
    (rule,) = (limit.rule for limit in store.rate_limits(ADA))
    assert (rule.rpm, rule.tpm, rule.account_rpm) == (60, 100_000, None)
    (cap,) = store.caps(ADA)
    assert (cap.subject, cap.limit_nanos, cap.set_by) == ("nightly", 5_000_000_000, SetBy.OPERATOR)
    (part,) = store.sub_accounts(ADA)
    assert part.operator_set == ("models", "suspended")
    limited = {key.operator_set for key in store.keys(None)}
    assert limited == {(), ("models",), ("routes", "networks", "disabled")}
    store.close()
