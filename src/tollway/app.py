"""The composition root: the only module that knows every part, and does nothing but put them together.

A worker is one process with one event loop: store, books, keys, upstream, relay, data plane, sweeps. How many such
processes run, and the local model beside them, is `serving.py`'s to know.
"""

import asyncio
import gc
import socket
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from tollway import clock
from tollway.access.credentials import KeyHeaders
from tollway.billing.books import Books, not_ready
from tollway.billing.refusals import Refusals
from tollway.catalog.listing import Listing
from tollway.catalog.loader import Deployment
from tollway.catalog.records import Origin, PriceCard, Reach, Timeouts
from tollway.desks import open_desk
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.errors import TollwayError
from tollway.http.account.parts import AccountParts
from tollway.http.admin.parts import AdminParts
from tollway.http.brand_pages import brand_routes
from tollway.http.brought import Brought, open_brought
from tollway.http.client_address import ClientAddresses
from tollway.http.data_plane import DataPlane
from tollway.http.dialect_routes import dialect_routes, speakers
from tollway.http.doors import Doors, account_door, admin_door
from tollway.http.later import later_routes
from tollway.http.model_pages import model_routes
from tollway.http.pages import own_routes
from tollway.http.payment_pages import payment_routes
from tollway.http.replies import BrandHeads, ReplyHeads, allowance
from tollway.http.routes import Route
from tollway.http.server import Server
from tollway.id_source import IdSource
from tollway.jobs.sweeps import Sweep
from tollway.limits.windows import WindowClock
from tollway.logs import get_log
from tollway.relay.admit import Admission, Terms
from tollway.relay.client_keys import ClientKeys
from tollway.relay.exchange import Outward, Relay
from tollway.relay.funding import Funds
from tollway.relay.keeping import Keeping
from tollway.relay.own_models import OwnModels
from tollway.relay.signatures import Signatures
from tollway.relay.stored_answers import StoredAnswers
from tollway.relay.throttle import Throttle, defaults_of, hourly_of
from tollway.settings import Brands, Settings
from tollway.settings.brand import header_prefixes
from tollway.settings.records import MediaAddresses
from tollway.shared.counters import Counters, HostCounters
from tollway.shared.place import counters_path
from tollway.store.group_commit import GroupCommit
from tollway.store.store import Store
from tollway.upstream.client import Answer, UpstreamClient
from tollway.upstream.limits import Limits
from tollway.upstream.signing.makers import check_signing, signer_maker
from tollway.upstream.tls import client_context

log = get_log(__name__)

HOLD_MARGIN_MS = 120_000
"""How much longer than the longest attempt a hold lives: expiry is a backstop, and must not meet a running exchange."""

GC_ALLOCATIONS = 10_000
"""Container objects that are allocated and not freed before the youngest are looked through: those of 120 streams, which takes
1 to 2 ms, and 4 where those of the last time are looked through as well. With fewer, the coming and going of 128 requests at
once would set it off; with 15,000, and both two times later, 800 streams that begin kept the loop for 9 ms."""

GC_OLDEST_AFTER = 40
"""So many times 20,000 before everything is looked through."""

CARDS_KNOWN_MAX = 100_000
"""A wildcard has a card for each name that somebody asked for; a few megabytes of them are remembered."""

READY_HOLDS_S = 0.5
"""How long a proof of readiness is good for: it costs a write to the disk, and anyone may ask without a key."""

HOUSEKEEPING_S = 1.0
"""Idle loans go back and a missed change of keys is noticed within this time."""

WANTED_S = 0.05
"""How soon a worker sees that another one wants money that lies idle here. Looking is one read of shared memory."""

PAYMENTS_S = 3.0
"""An account whose balance is low is topped up within this time, and what a refund still asks for is taken."""

MEDIA_REACH = {MediaAddresses.PUBLIC: Reach.PUBLIC, MediaAddresses.ANY: Reach.PRIVATE}

PACKAGES_S = 10.0
"""What an expired package still held is booked within this time; its keys are refused at the instant."""

ZERO_COSTS_S = 60.0
"""How soon a model whose tokens cost nothing is told of."""

RECLAIM_S = 5.0
"""A dead worker's loans come back within this time."""

RETENTION_S = 600.0
"""How often events are looked through for those that are kept no longer."""

REFUSALS_S = 1.0
"""How soon a refused request can be found by its id. What was refused in the last moment of a worker is not."""

DAY_MS = 86_400_000

