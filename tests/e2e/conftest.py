"""The real embedded stack, once for all tests that only use it, and who runs beside whom."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.runtimes.embedded import install
from gatewayctl.runtimes.embedded.environment import Environment, locate
from tests.e2e.company import Company, company
from tests.e2e.routing import add_routing
from tests.e2e.together import Together, turn
from tests.e2e.wheel import Distributions, build, install_by_pip
from tests.fakes.upstream import Upstream, serving

# Taken before any test isolates the environment: the environment is shared with `make demo`.
CACHE_HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
PROGRAM = Path(sys.executable).with_name("gatewayctl")
PROVIDER_KEY = "sk-provider-0123456789abcdef0123456789"
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS_EACH = 3_000
REFUSING = (
    *("say-401", "say-403", "say-404", "say-429", "say-500"),
    *("say-context", "say-policy", "say-hang"),
)
WITHOUT_TEXT = ("only-reasoning", "only-refusal", "only-tools")
_given: set[int] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is e2e, and goes last: what is quick to fail should fail first."""
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.e2e)
    rest = [item for item in items if item not in mine]
    items[:] = rest + sorted(mine, key=lambda item: turn(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Workers take whole groups, the longest first."""
    config.option.loadscopereorder = False
    return Together(config, log)


def free_ports(count: int) -> list[int]:
    """Ports nobody uses now, below those the kernel gives to outgoing connections.

    No port is given twice, nor by two workers: whoever got it may not listen yet.
    """
    first = 20_000 + _WORKER % 4 * _PORTS_EACH
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(first, first + _PORTS_EACH)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            if port not in _given and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
                _given.add(port)
    return found


@dataclass(kw_only=True)
class Project:
    """A gateway project of its own in a folder of its own, driven as a person drives it.

    ``name`` is that of `gateway.yaml`, for who looks behind gatewayctl; empty where nobody does.
    """

    folder: Path
    ports: dict[str, int]
    name: str = ""
    extra_env: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (str(PROGRAM),)

    def environment(self) -> dict[str, str]:
        certificates = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
        kept = ("PATH", "HOME", "LANG", "DOCKER_HOST", "DOCKER_CONFIG", *certificates)
        base = {name: os.environ[name] for name in kept if name in os.environ}
        # Phoenix and LiteLLM start on two cores beside the tests: coverage follows processes.
        measured = {n: v for n, v in os.environ.items() if n.startswith("COVERAGE_")}
        return base | measured | {"XDG_CACHE_HOME": str(CACHE_HOME)} | self.extra_env

    def run(
        self, *words: str, stdin: str | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run gatewayctl in this project to its end."""
        return subprocess.run(
            [*self.program, *words],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start gatewayctl in this project and leave it running."""
        return subprocess.Popen(
            [*self.program, *words],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a line of a page as its reader's shell does, with gatewayctl in the PATH."""
        environment = self.environment()
        environment["PATH"] = f"{PROGRAM.parent}:{environment['PATH']}"
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def ok(self, *words: str, stdin: str | None = None) -> str:
        """Run gatewayctl, expect exit 0, hand back stdout."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def data(self, *words: str) -> Any:
        """The data of a command's one JSON document."""
        document = json.loads(self.ok(*words, "--json"))
        assert document["status"] == "success"
        return document["data"]

    def secrets(self) -> dict[str, str]:
        """.env as it is now."""
        lines = (self.folder / ".env").read_text(encoding="utf-8").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
        return {name: value for name, _, value in pairs}

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['litellm']}"

    @property
    def phoenix_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['phoenix']}"


def make_project(
    folder: Path,
    *,
    upstream: str | None = None,
    runtime: str = "embedded",
    name: str = "e2e",
) -> Project:
    """A project on free ports; with ``upstream`` its models are served from there."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["litellm", "phoenix", "phoenix_grpc", "postgres_litellm"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    lines = [f"project_name: {name}", f"runtime: {runtime}", "ports:"]
    lines += [f"  {each}: {port}" for each, port in ports.items()]
    if upstream is not None:
        lines.append("models:")
        elsewhere = {
            "unreachable": "http://127.0.0.1:9/v1",
            "unresolvable": "http://no-such-host.invalid/v1",
            "no-tls": upstream.replace("http:", "https:"),
        }
        for model in ("relay", "slow", "flaky", *REFUSING, *WITHOUT_TEXT, *elsewhere):
            lines += [
                f"  {model}:",
                f"    model: openai/{model}",
                f"    api_base: {elsewhere.get(model, upstream)}",
                f"    api_key_env: {'none' if model in elsewhere else 'UPSTREAM_API_KEY'}",
                f"    num_retries: {2 if model == 'flaky' else 0}",
                f"    timeout: {2 if model == 'say-hang' else 60}",
            ]
            if model == "relay":
                lines.append("    model_info: {access_groups: [relays]}")
        (folder / ".env").write_text(f"UPSTREAM_API_KEY={PROVIDER_KEY}\n", encoding="utf-8")
        (folder / ".env").chmod(0o600)
    (folder / "gateway.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Project(folder=folder, ports=ports, name=name)


@contextmanager
def own_stack(folder: Path, *, upstream: str | None = None) -> Iterator[Project]:
    """An embedded project that nothing was started of yet; stopped at the end of the block."""
    project = make_project(folder, upstream=upstream)
    try:
        yield project
    finally:
        project.run("down")


@pytest.fixture(scope="session")
def embedded_environment() -> Environment:
    """The locked environment, made if this machine has none yet."""
    environment = locate(CACHE_HOME)
    for _ in install.ensure(environment):
        pass
    return environment


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The wheel and the sdist of this checkout."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed_by_pip(
    distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A virtual environment into which pip installed the wheel, compiled to bytecode."""
    return install_by_pip(tmp_path_factory.mktemp("pip"), distributions.wheel)


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """An OpenAI-compatible provider on loopback."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def network() -> Iterator[Company]:
    """A company's network around the shared stack."""
    with company() as around:
        yield around


@pytest.fixture(scope="session")
def stack(
    embedded_environment: Environment,
    upstream: Upstream,
    network: Company,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """A running stack behind a company's proxy. Tests that stop or break it make their own."""
    with own_stack(tmp_path_factory.mktemp("stack"), upstream=upstream.url) as project:
        add_routing(project, upstream.url)
        network.surround(project)
        # LiteLLM itself has to fail to resolve it.
        project.extra_env["NO_PROXY"] = "no-such-host.invalid"
        project.ok("up", "--timeout", "240")
        yield project
