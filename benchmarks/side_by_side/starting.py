"""Starts the gateways that are compared, and waits until they answer."""

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
from types import MappingProxyType
from typing import Any

import httpx

from benchmarks.stack import PROGRAM, free_ports, gatewayctl, project, secrets
from gatewayctl.runtimes.embedded.environment import locate

MODEL = "bench"
PROMPT = "Answer with a few words: what does a gateway do?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A gateway that runs; ``pids`` by service, each with the processes it starts."""

    url: str
    pids: Mapping[str, int]
    headers: Mapping[str, str] = field(default_factory=dict)

    def order(
        self, *, clients: int, requests: int | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        """What the load generator is to do: so many requests, or for so long."""
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
            "seconds": seconds,
            "concurrency": clients,
            "rate": None,
            "timeout": 60,
        }


Start = Callable[[int], AbstractContextManager[Peer]]


@contextmanager
def ours(
    profile: str,
    more: str,
    upstream: int,
    *,
    runtime: str = "embedded",
    files: Mapping[str, str] = MappingProxyType({}),
    program: Path = PROGRAM,
) -> Iterator[tuple[Peer, Path, dict[str, int]]]:
    """A project of this profile with the one model; its virtual key is in the headers."""
    host = "host.docker.internal" if runtime == "docker" else "127.0.0.1"
    with project() as (folder, ports):
        config = folder / "gateway.yaml"
        text = config.read_text(encoding="utf-8").replace("embedded", runtime, 1)
        config.write_text(
            f"{text}project_name: bench-{ports['litellm']}\nprofile: {profile}\n{more}models:\n"
            f"  {MODEL}: {{model: openai/{MODEL}, api_base: 'http://{host}:{upstream}/v1',"
            " api_key_env: UPSTREAM_KEY}\n",
            encoding="utf-8",
        )
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        gatewayctl(folder, "init", program=program)
        with (folder / ".env").open("a", encoding="utf-8") as file:
            file.write("UPSTREAM_KEY=none\n")
        gatewayctl(folder, "up", "--yes", program=program)
        pids = read_pids(folder, runtime)
        headers = {"Authorization": f"Bearer {secrets(folder)['LITELLM_API_KEY']}"}
        url = f"http://127.0.0.1:{ports['litellm']}/v1"
        yield answering(Peer(url=url, pids=pids, headers=headers)), folder, ports


def read_pids(folder: Path, runtime: str = "embedded") -> dict[str, int]:
    """The first process of each service; those of an engine on this machine are seen here, too."""
    status = json.loads(_run([str(PROGRAM), "status", "--json"], folder))["data"]
    if runtime == "embedded":
        return {each["service"]: each["pid"] for each in status["services"]}
    project = f"label=com.docker.compose.project={status['project']}"
    containers = _run(["docker", "ps", "--quiet", f"--filter={project}"], folder).split()
    form = '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Pid}}'
    lines = _run(["docker", "inspect", f"--format={form}", *containers], folder).splitlines()
    return {service: int(pid) for service, pid in map(str.split, lines)}


def _run(argv: list[str], folder: Path) -> str:
    done = subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def config_of(upstream: int, more: Mapping[str, Any]) -> dict[str, Any]:
    params = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "none",
    }
    return {"model_list": [{"model_name": MODEL, "litellm_params": params}], **more}


@contextmanager
def litellm(
    config: Mapping[str, Any],
    variables: Mapping[str, str],
    headers: Mapping[str, str],
    services: Mapping[str, int],
) -> Iterator[Peer]:
    """LiteLLM by hand, from the packages of the embedded runtime."""
    (port,) = free_ports(1)
    environment = locate()
    programs = (environment.prisma / "bin", environment.python("litellm").parent)
    with new_folder() as folder:
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
        with process([*argv, "--host", "127.0.0.1"], folder, own) as pid:
            url, pids = f"http://127.0.0.1:{port}/v1", {"litellm": pid, **services}
            yield answering(Peer(url=url, pids=pids, headers=headers))


def find_program(program: str, package: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if found is None:
        raise SystemExit(f"{program} is not installed: apt-get install {package}")
    return found


@contextmanager
def new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatewayctl-peer-") as name:
        yield Path(name)


@contextmanager
def process(
    argv: list[str], folder: Path, variables: Mapping[str, str], *, log: Path | None = None
) -> Iterator[int]:
    """A server that is started in a folder and stopped at the end; yields its process id."""
    log = log or folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            argv, cwd=folder, env=dict(variables), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield server.pid
    except TimeoutError as error:
        raise SystemExit(f"{argv[0]} did not start: {log.read_text()[-2000:]}") from error
    finally:
        server.terminate()
        server.wait(30)


def answering(peer: Peer) -> Peer:
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
