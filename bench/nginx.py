"""Configurations of the two nginx of the benchmark: the static provider, and the plain proxy that is the floor."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme
from answers import answer, content_type
from machine import program
from payloads import Ask
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

WHOLE = """
    server {{
        listen 127.0.0.1:{port}{secure} backlog=4096;
        {certificate}
        location / {{ default_type "{type}"; return 200 '{answer}'; }}
    }}
"""
# A static file refuses POST; answering the refusal with the file itself is how nginx serves one.
STREAM = """
    server {{
        listen 127.0.0.1:{port}{secure} backlog=4096;
        {certificate}
        error_page 405 =200 /answer;
        location / {{ return 405; }}
        location = /answer {{ internal; default_type "{type}"; alias {file}; }}
    }}
"""
CERTIFICATE = "ssl_certificate {0}/provider.pem; ssl_certificate_key {0}/provider.key;"

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
            proxy_pass {scheme}://{name};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
            proxy_read_timeout 600s;
        }}
    }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an nginx of the benchmark runs and keeps its files."""

    cores: Iterable[int]
    scratch: Path


def launch_nginx(name: str, inside: str, *, port: int, place: Place) -> Launch:
    """Write a configuration and return how to start nginx with it."""
    scratch = place.scratch
    path = scratch / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(MAIN.format(scratch=scratch, name=name, user=user, inside=inside))
    command = [program("nginx"), "-c", str(path), "-e", str(scratch / f"{name}.error.log")]
    return Launch(name=name, command=command, cores=place.cores, port=port, scratch=scratch)


def make_certificate(scratch: Path) -> Path:
    """Write a certificate for the loopback address, and return the file of the authority that it is trusted by."""
    authority, trusted = trustme.CA(), scratch / "authority.pem"
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.cert_chain_pems[0].write_to_path(scratch / "provider.pem")
    certificate.private_key_pem.write_to_path(scratch / "provider.key")
    authority.cert_pem.write_to_path(trusted)
    return trusted


def provider(ports: Mapping[Ask, int], place: Place) -> Launch:
    """Return the static provider: for each kind of request a port that answers everything with the same bytes."""
    inside = ""
    for ask, port in ports.items():
        secure = ask.scheme == "https"
        words = {
            "port": port,
            "secure": " ssl" if secure else "",
            "certificate": CERTIFICATE.format(place.scratch) if secure else "",
            "type": content_type(ask),
        }
        if ask.stream:
            file = place.scratch / f"{ask.model}.answer"
            file.write_bytes(answer(ask))
            inside += STREAM.format(file=file, **words)
        else:
            inside += WHOLE.format(answer=answer(ask).decode(), **words)
    return launch_nginx("nginx-provider", inside, port=next(iter(ports.values())), place=place)


def proxy(ports: Mapping[Ask, int], upstream_ports: Mapping[Ask, int], place: Place) -> Launch:
    """Return the plain proxy: one worker, kept connections, no access log; streams are not buffered."""
    inside = "".join(
        PROXY.format(
            name=ask.model,
            port=port,
            upstream_port=upstream_ports[ask],
            scheme=ask.scheme,
            buffering="off" if ask.stream else "on",
        )
        for ask, port in ports.items()
    )
    return launch_nginx("nginx", inside, port=next(iter(ports.values())), place=place)
