"""What the command line does: opens the books, serves, checks, and makes a first deployment. Decides nothing of its own."""

import asyncio
import contextlib
import importlib
import os
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec

from tollway.app import open_desk, signer_maker
from tollway.billing.desk import Desk
from tollway.catalog.loader import Deployment, brand_of
from tollway.catalog.records import Provider, Timeouts
from tollway.catalog.signing import GoogleServiceAccount
from tollway.cli.office import Finding, Health, Welcome
from tollway.errors import SetupError, TollwayError, UpstreamFailure
from tollway.local_model.supervisor import available
from tollway.local_model.weights import MODEL_ID
from tollway.money import NANOS_PER_UNIT
from tollway.relay.wire import get_request, host_of
from tollway.serving import Started, data_folder, serve, serve_worker
from tollway.settings import Settings
from tollway.settings.load import LOCAL_PROVIDER
from tollway.store.store import Store
from tollway.upstream.client import UpstreamClient
from tollway.upstream.limits import Limits

FIRST_CREDIT_NANOS = 5 * NANOS_PER_UNIT
"""What the first account of a zero-configuration deployment gets: enough for weeks of the local model."""

FIRST_KEYS_FILE = "first-keys.json"
"""Beside the embedded store, readable by its owner only. Keys are stored hashed and shown once; this file is the
exception that lets `tollway up` print the same key on the second day. Delete it and `up` makes new ones."""


CHECK_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=10.0, total_s=15.0)
"""A person waits for this."""


class FirstKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What `tollway up` made on its first start."""

    account: str
    api_key: str
    admin_key: str


class Office:
    """The program behind the commands: satisfies cli's Office."""

    @contextlib.contextmanager
    def open_books(self, settings: Settings) -> Generator[Desk]:
        """Open the store for a command; raises SetupError when it is of another schema version."""
        store = Store.open(settings.store.url, durability=settings.store.durability.value)
        try:
            yield open_desk(store, brand_of(settings), settings.billing, settings.payments)
        finally:
            store.close()

    def migrate(self, settings: Settings) -> str:
        """Bring the store to this program's schema version, creating it if need be; return the version."""
        # Alembic takes 0.1 s to import, and only this command needs it.
        _, version = importlib.import_module("tollway.store.migrate").migrate(settings.store.url)
        return str(version)

    def check(self, deployment: Deployment) -> tuple[Finding, ...]:
        """Look whether the deployment could serve: store, ledger, local model, port."""
        findings = [self._check_store(deployment.settings)]
        if deployment.settings.local_model.enabled:
            reason = available()
            health = Health.GOOD if reason is None else Health.NOTE
            findings.append(Finding("local model", health, reason or "installed"))
        return tuple(findings)

    def _check_store(self, settings: Settings) -> Finding:
        try:
            with self.open_books(settings) as desk:
                report = desk.statements.ledger_check()
        except TollwayError as error:
            return Finding("store", Health.BAD, str(error))
        if report.problems:
            return Finding("store", Health.BAD, f"{len(report.problems)} problems: run tollway ledger check")
        return Finding("store", Health.GOOD, f"every balance is proven ({report.counts['exchanges']} requests)")

    def check_providers(self, deployment: Deployment) -> tuple[Finding, ...]:
        """Ask each provider what is small and free, such as its models; the local model is up only beside `up`."""
        providers = deployment.catalog.providers.items()
        return asyncio.run(check_providers(tuple(provider for name, provider in providers if name != LOCAL_PROVIDER)))

    def serve(self, deployment: Deployment, announce: Callable[[str], None]) -> None:
        """Serve until a stop is asked for; call `announce` with the URL once requests are answered."""
        serve(deployment, started=lambda started: announce(started.url))

    def serve_worker(self, deployment: Deployment, *, descriptor: int, ready: Callable[[], None]) -> None:
        """Be one worker of a fleet, on a listening socket that was handed down."""
        serve_worker(deployment, descriptor=descriptor, ready=ready)

    def up(self, deployment: Deployment, announce: Callable[[Welcome], None]) -> None:
        """Make what is missing (store, account, keys), serve, and call `announce` once requests are answered."""
        keys = self._first_keys(deployment)

        def started(now: Started) -> None:
            local = now.local_model == "ready"
            model = MODEL_ID if local else next(iter(deployment.catalog.models), None)
            announce(
                Welcome(
                    url=now.url,
                    api_key=keys.api_key,
                    admin_key=keys.admin_key,
                    console_url=None,
                    model=model,
                    notes=() if local else (f"  No local model: {now.local_model}.",),
                )
            )

        serve(deployment, started=started)

    def _first_keys(self, deployment: Deployment) -> FirstKeys:
        """Return the keys of the first start, making account, credit and keys where there are none yet."""
        path = data_folder(deployment) / FIRST_KEYS_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=FirstKeys)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(
                (f"{path}: cannot be read ({error}): mend or delete it, then new keys are made",)
            ) from None
        with self.open_books(deployment.settings) as desk:
            currency = deployment.settings.billing.currency
            account = desk.accounts.create("first", currency, FIRST_CREDIT_NANOS)
            _, api_key = desk.keys.create(account.id, "first")
            _, admin_key = desk.admin_keys.create("first")
        keys = FirstKeys(account=f"{account.id:016x}", api_key=api_key, admin_key=admin_key)
        write_private(path, msgspec.json.encode(keys))
        return keys


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


REFUSALS = (400, 401, 403)
"""What a wrong key is answered with: two of them say 400, and nothing else can be wrong with a request without a body."""


async def check_providers(providers: tuple[Provider, ...]) -> tuple[Finding, ...]:
    """Return whether each provider answers what can be asked without cost, with our key."""
    client = UpstreamClient(limits=Limits())
    try:
        return tuple(await asyncio.gather(*(_check_provider(client, provider) for provider in providers)))
    finally:
        await client.close()


async def _check_provider(client: UpstreamClient, provider: Provider) -> Finding:
    path = provider.check_path
    try:
        lines = await _signature(client, provider, path or "")
        if path is None:
            return _unasked(provider)
        answer = await client.send(provider.home.origin, get_request(provider, path, lines), timeouts=CHECK_TIMEOUTS)
        answer.release()
    except UpstreamFailure as failure:
        return Finding(provider.name, Health.BAD, f"does not answer: {failure.message}")
    if answer.status in REFUSALS:
        return Finding(provider.name, Health.BAD, f"refuses the key (status {answer.status}): check api_key")
    if answer.status == 200:
        return Finding(provider.name, Health.GOOD, "answers, and takes the key")
    return Finding(
        provider.name, Health.NOTE, f"answers {answer.status} to GET {path}: not every provider lists models"
    )


async def _signature(client: UpstreamClient, provider: Provider, path: str) -> bytes:
    """Return the header lines that sign the request; raises UpstreamFailure where a token is refused."""
    if provider.signing is None:
        return b""
    home = provider.home
    headers = await signer_maker(client)(provider.signing).headers(
        method="GET", host=host_of(home.origin), path=f"{home.path_prefix}{path}", body=b""
    )
    return b"".join([f"{name}: {value}\r\n".encode("latin-1") for name, value in headers])


def _unasked(provider: Provider) -> Finding:
    if isinstance(provider.signing, GoogleServiceAccount):
        return Finding(provider.name, Health.GOOD, "its service account gets access tokens")
    return Finding(
        provider.name, Health.NOTE, "has nothing that can be asked without cost: its first request will tell"
    )
