"""The gateways that are compared, each started as its own documentation says.

``proxy``       nginx as a bare reverse proxy: the floor (Debian package nginx-light)
``portkey``     Portkey's gateway from npm: no keys, no database, no traces
``quickstart``  LiteLLM as its quickstart configures it: one model, no database, no traces
``untraced``    ours in production without traces: keys, spend logs
``copied``      the configuration that teams copy: `otel` in all three lists of callbacks, by gRPC
``development`` ours, traced
``production``  ours, traced

All LiteLLMs are of one release, on the same Python and packages, each with one worker.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.stack import PROGRAM, free_ports, gatewayctl, project, secrets
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.settings.model import PHOENIX_PROJECT

PORTKEY = "@portkey-ai/gateway@1.15.2"
MODEL = "bench"
PROMPT = "Answer with a few words: what does a gateway do?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A gateway that runs; ``pids`` by service, each with the processes it starts."""

    url: str
    pids: Mapping[str, int]
    headers: Mapping[str, str] = field(default_factory=dict)

    def order(self, *, clients: int, requests: int) -> dict[str, Any]:
        """What the load generator is to do."""
        return {
            "url": f"{self.url}/chat/completions",
            "headers": {"User-Agent": "gatewayctl", **self.headers},
            "body": {
                "model": MODEL,
                "messages": [{"role": "user", "content": PROMPT}],
                "max_tokens": 16,
                "metadata": {"component": "bench"},
            },
            "pem": None,
            "requests": requests,
            "seconds": None,
            "concurrency": clients,
            "rate": None,
            "timeout": 60,
        }


Start = Callable[[int], AbstractContextManager[Peer]]


@contextmanager
def proxy(upstream: int) -> Iterator[Peer]:
    """Nginx with kept connections, and nothing else."""
    (port,) = free_ports(1)
    with _folder() as folder:
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
        argv = [_find("nginx", "nginx-light"), "-p", str(folder), "-c", "nginx.conf"]
        with _process(argv, folder, {}) as pid:
            yield _answering(Peer(url=f"http://127.0.0.1:{port}/v1", pids={"nginx": pid}))


@contextmanager
def portkey(upstream: int) -> Iterator[Peer]:
    """From npm, as its page says: it learns the provider from headers."""
    (port,) = free_ports(1)
    environment = locate()
    node = str(environment.node)
    variables = {"PATH": f"{environment.node.parent}{os.pathsep}{os.defpath}"}
    with _folder() as folder:
        install = [node, str(environment.npm_cli), "install", "--no-audit", "--no-fund", PORTKEY]
        subprocess.run(
            install, cwd=folder, check=True, capture_output=True, env={**os.environ, **variables}
        )
        server = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
        with _process(
            [node, str(server), "--headless", f"--port={port}"], folder, variables
        ) as pid:
            headers = {
                "x-portkey-provider": "openai",
                "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
                "Authorization": "Bearer none",
            }
            url = f"http://127.0.0.1:{port}/v1"
            yield _answering(Peer(url=url, pids={"portkey": pid}, headers=headers))


@contextmanager
def quickstart(upstream: int) -> Iterator[Peer]:
    """One model and a master key."""
    headers = {"Authorization": "Bearer sk-quickstart"}
    general = {"master_key": "sk-quickstart"}
    with _litellm(_config(upstream, {"general_settings": general}), {}, headers, {}) as peer:
        yield peer


@contextmanager
def copied(upstream: int) -> Iterator[Peer]:
    """`otel` in all three lists, to Phoenix by gRPC, beside the database of a project."""
    lists = ("callbacks", "success_callback", "failure_callback")
    general = {
        "master_key": "os.environ/LITELLM_MASTER_KEY",
        "database_url": "os.environ/DATABASE_URL",
    }
    config = _config(
        upstream,
        {"litellm_settings": {name: ["otel"] for name in lists}, "general_settings": general},
    )
    with _ours("development", "", upstream) as (beside, folder, ports):
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
        with _litellm(config, variables, beside.headers, services) as peer:
            yield peer


