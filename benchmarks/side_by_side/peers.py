"""The gateways that are compared, each started as its own documentation says.

``proxy``       nginx as a bare reverse proxy: the floor (Debian package nginx-light)
``portkey``     Portkey's gateway from npm: no keys, no database, no traces
``quickstart``  LiteLLM as its quickstart configures it: one model, no database, no traces
``untraced``    ours in production without traces: keys, spend logs
``copied``      the configuration that teams copy: `otel` in all three lists of callbacks, by gRPC
``development`` ours, traced
``production``  ours, traced
``docker``      the same in Docker, where it has a worker for each core, and Redis

All LiteLLMs are of one release, and all but the last have one worker. On one machine they have the
same Python and packages, unless the images of Docker are the official ones.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.side_by_side.starting import (
    Peer,
    Start,
    answering,
    config_of,
    find_program,
    litellm,
    new_folder,
    ours,
    process,
)
from benchmarks.stack import free_ports, secrets
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.settings.model import PHOENIX_PROJECT

PORTKEY = "@portkey-ai/gateway@1.15.2"


@contextmanager
def proxy(upstream: int) -> Iterator[Peer]:
    """Nginx with kept connections, and nothing else."""
    (port,) = free_ports(1)
    with new_folder() as folder:
        (folder / "nginx.conf").write_text(
            "daemon off; worker_processes 1; error_log stderr; pid nginx.pid;\n"
            "events {}\n"
            "http { access_log off; client_body_temp_path body; proxy_temp_path proxy;\n"
            " fastcgi_temp_path fastcgi; scgi_temp_path scgi; uwsgi_temp_path uwsgi;\n"
            f" upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; }}\n"
            f" server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up;\n"
            '  proxy_http_version 1.1; proxy_set_header Connection ""; } } }\n',
            encoding="utf-8",
        )
        argv = [find_program("nginx", "nginx-light"), "-p", str(folder), "-c", "nginx.conf"]
        with process(argv, folder, {}) as pid:
            yield answering(Peer(url=f"http://127.0.0.1:{port}/v1", pids={"nginx": pid}))


@contextmanager
def portkey(upstream: int) -> Iterator[Peer]:
    """From npm, as its page says: it learns the provider from headers."""
    (port,) = free_ports(1)
    environment = locate()
    node = str(environment.node)
    variables = {"PATH": f"{environment.node.parent}{os.pathsep}{os.defpath}"}
    with new_folder() as folder:
        install = [node, str(environment.npm_cli), "install", "--no-audit", "--no-fund", PORTKEY]
        subprocess.run(
            install, cwd=folder, check=True, capture_output=True, env={**os.environ, **variables}
        )
        server = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
        with process([node, str(server), "--headless", f"--port={port}"], folder, variables) as pid:
            headers = {
                "x-portkey-provider": "openai",
                "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
                "Authorization": "Bearer none",
            }
            url = f"http://127.0.0.1:{port}/v1"
            yield answering(Peer(url=url, pids={"portkey": pid}, headers=headers))


@contextmanager
def quickstart(upstream: int) -> Iterator[Peer]:
    """One model and a master key."""
    headers = {"Authorization": "Bearer sk-quickstart"}
    general = {"master_key": "sk-quickstart"}
    with litellm(config_of(upstream, {"general_settings": general}), {}, headers, {}) as peer:
        yield peer


@contextmanager
def copied(upstream: int) -> Iterator[Peer]:
    """`otel` in all three lists, to Phoenix by gRPC, beside the database of a project."""
    lists = ("callbacks", "success_callback", "failure_callback")
    general = {
        "master_key": "os.environ/LITELLM_MASTER_KEY",
        "database_url": "os.environ/DATABASE_URL",
    }
    config = config_of(
        upstream,
        {"litellm_settings": {name: ["otel"] for name in lists}, "general_settings": general},
    )
    with ours("development", "", upstream) as (beside, folder, ports):
        values, environment = secrets(folder), locate()
        server = f"127.0.0.1:{ports['postgres_litellm']}/litellm"
        variables = {
            **values,
            "DATABASE_URL": f"postgresql://litellm_user@{server}",
            "PGPASSWORD": values["LITELLM_POSTGRES_PASSWORD"],
            "DISABLE_SCHEMA_UPDATE": "true",
            "PRISMA_QUERY_ENGINE_BINARY": str(environment.query_engine),
            "GATEWAYCTL_NODE": str(environment.node),
            "NODE_PATH": str(environment.node_modules),
            "OTEL_EXPORTER": "otlp_grpc",
            "OTEL_ENDPOINT": f"http://127.0.0.1:{ports['phoenix_grpc']}",
            "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={PHOENIX_PROJECT}",
        }
        services = {name: beside.pids[name] for name in ("postgres", "phoenix")}
        with litellm(config, variables, beside.headers, services) as peer:
            yield peer


@contextmanager
def untraced(upstream: int) -> Iterator[Peer]:
    with ours("production", "tracing: none\n", upstream) as (peer, _, _):
        yield peer


@contextmanager
def development(upstream: int) -> Iterator[Peer]:
    with ours("development", "", upstream) as (peer, _, _):
        yield peer


@contextmanager
def production(upstream: int) -> Iterator[Peer]:
    with ours("production", "", upstream) as (peer, _, _):
        yield peer


@contextmanager
def docker(upstream: int) -> Iterator[Peer]:
    with ours("production", "", upstream, runtime="docker") as (peer, _, _):
        yield peer


PEERS: Mapping[str, Start] = {
    each.__name__: each
    for each in (proxy, portkey, quickstart, untraced, copied, development, production, docker)
}
