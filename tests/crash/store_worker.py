"""A process that holds and closes exchanges as fast as it can, and writes the id and cost of each durable one to a pipe.

Started by test_store_survives_kill.py, which kills it.
"""

import asyncio
import random
import sys

from tollway import clock
from tollway.billing.books import Books, Shortage
from tollway.id_source import IdSource
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.neutral.usage import Basis, Usage
from tollway.store.store import Store


async def spend(books: Books, ids: IdSource, worker_id: int, account_id: int) -> None:
    dice = random.Random()
    while True:
        now_ms = clock.now_ms()
        amount = dice.randrange(1, 2000)
        hold = Hold(
            exchange_id=ids.next(),
            account_id=account_id,
            payer_id=account_id,
            key_id=1,
            worker_id=worker_id,
            amount_nanos=amount,
            model_asked="m",
            started_ms=now_ms,
            expires_ms=now_ms + 60_000,
        )
        try:
            await books.hold(hold)
        except Shortage:
            await asyncio.sleep(0.001)
            continue
        if amount % 3 == 0:
            books.announce(hold.exchange_id)
            await asyncio.sleep(dice.random() * 0.03)
        cost = dice.randrange(amount + 20)
        line, durable = books.close(
            ExchangeLine(
                exchange_id=hold.exchange_id,
                account_id=account_id,
                key_id=1,
                worker_id=worker_id,
                outcome=Outcome.COMPLETED,
                status=200,
                started_ms=now_ms,
                ended_ms=clock.now_ms(),
                streamed=False,
                lane="verbatim",
                model_asked="m",
                provider="p",
                model_routed="m",
                usage=Usage(input=cost),
                basis=Basis.REPORTED,
                card_id=1,
                hold_nanos=amount,
                base_nanos=cost,
            )
        )
        await durable
        sys.stdout.write(f"{line.exchange_id} {line.total_nanos}\n")
        sys.stdout.flush()


async def main(url: str, account_id: int) -> None:
    store = Store.open(url)
    store.reclaim_dead_workers(clock.now_ms())
    worker = store.register_worker(clock.now_ms())
    commits = store.group_commit(worker)
    commits.start()
    books = Books(commits)
    ids = IdSource(worker=worker.number, after=worker.last_id)
    await asyncio.gather(*(spend(books, ids, worker.id, account_id) for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