ANSWERS_S = 60.0
"""How often kept answers are looked through for those whose day is over: they count for nothing from that instant on,
and only take room."""


class CardBook:
    """Writes each price card to the store before the first line that names it: then any charge can be recomputed."""

    def __init__(self, store: Store) -> None:
        """Start with none known to be written."""
        self._store = store
        self._written: set[int] = set()

    def known(self, card: PriceCard) -> bool:
        """Tell whether a card is in the store."""
        return card.id in self._written

    async def record(self, card: PriceCard) -> None:
        """Write a card: one small transaction for each card in a worker's life. Raises Refusal `not_ready`."""
        try:
            # In a thread, because it waits for whoever writes: up to seconds.
            await asyncio.to_thread(self._store.record_cards, (card,), clock.now_ms())
        except Exception:  # whatever the store says: without the card nothing may be charged
            log.exception("a price card cannot be written", card=card.id)
            raise not_ready() from None
        if len(self._written) >= CARDS_KNOWN_MAX:
            self._written.clear()
        self._written.add(card.id)


class TrustingUpstream:
    """Sends through a client that trusts the further authorities an operator named for a provider."""

    def __init__(self, default: UpstreamClient, others: dict[Origin, UpstreamClient]) -> None:
        """Take the client for everything else, and those for certain origins."""
        self._default = default
        self._others = others

    async def send(self, origin: Origin, request: bytes, *, timeouts: Timeouts) -> Answer:
        """Send through the origin's client."""
        return await self._others.get(origin, self._default).send(origin, request, timeouts=timeouts)


class Vitals:
    """How one worker is: what /readyz and /health say."""

    def __init__(self, commits: GroupCommit, books: Books, local_model: Callable[[], str]) -> None:
        """Take the parts that can be ill."""
        self._commits = commits
        self._books = books
        self._local_model = local_model
        self._loop = asyncio.get_running_loop()
        self._proven_at = -READY_HOLDS_S

    async def ready(self) -> str | None:
        """Return None when a ledger row can be written now, as a row just written shows."""
        if self._commits.accepting and self._loop.time() - self._proven_at < READY_HOLDS_S:
            return None
        if not await self._commits.probe():
            return "the ledger cannot be written"
        self._proven_at = self._loop.time()
        return None

    def state(self) -> dict[str, object]:
        """Return what /health shows."""
        return {
            "local_model": self._local_model(),
            "running_exchanges": self._books.open_count,
            "lines_waiting": self._commits.lines_waiting,
            "estimate_defects": self._books.estimate_defects,
            "expired_holds": self._books.expired,
        }


class LinesLost(TollwayError):
    """A worker stopped while the store could not be written; its log says why."""

    def __init__(self, count: int) -> None:
        """Take how many."""
        super().__init__(f"{count} lines could not be written before the stop: their charges are not in the books")


class TakenForDead(TollwayError):
    """The database lost sight of a worker for so long that another one settled its affairs."""

    def __init__(self) -> None:
        """Say what happened."""
        super().__init__(
            "the database lost sight of this worker, and its loans went back to their purses: it stopped, and another one "
            "is to be started in its place"
        )


