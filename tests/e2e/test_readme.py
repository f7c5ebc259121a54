"""Every command of the README, in the reader's order, on a real stack.

Those for Docker need an engine: `tests/e2e/docker/test_readme_docker.py` runs them.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import PROVIDER_KEY, Project, own_stack

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(*, docker: bool) -> list[str]:
    """The lines of every block of commands: those under a title that names Docker, or the rest.

    A block is on one side or the other, so that none is run by nobody.
    """
    parts = re.split(r"^(?=#+ )", README, flags=re.MULTILINE)
    chosen = [part for part in parts if ("Docker" in part.partition("\n")[0]) is docker]
    blocks = [block for part in chosen for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL)]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = commands(docker=False)
BY_MAKE = {"make demo", "make test"}


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with own_stack(tmp_path_factory.mktemp("readme")) as made:
        (made.folder / "openai-key.txt").write_text(PROVIDER_KEY + "\n", encoding="utf-8")
        yield made


@pytest.mark.timeout(900)  # three starts, a backup, a restore and a reset
def test_the_reader_s_commands_work_in_the_reader_s_order(project: Project) -> None:
    for command in COMMANDS:
        if command in BY_MAKE:
            continue
        # The key in the file is not a real one: what needs the provider asks for the demo model.
        done = project.shell(offline(command))
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def offline(command: str) -> str:
    """The command, on the model that needs no provider where it names no model itself."""
    if " chat " in command and "--model" not in command:
        return command.replace(" chat ", " chat --model demo ", 1)
    return command


def test_the_two_commands_for_a_fresh_machine_are_targets_of_make() -> None:
    assert set(COMMANDS) >= BY_MAKE
    for command in BY_MAKE:
        words = [*command.split(), "--dry-run"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr


def test_every_yaml_of_the_readme_is_a_valid_gateway_yaml(tmp_path: Path) -> None:
    from gatewayctl.settings.load import load_settings

    for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL):
        (tmp_path / "gateway.yaml").write_text(block, encoding="utf-8")

        assert load_settings(tmp_path, environ={}).models
