"""One run of the crash harness: load without end, kills at moments that seeded dice choose, restarts, and the audit.

Knows nothing of what a reply should cost; `audit.py` does.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from tests.crash.ask import Ask, Buyer, Wallet, Way, draw
from tests.crash.audit import Findings, audit, read_books
from tests.crash.clients import Client, Place
from tests.crash.scripted import serve
from tests.crash.stage import SCARCE, Desk, Gateway, write_settings
from tests.crash.trap import AFTER_S, Moment, Trap
from tests.waiting import until
from tollway import clock
from tollway.store.store import Store

WAYS = {Way.PLAIN: 6, Way.STREAM: 8, Way.AGAIN: 3, Way.AGAIN_STREAM: 3, Way.LEAVE: 2, Way.CUT: 1, Way.FAIL: 1}
"""How often each comes, in proportion."""

MOMENTS = {
    Moment.BORROWING: 2,
    Moment.HOLDING: 3,
    Moment.STREAMING: 4,
    Moment.SETTLING: 4,
    Moment.ANSWERED: 4,
    Moment.STARTING: 2,
    Moment.ANY: 2,
}
"""How often each moment is chosen, in proportion."""

SIGNS_MAX = 80
"""Signs of a moment that are let pass before a kill, so that it does not always meet a gateway that has just started."""

WHOLE_FLEET = 0.3
"""The share of kills that take a whole fleet, where there is one; the others take one worker."""

KILL_S = 120.0
"""A kill and the start after it take two seconds; when they take so long, something hangs."""

SWEEP_S = 30.0
"""A dead worker's affairs are settled every 5 s by the others; a loaded machine may need longer."""