class Worker:
    """One serving worker: all its parts, opened in the order in which they need each other."""

    def __init__(self, deployment: Deployment, *, local_model: Callable[[], str]) -> None:
        """Open the store and put the parts together; raises SetupError. Belongs to the running event loop."""
        settings = deployment.settings
        check_signing(deployment.catalog.providers.values())
        self._store = Store.open(settings.store.url, durability=settings.store.durability.value)
        self._store.require_room(1)
        # In this order: who is not there yet itself cannot tell who is gone.
        registered = self._store.register_worker(clock.now_ms())
        self._store.reclaim_dead_workers(clock.now_ms())
        ids = IdSource(worker=registered.number, after=registered.last_id)
        self._commits = self._store.group_commit(registered)
        self._books = Books(self._commits)
        self._commits.on_wanted(self._books.give_back_wanted)
        self._deadlines = clock.SteadyClock()
        self._keys = self._store.key_directory()
        self._default, others = open_upstreams(deployment)
        self._upstreams = (self._default, *set(others.values()))
        self._counters = open_counters(settings)
        heads = open_heads(deployment.brands)
        relay = Relay(
            admission=self._open_admission(deployment, registered.id),
            books=self._books,
            cards=CardBook(self._store),
            outward=Outward(
                upstream=TrustingUpstream(self._default, others) if others else self._default,
                signers=Signatures(signer_maker(self._default)),
                dialects=DIALECTS,
            ),
        )
        answers = StoredAnswers(self._commits)
        self._desk, self._refusals = open_desk(self._store, settings), Refusals(self._store)
        admin = AdminParts(
            desk=self._desk,
            catalog=deployment.catalog,
            currency=settings.billing.currency,
            brands=deployment.brands,
            render_error=OPENAI_CHAT.render_error,
            next_id=ids.next,
            answers=answers,
        )
        models = Listing(deployment.catalog)
        addresses = ClientAddresses(settings.server.trusted_proxies)
        account = AccountParts(
            desk=self._desk,
            keys=self._keys,
            key_headers=KeyHeaders(known_prefixes(deployment.brands)),
            catalog=deployment.catalog,
            models=models,
            currency=settings.billing.currency,
            platform_fee_ppm=settings.billing.platform_fee_ppm,
            opened_ms=clock.now_ms(),
            addresses=addresses,
            heads=heads,
            render_error=OPENAI_CHAT.render_error,
            next_id=ids.next,
            answers=answers,
        )
        doors = Doors(admin_door(admin), account_door(account))
        paying = settings.payments.stripe_secret_key is not None
        vitals = Vitals(self._commits, self._books, local_model)
        data_plane = DataPlane(
            keeping=Keeping(relay, answers),
            next_id=ids.next,
            heads=heads,
            routes=routes(models, vitals, heads) | (payment_routes(self._desk.payments.hear) if paying else {}),
            brought=self._open_brought(deployment, relay),
            body_bytes_max=settings.server.body_bytes_max,
        )
        data_plane.on_refused(self._refusals.note)
        self._events_ms = settings.retention.events_days * DAY_MS
        self._server = Server(
            data_plane,
            grace_s=settings.server.shutdown_grace_s,
            asgi=doors,
            asgi_below=doors.below,
            addresses=addresses,
        )
        self._sweeps = self._plan_sweeps(paying=paying)

    def _open_brought(self, deployment: Deployment, relay: Relay) -> Brought:
        own = OwnModels(deployment.catalog, self._desk.own_providers.make, deployment.own_terms)
        ours = ClientKeys(lambda digest: self._store.kind_of(digest) is not None)
        return open_brought(relay, own, ours, prefixes=known_prefixes(deployment.brands), dialect=OPENAI_CHAT)

    def _open_admission(self, deployment: Deployment, worker_id: int) -> Admission:
        settings = deployment.settings
        return Admission(
            keys=self._keys,
            models=deployment.catalog,
            books=self._books,
            funds=Funds(
                fee_ppm=settings.billing.platform_fee_ppm,
                rates=deployment.rates,
                windows=WindowClock(ZoneInfo(settings.billing.timezone)),
            ),
            terms=Terms(
                worker_id=worker_id,
                hold_margin_ms=HOLD_MARGIN_MS,
                deadlines=self._deadlines,
                media_addresses=MEDIA_REACH[settings.server.media_addresses],
                retries=settings.routing.retries,
                auto=settings.auto.by_modality(),
            ),
            throttle=Throttle(
                self._counters,
                defaults=defaults_of(settings.limits),
                lines=allowance,
                hourly=hourly_of(settings.limits),
            ),
        )

    def _plan_sweeps(self, *, paying: bool) -> tuple[Sweep, ...]:
        """Return what is done now and then, beside the requests."""
        return (
            Sweep("housekeeping", self._housekeep, every_s=HOUSEKEEPING_S),
            Sweep("reclaim", self._reclaim, every_s=RECLAIM_S),
            Sweep("wanted", self._look_wanted, every_s=WANTED_S),
            Sweep("packages", self._end_packages, every_s=PACKAGES_S),
            Sweep("zero costs", self._look_for_zero_costs, every_s=ZERO_COSTS_S),
            Sweep("answers", self._sweep_answers, every_s=ANSWERS_S),
            Sweep("refusals", self._keep_refusals, every_s=REFUSALS_S),
            Sweep("old refusals", self._sweep_refusals, every_s=RETENTION_S),
            *((Sweep("retention", self._sweep_events, every_s=RETENTION_S),) if self._events_ms else ()),
            *((Sweep("payments", self._sweep_payments, every_s=PAYMENTS_S),) if paying else ()),
        )

    async def run(self, sock: socket.socket, *, ready: Callable[[], None]) -> None:
        """Serve on `sock` until a stop is asked for; then finish what runs, and write every charge."""
        calm_garbage_collection()
        self._commits.start()
        for sweep in self._sweeps:
            sweep.start()
        try:
            await self._server.run(sock, ready=ready)
        finally:
            self._desk.auto_topups.close()
            for sweep in self._sweeps:
                await sweep.stop()
            for upstream in self._upstreams:
                await upstream.close()
            await self._commits.stop()
            self._counters.close()
            self._store.close()
        if self._commits.lines_lost:
            raise LinesLost(self._commits.lines_lost)
        if self._commits.fenced:
            raise TakenForDead

    async def _housekeep(self) -> None:
        self._books.expire(self._deadlines.now_ms())
        await self._books.give_back_idle_in_turns()
        if self._commits.fenced:
            self._server.stop()
        await self._keys.poll()

    async def _end_packages(self) -> None:
        await asyncio.to_thread(self._desk.packages.expire)

    async def _sweep_payments(self) -> None:
        await asyncio.to_thread(self._desk.payments.collect)
        await asyncio.to_thread(self._desk.auto_topups.sweep)

    async def _sweep_answers(self) -> None:
        while await asyncio.to_thread(self._store.sweep_answers, clock.now_ms()):
            pass

    async def _sweep_events(self) -> None:
        while await asyncio.to_thread(self._store.sweep_events, clock.now_ms() - self._events_ms):
            pass

    async def _keep_refusals(self) -> None:
        taken = self._refusals.take()
        if taken:
            await asyncio.to_thread(self._refusals.keep, taken)

    async def _sweep_refusals(self) -> None:
        await asyncio.to_thread(self._refusals.sweep)

    async def _look_for_zero_costs(self) -> None:
        await asyncio.to_thread(self._desk.events.look_for_zero_costs)

    async def _look_wanted(self) -> None:
        self._commits.look_wanted()

    async def _reclaim(self) -> None:
        self._counters.reclaim()  # in this thread, like everything that the counters are asked
        await asyncio.to_thread(self._store.reclaim_dead_workers, clock.now_ms())


