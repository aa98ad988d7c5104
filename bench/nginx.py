"""Configurations of the two nginx of the benchmark: the static provider, and the plain proxy that is the floor."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from machine import program
from payloads import BURST, PATH, PLAIN, Ask, burst_answer, plain_answer
from servers import Launch

MAIN = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {scratch}/{name}.pid;
error_log {scratch}/{name}.error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_body_buffer_size 2m;
    client_max_body_size 32m;
    client_body_temp_path {scratch}/{name}.body;
    proxy_temp_path {scratch}/{name}.proxy;
    fastcgi_temp_path {scratch}/{name}.fastcgi;
    uwsgi_temp_path {scratch}/{name}.uwsgi;
    scgi_temp_path {scratch}/{name}.scgi;
{inside}
}}
"""

PROVIDER = """
    server {{
        listen 127.0.0.1:{plain_port} backlog=4096;
        location = {path} {{ default_type application/json; return 200 '{answer}'; }}
    }}
    # A static file refuses POST; answering the refusal with the file itself is how nginx serves one.
    server {{
        listen 127.0.0.1:{burst_port} backlog=4096;
        location = {path} {{
            default_type "text/event-stream; charset=utf-8";
            alias {scratch}/burst.sse;
            error_page 405 =200 {path};
        }}
    }}
"""

PROXY = """
    upstream {name} {{
        server 127.0.0.1:{upstream_port};
        keepalive 4096;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://{name};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
            proxy_read_timeout 600s;
        }}
    }}
"""


def launch_nginx(name: str, inside: str, *, port: int, cores: Iterable[int], scratch: Path) -> Launch:
    """Write a configuration and return how to start nginx with it."""
    path = scratch / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(MAIN.format(scratch=scratch, name=name, user=user, inside=inside))
    command = [program("nginx"), "-c", str(path), "-e", str(scratch / f"{name}.error.log")]
    return Launch(name=name, command=command, cores=cores, port=port, scratch=scratch)


def provider(ports: Mapping[Ask, int], *, cores: Iterable[int], scratch: Path) -> Launch:
    """Return the static provider: the plain answer on one port, the burst of frames on another."""
    (scratch / "burst.sse").write_bytes(burst_answer())
    inside = PROVIDER.format(
        plain_port=ports[PLAIN], burst_port=ports[BURST], path=PATH, answer=plain_answer().decode(), scratch=scratch
    )
    return launch_nginx("nginx-provider", inside, port=ports[PLAIN], cores=cores, scratch=scratch)


def proxy(
    ports: Mapping[Ask, int], upstream_ports: Mapping[Ask, int], *, cores: Iterable[int], scratch: Path
) -> Launch:
    """Return the plain proxy: one worker, kept connections, no access log; streams are not buffered."""
    inside = "".join(
        PROXY.format(
            name=ask.model, port=port, upstream_port=upstream_ports[ask], buffering="off" if ask.stream else "on"
        )
        for ask, port in ports.items()
    )
    return launch_nginx("nginx", inside, port=next(iter(ports.values())), cores=cores, scratch=scratch)