@contextmanager
def untraced(upstream: int) -> Iterator[Peer]:
    with _ours("production", "tracing: none\n", upstream) as (peer, _, _):
        yield peer


@contextmanager
def development(upstream: int) -> Iterator[Peer]:
    with _ours("development", "", upstream) as (peer, _, _):
        yield peer


@contextmanager
def production(upstream: int) -> Iterator[Peer]:
    with _ours("production", "", upstream) as (peer, _, _):
        yield peer


PEERS: Mapping[str, Start] = {
    each.__name__: each
    for each in (proxy, portkey, quickstart, untraced, copied, development, production)
}


@contextmanager
def _ours(profile: str, more: str, upstream: int) -> Iterator[tuple[Peer, Path, dict[str, int]]]:
    """A project of this profile with the one model; its virtual key is in the headers."""
    with project() as (folder, ports):
        with (folder / "gateway.yaml").open("a", encoding="utf-8") as file:
            file.write(
                f"profile: {profile}\n{more}models:\n  {MODEL}: {{model: openai/{MODEL},"
                f" api_base: 'http://127.0.0.1:{upstream}/v1', api_key_env: UPSTREAM_KEY}}\n"
            )
        gatewayctl(folder, "init")
        with (folder / ".env").open("a", encoding="utf-8") as file:
            file.write("UPSTREAM_KEY=none\n")
        gatewayctl(folder, "up", "--yes")
        pids = _pids(folder)
        headers = {"Authorization": f"Bearer {secrets(folder)['LITELLM_API_KEY']}"}
        url = f"http://127.0.0.1:{ports['litellm']}/v1"
        yield _answering(Peer(url=url, pids=pids, headers=headers)), folder, ports


def _pids(folder: Path) -> dict[str, int]:
    argv = [str(PROGRAM), "status", "--json"]
    answer = subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    services = json.loads(answer.stdout)["data"]["services"]
    return {each["service"]: each["pid"] for each in services}


def _config(upstream: int, more: Mapping[str, Any]) -> dict[str, Any]:
    params = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "none",
    }
    return {"model_list": [{"model_name": MODEL, "litellm_params": params}], **more}


@contextmanager
def _litellm(
    config: Mapping[str, Any],
    variables: Mapping[str, str],
    headers: Mapping[str, str],
    services: Mapping[str, int],
) -> Iterator[Peer]:
    """LiteLLM by hand, from the packages of the embedded runtime."""
    (port,) = free_ports(1)
    environment = locate()
    programs = (environment.prisma / "bin", environment.python("litellm").parent)
    with _folder() as folder:
        # JSON is YAML.
        (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        argv = [str(programs[1] / "litellm"), "--config", "config.yaml", "--port", str(port)]
        own = {
            "PATH": os.pathsep.join((*map(str, programs), os.defpath)),
            "HOME": str(folder),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            **variables,
        }
        with _process([*argv, "--host", "127.0.0.1"], folder, own) as pid:
            url, pids = f"http://127.0.0.1:{port}/v1", {"litellm": pid, **services}
            yield _answering(Peer(url=url, pids=pids, headers=headers))


def _find(program: str, package: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if found is None:
        raise SystemExit(f"{program} is not installed: apt-get install {package}")
    return found


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatewayctl-peer-") as name:
        yield Path(name)


@contextmanager
def _process(argv: list[str], folder: Path, variables: Mapping[str, str]) -> Iterator[int]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=folder, env=dict(variables), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process.pid
    except TimeoutError as error:
        raise SystemExit(f"{argv[0]} did not start: {log.read_text()[-2000:]}") from error
    finally:
        process.terminate()
        process.wait(30)


def _answering(peer: Peer) -> Peer:
    """Wait until a chat succeeds. Raises TimeoutError after three minutes."""
    order = peer.order(clients=1, requests=1)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(
                order["url"], headers=order["headers"], json=order["body"], timeout=30
            )
            if answer.status_code == 200 and "token" in answer.text:
                return peer
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise TimeoutError