def calm_garbage_collection() -> None:
    """Leave what lives for ever out of every collection, and collect less often.

    Requests make no cycles, so what a collection finds is errors' tracebacks; at the default threshold it took 6 % of
    the CPU at 64 connections, and a full one paused the loop for tens of milliseconds. The middle generation is looked
    through every other time: after each ten of the youngest, as by default, these would be 110,000 objects and 20 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 0, GC_OLDEST_AFTER)


def routes(models: Listing, vitals: Vitals, heads: BrandHeads) -> dict[str, Route]:
    """Return everything that the data plane answers."""
    pages = own_routes(vitals) | brand_routes(heads) | model_routes(models) | later_routes()
    asked = dialect_routes(DIALECTS)
    both = {path: asked[path]._replace(get=pages[path]) for path in asked.keys() & pages.keys()}
    return pages | asked | both


def open_counters(settings: Settings) -> Counters:
    """Return what counts requests for their limits: one worker in its own memory, several together. Raises SetupError."""
    if settings.server.workers == 1:
        return Counters.in_memory()
    return HostCounters(counters_path(settings.store.url))


def open_heads(brands: Brands) -> BrandHeads:
    """Return how replies of each brand begin, and how their errors are written."""
    default, *others = [
        ReplyHeads(brand, render_error=OPENAI_CHAT.render_error, below=speakers(DIALECTS)) for brand in brands.all
    ]
    # The default brand may have hosts as well, and needs none: it answers for all that are nobody's.
    return BrandHeads(default, others)


def known_prefixes(brands: Brands) -> set[str]:
    """Return the prefixes under which clients' headers are read: every preset's, and those of this deployment."""
    return {*header_prefixes(), *(brand.header_prefix for brand in brands.all)}


def open_upstreams(deployment: Deployment) -> tuple[UpstreamClient, dict[Origin, UpstreamClient]]:
    """Return the client for most origins, and those for origins whose providers bring authorities of their own."""
    default = UpstreamClient(limits=Limits())
    others: dict[Origin, UpstreamClient] = {}
    for provider in deployment.settings.providers:
        if provider.ca_file is not None:
            tls = client_context(ca_file=Path(provider.ca_file))
            client = UpstreamClient(limits=Limits(), tls=tls)
            others |= {spoken.origin: client for spoken in deployment.catalog.providers[provider.name].speaks}
    return default, others
