"""The ways to install gatewayctl, as the shell commands that people type.

Owns the commands; what runs them, here or in a container, is in the tests.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.wheel import Distributions

WAYS: Final = {
    "pip": ('"$PYTHON" -m venv venv && venv/bin/pip install -q "$FROM"', "venv/bin/gatewayctl"),
    "pipx": ('"$TOOLS/pipx" install --quiet --python "$PYTHON" "$FROM"', "bin/gatewayctl"),
    "uv tool": ('"$TOOLS/uv" tool install --quiet --python "$PYTHON" "$FROM"', "bin/gatewayctl"),
    "uvx": ("true", '"$TOOLS/uvx" --quiet --python "$PYTHON" --from "$FROM" gatewayctl'),
}
"""Each way: the command that installs from ``$FROM``, and the program that it gives."""
USERS: Final = {"root": 0, "plain user": 65534}

_PREPARE: Final = """
    "$PYTHON" -m venv "$HOME/tools" && "$HOME/tools/bin/pip" install -q pipx uv &&
    for user in 0 65534; do mkdir "$HOME/$user" && chown "$user:$user" "$HOME/$user"; done
"""
_FOLDERS: Final = """
    set -eu
    folder=$(mktemp -d "$HOME/XXXXXX") && cd "$folder"
    export PIPX_HOME=$PWD/pipx PIPX_BIN_DIR=$PWD/bin UV_TOOL_DIR=$PWD/uv UV_TOOL_BIN_DIR=$PWD/bin
    mkdir project
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A ``python`` somewhere: ``enter`` gives the words that run a program there as a user.

    ``home`` is a folder there that all can read. ``distributions`` are paths there.
    """

    python: str
    home: str
    distributions: Distributions

    def enter(self, user: int) -> tuple[str, ...]:
        raise NotImplementedError

    def prepare(self) -> None:
        """Install pipx and uv, and make a folder for each user."""
        self._shell(0, {"HOME": self.home}, _PREPARE)

    def try_way(self, way: str, user: int, distribution: Path) -> tuple[str, Any]:
        """Install; return the version, and the report of `render` in a folder of its own."""
        install, program = WAYS[way]
        run = f"{program} --version && {program} -C project --runtime docker render --json"
        words = self._in_home(user, distribution)
        version, _, rendered = self._shell(user, words, f"{_FOLDERS}\n{install}\n{run}").partition(
            "\n"
        )
        return version, json.loads(rendered)

    def run_demo(self, user: int, ports: dict[str, int]) -> Any:
        """`uvx --from WHEEL gatewayctl demo` in a new folder; return its report."""
        _, program = WAYS["uvx"]
        settings = f"ports: {json.dumps(ports)}"
        go = f"""
            cd project && echo '{settings}' >gateway.yaml
            trap '{program} down --quiet >/dev/null' EXIT
            {program} demo --json
        """
        words = self._in_home(user, self.distributions.wheel)
        return json.loads(self._shell(user, words, _FOLDERS + go))

    def _in_home(self, user: int, distribution: Path) -> dict[str, str]:
        return {
            "HOME": f"{self.home}/{user}",
            "TOOLS": f"{self.home}/tools/bin",
            "FROM": str(distribution),
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def _shell(self, user: int, variables: Mapping[str, str], script: str) -> str:
        given = {"PYTHON": self.python, **variables}
        words = ("env", *(f"{name}={value}" for name, value in given.items()), "sh", "-c", script)
        done = subprocess.run(
            (*self.enter(user), *words),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
