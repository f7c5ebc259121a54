"""Every command of docs/deployment/production.md, in its order, on a real engine.

The test differs from the page in the project's name and ports, in a provider that answers offline,
and in the image for the upgrade, which is the current one under a newer name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewayctl.rendering.sizes import sizes
from gatewayctl.settings.load import load_settings
from tests.e2e.conftest import PROVIDER_KEY, Project, free_ports
from tests.e2e.docker.conftest import new_stack
from tests.e2e.docker.containers import container_of, docker, inspected, ok

PATH = Path(__file__).parents[3] / "docs/deployment/production.md"
PAGE = PATH.read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BLOCKS = [text for language, text in FENCES if language == "sh"]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
SERVICES = ("postgres-litellm", "postgres-phoenix", "redis", "phoenix", "litellm")
NOW, NEXT = (f"ghcr.io/berriai/litellm:{version}" for version in ("v1.108.14", "v1.108.15"))
PROVIDER = "gpt-4o-mini: {model: openai/gpt-4o-mini, "

# What each command prints, every time it is run.
PRINTS: Mapping[str, str] = {
    "gatewayctl init --openai": "OPENAI_API_KEY",
    "stat -c": "600 .env",
    "docker images --digests": "ghcr.io/berriai/litellm",
    "gatewayctl up": "litellm           running  healthy",
    "gatewayctl status": "healthy",
    "gatewayctl keys list": "MONITORING_KEY",
    "gatewayctl keys check": "accepted  refused",
    "gatewayctl chat --key-env": "The gateway answers.",
    "gatewayctl chat --model gpt-4o-mini": "Hello from a provider.",
    "gatewayctl chat --json": '"verified": true',
    "gatewayctl env": "LLM_API_KEY=sk-",
    "gatewayctl audit": "done",
    "curl -fsS http://127.0.0.1:4000/health/liveliness": "alive",
    "curl -fsS http://127.0.0.1:4000/health/readiness": '"db":"connected"',
    "gatewayctl trace list": "No calls.",
    "gatewayctl usage --by key": "monitoring",
    "gatewayctl usage reconcile": " 0 differ",
    "gatewayctl logs": '"level"',
    "gatewayctl doctor": "no problems found",
    "gatewayctl keys rotate": "is accepted until",
    "gatewayctl backup": ".gatewayctl-backup",
}

pytestmark = pytest.mark.timeout(1500)  # five starts of a whole stack


@dataclass(frozen=True, kw_only=True)
class Walkthrough:
    """The output of each command, and every secret that existed meanwhile."""

    project: Project
    printed: list[tuple[str, str]]
    secrets: frozenset[str]

    def outputs(self, command: str) -> list[str]:
        """What the command printed, each time it was run."""
        found = [text for line, text in self.printed if line.startswith(command)]
        assert found, f"{command} is not in {PATH}"
        return found


@pytest.fixture(scope="module")
def done(newer_image: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walkthrough]:
    with new_stack(tmp_path_factory.mktemp("production")) as project:
        _write_settings(project)
        printed, secrets = [], set[str]()
        for command in COMMANDS:
            printed.append((command, _run(project, command)))
            secrets |= _secrets(project)
        yield Walkthrough(project=project, printed=printed, secrets=frozenset(secrets))


@pytest.fixture(scope="module")
def newer_image() -> Iterator[None]:
    """The current image under the name of the next version, if that is not present."""
    if docker("image", "inspect", NEXT).returncode == 0:
        yield
        return
    ok("tag", NOW, NEXT)
    yield
    ok("rmi", "--no-prune", NEXT)


def _write_settings(project: Project) -> None:
    """Write the page's gateway.yaml, with a name and ports of its own."""
    project.ports.update(zip(("litellm", "phoenix", "phoenix_grpc"), free_ports(3), strict=True))
    ports = {each: project.ports[each] for each in ("litellm", "phoenix", "phoenix_grpc")}
    text = _gateway_yaml()
    offline = f"{PROVIDER}api_key_env: OPENAI_API_KEY, mock_response: Hello from a provider., "
    for old, new in {
        "project_name: gateway\n": f"project_name: {project.name}\n",
        PROVIDER: offline,
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (project.folder / "gateway.yaml").write_text(f"{text}ports: {json.dumps(ports)}\n", "utf-8")
    (project.folder / "openai-key.txt").write_text(PROVIDER_KEY + "\n", encoding="utf-8")


def _gateway_yaml() -> str:
    texts = [text for _, text in FENCES if text.startswith("project_name:")]
    assert len(texts) == 1
    return str(texts[0])


def _run(project: Project, command: str) -> str:
    """Run a line of the page in a shell, check its exit code, and return stdout."""
    expected = re.search(r"# exit (\d+)", command)
    result = project.shell(command.replace("127.0.0.1:4000", project.gateway_url[7:]))
    output = f"{command}\n{result.stdout}\n{result.stderr}"
    assert result.returncode == int(expected[1] if expected else 0), output
    for prefix, words in PRINTS.items():
        assert not command.startswith(prefix) or words in result.stdout, f"no {words!r}: {output}"
    return result.stdout


def _secrets(project: Project) -> set[str]:
    if not (project.folder / ".env").exists():
        return set()
    return {value for value in project.secrets().values() if len(value) > 10}


@pytest.mark.full
def test_the_commands_of_the_page_work_in_order(done: Walkthrough) -> None:
    first, second, upgrade = done.outputs("gatewayctl plan")
    status = json.loads(done.outputs("gatewayctl status --json")[0])["data"]

    assert all(done.outputs(command) for command in PRINTS)
    assert all(f"{service} " in first for service in SERVICES)
    assert "would change nothing" in second
    assert re.search(r"litellm +recreated +image", upgrade)
    assert upgrade.count("untouched") == len(SERVICES) - 1
    assert [one["service"] for one in status["services"]] == list(SERVICES)


@pytest.mark.full
def test_no_output_and_no_rendered_file_contains_a_secret(done: Walkthrough) -> None:
    shown = {line: text for line, text in done.printed if not line.startswith("gatewayctl env")}
    files = {str(path): path.read_text() for path in done.project.folder.glob("compose/*.*")}

    # Rotated: two master keys, UI and Redis passwords, database passwords, keys of the app.
    assert len(done.secrets) >= 12
    assert [
        where for where, text in {**shown, **files}.items() if any(s in text for s in done.secrets)
    ] == []


@pytest.mark.full
def test_the_containers_are_as_the_page_describes(done: Walkthrough) -> None:
    name = done.project.name
    found = {service: inspected(container_of(name, service)) for service in SERVICES}
    hosts = {service: one["HostConfig"] for service, one in found.items()}

    published = {service for service, host in hosts.items() if host["PortBindings"]}
    assert published == {"phoenix", "litellm"}
    for host in hosts.values():
        bound = [each["HostIp"] for all_of in host["PortBindings"].values() for each in all_of]
        assert set(bound) <= {"127.0.0.1"}
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["LogConfig"]["Config"] == {"max-size": "20m", "max-file": "5"}
    assert {s for s, host in hosts.items() if not host["ReadonlyRootfs"]} == {"litellm"}
    assert hosts["litellm"]["Memory"] == sizes(2).litellm_memory * 1024**2
    with_key = {s for s, one in found.items() if PROVIDER_KEY in str(one["Config"]["Env"])}
    assert with_key == {"litellm"}


def test_the_sizes_of_the_page_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) MB \|$", PAGE, re.MULTILINE)

    assert len(rows) == 6
    for workers, pool, connections, memory in (map(int, row) for row in rows):
        size = sizes(workers)
        assert (size.pool, size.max_connections, size.litellm_memory) == (pool, connections, memory)
        assert workers * pool <= connections - 20


def test_every_yaml_of_the_page_is_part_of_one_valid_gateway_yaml(tmp_path: Path) -> None:
    blocks = [text for language, text in FENCES if language == "yaml"]
    (tmp_path / "gateway.yaml").write_text("\n".join(blocks), encoding="utf-8")

    settings = load_settings(tmp_path, environ={})

    assert (settings.profile, settings.runtime, settings.workers) == ("production", "docker", 2)
    assert [app.key for app in settings.apps] == ["app"]
    assert settings.images.litellm == NOW


def test_blocks_that_are_not_run_say_why() -> None:
    others = [text for language, text in FENCES if language not in {"sh", "yaml", ""}]

    assert len(others) == 2
    assert [text for text in others if "no test runs" not in text.splitlines()[0]] == []
