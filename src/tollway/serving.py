"""How many processes serve, and what runs beside them: one worker here, or a fleet of them, and the local model.

Knows the parts of a worker only as `app.Worker`, which the processes import that are one.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec
import uvloop

from tollway import logs
from tollway.catalog.loader import Deployment, deploy
from tollway.errors import SetupError
from tollway.http.fleet import Fleet, FleetError, end_with_parent
from tollway.http.server import listen
from tollway.jobs.loop_watch import watching
from tollway.local_model.supervisor import LocalModel, LocalModelError, available
from tollway.parts import part
from tollway.settings import LocalModelSettings
from tollway.settings.load import SQLITE

APP = "tollway.app"
DATA_FOLDER = "tollway-data"


class Started(NamedTuple):
    """What is known once requests are answered."""

    url: str
    """Scheme, host and port, without a path."""
    local_model: str
    """`ready`, or why there is none."""


class Running(Protocol):
    """A worker that can be run."""

    async def run(self, sock: socket.socket, *, ready: Callable[[], None]) -> None:
        """Serve until a stop is asked for, calling `ready` once requests are answered."""
        ...


@contextlib.asynccontextmanager
async def local_model(deployment: Deployment) -> AsyncGenerator[tuple[Deployment, Callable[[], str]]]:
    """Run the local model beside the block, where it is wanted and possible.

    Yields the deployment that names its port, or one without it, and how to ask what state it is in.
    """
    wanted = deployment.settings.local_model
    if not wanted.enabled:
        yield deployment, lambda: "not enabled"
        return
    reason = available()
    if reason is None:
        model = LocalModel(log=data_folder(deployment) / "local-model.log", port=wanted.port)
        try:
            port = urlsplit(await model.start()).port
        except LocalModelError as error:
            reason = str(error)
        else:
            try:
                yield with_local_model(deployment, msgspec.structs.replace(wanted, port=port)), lambda: model.state
            finally:
                await model.stop()
            return
    yield with_local_model(deployment, msgspec.structs.replace(wanted, enabled=False)), lambda: reason


def with_local_model(deployment: Deployment, local: LocalModelSettings) -> Deployment:
    """Return the deployment with other settings of the local model."""
    return deploy(msgspec.structs.replace(deployment.settings, local_model=local))


def configure_logs(deployment: Deployment) -> None:
    """Log to standard error, without the providers' keys and those of payments."""
    providers = deployment.catalog.providers.values()
    payments = deployment.settings.payments
    ours = (payments.stripe_secret_key, payments.stripe_webhook_secret)
    logs.configure(
        secrets=[
            *(secret for provider in providers for secret in provider.secrets),
            *(secret.reveal() for secret in ours if secret is not None),
        ]
    )


def data_folder(deployment: Deployment) -> Path:
    """Return the folder for what lies beside an embedded store, or, with another, beside the settings; it is made."""
    settings = deployment.settings
    path = settings.store.url.removeprefix(SQLITE)
    embedded = path != settings.store.url
    folder = Path(path).parent if embedded else Path(settings.source).absolute().parent / DATA_FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def nothing() -> None:
    """Do nothing."""


def serve(deployment: Deployment, *, started: Callable[[Started], None], first: Callable[[], None] = nothing) -> None:
    """Serve until a stop is asked for, calling `started` once requests are answered; raises SetupError.

    `first` is done before the books are opened, in whatever thread, while the local model starts.
    """
    configure_logs(deployment)
    server = deployment.settings.server
    try:
        sock = listen(server.host, server.port)
    except OSError as error:
        where = f"{server.host}:{server.port}"
        raise SetupError(
            (f"{where}: {error.strerror or error}; free it, or set server.port (tollway up --port)",)
        ) from None
    with sock:
        uvloop.run(_serve(deployment, sock, started, first))


async def _serve(
    deployment: Deployment, sock: socket.socket, started: Callable[[Started], None], first: Callable[[], None]
) -> None:
    host, port = sock.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    alone = deployment.settings.server.workers == 1

    def prepare() -> None:
        first()
        if alone:
            part(APP)

    # In a thread where the local model's process starts in the meantime: 0.3 s of a start. What a thread allocates lies
    # apart, and is 2 MB more, so not where there is nothing to wait for.
    prepared = asyncio.create_task(asyncio.to_thread(prepare)) if deployment.settings.local_model.enabled else None
    if prepared is None:
        prepare()
    async with local_model(deployment) as (complete, state):
        if prepared is not None:
            await prepared
        said = partial(started, Started(url=url, local_model=state()))
        if alone:
            await _work(part(APP).Worker(complete, local_model=state), sock, said)
        else:
            await _serve_fleet(complete, sock, said)


async def _serve_fleet(deployment: Deployment, sock: socket.socket, said: Callable[[], None]) -> None:
    # Opened once before all, so that a store that cannot be served is said once, and made once.
    settings = deployment.settings
    opened = part("tollway.store.store").Store.open(settings.store.url, durability=settings.store.durability.value)
    with contextlib.closing(opened) as store:
        store.require_room(settings.server.workers)
    words = (
        "worker",
        "--config",
        deployment.settings.source,
        "--model-port",
        str(deployment.settings.local_model.port),
    )
    fleet = Fleet(sock=sock, words=words, size=deployment.settings.server.workers)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def signalled() -> None:
        if stop.is_set():
            fleet.hurry()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    try:
        await fleet.start()
        said()
        await stop.wait()
    except FleetError as error:
        raise SetupError((str(error),)) from None
    finally:
        await fleet.stop()


async def _work(worker: Running, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Run a worker, and watch its event loop where the environment asks for it."""
    with contextlib.ExitStack() as watched:

        def begun() -> None:
            watched.enter_context(watching(os.environ))
            ready()

        await worker.run(sock, ready=begun)


def serve_worker(deployment: Deployment, *, descriptor: int, ready: Callable[[], None]) -> None:
    """Be one worker of a fleet, on the listening socket that was handed down; ends when the parent does."""
    configure_logs(deployment)

    async def run(sock: socket.socket) -> None:
        end_with_parent(asyncio.get_running_loop())
        await _work(part(APP).Worker(deployment, local_model=lambda: "beside the fleet"), sock, ready)

    with socket.socket(fileno=descriptor) as sock:
        uvloop.run(run(sock))
