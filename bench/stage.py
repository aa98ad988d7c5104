"""Sets the stage: upstreams on the load's cores, gateways on the core of the gateway, each checked with one request."""

import sys
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nginx
from books import Books
from deployment import Deployment, deploy, serve
from loads import LoadSite
from machine import Cores, say
from payloads import ASKS, FRAMES, KEY_WITHOUT_GATEWAY, PACE_MS, PACED, PLAIN, Ask
from peers import DIRECT, HELLO, NGINX, TOLLWAY, Peer, check_answer
from servers import Launch, Server, build, free_port, start

Ports = dict[Ask, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs while the benchmark measures."""

    cores: Cores
    site: LoadSite
    upstreams: tuple[Server, ...]
    peers: tuple[Peer, ...]
    deployed: Deployment | None


def free_ports() -> Ports:
    """Return one free port for each kind of request."""
    return {ask: free_port() for ask in ASKS}


def upstreams(ports: Ports, cores: Cores, scratch: Path) -> tuple[Launch, ...]:
    """Return how to start the provider: nginx for what is static, our own program for what is paced."""
    paced = Launch(
        name="paced-provider",
        command=[str(build("upstream", scratch)), str(ports[PACED]), str(FRAMES), str(PACE_MS)],
        cores=cores.load,
        port=ports[PACED],
        scratch=scratch,
    )
    return nginx.provider(ports, cores=cores.load, scratch=scratch), paced


def start_nginx(upstream_ports: Ports, cores: Cores, scratch: Path) -> Peer:
    """Start the floor: nginx as a plain proxy."""
    ports = free_ports()
    server = start(nginx.proxy(ports, upstream_ports, cores=[cores.gateway], scratch=scratch))
    return Peer(name=NGINX, ports=ports, key=KEY_WITHOUT_GATEWAY, server=server)


def start_hello(cores: Cores, scratch: Path) -> Peer:
    """Start the second floor: an ASGI hello on the same server stack."""
    port = free_port()
    program = Path(__file__).parent / "hello.py"
    launch = Launch(
        name="hello",
        command=[sys.executable, str(program), str(port)],
        cores=[cores.gateway],
        port=port,
        scratch=scratch,
    )
    return Peer(name=HELLO, ports={PLAIN: port}, key=KEY_WITHOUT_GATEWAY, server=start(launch))


@contextmanager
def set_up(names: Collection[str], *, durability: str, cores: Cores, scratch: Path) -> Generator[Stage]:
    """Start the upstreams and the named gateways; stop them all at the end."""
    with ExitStack() as stack:

        def keep(peer: Peer) -> Peer:
            if peer.server is not None:
                stack.callback(peer.server.stop)
            return peer

        upstream_ports = free_ports()
        providers: list[Server] = []
        for launch in upstreams(upstream_ports, cores, scratch):
            providers.append(start(launch))
            stack.callback(providers[-1].stop)
        peers = [Peer(name=DIRECT, ports=upstream_ports, key=KEY_WITHOUT_GATEWAY, server=None)]
        deployed = None
        if NGINX in names:
            peers.append(keep(start_nginx(upstream_ports, cores, scratch)))
        if TOLLWAY in names:
            say("setting Tollway up: store, account, key")
            deployed = deploy(upstream_ports, port=free_port(), durability=durability, scratch=scratch)
            server = serve(deployed, [cores.gateway], scratch)
            ports = dict.fromkeys(ASKS, deployed.port)
            books = Books(deployed.database)
            peers.append(keep(Peer(name=TOLLWAY, ports=ports, key=deployed.key, server=server, books=books)))
        if HELLO in names:
            peers.append(keep(start_hello(cores, scratch)))
        for peer in peers:
            for ask in peer.ports:
                check_answer(peer, ask)
        site = LoadSite(cores=cores.load, scratch=scratch, loop_program=build("load", scratch))
        yield Stage(cores=cores, site=site, upstreams=tuple(providers), peers=tuple(peers), deployed=deployed)