TOP_UPS = 0.25
"""The share of kills after which the scarce accounts are topped up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What to do."""

    store: str
    workers: int
    kills: int
    clients: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it."""

    campaign: Campaign
    moments: Mapping[Moment, int]
    findings: Findings
    seconds: float


class HarnessError(Exception):
    """The harness itself failed: its findings mean nothing."""


class Load:
    """Clients that ask without end."""

    def __init__(self, asks: dict[int, Ask], *, place: Place, trap: Trap, buyers: list[Buyer], seed: int) -> None:
        """Note in `asks` what is asked. Take where the gateway is, whom to tell, who pays, and the seed of all dice."""
        self._asks = asks
        self._place = place
        self._trap = trap
        self._buyers = buyers
        self._seed = seed
        self._dice = random.Random(f"{seed} asks")
        self._numbers = itertools.count(1)
        self._over = False
        self._clients: list[asyncio.Task[None]] = []

    def start(self, clients: int) -> None:
        """Begin, or begin again."""
        self._over = False
        self._clients = [asyncio.create_task(self._client(number)) for number in range(clients)]

    async def stop(self) -> None:
        """Let every client come to the end of what it asks."""
        self._over = True
        await asyncio.gather(*self._clients)

    async def _client(self, number: int) -> None:
        client = Client(self._place, self._trap.notice, random.Random(f"{self._seed} client {number}"))
        try:
            while not self._over:
                ask = draw(self._dice, next(self._numbers), buyers=self._buyers, ways=WAYS)
                self._asks[ask.number] = ask
                await client.ask(ask)
                if ask.replies[-1].status == 429:  # out of money: not again at once, and not for ever
                    await asyncio.sleep(0.02)
        finally:
            client.close()


class Killer:
    """Kills the gateway, again and again, and starts it again."""

    def __init__(self, gateway: Gateway, trap: Trap, *, workers: int, seed: int) -> None:
        """Take what to kill, and when."""
        self._gateway = gateway
        self._trap = trap
        self._dice = random.Random(f"{seed} kills")
        self._workers = workers
        self.moments: Counter[Moment] = Counter()

    async def kill(self) -> None:
        """Kill once, at a moment of the dice, and see to it that it runs again."""
        dice, gateway = self._dice, self._gateway
        moment = dice.choices(list(MOMENTS), list(MOMENTS.values()))[0]
        self.moments[moment] += 1
        whole = self._workers == 1 or dice.random() < WHOLE_FLEET
        number, count = dice.randrange(256), dice.randrange(1, SIGNS_MAX)
        if moment is Moment.STARTING:
            await self._kill_while_starting(whole=whole, number=number)
            return
        after_s = dice.random() ** 2 * AFTER_S[moment]
        killed = not whole

        def fire() -> None:
            nonlocal killed
            if whole or not gateway.kill_worker(number):
                gateway.kill()
                killed = False

        await self._trap.spring(moment, count=count, after_s=after_s, fire=fire)
        if not killed:
            await gateway.died()
            await gateway.start()

    async def _kill_while_starting(self, *, whole: bool, number: int) -> None:
        gateway, dice = self._gateway, self._dice
        if not whole:
            # The successor of a worker that dies now, or the one that reclaims what it left, dies within its first second.
            gateway.kill_worker(number)
            await asyncio.sleep(dice.random() * (gateway.start_s + 1))
            gateway.kill_worker(dice.randrange(256))
            return
        gateway.kill()
        await gateway.died()
        starting = asyncio.create_task(gateway.start())
        await asyncio.wait((starting,), timeout=dice.random() * gateway.start_s * 1.2)
        gateway.kill()
        await starting
        await gateway.died()
        await gateway.start()


@dataclass(slots=True, kw_only=True)
class Scene:
    """A gateway that serves, and the load on it."""

    gateway: Gateway
    desk: Desk
    trap: Trap
    buyers: list[Buyer]
    load: Load
    asks: dict[int, Ask]

    def top_up(self) -> None:
        """Give the scarce accounts a little."""
        for buyer in self.buyers:
            if buyer.wallet is Wallet.SCARCE:
                self.desk.credit(buyer.account_id, SCARCE)

    def renew(self) -> None:
        """Put new accounts in the places of those whose packages and caps are used up by now."""
        for place, buyer in enumerate(self.buyers):
            if buyer.wallet not in {Wallet.AMPLE, Wallet.SCARCE}:
                self.buyers[place] = self.desk.buyer(buyer.wallet)


@asynccontextmanager
async def staged(campaign: Campaign, folder: Path) -> AsyncGenerator[Scene]:
    """Start a gateway in a folder of its own, and its provider; raises HarnessError when ours failed."""
    place, trap = Place(), Trap()
    asks: dict[int, Ask] = {}
    mishaps: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mishaps.append(str(context)))
    provider, port = await serve(asks, trap.notice)
    config = write_settings(folder, store_url=campaign.store, provider_port=port, workers=campaign.workers)
    desk = Desk(config)
    desk("migrate")
    buyers = desk.buyers()
    gateway = Gateway(config, place)
    load = Load(asks, place=place, trap=trap, buyers=buyers, seed=campaign.seed)
    async with provider:
        await gateway.start()
        yield Scene(gateway=gateway, desk=desk, trap=trap, buyers=buyers, load=load, asks=asks)
        await gateway.stop()
    if mishaps:
        raise HarnessError("\n".join(mishaps[:10]))


async def play(campaign: Campaign, folder: Path, *, say: Callable[[str], None]) -> Outcome:
    """Run a campaign in a folder of its own."""
    began = time.monotonic()
    dice = random.Random(f"{campaign.seed} money")
    async with staged(campaign, folder) as scene:
        killer = Killer(scene.gateway, scene.trap, workers=campaign.workers, seed=campaign.seed)
        scene.load.start(campaign.clients)
        for number in range(1, campaign.kills + 1):
            async with asyncio.timeout(KILL_S):
                await killer.kill()
            say(f"kill {number} of {campaign.kills}")
            if dice.random() < TOP_UPS:
                scene.top_up()
        await scene.load.stop()
        await swept(campaign)
    await asyncio.to_thread(reclaim_unstarted, campaign.store)
    return Outcome(
        campaign=campaign,
        moments=killer.moments,
        findings=audit(scene.asks.values(), read_books(campaign.store), funded=scene.desk.funded),
        seconds=time.monotonic() - began,
    )


async def swept(campaign: Campaign) -> None:
    """Wait until the running gateway has settled what the dead left, or should have long since."""
    deadline = time.monotonic() + SWEEP_S
    while time.monotonic() < deadline:
        books = await asyncio.to_thread(read_books, campaign.store)
        found = books.leftovers
        if not found["holds"] and found["workers"] == campaign.workers and not books.problems:
            return
        await asyncio.sleep(0.1)


def reclaim_unstarted(url: str) -> None:
    """Settle the row of a worker that was asked to stop between its registration and its first request, as the next start does.

    The last kill's successor may be no further when the gateway stops. Whoever left a hold or a lease is not settled here.
    """
    with closing(Store.open(url)) as store:

        def settled() -> bool:  # a server takes a moment to notice who is gone
            store.reclaim_dead_workers(clock.now_ms())
            return not store.check().counts["workers"]

        counts = store.check().counts
        if counts["workers"] and not counts["holds"] and not counts["leases"]:
            until(settled, wait_s=SWEEP_S)
