"""Sets the stage: upstreams on the load's cores, gateways on the core of the gateway, each checked with one request."""

import sys
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nginx
from answers import answer
from books import Books
from deployment import Deployment, Site, deploy, serve
from failure import BenchError
from loads import LoadSite
from machine import Cores, say
from outsiders import STARTERS, Outside, Surroundings, given
from payloads import KEY_WITHOUT_GATEWAY, PLAIN, Ask
from peers import DIRECT, HELLO, NGINX, Peer, check_answer
from servers import Launch, build, free_port, start
from settings import SETTINGS, Setting

Ports = dict[Ask, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who is to be on the stage, and what they are asked."""

    names: Collection[str]
    asks: Sequence[Ask]
    settings: dict[str, Setting]
    """Of each Tollway by name, as they are to be here."""
    outsides: Sequence[Outside] = ()
    upstream_port: int | None = None
    """The first of the provider's ports, for gateways that are set up before; None takes free ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs while the benchmark measures."""

    cores: Cores
    site: LoadSite
    load_pids: tuple[int, ...]
    """Roots of the process trees that belong on the cores of the load: providers and databases."""
    peers: tuple[Peer, ...]
    deployed: dict[str, Deployment]
    """By the peer's name."""
    absent: tuple[str, ...]
    """Who was to be measured and is not, and why."""


def upstreams(ports: Ports, cores: Cores, scratch: Path) -> list[Launch]:
    """Return how to start the provider: nginx for what is static, our own program for what is paced."""
    static = {ask: port for ask, port in ports.items() if not ask.pace_ms}
    launches = [nginx.provider(static, nginx.Place(cores=cores.load, scratch=scratch))] if static else []
    paced = {ask: port for ask, port in ports.items() if ask.pace_ms}
    if paced:
        program = str(build("upstream", scratch))
        launches += [
            Launch(
                name=f"{ask.model}-provider",
                command=[program, str(port), str(ask.frames), str(ask.pace_ms), str(ask.think_ms)],
                cores=cores.load,
                port=port,
                scratch=scratch,
            )
            for ask, port in paced.items()
        ]
    return launches


def start_nginx(upstream_ports: Ports, cores: Cores, scratch: Path) -> Peer:
    """Start the floor: nginx as a plain proxy."""
    ports = {ask: free_port() for ask in upstream_ports}
    server = start(nginx.proxy(ports, upstream_ports, nginx.Place(cores=[cores.gateway], scratch=scratch)))
    return Peer(name=NGINX, ports=ports, key=KEY_WITHOUT_GATEWAY, server=server)


def start_hello(cores: Cores, scratch: Path) -> Peer:
    """Start the second floor: an ASGI hello on the same server stack."""
    port, file = free_port(), scratch / "hello.answer"
    file.write_bytes(answer(PLAIN))
    program = Path(__file__).parent / "hello.py"
    launch = Launch(
        name="hello",
        command=[sys.executable, str(program), str(port), str(file)],
        cores=[cores.gateway],
        port=port,
        scratch=scratch,
    )
    return Peer(name=HELLO, ports={PLAIN: port}, key=KEY_WITHOUT_GATEWAY, server=start(launch))


class Builder:
    """Starts who is on the stage, one after the other, and stops them all with its stack."""

    def __init__(self, cores: Cores, scratch: Path, stack: ExitStack) -> None:
        """Begin with an empty stage."""
        self.cores = cores
        self.scratch = scratch
        self.peers: list[Peer] = []
        self.load_pids: list[int] = []
        self.deployed: dict[str, Deployment] = {}
        self.absent: list[str] = []
        self._stack = stack

    def provide(self, asks: Iterable[Ask], first_port: int | None) -> Ports:
        """Start the provider; return where it takes each kind of request."""
        ports = {ask: free_port() if first_port is None else first_port + n for n, ask in enumerate(asks)}
        for launch in upstreams(ports, self.cores, self.scratch):
            server = start(launch)
            self._stack.callback(server.stop)
            self.load_pids.append(server.pid)
        self.peers.append(Peer(name=DIRECT, ports=ports, key=KEY_WITHOUT_GATEWAY, server=None))
        return ports

    def keep(self, peer: Peer) -> None:
        """Check a peer's answers; it is stopped at the end, whatever they are."""
        if peer.server is not None:
            self._stack.callback(peer.server.stop)
        for ask in peer.ports:
            check_answer(peer, ask)
        if peer.books is not None:
            peer.books.close_run()
        self.peers.append(peer)

    def open_tollway(self, name: str, setting: Setting, ports: Ports, trusted: Path) -> None:
        """Make a deployment of Tollway and start it."""
        say(f"setting {name} up: store, account, key")
        stem = f"tollway{len(self.deployed) or ''}"
        site = Site(
            name=stem,
            upstream_ports=ports,
            port=free_port(),
            url=self._store_url(stem, setting),
            scratch=self.scratch,
            trusted=trusted,
        )
        deployed = deploy(site, setting)
        server = serve(deployed, [self.cores.gateway], self.scratch)
        self.deployed[name] = deployed
        self.keep(
            Peer(
                name=name,
                ports=dict.fromkeys(ports, deployed.port),
                key=deployed.keys[0],
                server=server,
                books=Books(deployed.url),
                workers=setting.workers,
                keys=deployed.keys,
            )
        )

    def _store_url(self, stem: str, setting: Setting) -> str:
        if setting.store == "sqlite":
            return f"sqlite:///{self.scratch / stem}.db"
        url, pid = self._stack.enter_context(database())
        self.load_pids.append(pid)
        return url

    def invite(self, name: str, start_peer: Callable[[], Peer]) -> None:
        """Start a gateway of somebody else's, or note why it is not here."""
        say(f"starting {name}")
        try:
            self.keep(start_peer())
        except (BenchError, OSError) as error:
            self.absent.append(f"{name} is left out: {error}")
            say(self.absent[-1])


@contextmanager
def database() -> Generator[tuple[str, int]]:
    """Run a durable PostgreSQL from its wheel on the cores of the load; yield the URL of a database, and its process."""
    try:
        from tests import postgres  # noqa: PLC0415 - what it imports is there only where its wheel is
    except ImportError as error:
        raise BenchError(f"PostgreSQL of the tests is not there ({error}); start with `make bench`") from error
    installed = postgres.install()
    if installed is None:
        raise BenchError("no PostgreSQL in a wheel for this platform")
    server = postgres.Server(installed, durable=True)
    try:
        yield server.url(server.create()), server.processes()[0]
    finally:
        server.stop()


@contextmanager
def set_up(wanted: Cast, *, cores: Cores, scratch: Path) -> Generator[Stage]:
    """Start the upstreams and the named gateways; stop them all at the end."""
    with ExitStack() as stack:
        builder = Builder(cores, scratch, stack)
        trusted = nginx.make_certificate(scratch)
        ports = builder.provide(wanted.asks, wanted.upstream_port)
        for ask in ports:
            check_answer(builder.peers[0], ask)
        if NGINX in wanted.names:
            builder.keep(start_nginx(ports, cores, scratch))
        for name in SETTINGS:
            if name in wanted.names:
                open_or_leave_out(builder, name, wanted.settings[name], ports, trusted)
        if HELLO in wanted.names:
            builder.keep(start_hello(cores, scratch))
        around = Surroundings(upstream_ports=ports, cores=cores, scratch=scratch)
        for name, starter in STARTERS.items():
            if name in wanted.names:
                builder.invite(name, lambda starter=starter: starter(around))
        for outside in wanted.outsides:
            builder.invite(outside.name, lambda outside=outside: given(outside, around))
        yield Stage(
            cores=cores,
            site=LoadSite(cores=cores.load, scratch=scratch, loop_program=build("load", scratch)),
            load_pids=tuple(builder.load_pids),
            peers=tuple(builder.peers),
            deployed=builder.deployed,
            absent=tuple(builder.absent),
        )


def open_or_leave_out(builder: Builder, name: str, setting: Setting, ports: Ports, trusted: Path) -> None:
    """Open one Tollway; only that on PostgreSQL may be missing, where its wheel is."""
    try:
        builder.open_tollway(name, setting, ports, trusted)
    except BenchError as error:
        if setting.store == "sqlite":
            raise
        builder.absent.append(f"{name} is left out: {error}")
        say(builder.absent[-1])
