"""The gateways of others: how each is started with our upstream behind it, without database and without telemetry.

What cannot be installed or does not answer is left out, and the result says why: it is no failure of the benchmark.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from failure import BenchError
from machine import Cores
from payloads import BURST, KEY_WITHOUT_GATEWAY, PACED, PLAIN, Ask
from peers import LITELLM, PORTKEY, Peer
from peers_install import Installed, install_litellm, install_portkey
from servers import Launch, free_port, start

OUTSIDE_ASKS = (PLAIN, BURST, PACED)
"""What other gateways are asked."""

START_SECONDS_MAX = 120.0
"""Until they are ready: one of them imports for ten seconds."""

LITELLM_MODEL = """
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{port}/v1
      api_key: sk-bench-provider
"""
LITELLM_CONFIG = """model_list:{models}
general_settings:
  master_key: {key}
litellm_settings:
  telemetry: false
"""
LITELLM_KEY = "sk-bench-litellm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A gateway that somebody has started and gives by its URL."""

    name: str
    url: str
    """What a client would be given, up to and without `/v1`."""
    key: str = KEY_WITHOUT_GATEWAY
    pid: int | None = None
    """The root of its process tree; None leaves CPU and memory out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every one of them is started with."""

    upstream_ports: Mapping[Ask, int]
    cores: Cores
    scratch: Path

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What is asked in this part, of what other gateways can be asked."""
        return tuple(ask for ask in OUTSIDE_ASKS if ask in self.upstream_ports)


def start_litellm(around: Surroundings) -> Peer:
    """Start LiteLLM's proxy: one worker, its master key checked, no database, no callbacks."""
    installed = install_litellm()
    port, config = free_port(), around.scratch / "litellm.yaml"
    models = "".join(LITELLM_MODEL.format(model=ask.model, port=around.upstream_ports[ask]) for ask in around.asks)
    config.write_text(LITELLM_CONFIG.format(models=models, key=LITELLM_KEY))
    launch = Launch(
        name="litellm",
        command=[
            *installed.command,
            *("--config", str(config), "--host", "127.0.0.1", "--port", str(port)),
            *("--num_workers", "1", "--telemetry", "False"),
        ],
        cores=[around.cores.gateway],
        port=port,
        scratch=around.scratch,
        environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"},
        start_seconds_max=START_SECONDS_MAX,
    )
    return Peer(name=LITELLM, ports=dict.fromkeys(around.asks, port), key=LITELLM_KEY, server=start(launch))


def start_portkey(around: Surroundings) -> Peer:
    """Start Portkey's gateway, which is told of the provider by the headers of each request."""
    installed = install_portkey()
    port = free_port()
    launch = Launch(
        name="portkey",
        command=[*installed.command, "--headless", f"--port={port}"],
        cores=[around.cores.gateway],
        port=port,
        scratch=around.scratch,
        environment={"NODE_ENV": "production"},
        start_seconds_max=START_SECONDS_MAX,
    )
    headers = {
        ask: {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{around.upstream_ports[ask]}/v1",
        }
        for ask in around.asks
    }
    return Peer(
        name=PORTKEY,
        ports=dict.fromkeys(around.asks, port),
        key="sk-bench-provider",
        server=start(launch),
        headers=headers,
    )


def given(outside: Outside, around: Surroundings) -> Peer:
    """Return a gateway that somebody has started; raises BenchError when the URL is not one of this machine."""
    parts = urlsplit(outside.url)
    if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"} or parts.port is None:
        raise BenchError(f"{outside.url} is not of the form http://127.0.0.1:PORT: a network would be measured with it")
    return Peer(
        name=outside.name,
        ports=dict.fromkeys(around.asks, parts.port),
        key=outside.key,
        server=None,
        base_path=parts.path.rstrip("/"),
        outside_pid=outside.pid,
    )


STARTERS: Mapping[str, Callable[[Surroundings], Peer]] = {LITELLM: start_litellm, PORTKEY: start_portkey}
INSTALLERS: Mapping[str, Callable[[], Installed]] = {LITELLM: install_litellm, PORTKEY: install_portkey}
