"""Every command of docs/deployment/kubernetes.md, in its order, on a real cluster.

The test differs from the page in its gateway.yaml: the reference stack, in the tests' cluster.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.conftest import make_project
from tests.e2e.kubernetes.cluster import Cluster

PAGE = (Path(__file__).parents[3] / "docs/deployment/kubernetes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]

PROVIDER_KEY = "sk-provider-0123456789abcdef"
EXITS: Mapping[str, int] = {"gatewayctl plan": 8}
PRINTS: Mapping[str, str] = {
    "gatewayctl up --yes": "litellm",
    "gatewayctl chat": "your request went through LiteLLM",
    "gatewayctl status": "healthy",
    "gatewayctl logs litellm --tail 20": "litellm",
    "gatewayctl scale litellm=3": "3",
    "gatewayctl env --for cluster": "LLM_BASE_URL=http://litellm.",
}

pytestmark = pytest.mark.timeout(1500)


@pytest.mark.full
def test_every_command_of_the_page_works(cluster: Cluster, tmp_path: Path) -> None:
    name = f"docs-{secrets.token_hex(4)}"
    project = make_project(tmp_path, runtime="kubernetes", name=name)
    context = cluster.ok("config", "current-context").strip()
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write(f"kubernetes: {{context: {context}, namespace: {name}}}\n")
    project.extra_env |= cluster.environment()
    try:
        for command in COMMANDS:
            words, _, file = command.partition(" < ")
            done = project.run(*shlex.split(words)[1:], stdin=PROVIDER_KEY if file else None)
            assert done.returncode == EXITS.get(command, 0), f"{command}\n{done.stderr}"
            expected = next((PRINTS[each] for each in PRINTS if command.startswith(each)), "")
            assert expected in done.stdout, f"{command}\n{done.stdout}"
    finally:
        project.run("down", "--volumes", "--yes")
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
